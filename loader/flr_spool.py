"""What turning an export into a feed keeps on disk: persons until all have been seen, and where each record came from.

An export tells a person again with every membership, so persons are dealt out by number into parts, packed, and each
part is gone through by itself at the end: memory does not grow with the nation. Of one person what tells most counts;
two that tell as much and not the same are refused.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import zstandard

from loader.errors import BadFeed

PARTS = 64
BUFFER_BYTES = 1 << 17
NUMBER_ONLY, DOCTOR, PATIENT = 0, 1, 2  # how much is told of a person, in rising order

_ROW = struct.Struct("<QBIIII")  # number, how much is told, entry, line, column, size of the canonical line
_SIZE = struct.Struct("<I")
_ORIGIN = struct.Struct("<III")
_FAULT = re.compile(r"(?P<table>[a-z_]+)\.ndjson\.zst:(?P<line>[0-9]+)(?=: )")


class Origin(NamedTuple):
    """Where in the archive a record begins: number of the entry from 0, line and column from 1."""

    entry: int
    line: int
    column: int


class Seen(NamedTuple):
    """What was told of a person in one place; `line` is the canonical line, or empty for the number alone."""

    told: int
    line: bytes
    origin: Origin

    def __repr__(self) -> str:
        """No content: it is about a person."""
        return "<Seen>"


Frames = list[tuple[int, bytes]]  # part, and a frame of rows of it


class PersonRows:
    """Persons on their way to the disk: dealt out into parts, and packed as soon as there are many."""

    def __init__(self) -> None:
        self._buffers = [bytearray() for _ in range(PARTS)]
        self._frames: Frames = []
        self._compressor = zstandard.ZstdCompressor(level=1)

    def add(self, nin: int, seen: Seen) -> None:
        """Keep what was told of a person."""
        part = zlib.crc32(nin.to_bytes(8, "little")) % PARTS
        buffer = self._buffers[part]
        buffer += _ROW.pack(nin, seen.told, *seen.origin, len(seen.line)) + seen.line
        if len(buffer) >= BUFFER_BYTES:
            self._pack(part)

    def _pack(self, part: int) -> None:
        self._frames.append((part, self._compressor.compress(self._buffers[part])))
        self._buffers[part] = bytearray()

    def frames(self) -> Frames:
        """All that was kept; there is nothing behind it."""
        for part in range(PARTS):
            if self._buffers[part]:
                self._pack(part)
        frames, self._frames = self._frames, []
        return frames


class Persons:
    """Persons as they are come across, in parts on disk. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._files: list[BinaryIO] = [(folder / f"{part:02d}").open("w+b") for part in range(PARTS)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, frames: Frames) -> None:
        """Keep what PersonRows has packed."""
        for part, frame in frames:
            self._files[part].write(_SIZE.pack(len(frame)) + frame)

    def parts(self) -> Iterator[tuple[dict[int, Seen], list[Origin]]]:
        """Part by part, number -> what tells most of the person, and the places where one is told otherwise."""
        for file in self._files:
            persons: dict[int, Seen] = {}
            wrong = []
            for nin, seen in _rows(file):
                before = persons.setdefault(nin, seen)
                if seen.told > before.told:
                    persons[nin] = seen
                elif seen.told == before.told == PATIENT and seen.line != before.line:
                    wrong.append(seen.origin)
            yield persons, wrong


def _rows(file: BinaryIO) -> Iterator[tuple[int, Seen]]:
    unpack = zstandard.ZstdDecompressor().decompress
    file.seek(0)
    while size := file.read(_SIZE.size):
        rows = unpack(file.read(*_SIZE.unpack(size)))
        at = 0
        while at < len(rows):
            nin, told, *origin, length = _ROW.unpack_from(rows, at)
            at += _ROW.size + length
            yield nin, Seen(told, rows[at - length : at], Origin(*origin))


def pack_origins(origins: Iterable[Origin]) -> bytes:
    """Origins as they lie on disk."""
    return b"".join(_ORIGIN.pack(*origin) for origin in origins)


class Origins:
    """Where each record of each table came from, in the order in which they were written to the feed."""

    def __init__(self, folder: Path, entries: list[str]) -> None:
        """`entries` are the names of the archive's entries."""
        folder.mkdir()
        self._folder, self._entries = folder, entries

    def add(self, table: str, packed: bytes) -> None:
        """The next records of a table, by `pack_origins`."""
        with (self._folder / table).open("ab") as file:
            file.write(packed)

    def shown(self, origin: Origin) -> str:
        """A place as it is told: entry:line:column."""
        return f"{self._entries[origin.entry]}:{origin.line}:{origin.column}"

    def traced(self, error: BadFeed) -> BadFeed:
        """What is wrong with the feed, told by where in the archive it came from."""
        faults = tuple(_FAULT.sub(self._traced, fault) for fault in error.faults)
        return BadFeed(_FAULT.sub(self._traced, str(error)), faults)

    def _traced(self, fault: re.Match[str]) -> str:
        try:
            with (self._folder / fault["table"]).open("rb") as file:
                file.seek((int(fault["line"]) - 1) * _ORIGIN.size)
                return self.shown(Origin(*_ORIGIN.unpack(file.read(_ORIGIN.size))))
        except (OSError, struct.error):
            return fault[0]
