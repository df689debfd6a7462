"""The canonical lines of memberships, made again out of what an index holds of them.

The plain twin, which is the specification. With them the content digest of a generation can be added up from its files
(loader/content.py). Does no input or output.
"""

from array import array
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from lookup.record import FOREVER, Damaged, Membership, Record
from register import model
from register.feed import canonical_line
from register.ids import format_national_id
from register.localtime import from_micros

SLOT, CODE = "a slot is out of range", "a code is out of range"
TIME, NUMBER = "a time is out of range", "a number is out of range"


class Buckets(Protocol):
    """What is taken of an index."""

    def bucket(self, bucket: int) -> list[tuple[int, Record]]:
        """(number, record) of all in a bucket."""


class Names(NamedTuple):
    """What the numbers in an index stand for: slot -> contract id, ordinal -> begin or end code, as JSON."""

    contracts: "array[int]"
    begin: list[bytes]
    end: list[bytes]


def membership_lines(index: Buckets, names: Names, first: int, last: int) -> bytes:
    """The lines of the memberships in buckets first..last-1, each ended by a line feed. Raises Damaged."""
    return b"".join(
        canonical_line(_membership(nin, m, names)) + b"\n"
        for bucket in range(first, last)
        for nin, record in index.bucket(bucket)
        for m in record.memberships
    )


def _membership(nin: int, m: Membership, names: Names) -> model.Membership:
    if nin >= 10**11:
        raise Damaged(NUMBER)
    if m.slot >= len(names.contracts):
        raise Damaged(SLOT)
    if m.begin >= len(names.begin) or m.end >= len(names.end):
        raise Damaged(CODE)
    return model.Membership(
        id=m.id,
        nin=format_national_id(nin),
        contract_id=names.contracts[m.slot],
        valid_from=_time(m.valid_from),
        to=None if m.to == FOREVER else _time(m.to),
        begin_code=msgspec.json.decode(names.begin[m.begin]),
        end_code=msgspec.json.decode(names.end[m.end]),
        updated=_time(m.updated),
    )


def _time(micros: int) -> datetime:
    try:
        time = from_micros(micros)
    except OverflowError:
        time = None
    if time is None:
        raise Damaged(TIME)
    return time
