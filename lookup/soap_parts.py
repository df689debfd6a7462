"""`soap.bin`: what everybody on a list shares, as text of the real register's interface, rendered when the generation
was built. (Plain twin: the specification.)

A file that is derived: who lacks it renders (lookup/flr_answers.py) and comes to the same octets. Works on a block of
bytes; every offset is checked against it before it is followed, so that a damaged file gives `Damaged`, None or a
value. Layout in docs/generation-format.md.
"""

import struct
from array import array
from typing import NamedTuple

from lookup.index import LENGTH_BITS, Buffer, Fragment, encode_fragments, read_fragment
from lookup.record import Damaged

MAGIC = b"FLRSOAP1"
TRAILER = struct.Struct("<QII16s")  # where the pointers begin, slots, zero, the content digest
POINTER_BYTES = 8
PART_HEAD = struct.Struct("<IIB")  # octets of `before`, HER-ID or 0, 1 on a vacant list


class Part(NamedTuple):
    """The shared part of an association in [since, until), as lookup.flr_answers.Shared, in UTF-8.

    Both texts are empty where the contract is not in force.
    """

    since: int
    until: int
    her_id: int | None
    vacant: bool
    before: bytes
    behind: bytes

    def __repr__(self) -> str:
        """No content: it names doctors."""
        return "<Part>"


class SoapParts:
    """The parts of one generation. `data` must stay unchanged while the object lives."""

    def __init__(self, data: Buffer) -> None:
        """Raises Damaged when the file is not of its format, or its pointers lead outside."""
        self._data = memoryview(data).cast("B")
        if len(self._data) < len(MAGIC) + TRAILER.size or bytes(self._data[: len(MAGIC)]) != MAGIC:
            raise Damaged("not a file of shared parts")
        end = len(self._data) - TRAILER.size
        self.table, self.slots, zero, digest = TRAILER.unpack_from(self._data, end)
        self.digest = digest.hex()
        if zero or self.table < len(MAGIC) or self.table + POINTER_BYTES * self.slots != end:
            raise Damaged("a file of shared parts of the wrong size")

    def close(self) -> None:
        """Let go of the block."""
        self._data.release()

    def pointers(self) -> "array[int]":
        """The pointer of every slot."""
        return array("Q", bytes(self._data[self.table : self.table + POINTER_BYTES * self.slots]))

    def value(self, slot: int) -> bytes | None:
        """The octets of a slot, or None where it has none."""
        if not 0 <= slot < self.slots:
            raise Damaged("a slot is out of range")
        (pointer,) = struct.unpack_from("<Q", self._data, self.table + POINTER_BYTES * slot)
        if not pointer:
            return None
        offset, length = pointer >> LENGTH_BITS, pointer & ((1 << LENGTH_BITS) - 1)
        if offset + length > self.table:
            raise Damaged("a pointer leads outside")
        value = bytes(self._data[offset : offset + length])
        if len(value) < 4 or int.from_bytes(value[:4], "little") != slot:
            raise Damaged("a slot's value is of another slot")
        return value

    def part(self, slot: int, at: int) -> Part | None:
        """The part of a slot at `at`, or None when `at` is outside what was rendered."""
        value = self.value(slot)
        fragment = None if value is None else read_fragment(value, at)
        return None if fragment is None else _read_part(fragment)


def encode_parts(slot: int, parts: list[Part]) -> bytes:
    """The value of a slot: consecutive periods, each beginning where the one before it ends."""
    return encode_fragments(slot, [Fragment(part.since, part.until, (), _encode_part(part)) for part in parts])


def _encode_part(part: Part) -> bytes:
    if not part.before:
        return b""
    return PART_HEAD.pack(len(part.before), part.her_id or 0, part.vacant) + part.before + part.behind


def _read_part(fragment: Fragment) -> Part:
    since, until, confirmers, octets = fragment
    if confirmers:
        raise Damaged("a shared part's head is wrong")
    if not octets:
        return Part(since, until, None, True, b"", b"")
    if len(octets) < PART_HEAD.size:
        raise Damaged("a shared part is too short")
    size, her_id, vacant = PART_HEAD.unpack_from(octets)
    behind = PART_HEAD.size + size
    if vacant > 1 or not size or behind > len(octets):
        raise Damaged("a shared part's head is wrong")
    return Part(since, until, her_id or None, bool(vacant), octets[PART_HEAD.size : behind], octets[behind:])
