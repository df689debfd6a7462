"""Buckets: the packed rows of one part (loader/pack.py), sorted and assembled into values.

The plain twin, which is the specification. Checks what shows only when all rows of a number stand side by side: twice
the same, overlapping, without a person. A fault is told as (what, file, line), never with content. Does no input or
output.
"""

from array import array
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

from loader.pack import ALIAS, ID_ROW, MEMBERSHIP, PERSON, ROW
from lookup.index import encode_buckets
from lookup.key import split
from lookup.record import Membership, Record, encode_bucket

MAX_FAULTS = 20

DUPLICATE_PERSON = "a person that is in the feed twice"
DUPLICATE_CHANGE = "an old number that is replaced twice"
ALIAS_IS_PERSON = "an old number that is still a person"
ALIAS_HAS_MEMBERSHIP = "a membership of a number that has been replaced"
DANGLING_PERSON = "a membership of a person that is not in the feed"
OVERLAP = "a membership that overlaps another of the same person"
DUPLICATE_ID = "a membership id that is used twice"

Fault = tuple[str, int, int]


class _Row(NamedTuple):
    key: int
    valid_from: int
    to: int
    updated: int
    id: int
    slot: int
    line: int
    file: int
    kind: int
    begin: int
    end: int
    protected: int
    zero: int

    def order(self) -> tuple[int, ...]:
        """Key, then kind, then newest membership first, then as they came."""
        return self.key, self.kind, -self.valid_from, self.file, self.line


class Assembly:
    """One part of the register, assembled: bucket values, and what else the build takes from the rows.

    `counts` has persons, aliases, memberships, and unplaced: the persons without a membership in force. With `faults`
    nothing else is to be used.
    """

    def __init__(self, faults: list[Fault], groups: list[list[_Row]], bits: int, at: int) -> None:
        self.faults = faults[:MAX_FAULTS]
        self._groups, self._bits = groups, bits
        persons = [group for group in groups if group[0].kind == PERSON]
        self.counts = {
            "persons": len(persons),
            "aliases": sum(group[0].kind == ALIAS for group in groups),
            "memberships": sum(len(group) - 1 for group in persons),
            "unplaced": sum(not any(row.valid_from <= at < row.to for row in group[1:]) for group in persons),
        }

    def bucket_values(self) -> Iterator[tuple[int, bytes]]:
        """(bucket, value) of every bucket that holds a record, ascending. The value is `encode_bucket`'s."""
        for bucket, groups in groupby(self._groups, lambda group: split(group[0].key, self._bits)[0]):
            yield bucket, encode_bucket(bucket, [(split(g[0].key, self._bits)[1], _record(g)) for g in groups])

    def person_lines(self) -> Iterator[tuple[int, int, int, int]]:
        """(bucket, reader, place, size) of every person's canonical line, in the order of their keys."""
        for row, *_ in self._groups:
            if row.kind == PERSON:
                yield split(row.key, self._bits)[0], row.slot, row.id, row.updated

    def member_buckets(self) -> Iterator[tuple[int, int, int, bytes]]:
        """(slot, first bucket, last bucket, the others) of every contract with members here, by slot.

        The others are varints, each the difference from the bucket before it: what `encode_buckets` writes after the
        first.
        """
        rows = [row for group in self._groups for row in group if row.kind == MEMBERSHIP]
        pairs = sorted({(row.slot, split(row.key, self._bits)[0]) for row in rows})
        for slot, members in groupby(pairs, lambda pair: pair[0]):
            first, *others = [bucket for _, bucket in members]
            differences = [bucket - first for bucket in others]
            yield slot, first, others[-1] if others else first, encode_buckets(slot, differences)[4:]


def assemble(rows: bytearray, bits: int, at: int, listed: "array[int]") -> Assembly:
    """Sort the rows of one part and assemble its buckets; adds to `listed` each slot's memberships in force at `at`.

    `at` is local microseconds. Raises TooLarge, here or from `bucket_values`, for more than a bucket's format holds.
    """
    ordered = sorted(map(_Row._make, ROW.iter_unpack(rows)), key=_Row.order)
    groups = [list(group) for _, group in groupby(ordered, lambda row: row.key)]
    faults = [fault for group in groups for fault in _faults_of(group)]
    for row in [] if faults else ordered:
        if row.kind == MEMBERSHIP and row.valid_from <= at < row.to:
            listed[row.slot] += 1
    return Assembly(faults, [] if faults else groups, bits, at)


def _faults_of(group: list[_Row]) -> Iterator[Fault]:
    """What is wrong with the rows of one number."""
    persons, aliases, memberships = ([row for row in group if row.kind == kind] for kind in (PERSON, ALIAS, MEMBERSHIP))
    yield from ((DUPLICATE_PERSON, row.file, row.line) for row in persons[1:])
    for i, row in enumerate(aliases):
        if persons or i:
            yield ALIAS_IS_PERSON if persons else DUPLICATE_CHANGE, row.file, row.line
    for i, row in enumerate(memberships):
        if aliases:
            yield ALIAS_HAS_MEMBERSHIP, row.file, row.line
        elif not persons:
            yield DANGLING_PERSON, row.file, row.line
        elif i and row.to > memberships[i - 1].valid_from:
            newer = memberships[i - 1]
            yield OVERLAP, *max((row.file, row.line), (newer.file, newer.line))


def _record(group: list[_Row]) -> Record:
    head = group[0]
    if head.kind == ALIAS:
        return Record(alias_of=head.id)
    memberships = tuple(Membership(m.slot, m.valid_from, m.to, m.begin, m.end, m.updated, m.id) for m in group[1:])
    return Record(None, bool(head.protected), memberships)


def duplicate_ids(ids: bytearray) -> list[Fault]:
    """Faults (what, file, line) of the ids that occur twice in packed id rows: all but the first of the same."""
    rows = sorted((number, file, line) for number, line, file in ID_ROW.iter_unpack(ids))
    faults = [(DUPLICATE_ID, file, line) for before, (number, file, line) in pairwise(rows) if before[0] == number]
    return faults[:MAX_FAULTS]
