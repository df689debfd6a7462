"""A segment that its process could not close (it was killed, or the power went): brought to an end, and sealed.

Every whole record that fits the chain is kept, also one behind the committed end, which a power cut can leave behind
the records. What is no record is put into a file beside it and told in the seal, never thrown away. A segment that was
changed before a seal of its own is not touched: that is no accident, and `verify` has to show it.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lookup.audit.keys import Keys, Publics
from lookup.audit.record import (
    ADOPTED,
    CHAIN_BYTES,
    CLOSED,
    END_AT,
    HEAD_BYTES,
    SEAL,
    TORN,
    Head,
    Malformed,
    Record,
    decode_head,
    encode,
)
from lookup.audit.seal import Place, sealed_behind, text_of
from lookup.audit.segment import TORN_SUFFIX, Broken, Found, records, sync_folder


class NotAdopted(Exception):
    """A segment on which no series can go on; the message says why."""


class Last(NamedTuple):
    """Where a series goes on: its last segment, how it ends, and what was done about it."""

    head: Head
    sequence: int  # of the next record
    chain: bytes
    adopted: bool
    torn_bytes: int


def adopt_last(paths: Sequence[Path], keys: Keys, now_ns: int) -> Last | None:
    """Close the last of a series' segments, given by number. Raises as `adopt`.

    One of zeros only was begun before a power cut and never reached the disk: it tells nothing, and its number is free.
    """
    for path in paths[-3:-1]:
        _cut(path)
    for path in reversed(paths):
        if any(path.read_bytes()):
            return adopt(path, keys, now_ns)
        path.replace(path.with_suffix(TORN_SUFFIX))
    return None


def adopt(path: Path, keys: Keys, now_ns: int) -> Last:
    """Close a series' last segment unless it is closed. Raises NotAdopted, OSError."""
    data = path.read_bytes()
    try:
        head, end, chain = decode_head(data)
    except Malformed as error:
        raise NotAdopted(f"{path}: {error}") from None
    last = last_whole(records(data, len(data), head.first_sequence))
    at, sequence = HEAD_BYTES, head.first_sequence
    closed = False
    if last is not None:
        at, sequence, chain = last.after, last.record.sequence + 1, last.chain
        closed = last.record.kind == SEAL and bool(last.record.flags & CLOSED)
    rest = data[at:].rstrip(b"\0")
    if rest and (closed or sealed_behind(Publics(keys.public), head, data, at)):
        raise NotAdopted(f"{path}: it was changed before octet {at}")
    if closed and end == at == len(data):
        return Last(head, sequence, chain, adopted=False, torn_bytes=0)
    torn = max(len(rest), end - at)
    if not closed:
        place = Place(head.series, head.number, chain)
        flags = CLOSED | ADOPTED | (TORN if end > at else 0)
        text = text_of(keys, place, sequence, now_ns, flags, torn)
        seal = encode(Record(SEAL, sequence, now_ns, flags=flags, serial=torn, text=text), chain)
        _keep(path, rest)
        _end_with(path, at, len(rest), seal)
        at, sequence, chain = at + len(seal), sequence + 1, seal[-CHAIN_BYTES:]
    _commit(path, at)
    return Last(head, sequence, chain, adopted=True, torn_bytes=torn)


def _cut(path: Path) -> None:
    """Cut off what a closed segment did not use, if its process was killed before it could."""
    data = path.read_bytes()
    try:
        _, end, _ = decode_head(data)
    except Malformed:
        return
    if HEAD_BYTES < end < len(data) and not any(data[end:]):
        os.truncate(path, end)


def last_whole(found: Iterator[Found]) -> Found | None:
    """The last record before the first that is none."""
    last = None
    try:
        for last in found:  # noqa: B007 -- the last one is what is wanted
            pass
    except Broken:
        pass
    return last


def _keep(path: Path, rest: bytes) -> None:
    """Put what is no record beside the segment; there may be such a file, if this was interrupted before."""
    if not rest:
        return
    with open(os.open(path.with_suffix(TORN_SUFFIX), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb") as file:  # noqa: PTH123
        file.write(rest)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _end_with(path: Path, at: int, wiped: int, seal: bytes) -> None:
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), seal.ljust(max(len(seal), wiped), b"\0"), at)
        os.fsync(file.fileno())


def _commit(path: Path, end: int) -> None:
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), end.to_bytes(8, "little"), END_AT)
        os.fsync(file.fileno())
        os.ftruncate(file.fileno(), end)
        os.fsync(file.fileno())
