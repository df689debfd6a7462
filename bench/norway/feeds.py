"""Writes the feeds of a world from its blocks: one full feed, and increments when asked for."""

from pathlib import Path
from typing import Self, TypedDict

from bench.norway.blocks import BlockResult, DayEvents
from bench.norway.draws import Ints
from bench.norway.list_days import settle
from bench.norway.registry import Event
from bench.norway.showcase import showcase
from bench.norway.world import World
from register.feed import FeedWriter, Manifest, format_digest, lines_digest, normalized

SOURCE = "bench.population"


class FeedSummary(TypedDict):
    """One feed of a summary."""

    folder: str
    sequence: int
    kind: str
    content_digest: str
    records: dict[str, int]
    bytes: dict[str, int]


class Summary(TypedDict):
    """What was written."""

    seed: int
    persons: int
    memberships_per_person: float
    feeds: list[FeedSummary]


class FeedSet:
    """One full feed and the increments after it, written as blocks come in. A context manager; `finish` ends it."""

    def __init__(
        self,
        world: World,
        out: Path,
        sequence: int,
        days: int | None,
        suffix: str,
        full: type[FeedWriter] = FeedWriter,
        *,
        examples: bool = False,
    ) -> None:
        assert world.list_days is not None
        self._world = world
        self._lists = world.list_days
        self._out = out
        self._sequence = sequence
        self._days = days
        self._suffix = suffix
        self._examples = examples
        self._full = full(out if days is None else out / f"{sequence:06d}-full", suffix=suffix)
        self._counts: dict[int, Ints] = {}
        self._events: list[list[DayEvents]] = [[] for _ in range(days or 0)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._full.__exit__(*problem)

    def add(self, result: BlockResult) -> None:
        """Take in the next block."""
        for table, (lines, records) in result.tables.items():
            self._full.write_lines(table, lines, records)
        self._full.digest += result.digest
        for day, counts in result.counts.items():
            self._counts[day] = self._counts[day] + counts if day in self._counts else counts
        for events, of_day in zip(self._events, result.days, strict=True):
            events.append(of_day)

    def finish(self) -> Summary:
        """Write what is about lists, and the increments."""
        registry = self._lists.registry
        settle(registry, self._counts[0])
        for _ in range(self._sequence - 1):
            self._lists.advance()
        for table, lines in registry.lines(self._counts[registry.day]).items():
            self._full.write_lines(table, lines, lines.count(b"\n"))
            self._full.digest += lines_digest(table, lines)
        if self._examples:
            for table, shown in showcase().items():
                self._full.write(table, shown)
        manifests = [self._finished(self._full, self._sequence, None)]
        digest = self._full.digest
        for number, of_day in enumerate(self._events, self._sequence + 1):
            digest = self._increment(number, of_day, digest)
            manifests.append(self._manifest)
        folders = [self._full.folder, *(self._folder(m.sequence or 0) for m in manifests[1:])]
        records = {entry.table: entry.records for entry in manifests[0].files}
        return Summary(
            seed=self._world.shape.seed,
            persons=records["persons"],
            memberships_per_person=round(records["memberships"] / records["persons"], 3),
            feeds=[_summary(folder, manifest) for folder, manifest in zip(folders, manifests, strict=True)],
        )

    def _folder(self, sequence: int) -> Path:
        return self._out / f"{sequence:06d}-incremental"

    def _finished(self, writer: FeedWriter, sequence: int, base: tuple[int, str] | None) -> Manifest:
        as_of = self._world.shape.calendar.as_of_text(sequence - 1)
        return writer.finish(sequence=sequence, as_of=as_of, source=SOURCE, base=base)

    def _increment(self, sequence: int, of_day: list[DayEvents], digest: int) -> int:
        """Write the increment of the next day; returns the digest after it."""
        self._lists.advance()
        first, last, delta = self._lists.registry.changes(self._counts[sequence - 1])
        with FeedWriter(self._folder(sequence), suffix=self._suffix) as writer:
            writer.write_lines("events", _event_lines(first), len(first))
            for events in of_day:
                writer.write_lines("events", events.lines, events.count)
                delta += events.delta
            writer.write_lines("events", _event_lines(last), len(last))
            writer.digest = digest + delta
            self._manifest = self._finished(writer, sequence, (sequence - 1, format_digest(digest)))
        return digest + delta


def _event_lines(events: list[Event]) -> bytes:
    return normalized(b"".join(b'{"event":"%s","body":%s}\n' % (name.encode(), line) for name, line in events))


def _summary(folder: Path, manifest: Manifest) -> FeedSummary:
    return FeedSummary(
        folder=str(folder),
        sequence=manifest.sequence or 0,
        kind=manifest.kind,
        content_digest=manifest.content_digest,
        records={entry.table: entry.records for entry in manifest.files},
        bytes={entry.table: entry.bytes for entry in manifest.files},
    )
