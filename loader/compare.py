"""Comparing two indexes: how many persons and memberships one has that the other has not, or has otherwise.

The plain twin, which is the specification. Looks at a part of the keys at a time, so that a crew can share the work.
Memberships are compared person by person and by id: one that comes to stand under another number is deleted there and
created here. Persons' particulars are not in an index (loader/changes.py looks at them). Does no input or output.
"""

from array import array
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from lookup.key import mix, split
from lookup.record import Damaged, Membership, Record

NOWHERE_SLOT, NOWHERE_CODE = 0xFFFFFFFF, 0xFF


class Buckets(Protocol):
    """What is taken of an index."""

    @property
    def bits(self) -> int:
        """There are 2**bits buckets."""

    def bucket(self, bucket: int) -> list[tuple[int, Record]]:
        """(number, record) of all in a bucket."""

    def record(self, nin: int) -> Record | None:
        """The record under a number."""


class Recoding(NamedTuple):
    """How the numbers that one generation gives to contracts and codes read in another.

    slot -> slot and ordinal -> ordinal (256 of them), NOWHERE_SLOT and NOWHERE_CODE for what the other has not.
    """

    slots: "array[int]"
    begin: bytes
    end: bytes

    def of(self, m: Membership) -> Membership:
        """The membership as the other generation would number it. Raises Damaged."""
        if m.slot >= len(self.slots):
            raise Damaged("a slot is out of range")
        return m._replace(slot=self.slots[m.slot], begin=self.begin[m.begin], end=self.end[m.end])


class Compared(NamedTuple):
    """How many were created, updated and deleted on the way from the one index to the other.

    `touched` are the buckets in which that was, or in which somebody has come to be protected or not, ascending; of as
    many as the fewer bits make.
    """

    persons_created: int = 0
    persons_deleted: int = 0
    memberships_created: int = 0
    memberships_updated: int = 0
    memberships_deleted: int = 0
    touched: tuple[int, ...] = ()


def compare(old: Buckets, new: Buckets, recoding: Recoding, part: int, part_bits: int) -> Compared:
    """Compare one of the 2**part_bits parts of the keys; `recoding` is from old to new. Raises Damaged."""
    persons_deleted = persons_created = created = updated = deleted = 0
    touched = set()
    bits = min(old.bits, new.bits)
    for nin, record in _persons(old, part, part_bits):
        before = {m.id: recoding.of(m) for m in record.memberships}
        other = _person(new, nin)
        after = {m.id: m for m in other.memberships} if other is not None else {}
        persons_deleted += other is None
        deleted += len(before.keys() - after.keys())
        created += len(after.keys() - before.keys())
        updated += sum(before[each] != after[each] for each in before.keys() & after.keys())
        if other is None or before != after or record.protected != other.protected:
            touched.add(split(mix(nin), bits)[0])
    for nin, record in _persons(new, part, part_bits):
        if _person(old, nin) is None:
            persons_created += 1
            created += len(record.memberships)
            touched.add(split(mix(nin), bits)[0])
    return Compared(persons_created, persons_deleted, created, updated, deleted, tuple(sorted(touched)))


def _persons(index: Buckets, part: int, part_bits: int) -> Iterator[tuple[int, Record]]:
    width = index.bits - part_bits
    for bucket in range(part << width, part + 1 << width):
        for nin, record in index.bucket(bucket):
            if record.alias_of is None:
                yield nin, record


def _person(index: Buckets, nin: int) -> Record | None:
    record = index.record(nin)
    return None if record is None or record.alias_of is not None else record
