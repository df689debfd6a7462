"""An audit read by operators: every record with who asked, segment by segment. Holds one segment in memory at a time.

Each record that is given is held against the chain before it is; whether all of them are there is for `verify` to say.
"""

import mmap
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from lookup.audit.record import HEAD_BYTES, WHO, Malformed, Record, decode, decode_head
from lookup.audit.segment import segments
from lookup.audit.verify import series_of
from lookup.audit.who import Who, who_of

_SIZE_AND_KIND = struct.Struct("<IB")
NOBODY = Who(client="")
WINDOW_BYTES = 1 << 23
_OVERLAP_BYTES = 64  # more than any needle: what lies across the border of two windows is in both


class Event(NamedTuple):
    """A record, and where it stands. `intact`: it fits what stands before it."""

    series: str
    number: int
    record: Record
    who: Who
    intact: bool


def paths_of(places: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """(series, path) of every segment."""
    for name, folders in series_of(places).items():
        for path in sorted((path for folder in folders for path in segments(folder)), key=lambda path: path.name):
            yield name, path


def read(path: Path) -> bytes:
    """A segment's octets up to its committed end. Raises Malformed, OSError."""
    with path.open("rb") as file:
        _, end, _ = decode_head(file.read(HEAD_BYTES))
        file.seek(0)
        return file.read(end)


def offsets(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(where, where the next one is, kind) of the records, by their sizes alone."""
    at, end = HEAD_BYTES, len(data)
    while at + 8 <= end:
        size, kind = _SIZE_AND_KIND.unpack_from(data, at)
        if not 0 < size <= end - at:
            return
        yield at, at + size, kind
        at += size


def events(series: str, path: Path, places: Sequence[int] | None = None) -> Iterator[Event]:
    """The records of a segment; of `places` only those that cover one of these, ascending. Raises Malformed."""
    data = read(path)
    number = decode_head(data)[0].number
    callers: dict[int, Who] = {}
    wanted = iter(places) if places is not None else None
    place = next(wanted, None) if wanted is not None else None
    for at, after, kind in offsets(data):
        if kind == WHO:
            record, _ = _decoded(data, at, after)
            callers[record.who] = _who(record)
            continue
        if wanted is not None:
            if place is None:
                return
            if place >= after:
                continue
            while place is not None and place < after:
                place = next(wanted, None)
        record, intact = _decoded(data, at, after)
        yield Event(series, number, record, callers.get(record.who, NOBODY), intact)


def find(path: Path, needles: Iterable[bytes]) -> list[int]:
    """Where any of these octets stand in a segment, ascending."""
    found: list[int] = []
    size = path.stat().st_size
    if not size:
        return found
    with path.open("rb") as file, mmap.mmap(-1, min(size, WINDOW_BYTES) + _OVERLAP_BYTES) as window:
        at = 0
        while at < size:
            file.seek(at)
            got = file.readinto(window)
            for needle in needles:
                place = window.find(needle, 0, got)
                while place >= 0:
                    found.append(at + place)
                    place = window.find(needle, place + 1, got)
            if got < len(window):
                break
            at += got - _OVERLAP_BYTES
    return sorted(set(found))


def _decoded(data: bytes, at: int, after: int) -> tuple[Record, bool]:
    try:
        return decode(data, at, after)[0], True
    except Malformed:
        return decode(data, at, after, chained=False)[0], False


def _who(record: Record) -> Who:
    try:
        return who_of(record.text)
    except msgspec.DecodeError:
        return NOBODY
