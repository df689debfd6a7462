"""The settings of the lookup service: what they are, their defaults and what they do.

How they are read (file, environment, flags) is register/settings.py.
"""

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

TABLE = "lookup"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the service that can be set. Sizes are in bytes, times in the unit that the name ends in."""

    data_dir: Annotated[Path, Meta(description="folder with CURRENT and gen/, where the loader publishes")] = Path(
        "data"
    )
    run_dir: Annotated[
        Path | None, Meta(description="folder of the workers' run files; unless given, run/ in data_dir")
    ] = None
    host: Annotated[str, Meta(description="address to listen on; loopback only, until there is access control")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 takes a free one")] = 8080
    uds: Annotated[Path | None, Meta(description="unix socket to listen on instead of host and port")] = None
    admin: Annotated[
        str | None, Meta(description="HOST:PORT of a second listener, for operations; loopback only, as host")
    ] = None
    workers: Annotated[int, Meta(ge=0, le=256, description="worker processes; 0 is one for each processor")] = 0
    clock_offset: Annotated[
        float, Meta(ge=-4e9, le=4e9, description="seconds added to the clock, for tests (loopback only)")
    ] = 0.0
    allow_plain: Annotated[bool, Meta(description="serve even though the compiled core is not built: slow")] = False
    strict_nin: Annotated[bool, Meta(description="refuse national ids that only the rule of 2032 admits")] = False
    withhold_protected: Annotated[bool, Meta(description="answer `withheld` for persons with a protected address")] = (
        False
    )
    stale_warn_hours: Annotated[
        float, Meta(ge=0, description="age of the register at which answers say FLR-Stale: true; 0 never")
    ] = 26.0
    stale_refuse_hours: Annotated[
        float, Meta(ge=0, description="age of the register at which it is not answered from; 0 never")
    ] = 0.0
    stream_seconds: Annotated[float, Meta(gt=0, description="longest time one streamed answer may take")] = 60.0
    max_body_bytes: Annotated[int, Meta(ge=256, description="largest request body")] = 4096
    max_batch_body_bytes: Annotated[int, Meta(ge=4096, description="largest request body of a batch")] = 65536
    max_buffered_bytes: Annotated[
        int, Meta(ge=1 << 20, description="how much of requests not yet whole a worker keeps, over all connections")
    ] = 1 << 26
    hot_path: Annotated[
        bool, Meta(description="answer the usual requests in the compiled HTTP path; off, the ordinary one has all")
    ] = True
    max_head_bytes: Annotated[int, Meta(ge=1024, description="largest head of a request")] = 16384
    max_connections: Annotated[int, Meta(ge=1, description="most connections that a worker has open at a time")] = 20000
    max_connections_per_address: Annotated[
        int, Meta(ge=1, description="most of them from one address; a unix socket has none")
    ] = 1024
    head_seconds: Annotated[
        float, Meta(gt=0, description="longest time from a request's first octet to its blank line")
    ] = 10.0
    body_seconds: Annotated[float, Meta(gt=0, description="longest time for its body")] = 20.0
    write_seconds: Annotated[
        float, Meta(gt=0, description="longest time that a client may take nothing of its answers")
    ] = 30.0
    drain_seconds: Annotated[
        float, Meta(ge=0, description="how long a service that stops still accepts and serves, as not ready")
    ] = 10.0
    hung_seconds: Annotated[float, Meta(ge=2, description="silence after which a worker is replaced")] = 30.0
    keep_alive_seconds: Annotated[int, Meta(ge=1, description="how long an idle connection is kept")] = 75
    stop_seconds: Annotated[
        int, Meta(ge=1, description="how long requests in flight may take when the service stops")
    ] = 10

    @property
    def run_folder(self) -> Path:
        """Where the run files are."""
        return self.run_dir or self.data_dir / "run"

    @property
    def worker_count(self) -> int:
        """How many workers there are to be."""
        return self.workers or len(os.sched_getaffinity(0))
