"""Writing events.bin: what is kept of the batches before, octet for octet, and the new ones. Layout: lookup/events.py.

Nothing of an event's content is looked at here. The same batches in the same order make the same file on every node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import zstandard

from lookup.events import (
    CHECK_DIGITS,
    EVENTS_PER_BLOCK,
    MAGIC,
    OPEN,
    PROTECTED,
    TRAILER,
    Batch,
    Contents,
    Events,
)
from register.feed import canonical_line

LEVEL = 3
MAX_BATCHES = 4096  # a batch without events costs room too, in the index of every file


class Told(NamedTuple):
    """One event to be told: whether it is about a protected person, and its JSON, `{"event":...,"body":...}`."""

    protected: bool
    json: bytes

    def __repr__(self) -> str:
        """No content: it may be about a person."""
        return "<Told>"


def told(event: str, body: Any, *, protected: bool = False) -> Told:
    """An event of a record."""
    return told_line(event, canonical_line(body), protected=protected)


def told_line(event: str, line: bytes, *, protected: bool = False) -> Told:
    """An event of a record's canonical line."""
    return Told(protected, b'{"event":"%b","body":%b}' % (event.encode(), line))


@dataclass(frozen=True, repr=False)
class NewBatch:
    """The events of one feed: its serial, the content digest and the `as_of` of the state behind them.

    `events` is None where they are too many to be kept, or not known: followers have to start again.
    """

    serial: int
    digest: str
    as_of: str
    count: int
    events: Iterable[Told] | None


def write_events(path: Path, base: Events | None, new: list[NewBatch], keep: int) -> int:
    """Write the file; returns how many events it has.

    Of the batches, `base`'s and the new ones, as many of the newest are kept whole as have `keep` events together. Of
    the one before them only its end is, which is where the first of them begins.
    """
    before = [] if base is None else base.batches
    new = [batch for batch in new if not _is_nothing(batch, before)] if before else new
    kept = _kept([batch.kept for batch in before] + [_weight(batch, keep) for batch in new], keep)
    contents = Contents(
        highest=max([0 if base is None else base.highest, *(batch.serial for batch in new)]), batches=[]
    )
    with path.open("xb") as file:
        writing = _Writing(file, contents)
        for place in range(len(before)):
            if base is not None and (place >= kept or place == kept - 1):
                writing.keep(base, place, whole=place >= kept)
        for place, fresh in enumerate(new, len(before)):
            if place >= kept or place == kept - 1:
                writing.add(fresh, whole=place >= kept)
        writing.finish()
    return sum(batch.kept for batch in contents.batches)


def _is_nothing(batch: NewBatch, before: list[Batch]) -> bool:
    """Whether a batch leads from the last state to the same one, of the same serial: the same feed loaded again."""
    return not batch.count and (batch.serial, batch.digest) == (before[-1].serial, before[-1].digest)


def _weight(batch: NewBatch, keep: int) -> int:
    return keep + 1 if batch.events is None else batch.count


def _kept(counts: list[int], keep: int) -> int:
    """The place of the first batch that is kept whole; behind the last when none is."""
    place, total = len(counts), 0
    while place and total + counts[place - 1] <= keep and len(counts) - place < MAX_BATCHES:
        place -= 1
        total += counts[place]
    return place


class _Writing:
    """The file while it is written."""

    def __init__(self, file: BinaryIO, contents: Contents) -> None:
        self.file, self.contents = file, contents
        self.ends: list[int] = []
        self.at = file.write(MAGIC)
        self.compressor = zstandard.ZstdCompressor(level=LEVEL)

    def keep(self, base: Events, place: int, *, whole: bool) -> None:
        """A batch of the base: as it stands, or only where it ends."""
        batch = base.batches[place]
        if not whole:
            self.contents.batches.append(msgspec.structs.replace(batch, check=None))
            return
        first = base.first_blocks[place]
        begin = base.ends[first]
        self.ends += [end - begin + self.at for end in base.ends[first + 1 : first + 1 + batch.blocks]]
        self.at += self.file.write(base.data[begin : base.ends[first + batch.blocks]])
        self.contents.batches.append(batch)

    def add(self, batch: NewBatch, *, whole: bool) -> None:
        """A new batch: its events, or only where it ends."""
        check = None
        if whole and batch.events is not None:
            before = self.contents.batches[-1].digest if self.contents.batches else ""
            hashed = hashlib.sha256(before.encode() + b"\n")
            count = 0
            for lines in _blocks(batch.events):
                text = b"".join(lines)
                hashed.update(text)
                count += len(lines)
                self.at += self.file.write(self.compressor.compress(text))
                self.ends.append(self.at)
            if count != batch.count:
                raise ValueError("a batch has not as many events as it said")
            check = hashed.hexdigest()[:CHECK_DIGITS] if count else None
        self.contents.batches.append(Batch(batch.serial, batch.digest, batch.as_of, batch.count, check))

    def finish(self) -> None:
        """The table of blocks and the index."""
        index = msgspec.json.encode(self.contents)
        self.file.write(b"".join(end.to_bytes(8, "little") for end in self.ends))
        self.file.write(index)
        self.file.write(TRAILER.pack(self.at, len(self.ends), len(index)))


def _blocks(events: Iterable[Told]) -> Iterator[list[bytes]]:
    """The lines of as many events as there are in a block."""
    lines = ((PROTECTED if event.protected else OPEN) + event.json + b"\n" for event in events)
    while block := list(islice(lines, EVENTS_PER_BLOCK)):
        yield block
