"""The settings of the loader: what they are, their defaults and what they do.

How they are read (file, environment, flags) is register/settings.py.
"""

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

TABLE = "loader"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the loader that can be set. Times are in the unit that the name ends in."""

    data_dir: Annotated[Path, Meta(description="folder with CURRENT and gen/, where generations are published")] = Path(
        "data"
    )
    run_dir: Annotated[
        Path | None, Meta(description="folder of the workers' run files; unless given, run/ in data_dir")
    ] = None
    core_dumps: Annotated[
        bool, Meta(description="let the system dump, and a debugger read, a process's memory, which holds national ids")
    ] = False
    feed_public_key: Annotated[
        Path | None, Meta(description="PEM file with an Ed25519 key; where given, only feeds signed by it are taken")
    ] = None
    canaries: Annotated[
        Path | None, Meta(description="file of questions and what must be answered to them, asked before publishing")
    ] = None
    tolerate: Annotated[
        int, Meta(ge=0, le=1000, description="how many bad persons and memberships of a full feed may be left out")
    ] = 0
    keep_generations: Annotated[
        int, Meta(ge=1, le=1000, description="how many generations are kept, besides CURRENT and PIN")
    ] = 3
    keep_events: Annotated[
        int, Meta(ge=0, le=10_000_000, description="events that the change feed keeps, of whole feeds, newest first")
    ] = 500_000
    adopt_timeout_seconds: Annotated[
        float, Meta(ge=0, description="how long to wait for every live worker to take up a generation")
    ] = 30.0
    stuck_after_seconds: Annotated[
        float, Meta(ge=0, description="age from which a load that holds the lock is spoken of under cron too")
    ] = 1800.0
    metrics_file: Annotated[
        Path | None,
        Meta(description="file for node_exporter's textfile collector, name.prom, written after each load"),
    ] = None
    generation_signing_key: Annotated[
        Path | None, Meta(description="PEM file with an Ed25519 private key; where given, push signs what it puts")
    ] = None
    generation_public_key: Annotated[
        Path | None, Meta(description="PEM file with an Ed25519 key; where given, pull takes only what is signed by it")
    ] = None
    keep_pushed: Annotated[
        int, Meta(ge=1, le=1000, description="how many generations push leaves in the store, the newest ones")
    ] = 5
    conditional_put: Annotated[
        bool,
        Meta(description="off for stores that do not know If-None-Match; push then looks whether a manifest is there"),
    ] = True
    jitter_seconds: Annotated[
        float, Meta(ge=0, description="longest time, drawn by lot, that reaching for a store waits; 0 at a terminal")
    ] = 0.0
    allow_http: Annotated[
        bool, Meta(description="reach stores on other machines over plain HTTP too, where anybody can read along")
    ] = False
    stale_after_seconds: Annotated[
        float, Meta(ge=0, description="age of what is in service from which `status` ends with 65; 0 never")
    ] = 0.0
    processes: Annotated[int, Meta(ge=0, le=256, description="processes that build; 0 is one for each processor")] = 0

    @property
    def run_folder(self) -> Path:
        """Where the run files are."""
        return self.run_dir or self.data_dir / "run"

    @property
    def process_count(self) -> int:
        """How many processes build."""
        return self.processes or len(os.sched_getaffinity(0))
