"""The change feed of a generation: events.bin, the events that led to it from those before it, oldest first.

Events stand in batches, one for each feed that was applied, in the order in which they were: a batch names the state
that it leads to. Promises: a position is taken only where this file has everything that came after it; whatever the
bytes, reading gives events or `Damaged`. Leaves out who may see an event (lookup.rest.events) and where events come
from (loader). Layout and positions: docs/generation-format.md.
"""

import mmap
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import msgspec
import zstandard

from lookup.record import Damaged

MAGIC = b"FLREVT1\0"
TRAILER = struct.Struct("<QII")  # where the table of blocks begins, blocks, octets of the index behind it
EVENTS_PER_BLOCK = 64  # what is unpacked at a time: about 20 kB, within one turn of a worker's loop
MAX_BLOCK_BYTES = 1 << 24
CHECK_DIGITS = 8
PROTECTED, OPEN = b"p", b" "  # what a line begins with

_POSITION = re.compile(r"(0|[1-9][0-9]{0,17})\.(0|[1-9][0-9]{0,17})(?:\.([0-9a-f]{8}))?", re.ASCII)


class Position(NamedTuple):
    """Where a follower is: behind event `n` of a feed's batch. `check` tells that batch from another of its serial."""

    serial: int
    n: int
    check: str | None = None

    def __str__(self) -> str:
        tail = "" if self.check is None else f".{self.check}"
        return f"{self.serial}.{self.n}{tail}"


def read_position(text: str) -> Position | None:
    """The position that a text is, or None."""
    match = _POSITION.fullmatch(text)
    return None if match is None else Position(int(match[1]), int(match[2]), match[3])


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """The events of one feed: its serial, the content digest and the `as_of` that they lead to, and how many.

    `check` is made of the events and of the state before them; None where the events are not kept.
    """

    serial: int
    digest: str
    as_of: str
    events: int
    check: str | None

    @property
    def kept(self) -> int:
        """How many events of this batch stand in the file."""
        return 0 if self.check is None else self.events

    @property
    def blocks(self) -> int:
        """How many blocks they are in."""
        return -(-self.kept // EVENTS_PER_BLOCK)

    def position(self, n: int) -> Position:
        """The position behind event `n`. Behind the last one it names the state, whatever way a node came to it."""
        return Position(self.serial, n, self.digest[:CHECK_DIGITS] if n == self.events else self.check)

    def holds(self, position: Position) -> int | None:
        """How many of the events that are kept a follower at a position of this serial has.

        None when that is of another batch, or cannot be gone on from.
        """
        if position.check == self.digest[:CHECK_DIGITS] or (position.check is None and position.n == self.events):
            return self.kept
        if self.check is None or position.check not in (None, self.check) or position.n > self.events:
            return None
        return position.n


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """The index at the end of the file. `highest` is the highest serial that there has been, kept or not."""

    highest: int
    batches: list[Batch]


class Event(NamedTuple):
    """One event: its position, the `as_of` of its batch, whether it is about a protected person, and its JSON."""

    position: Position
    as_of: str
    protected: bool
    json: bytes

    def __repr__(self) -> str:
        """No content: it may be about a person."""
        return "<Event>"


class Events:
    """Read access to one events.bin. From any thread."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        """`data` is the file's octets, or a map of them. Raises Damaged."""
        self.data = data
        size = len(data)
        if size < len(MAGIC) + TRAILER.size or data[: len(MAGIC)] != MAGIC:
            raise Damaged("not an events file")
        table, blocks, length = TRAILER.unpack_from(data, size - TRAILER.size)
        if table < len(MAGIC) or table + 8 * blocks + length + TRAILER.size != size:
            raise Damaged("an events file's end is not of its size")
        self.ends = (len(MAGIC), *struct.unpack_from(f"<{blocks}Q", data, table))
        try:
            contents = msgspec.json.decode(data[table + 8 * blocks : size - TRAILER.size], type=Contents)
        except (msgspec.DecodeError, UnicodeError):
            raise Damaged("an events file's index is not of its type") from None
        self.highest, self.batches = contents.highest, contents.batches
        if not self.batches or any(batch.events < 0 for batch in self.batches):
            raise Damaged("an events file without batches, or with a batch of fewer than none")
        if any(one > other for one, other in zip(self.ends, self.ends[1:], strict=False)) or self.ends[-1] != table:
            raise Damaged("an events file's blocks are out of place")
        # of each batch, and behind the last: the number of its first event, and of its first block
        self.firsts = list(accumulate((batch.kept for batch in self.batches), initial=0))
        self.first_blocks = list(accumulate((batch.blocks for batch in self.batches), initial=0))
        if self.first_blocks[-1] != blocks:
            raise Damaged("an events file has not the blocks that its batches need")
        self._of_serial: dict[int, list[int]] = {}
        for place, batch in enumerate(self.batches):
            self._of_serial.setdefault(batch.serial, []).append(place)

    @property
    def total(self) -> int:
        """How many events there are."""
        return self.firsts[-1]

    @property
    def latest(self) -> Position:
        """The position of a follower who has everything."""
        last = self.batches[-1]
        return last.position(last.events)

    def place(self, position: Position) -> int | None:
        """The number of the first event that a follower has not; None when it cannot be told, or is not kept.

        Where one serial stands twice (a load of it again) the first is taken: to be told again does no harm.
        """
        for place in self._of_serial.get(position.serial, ()):
            had = self.batches[place].holds(position)
            if had is not None:
                return self.firsts[place] + had
        return None

    def position(self, number: int) -> Position:
        """The position of a follower who has all events before this number, of which there is one."""
        batch = bisect_right(self.firsts, number - 1) - 1
        return self.batches[batch].position(number - self.firsts[batch])

    def read(self, number: int) -> Iterator[Event]:
        """The events from this number, below `total`, on to the end of its block, which is unpacked at once.

        Raises Damaged.
        """
        place = bisect_right(self.firsts, number) - 1
        batch, n = self.batches[place], number - self.firsts[place]
        block = self.first_blocks[place] + n // EVENTS_PER_BLOCK
        skipped = n % EVENTS_PER_BLOCK
        lines = self._lines(block)
        if len(lines) != min(EVENTS_PER_BLOCK, batch.events - n + skipped):
            raise Damaged("a block has not the events that it should")
        return (
            Event(batch.position(n + i + 1), batch.as_of, line[:1] != OPEN, line[1:])
            for i, line in enumerate(lines[skipped:])
        )

    def _lines(self, block: int) -> list[bytes]:
        frame = self.data[self.ends[block] : self.ends[block + 1]]
        try:
            if not 0 <= zstandard.frame_content_size(frame) <= MAX_BLOCK_BYTES:
                raise Damaged("a block does not say how large it is, or is too large")
            lines = zstandard.ZstdDecompressor().decompress(frame).split(b"\n")
        except zstandard.ZstdError:
            raise Damaged("a block cannot be unpacked") from None
        if lines.pop() or not all(lines):
            raise Damaged("a block is not of lines")
        return lines
