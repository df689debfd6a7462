"""What is in a data folder: what is announced, what is there, who serves what, who is loading."""

import contextlib
import time
from datetime import datetime
from pathlib import Path

import msgspec

from loader.errors import StaleData
from loader.lock import Holder, holder
from loader.settings import Settings
from lookup.manifest import CURRENT, PIN, NotServable, Refusal, folders, read_manifest, read_pointer, read_refused
from lookup.runfile import RunState, live_workers


class GenerationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One generation that is there, as its manifest says. `bytes` is the size of its files; counts are records."""

    name: str
    serial: int
    base: str | None
    as_of: str
    source: str
    built_at: str
    content_digest: str
    bytes: int
    counts: dict[str, int]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A data folder. `problems` are what is wrong with it, in words."""

    data_dir: str
    current: str | None
    pin: str | None
    generations: list[GenerationStatus]
    refused: list[Refusal]
    workers: list[RunState]
    loading: Holder | None
    problems: list[str]


def status_of(settings: Settings) -> Status:
    """Look at a data folder. Files are not verified: `flr-loader verify` does that."""
    problems: list[str] = []
    pointers: dict[str, str | None] = {CURRENT: None, PIN: None}
    refused: list[Refusal] = []
    for which in pointers:
        with _Noting(problems):
            pointers[which] = read_pointer(settings.data_dir, which)
    with _Noting(problems):
        refused = read_refused(settings.data_dir)
    generations = [_generation(folder) for folder in folders(settings.data_dir)]
    there = {generation.name for generation in generations}
    for which, name in pointers.items():
        if name is not None and name not in there:
            problems.append(f"{which} names {name}, which is not there")
    return Status(
        data_dir=str(settings.data_dir),
        current=pointers[CURRENT],
        pin=pointers[PIN],
        generations=generations,
        refused=refused,
        workers=live_workers(settings.run_folder),
        loading=holder(settings.data_dir),
        problems=problems,
    )


class _Noting(contextlib.AbstractContextManager[None]):
    """Turns what is not servable into a problem, and goes on."""

    def __init__(self, problems: list[str]) -> None:
        self._problems = problems

    def __exit__(self, *error: object) -> bool:
        if isinstance(error[1], NotServable):
            self._problems.append(str(error[1]))
            return True
        return False


def _generation(folder: Path) -> GenerationStatus:
    manifest, _ = read_manifest(folder)
    return GenerationStatus(
        name=folder.name,
        serial=manifest.serial,
        base=manifest.base,
        as_of=manifest.as_of,
        source=manifest.source,
        built_at=manifest.built_at,
        content_digest=manifest.content_digest,
        bytes=sum(entry.bytes for entry in manifest.files),
        counts=manifest.counts,
    )


def require_fresh(status: Status, stale_after_seconds: float) -> None:
    """Raises StaleData when what is in service is older than that; 0 is never. Nothing in service is older than all."""
    if not stale_after_seconds:
        return
    served = status.pin or status.current
    found = next((one for one in status.generations if one.name == served), None)
    if found is None:
        raise StaleData("nothing that is there is in service")
    age = time.time() - datetime.fromisoformat(found.as_of).timestamp()
    if age > stale_after_seconds:
        raise StaleData(
            f"{found.name}, which is in service, is {age:.0f} s old: {stale_after_seconds:g} s is the limit"
        )


def as_text(status: Status) -> str:
    """The status in lines, for people."""
    lines = [f"current   {status.current or 'nothing in service'}"]
    if status.pin:
        lines.append(f"pinned    {status.pin}")
    for one in status.generations:
        mark = "*" if one.name == status.current else " "
        persons = one.counts.get("persons", 0)
        lines.append(f"{mark} {one.name}  as of {one.as_of}  {persons:,} persons  {one.bytes / 1e6:,.0f} MB")
    lines += [f"refused   {refusal.name}: {refusal.reason}" for refusal in status.refused]
    lines += [f"worker    {one.pid}  {one.state}  {one.name or '-'}  since {one.since}" for one in status.workers]
    if not status.workers:
        lines.append("worker    none alive")
    if status.loading:
        lines.append(f"loading   process {status.loading.pid} since {status.loading.since}")
    lines += [f"problem   {problem}" for problem in status.problems]
    return "\n".join(lines) + "\n"
