"""What a load did: one record, shown to who asked and kept in reports/. Holds no content of the register."""

from itertools import count
from pathlib import Path

import msgspec

from loader.publish import REPORTS, fsync

REPORT_MODE = 0o640


class LoadReport(msgspec.Struct, kw_only=True):
    """One load or pull. Times are RFC 3339; `seconds` by step; what is wrong with a feed is "file:line: what"."""

    outcome: str  # "published", "nothing new", "refused" (the feed is bad) or "failed"
    generation: str | None  # what is in service when the load is over
    started: str
    verb: str = "load"
    serial: int | None = None  # none when the feed could not be read so far, and no source
    feed: str | None = None
    created: bool = False  # whether the data folder was made
    message: str | None = None  # what went wrong
    exit_code: int = 0
    finished: str = ""
    previous: str | None = None
    adoption: str | None = None  # "adopted", "no worker alive", "pinned" or "not adopted"
    workers: int = 0
    allow_older: str | None = None
    accept_drift: str | None = None
    drift: list[str] = []  # what tripped the breaker, whether that stopped the load or was accepted
    counts: dict[str, int] = {}
    changes: dict[str, dict[str, int]] | None = None  # table -> created, updated, deleted; None: not counted
    canaries: int = 0  # how many were asked
    canaries_differ: list[str] = []  # "file:line: what", of the operator's file
    warnings: list[str] = []
    faults: list[str] = []  # what the feed was refused for
    omitted: list[str] = []  # records that were left out, as many as `tolerate` lets
    pruned: list[str] = []
    rendered: int | None = None  # of an incremental load: contracts whose answers were rendered anew
    parts_rendered: int | None = None  # the same, of what all on a list share in the real register's interface
    parts_compacted: bool = False  # whether the file of these was written anew, because too much of it was unused
    events: int | None = None  # that the generation's change feed holds
    fetched_bytes: int = 0  # from a store, in this run
    more: bool = False  # whether incremental feeds wait behind this full one
    seconds: dict[str, float] = {}

    def line(self) -> str:
        """The report in one line, for a terminal."""
        adoption = f"adopted by {self.workers} workers" if self.adoption == "adopted" else str(self.adoption)
        if self.outcome == "nothing new":
            return f"nothing new: {self.generation}, {adoption}"
        created = ", in a new data folder" if self.created else ""
        left_out = f", {len(self.omitted)} records left out" if self.omitted else ""
        return f"published {self.generation}{created}{left_out}, {adoption}, in {sum(self.seconds.values()):.1f} s"


def write_report(data_dir: Path, name: str, report: msgspec.Struct) -> Path:
    """Keep a report, of a load or of another verb, under reports/, as `name`.json.

    Names are made of the time, and a clock can be set back: where there is one of that name, the new one gets a number.
    """
    path = data_dir / REPORTS / f"{name}.json"
    for number in count(2):
        if not path.exists():
            break
        path = path.with_name(f"{name}-{number}.json")
    new = path.with_suffix(".tmp")
    new.unlink(missing_ok=True)
    try:
        new.touch(REPORT_MODE)
        new.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
        fsync(new)
        return new.rename(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
