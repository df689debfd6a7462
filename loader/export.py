"""A generation written out again: as a full feed, or as the real register's own export. The verb `export`.

Promises: what is written as a feed has the generation's content digest, so that loading it gives the same register
under the same sequence; a target that holds anything is refused; what fails leaves nothing behind that could be taken
for an export. Only reads the data folder and needs no lock: what it reads stays open, whoever unlinks it meanwhile.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from loader._fast.lines import lines_digest
from loader.errors import BadGeneration, UsageError
from loader.flr_export import write_archive
from loader.moves import find
from loader.progress import Progress
from loader.publish import fsync
from loader.reader import membership_record
from loader.state import SMALL_TABLES
from lookup.generation import CURRENT, Generation, NotServable, open_generation, read_pointer
from lookup.manifest import GENERATIONS
from lookup.people import People
from lookup.record import Damaged
from register.feed import DIGEST_MODULUS, FeedWriter, format_digest
from register.model import Membership

FEED, FLR_EXPORT = "feed", "flr-export"
SUFFIX = ".ndjson.zst"
FOLDER_MODE = 0o750
BATCH = 10_000


class Exported(msgspec.Struct, frozen=True):
    """What was written: of which generation, where, in which format, and how many records of each table."""

    generation: str
    target: str
    format: str
    records: dict[str, int]

    def line(self) -> str:
        """The same in one line, for a terminal."""
        return f"{self.generation} is in {self.target}: {sum(self.records.values()):,} records"


def export(data_dir: Path, wanted: str | None, target: Path, kind: str, progress: Progress) -> Exported:
    """Write a generation, `wanted` None: what CURRENT names, to `target`. Raises UsageError or BadGeneration."""
    _require_free(target, folder=kind == FEED)
    try:
        name = read_pointer(data_dir, CURRENT) if wanted is None else find(data_dir, wanted)
        if name is None:
            raise BadGeneration("there is no CURRENT: nothing is in service")
        with progress.step("open"):
            generation = open_generation(data_dir / GENERATIONS / name)
        if generation.people is None:
            raise BadGeneration("people.mdb is not on this node: persons cannot be exported without it")
        if kind == FLR_EXPORT:
            return Exported(name, str(target), kind, write_archive(generation, target, progress))
        return Exported(name, str(target), kind, _write_feed(generation, generation.people, target, progress))
    except (NotServable, Damaged) as error:
        raise BadGeneration(str(error)) from None


def _require_free(target: Path, *, folder: bool) -> None:
    if not target.exists():
        return
    if folder and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists and is not an empty folder")
    if not folder and (not target.is_file() or target.stat().st_size):
        raise UsageError(f"{target} exists and is not an empty file")


def _write_feed(generation: Generation, people: People, target: Path, progress: Progress) -> dict[str, int]:
    said = generation.manifest
    with _whole_or_nothing(target), FeedWriter(target, suffix=SUFFIX) as writer:
        with progress.step("tables", len(SMALL_TABLES)):
            for table in SMALL_TABLES:
                _add(writer, table, b"".join(line + b"\n" for line in generation.tables.lines(table)))
                progress.advance()
        with progress.step("persons", 1 << generation.index.bits):
            for lines in people.lines():
                _add(writer, "persons", lines)
                progress.advance()
        with progress.step("memberships", 1 << generation.index.bits):
            for batch in _memberships(generation, progress):
                writer.write("memberships", batch)
        if format_digest(writer.digest) != said.content_digest:
            raise BadGeneration("the records do not add up to the manifest's content digest")
        written = writer.finish(sequence=said.serial, as_of=said.as_of, source=said.source)
        fsync(target)
    return {entry.table: entry.records for entry in written.files}


def _add(writer: FeedWriter, table: str, lines: bytes) -> None:
    """Add canonical lines as they are stored."""
    writer.write_lines(table, lines, lines.count(b"\n"))
    writer.digest = (writer.digest + lines_digest(table, lines)) % DIGEST_MODULUS


def _memberships(generation: Generation, progress: Progress) -> Iterator[list[Membership]]:
    batch: list[Membership] = []
    for bucket in range(1 << generation.index.bits):
        for nin, record in generation.index.bucket(bucket):
            batch += [membership_record(generation, nin, m) for m in record.memberships]
        progress.advance()
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


@contextmanager
def _whole_or_nothing(target: Path) -> Iterator[None]:
    """Make the folder; when writing fails, remove what was written, and the folder where it was not there before."""
    made = not target.exists()
    target.mkdir(mode=FOLDER_MODE, exist_ok=True)
    try:
        yield
    except BaseException:
        if made:
            shutil.rmtree(target, ignore_errors=True)
        else:
            for path in target.iterdir():
                path.unlink(missing_ok=True)
        raise
