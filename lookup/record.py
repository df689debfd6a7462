"""A bucket of person records, and a membership, as bytes. (Plain twin: the specification.)

Layout in docs/generation-format.md. Promises: whatever the bytes, reading gives a value, None or `Damaged`;
it never reads outside the bytes given, and never gives the record of another number.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from lookup.key import KEY_BITS

FOREVER = 2**63 - 1
DAY_MICROS = 86_400_000_000
FIRST_DAY = -25_567  # 1900-01-01, in days since 1970-01-01
LAST_DAY = FIRST_DAY + 0xFFFF

ALIAS = 1
PROTECTED = 2

TO_OPEN, TO_NEXT, TO_DAY, TO_TIME = 0, 1, 2, 3
FROM_TIME = 4
UPDATED_TIME = 8
WIDE_CODES = 16
KNOWN_FLAGS = 31

HEADER = 8
MAX_RECORDS = 0xFFFF
MAX_RECORD_AREA = 0xFFFF


class Damaged(ValueError):
    """Bytes that are not what the format says. Carries no content."""


class TooLarge(ValueError):
    """A bucket whose records do not fit the format: the register needs a full load with more buckets."""


class Membership(NamedTuple):
    """One membership: slot of the contract, period and update in microseconds, codes as ordinals (0 is null)."""

    slot: int
    valid_from: int
    to: int
    begin: int
    end: int
    updated: int
    id: int

    def __repr__(self) -> str:
        """No content: it is about a person."""
        return "<Membership>"

    def covers(self, at: int) -> bool:
        """Whether the half-open period holds `at`."""
        return self.valid_from <= at < self.to


class Record(NamedTuple):
    """What the index holds of one number: the newest number when it is an old one, else memberships, newest first."""

    alias_of: int | None = None
    protected: bool = False
    memberships: tuple[Membership, ...] = ()

    def __repr__(self) -> str:
        """No content: it is about a person."""
        return "<Record>"


def varint(value: int) -> bytes:
    """Seven bits an octet, the low ones first, and the eighth where more follow."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _is_day(time: int) -> bool:
    return time % DAY_MICROS == 0 and FIRST_DAY <= time // DAY_MICROS <= LAST_DAY


def _time(time: int) -> bytes:
    """A time as a day where it is one, else as eight bytes."""
    return struct.pack("<H", time // DAY_MICROS - FIRST_DAY) if _is_day(time) else struct.pack("<q", time)


def encode_membership(m: Membership, newer_from: int | None) -> bytes:
    """The bytes of a membership; `newer_from` is the start of the membership before it in the record, if any."""
    flags = 0 if _is_day(m.valid_from) else FROM_TIME
    to = b""
    if m.to != FOREVER:
        if m.to == newer_from:
            flags |= TO_NEXT
        else:
            flags |= TO_DAY if _is_day(m.to) else TO_TIME
            to = _time(m.to)
    if m.begin < 16 and m.end < 16:
        codes = bytes((m.begin | m.end << 4,))
    else:
        flags |= WIDE_CODES
        codes = bytes((m.begin, m.end))
    difference = m.updated - (m.valid_from if m.to == FOREVER else m.to)
    if difference % 1000 == 0:
        millis = difference // 1000
        updated = varint(millis << 1 if millis >= 0 else ~(millis << 1))
    else:
        flags |= UPDATED_TIME
        updated = struct.pack("<q", m.updated)
    return bytes((flags,)) + codes + varint(m.slot) + _time(m.valid_from) + to + updated + varint(m.id)


def encode_record(rest: int, record: Record) -> bytes:
    """The bytes of one record, from the high bits of its rest on."""
    if record.alias_of is not None:
        return bytes((rest >> 16, ALIAS)) + record.alias_of.to_bytes(5, "little")
    out = bytearray((rest >> 16, PROTECTED if record.protected else 0))
    newer_from = None
    for m in record.memberships:
        out += encode_membership(m, newer_from)
        newer_from = m.valid_from
    return bytes(out)


def encode_bucket(
    bucket: int, records: Iterable[tuple[int, Record]], encode: Callable[[int, Record], bytes] = encode_record
) -> bytes:
    """The bytes of a bucket; `records` are (rest, record) in any order, each rest once.

    `encode` is `encode_record`, or its compiled twin.
    """
    ordered = sorted(records, key=lambda item: (item[0] & 0xFFFF, item[0] >> 16))
    lows, ends, area = [], [], bytearray()
    for rest, record in ordered:
        area += encode(rest, record)
        lows.append(rest & 0xFFFF)
        ends.append(len(area))
    if len(ordered) > MAX_RECORDS or len(area) > MAX_RECORD_AREA:
        raise TooLarge("a bucket is too large")
    n = len(ordered)
    return struct.pack(f"<IHH{n}H{n}H", bucket, n, 0, *lows, *ends) + area


class _Reader:
    """Walks the bytes of one record."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if len(piece) != size:
            raise Damaged("a record ends too early")
        self.at += size
        return piece

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            if shift == 63 and byte > 1:
                raise Damaged("a number is too long")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def day(self) -> int:
        return int((struct.unpack("<H", self.take(2))[0] + FIRST_DAY) * DAY_MICROS)

    def time(self) -> int:
        return int(struct.unpack("<q", self.take(8))[0])


def _read_membership(r: _Reader, newer_from: int | None) -> Membership:
    flags = r.byte()
    if flags & ~KNOWN_FLAGS:
        raise Damaged("unknown flags in a membership")
    codes = r.byte()
    begin, end = (codes, r.byte()) if flags & WIDE_CODES else (codes & 15, codes >> 4)
    slot = r.varint()
    if slot > 0xFFFFFFFF:
        raise Damaged("a slot is out of range")
    valid_from = r.time() if flags & FROM_TIME else r.day()
    kind = flags & 3
    if kind == TO_OPEN:
        to = FOREVER
    elif kind == TO_NEXT:
        if newer_from is None:
            raise Damaged("the first membership has none before it")
        to = newer_from
    else:
        to = r.day() if kind == TO_DAY else r.time()
    if flags & UPDATED_TIME:
        updated = r.time()
    else:
        zigzag = r.varint()
        millis = (zigzag >> 1) ^ -(zigzag & 1)
        updated = (valid_from if kind == TO_OPEN else to) + millis * 1000
        if not -(2**63) <= updated < 2**63:
            raise Damaged("a time is out of range")
    return Membership(slot, valid_from, to, begin, end, updated, r.varint())


def open_record(data: bytes) -> tuple[int | None, bool, Iterator[Membership]]:
    """(newest number when it is an alias, protected, memberships) of a record's bytes.

    The memberships are read as they are asked for: who has found the one in force never sees damage behind it.
    """
    r = _Reader(data)
    r.byte()
    flags = r.byte()
    if flags == ALIAS:
        newest = int.from_bytes(r.take(5), "little")
        if r.at != len(data):
            raise Damaged("an alias is too long")
        return newest, False, iter(())
    if flags & ~PROTECTED:
        raise Damaged("unknown flags in a record")
    return None, bool(flags & PROTECTED), _read_memberships(r)


def _read_memberships(r: _Reader) -> Iterator[Membership]:
    newer_from = None
    while r.at < len(r.data):
        membership = _read_membership(r, newer_from)
        newer_from = membership.valid_from
        yield membership


def decode_record(data: bytes) -> Record:
    """The record of the bytes that `encode_record` made (the high bits of the rest are skipped)."""
    alias_of, protected, memberships = open_record(data)
    return Record(alias_of, protected, tuple(memberships))


def _directory(data: bytes, bucket: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """(start of the record area, low bits, ends) of a bucket, checked."""
    if len(data) < HEADER:
        raise Damaged("a bucket is too short")
    number, n, zero = struct.unpack_from("<IHH", data)
    start = HEADER + 4 * n
    if number != bucket or zero or len(data) < start:
        raise Damaged("a bucket's head is wrong")
    return start, struct.unpack_from(f"<{n}H", data, HEADER), struct.unpack_from(f"<{n}H", data, HEADER + 2 * n)


def _slice(data: bytes, start: int, ends: tuple[int, ...], i: int) -> bytes:
    begin = ends[i - 1] if i else 0
    if begin + 2 > ends[i] or start + ends[i] > len(data):
        raise Damaged("a record's place is wrong")
    return data[start + begin : start + ends[i]]


def find_bytes(data: bytes, bucket: int, rest: int) -> bytes | None:
    """The bytes of the record with `rest` in a bucket, or None."""
    start, lows, ends = _directory(data, bucket)
    for i, low in enumerate(lows):
        if low == rest & 0xFFFF:
            piece = _slice(data, start, ends, i)
            if piece[0] == rest >> 16:
                return piece
    return None


def find(data: bytes, bucket: int, rest: int) -> Record | None:
    """The record with `rest` in a bucket, or None."""
    piece = find_bytes(data, bucket, rest)
    return None if piece is None else decode_record(piece)


def decode_bucket(data: bytes, bucket: int, bits: int) -> list[tuple[int, Record]]:
    """All (rest, record) of a bucket, in stored order."""
    start, lows, ends = _directory(data, bucket)
    out = []
    for i, low in enumerate(lows):
        piece = _slice(data, start, ends, i)
        if piece[0] >> max(0, KEY_BITS - bits - 16):
            raise Damaged("a record's key is out of range")
        out.append((piece[0] << 16 | low, decode_record(piece)))
    return out
