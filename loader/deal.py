"""Persons and memberships of a feed, packed into rows and dealt out into parts on disk.

The big tables do not fit in memory and come in any order. Each block of lines is parsed, checked and packed by a
process of the crew, which appends the rows to spool files of its own, part by part; a part is what later fits in memory whole.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, cast

from loader._fast.pack import Parts, pack_memberships, pack_persons
from loader.read import Block, Feed, parse
from loader.shelf import Shelf
from register.model import Membership, Person

PART_PERSONS = 100_000
SAMPLE_EVERY = 997  # records between two that are kept to ask the finished generation about
KINDS = ("rows", "texts", "ids")


class Dealt(NamedTuple):
    """What became of one block: where its pieces are, and what the whole load needs to know of it."""

    number: int
    records: int
    digest: int
    faults: list[tuple[str, int, int]]
    spool: int
    starts: dict[str, int]
    sizes: dict[str, array[int]]
    sample: list[Membership]


@dataclass(repr=False)
class Dealing:
    """What the processes need to deal, and their open spool files (one set a process)."""

    feed: Feed
    folder: Path
    part_bits: int
    slots: dict[int, int]
    known: dict[int, set[str]]
    begin_codes: dict[str | None, int]
    end_codes: dict[str | None, int]
    shelf: Shelf | None = None
    _files: dict[str, BinaryIO] = field(default_factory=dict)
    _parts: dict[str, Parts] = field(default_factory=dict)

    def path(self, spool: int, kind: str) -> Path:
        """The spool file of one process and kind."""
        return self.folder / f"{spool}.{kind}"

    def open(self) -> None:
        """Open the spool files of this process, once."""
        if not self._files:
            for kind in KINDS:
                self._files[kind] = self.path(os.getpid(), kind).open("wb")
                self._parts[kind] = Parts(1 << self.part_bits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the spool files of this process."""
        for file in self._files.values():
            file.close()


def part_bits_for(persons: int) -> int:
    """How many bits of the key tell parts apart, so that a part holds about PART_PERSONS persons."""
    bits = 0
    while bits < 12 and persons > PART_PERSONS << bits:
        bits += 1
    return bits


def deal(dealing: Dealing, task: tuple[int, Block, int]) -> Dealt:
    """Parse, check and pack one block; append its pieces to this process's spool files.

    A task is (number, block, 0), or with a shelf (number, block without its bytes, how many are on the shelf).
    """
    number, block, shelved = task
    if shelved and dealing.shelf is not None:
        block = dealing.shelf.take(number, block, shelved)
    entry = dealing.feed.manifest.files[block.file]
    records, lines, digest = parse(entry.table, entry.name, block)
    dealing.open()
    parts, sample = dealing._parts, []
    if entry.table == "persons":
        faults = pack_persons(
            cast(list[Person], records),
            lines,
            dealing.known,
            parts["rows"],
            parts["texts"],
            dealing.part_bits,
            block.file,
            block.line,
            number,
        )
    else:
        faults = pack_memberships(
            cast(list[Membership], records),
            dealing.slots,
            dealing.begin_codes,
            dealing.end_codes,
            parts["rows"],
            parts["ids"],
            dealing.part_bits,
            block.file,
            block.line,
        )
        sample = records[:: max(1, min(SAMPLE_EVERY, len(records) // 20))]
    starts, sizes = {}, {}
    for kind in KINDS:
        data, each = parts[kind].drain()
        starts[kind] = dealing._files[kind].tell()
        dealing._files[kind].write(data)
        dealing._files[kind].flush()
        sizes[kind] = array("Q", each)
    return Dealt(
        number,
        len(records),
        digest,
        [(what, block.file, line) for what, line in faults],
        os.getpid(),
        starts,
        sizes,
        sample,  # type: ignore[arg-type]
    )


class Pieces:
    """Where the pieces of every part are, in the spool files of a finished deal."""

    def __init__(self, dealing: Dealing, dealt: list[Dealt]) -> None:
        self._dealing, self._dealt = dealing, dealt

    def of(self, kind: str, part: int) -> Iterator[tuple[int, bytes]]:
        """(block number, bytes) of every piece of a part, in the order of the blocks."""
        for one in self._dealt:
            size = one.sizes[kind][part]
            if size:
                offset = one.starts[kind] + sum(one.sizes[kind][:part])
                yield one.number, self._read(self._dealing.path(one.spool, kind), offset, size)

    @staticmethod
    def _read(path: Path, offset: int, size: int) -> bytes:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            data = file.read(size)
        if len(data) != size:
            raise OSError(f"{path.name}: a spool file is shorter than it was written")
        return data
