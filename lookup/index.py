"""The index of a generation over plain memory: who is on which list, and the lists' fragments. (Plain twin: the
specification.)

Works on two blocks of bytes, `pointers.bin` and `index.mdb`, and calls neither LMDB nor the operating system. Every
offset and length is checked against the block before it is followed: a damaged file gives `Damaged`, None or a value,
never a read outside. Layout in docs/generation-format.md.
"""

import struct
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from mmap import mmap
from operator import sub
from typing import NamedTuple

from lookup import key
from lookup.record import Damaged, Membership, Record, decode_bucket, decode_record, find_bytes, open_record, varint

MAGIC = b"FLRPTR1\0"
POINTERS_HEADER = 32
LENGTH_BITS = 24
FRAGMENT_HEADER = 8

Buffer = bytes | bytearray | memoryview | mmap


class Found(NamedTuple):
    """What the index says of a number at a time: the newest number, and the membership in force if there is one."""

    nin: int
    protected: bool
    membership: Membership | None

    def __repr__(self) -> str:
        """No content: it is about a person."""
        return "<Found>"


class Fragment(NamedTuple):
    """The shared part of an answer in [valid_from, to): who confirms, and the JSON up to the membership's object.

    `json` is empty when the contract is not in force in the period.
    """

    valid_from: int
    to: int
    confirmers: tuple[int, ...]
    json: bytes

    def __repr__(self) -> str:
        """No content: it names doctors."""
        return "<Fragment>"


class Index:
    """Lookups in one generation. `pointers` and `data` must stay unchanged while the object lives."""

    def __init__(self, pointers: Buffer, data: Buffer) -> None:
        """Raises Damaged when the pointer table does not fit its own head or the data."""
        self._pointers, self._data = memoryview(pointers).cast("B"), memoryview(data).cast("B")
        if len(self._pointers) < POINTERS_HEADER or bytes(self._pointers[:8]) != MAGIC:
            raise Damaged("not a pointer table")
        self.bits, self.slots, size, zero = struct.unpack_from("<IIQQ", self._pointers, 8)
        if not key.MIN_BITS <= self.bits <= key.MAX_BITS or zero or size != len(self._data):
            raise Damaged("a pointer table of another index")
        if len(self._pointers) != POINTERS_HEADER + 8 * ((1 << self.bits) + 2 * self.slots):
            raise Damaged("a pointer table of the wrong size")

    def _value(self, entry: int) -> bytes | None:
        """The bytes that a pointer table entry points at, or None where there is none."""
        (pointer,) = struct.unpack_from("<Q", self._pointers, POINTERS_HEADER + 8 * entry)
        if not pointer:
            return None
        offset, length = pointer >> LENGTH_BITS, pointer & ((1 << LENGTH_BITS) - 1)
        if offset + length > len(self._data):
            raise Damaged("a pointer leads outside")
        return bytes(self._data[offset : offset + length])

    def _slot_value(self, slot: int, table: int) -> bytes | None:
        if not 0 <= slot < self.slots:
            raise Damaged("a slot is out of range")
        value = self._value((1 << self.bits) + table * self.slots + slot)
        if value is not None and (len(value) < 4 or int.from_bytes(value[:4], "little") != slot):
            raise Damaged("a slot's value is of another slot")
        return value

    def _bytes(self, nin: int) -> bytes | None:
        """The bytes of the record under exactly this number, or None."""
        if not 0 <= nin < 10**11:
            return None
        bucket, rest = key.split(key.mix(nin), self.bits)
        data = self._value(bucket)
        return None if data is None else find_bytes(data, bucket, rest)

    def _person(self, nin: int) -> tuple[int, bytes] | None:
        """(newest number, bytes of the record) of a person by any of their numbers, or None for a number never seen."""
        data = self._bytes(nin)
        if data is None:
            return None
        newest, _, _ = open_record(data)
        if newest is None:
            return nin, data
        data = self._bytes(newest)
        if data is None or open_record(data)[0] is not None:
            raise Damaged("an alias leads nowhere")
        return newest, data

    def record(self, nin: int) -> Record | None:
        """The record under exactly this number (an alias is not followed), or None."""
        data = self._bytes(nin)
        return None if data is None else decode_record(data)

    def person(self, nin: int) -> tuple[int, Record] | None:
        """(newest number, record) of a person by any of their numbers, or None for a number never seen."""
        person = self._person(nin)
        return None if person is None else (person[0], decode_record(person[1]))

    def find(self, nin: int, at: int) -> Found | None:
        """The person behind a number and the membership whose period covers `at`, or None for a number never seen.

        Reads no further than to that membership.
        """
        person = self._person(nin)
        if person is None:
            return None
        _, protected, memberships = open_record(person[1])
        return Found(person[0], protected, next((m for m in memberships if m.covers(at)), None))

    def bucket(self, bucket: int) -> list[tuple[int, Record]]:
        """All (number, record) of one bucket, 0 <= bucket < 2**bits."""
        if not 0 <= bucket < 1 << self.bits:
            raise IndexError("no such bucket")
        data = self._value(bucket)
        if data is None:
            return []
        return [
            (key.unmix(key.join(bucket, rest, self.bits)), record)
            for rest, record in decode_bucket(data, bucket, self.bits)
        ]

    def member_buckets(self, slot: int) -> list[int]:
        """The buckets that hold the members of a contract, past and present, ascending."""
        value = self._slot_value(slot, 1)
        return [] if value is None else read_buckets(value, self.bits)

    def members(self, slot: int, at: int, buckets: Iterable[int] | None = None) -> list[tuple[int, bool, Membership]]:
        """(number, protected, membership) of every member of a contract at `at`, in bucket order.

        `buckets` are some of those of `member_buckets`; unless given, all.
        """
        return [
            (nin, record.protected, membership)
            for bucket in (self.member_buckets(slot) if buckets is None else buckets)
            for nin, record in self.bucket(bucket)
            for membership in record.memberships
            if membership.slot == slot and membership.covers(at)
        ]

    def fragment(self, slot: int, at: int) -> Fragment | None:
        """The fragment of a contract at `at`, or None when `at` is outside what was rendered."""
        value = self._slot_value(slot, 0)
        return None if value is None else read_fragment(value, at)


# An increment writes thousands of such lists, and nearly all differences in them are small.
_difference = lru_cache(1 << 12)(varint)


def encode_buckets(slot: int, buckets: list[int]) -> bytes:
    """The value of database `patients`: ascending, distinct bucket numbers."""
    differences = map(sub, buckets, chain((0,), buckets))
    return slot.to_bytes(4, "little") + b"".join(map(_difference, differences))


def read_buckets(value: bytes, bits: int) -> list[int]:
    """The bucket numbers that `encode_buckets` wrote."""
    out: list[int] = []
    bucket = difference = shift = 0
    for byte in value[4:]:
        difference |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            bucket += difference
            if bucket >> bits or (out and not difference):
                raise Damaged("a bucket number is out of range")
            out.append(bucket)
            difference = shift = 0
        elif shift > 28:
            raise Damaged("a bucket number is too long")
    if shift:
        raise Damaged("a bucket list ends too early")
    return out


def encode_fragments(slot: int, fragments: list[Fragment]) -> bytes:
    """The value of database `fragments`: consecutive periods, each beginning where the one before it ends."""
    n = len(fragments)
    boundaries = [f.valid_from for f in fragments] + [fragments[-1].to]
    area, ends = bytearray(), []
    for f in fragments:
        area += struct.pack(f"<B{len(f.confirmers)}I", len(f.confirmers), *f.confirmers) + f.json
        ends.append(len(area))
    return struct.pack(f"<IHH{n + 1}q{n}I", slot, n, 0, *boundaries, *ends) + area


def read_fragment(value: bytes, at: int) -> Fragment | None:
    """The fragment whose period covers `at`, or None outside all of them."""
    if len(value) < FRAGMENT_HEADER:
        raise Damaged("a fragment list is too short")
    _, n, zero = struct.unpack_from("<IHH", value)
    start = FRAGMENT_HEADER + 8 * (n + 1) + 4 * n
    if zero or not n or start > len(value):
        raise Damaged("a fragment list's head is wrong")
    boundaries = struct.unpack_from(f"<{n + 1}q", value, FRAGMENT_HEADER)
    ends = (0, *struct.unpack_from(f"<{n}I", value, FRAGMENT_HEADER + 8 * (n + 1)))
    for i in range(n):
        if boundaries[i] <= at < boundaries[i + 1]:
            if ends[i] >= ends[i + 1] or start + ends[i + 1] > len(value):
                raise Damaged("a fragment's place is wrong")
            piece = value[start + ends[i] : start + ends[i + 1]]
            json = 1 + 4 * piece[0]
            if json > len(piece):
                raise Damaged("a fragment's head is wrong")
            return Fragment(
                boundaries[i], boundaries[i + 1], struct.unpack_from(f"<{piece[0]}I", piece, 1), piece[json:]
            )
    return None
