"""What loads and moves have come to, as their reports in the data folder tell it (docs/operations.md, "What to watch").

The loader writes them; here they are read as any program reads them. Of a report of another version what is known is
shown, and one that cannot be read is left out. What people have written (reasons) may hold what it must not: masked.
"""

from pathlib import Path

import msgspec

from lookup.ops.state import Load
from register.ids import mask

REPORTS = "reports"
SHOWN = 12
MAX_BYTES = 1 << 20
MAX_LINES = 20  # of faults, warnings and so on


class _Report(msgspec.Struct, kw_only=True):
    """What is read of the report of a load, a pull or a move."""

    verb: str = "load"
    started: str | None = None
    at: str | None = None  # of a move
    outcome: str | None = None
    generation: str | None = None
    previous: str | None = None
    pinned: str | None = None
    refused: list[str] = []
    accepted: list[str] = []
    reason: str | None = None
    accept_drift: str | None = None
    allow_older: str | None = None
    feed: str | None = None
    message: str | None = None
    exit_code: int = 0
    adoption: str | None = None
    workers: int = 0
    drift: list[str] = []
    faults: list[str] = []
    canaries_differ: list[str] = []
    warnings: list[str] = []
    omitted: list[str] = []
    changes: dict[str, dict[str, int]] | None = None
    seconds: dict[str, float] = {}


def last_loads(data_dir: Path, shown: int = SHOWN) -> list[Load]:
    """The newest reports, newest first. Raises OSError when the folder cannot be read."""
    folder = data_dir / REPORTS
    if not folder.is_dir():
        return []
    names = sorted((path.name for path in folder.iterdir() if path.suffix == ".json"), reverse=True)
    told = (_load(folder / name) for name in names[: 2 * shown])
    return [one for one in told if one is not None][:shown]


def _load(path: Path) -> Load | None:
    try:
        with path.open("rb") as file:
            report = msgspec.json.decode(file.read(MAX_BYTES), type=_Report)
    except (OSError, msgspec.DecodeError):
        return None
    at = report.started or report.at
    if at is None:
        return None
    return Load(
        verb=report.verb,
        at=at,
        outcome=report.outcome or _moved(report),
        generation=report.generation,
        previous=report.previous,
        reason=_masked(report.reason or report.accept_drift or report.allow_older),
        feed=_masked(report.feed),
        message=_masked(report.message),
        exit_code=report.exit_code,
        adoption=report.adoption,
        workers=report.workers,
        drift=_lines(report.drift),
        drift_accepted=report.accept_drift is not None,
        faults=_lines([*report.faults, *report.canaries_differ]),
        warnings=_lines(report.warnings),
        omitted=len(report.omitted),
        changes=report.changes or {},
        seconds=round(sum(report.seconds.values()), 1),
    )


def _moved(report: _Report) -> str:
    """What a move has done."""
    done = {"pin": report.pinned, "rollback": report.generation, "unpin": report.generation}
    what = ", ".join(report.accepted) if report.verb == "accept" else done.get(report.verb)
    left = f", {', '.join(report.refused)} refused" if report.refused else ""
    return f"{what or 'done'}{left}"


def _masked(text: str | None) -> str | None:
    return None if text is None else mask(text)


def _lines(lines: list[str]) -> list[str]:
    return [mask(line) for line in lines[:MAX_LINES]]
