"""Persons and memberships of a feed, packed into rows and dealt out into parts on disk.

The big tables do not fit in memory and come in any order. Each block of lines is parsed, checked and packed by a
process of the crew, which appends the rows to spool files of its own, part by part; a part is what later fits in
memory whole. Lines that stand as they should are scanned (loader/scan.py), the odd ones read one by one.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import msgspec
import zstandard

from loader._fast.lines import count_lines, lines_digest
from loader._fast.pack import Parts, pack_memberships, pack_persons
from loader._fast.scan import Scanner
from loader.errors import BadFeed
from loader.parquet import RowGroup, lines_of
from loader.read import BLOCK_BYTES, Block, Feed, parse
from loader.scan import Odd
from loader.shelf import Shelf
from register.feed import record_digest
from register.model import Membership, Person, Record

PART_PERSONS = 100_000
SAMPLE_EVERY = 170_000  # bytes between two memberships that are kept to ask the finished generation about
LINES_BYTES = 512 << 10  # of a block that comes of a row group: small enough to stay near the processor
SAMPLED_BLOCKS = BLOCK_BYTES // LINES_BYTES  # of these the first is sampled, as one block of that size would be
KINDS = ("rows", "texts", "ids")
Task = tuple[int, Block | RowGroup, int]


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
    omitted: int = 0  # the digest of the records that were left out
    unreadable: int = 0  # lines that were left out and are no records


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
    omitted: frozenset[tuple[int, int]] = frozenset()
    tolerant: bool = False  # whether lines that are no records are told with the other faults
    shelf: Shelf | None = None
    scanner: Scanner = field(init=False)
    _files: dict[str, BinaryIO] = field(default_factory=dict)
    _parts: dict[str, Parts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scanner = Scanner(self.slots, self.known, self.begin_codes, self.end_codes, self.part_bits)

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


def deal(dealing: Dealing, task: Task) -> Dealt:
    """Parse, check and pack one block; append its pieces to this process's spool files.

    A task is (number, block, 0), or with a shelf (number, block without its bytes, how many are on the shelf). For a
    block may stand a row group of a Parquet file, which is read here.
    """
    number, first, _ = task
    table = dealing.feed.manifest.files[first.file].table
    dealing.open()
    records = digest = omitted = unreadable = 0
    faults: list[tuple[str, int]] = []
    sample: list[Membership] = []
    for nth, block in enumerate(_blocks(dealing, task)):
        taken, left_out = _split(dealing, block)
        for piece in taken:
            odd = _scan(dealing, table, number, piece)
            lines, wrong = _read_odd(dealing, table, number, piece, odd)
            faults += wrong
            records += count_lines(lines)
            digest += lines_digest(table, lines)
            if table == "memberships" and not faults and nth % SAMPLED_BLOCKS == 0:
                sample += _sample(lines)
        more = _digest_of(table, left_out)
        omitted, unreadable = omitted + more[0], unreadable + more[1]
    starts, sizes = _append(dealing)
    told = [(what, first.file, line) for what, line in faults]
    return Dealt(number, records, digest, told, os.getpid(), starts, sizes, sample, omitted, unreadable)


def _blocks(dealing: Dealing, task: Task) -> Iterator[Block]:
    """The blocks that a task is about: one, or those that a row group makes."""
    number, given, shelved = task
    if isinstance(given, RowGroup):
        entry = dealing.feed.manifest.files[given.file]
        for line, lines in lines_of(dealing.feed.folder / entry.name, entry, given, LINES_BYTES):
            yield Block(given.file, line, lines)
    elif shelved and dealing.shelf is not None:
        yield dealing.shelf.take(number, given, shelved)
    else:
        yield given


def _split(dealing: Dealing, block: Block) -> tuple[list[Block], list[bytes]]:
    """(a block in pieces between the lines that are left out, those lines): nearly always the block itself."""
    numbers = sorted(line for file, line in dealing.omitted if file == block.file)
    end = block.line + count_lines(block.data) if numbers else block.line
    pieces, left_out, first, start = [], [], block.line, 0
    for line in numbers:
        if block.line <= line < end:
            at = _place(block.data, start, line - first)
            pieces.append(replace(block, line=first, data=block.data[start:at]))
            start = block.data.index(b"\n", at) + 1
            left_out.append(block.data[at : start - 1])
            first = line + 1
    return [*pieces, replace(block, line=first, data=block.data[start:])] if pieces else [block], left_out


def _place(data: bytes, start: int, lines: int) -> int:
    """Where so many lines after `start` the next one begins."""
    for _ in range(lines):
        start = data.index(b"\n", start) + 1
    return start


def _digest_of(table: str, lines: list[bytes]) -> tuple[int, int]:
    """(the digest of what are records, how many are none)."""
    digest = unreadable = 0
    for line in lines:
        try:
            ((_, canonical),) = parse(table, "", [(0, line)])
            digest += record_digest(table, canonical)
        except BadFeed:
            unreadable += 1
    return digest, unreadable


def _scan(dealing: Dealing, table: str, number: int, block: Block) -> list[Odd]:
    """Pack the lines that are as they should be; returns the others."""
    parts, file, line = dealing._parts, block.file, block.line
    if table == "persons":
        return dealing.scanner.persons(block.data, parts["rows"], parts["texts"], file, line, number)
    return dealing.scanner.memberships(block.data, parts["rows"], parts["ids"], file, line)


def _read_odd(
    dealing: Dealing, table: str, number: int, block: Block, odd: list[Odd]
) -> tuple[bytes, list[tuple[str, int]]]:
    """(the block's canonical lines, faults): the odd lines read and packed one by one, the others as they stand."""
    name, data = dealing.feed.manifest.files[block.file].name, block.data
    faults: list[tuple[str, int]] = []
    if dealing.tolerant:
        odd, faults = _readable(table, name, block, odd)
    records = parse(table, name, ((block.line + one.nth, data[one.start : one.end]) for one in odd))
    pieces: list[bytes] = []
    end = 0
    for one, (record, line) in zip(odd, records, strict=True):
        faults += _pack(dealing, record, line, (block.file, block.line + one.nth), number)
        pieces += data[end : one.start], line
        end = one.end
    return b"".join([*pieces, data[end:]]) if odd else data, faults


def _readable(table: str, name: str, block: Block, odd: list[Odd]) -> tuple[list[Odd], list[tuple[str, int]]]:
    """(those of the odd lines that are records, faults of the others). With faults the lines are not to be used."""
    readable, faults = [], []
    for one in odd:
        number = block.line + one.nth
        try:
            parse(table, name, [(number, block.data[one.start : one.end])])
            readable.append(one)
        except BadFeed as error:
            faults.append((str(error).removeprefix(f"{name}:{number}: "), number))
    return readable, faults


def _pack(dealing: Dealing, record: Record, line: bytes, at: tuple[int, int], number: int) -> list[tuple[str, int]]:
    parts, bits = dealing._parts, dealing.part_bits
    if isinstance(record, Person):
        return pack_persons([record], line + b"\n", dealing.known, parts["rows"], parts["texts"], bits, *at, number)
    assert isinstance(record, Membership)
    places = dealing.slots, dealing.begin_codes, dealing.end_codes
    return pack_memberships([record], *places, parts["rows"], parts["ids"], bits, *at)


def _append(dealing: Dealing) -> tuple[dict[str, int], dict[str, array[int]]]:
    """Move what is packed to the spool files; returns where it starts there, and the size of each part's piece."""
    starts, sizes = {}, {}
    for kind in KINDS:
        data, each = dealing._parts[kind].drain()
        if kind == "texts":
            data, each = _compressed(data, each)
        starts[kind] = dealing._files[kind].tell()
        dealing._files[kind].write(data)
        dealing._files[kind].flush()
        sizes[kind] = array("Q", each)
    return starts, sizes


def _compressed(data: bytes, sizes: list[int]) -> tuple[bytes, list[int]]:
    """Pieces end to end, and their sizes, as frames: lines are most of what is spooled, and shrink eightfold."""
    compressor, whole, end, frames = zstandard.ZstdCompressor(level=1), memoryview(data), 0, []
    for size in sizes:
        frames.append(compressor.compress(whole[end : end + size]) if size else b"")
        end += size
    return b"".join(frames), [len(frame) for frame in frames]


def _sample(lines: bytes) -> list[Membership]:
    """Some of the memberships of a block, the first one at least."""
    found, start = [], 0
    while start < len(lines):
        end = lines.index(b"\n", start)
        found.append(_membership.decode(lines[start:end]))
        start = lines.find(b"\n", end + min(SAMPLE_EVERY, len(lines) // 20)) + 1 or len(lines)
    return found


_membership = msgspec.json.Decoder(Membership)


class Pieces:
    """Where the pieces of every part are, in the spool files of a finished deal."""

    def __init__(self, dealing: Dealing, dealt: list[Dealt]) -> None:
        self._dealing, self._dealt = dealing, dealt

    def of(self, kind: str, part: int) -> Iterator[tuple[int, bytes]]:
        """(block number, bytes) of every piece of a part, in the order of the blocks."""
        with ExitStack() as stack:
            spools: dict[int, BinaryIO] = {}
            for one in self._dealt:
                size = one.sizes[kind][part]
                if size:
                    if one.spool not in spools:
                        path = self._dealing.path(one.spool, kind)
                        spools[one.spool] = stack.enter_context(path.open("rb", buffering=0))
                    offset = one.starts[kind] + sum(one.sizes[kind][:part])
                    data = self._read(spools[one.spool], offset, size)
                    yield one.number, zstandard.decompress(data) if kind == "texts" else data

    @staticmethod
    def _read(spool: BinaryIO, offset: int, size: int) -> bytes:
        data = os.pread(spool.fileno(), size, offset)
        if len(data) != size:
            raise OSError(f"{spool.name}: a spool file is shorter than it was written")
        return data
