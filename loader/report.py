"""What a load did: one record, shown to who asked and kept in reports/. Holds no content of the register."""

from pathlib import Path

import msgspec

from loader.publish import REPORTS, fsync

REPORT_MODE = 0o640


class LoadReport(msgspec.Struct, kw_only=True):
    """One load. Times are RFC 3339; `seconds` by step; `omitted` is "file:line: what" of the records refused."""

    outcome: str  # "published", "nothing new" or "refused"
    generation: str | None
    serial: int
    feed: str
    started: str
    finished: str = ""
    previous: str | None = None
    adoption: str | None = None  # "adopted", "no worker alive" or "pinned"
    workers: int = 0
    allow_older: str | None = None
    counts: dict[str, int] = {}
    warnings: list[str] = []
    omitted: list[str] = []
    pruned: list[str] = []
    seconds: dict[str, float] = {}

    def line(self) -> str:
        """The report in one line, for a terminal."""
        if self.outcome != "published":
            return f"{self.outcome}: {self.generation} is in service"
        adoption = f"adopted by {self.workers} workers" if self.adoption == "adopted" else str(self.adoption)
        return f"published {self.generation}, {adoption}, in {sum(self.seconds.values()):.1f} s"


def write_report(data_dir: Path, name: str, report: LoadReport) -> Path:
    """Keep a report under reports/, as `name`.json."""
    path = data_dir / REPORTS / f"{name}.json"
    new = path.with_suffix(".tmp")
    new.unlink(missing_ok=True)
    new.touch(REPORT_MODE)
    new.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    fsync(new)
    return new.rename(path)
