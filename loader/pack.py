"""Packing: what reading a feed leaves of each person, old number and membership. (Plain twin: the specification.)

Every record becomes a row of 56 bytes; rows are dealt out into parts by the upper bits of the mixed key, so that each
part can be sorted by itself afterwards (loader/buckets.py). A membership's id is dealt out apart, by its lower bits,
to find ids that are used twice. Checks what can be seen of one record alone; a fault is told as (what, line), never
with content.

    0   8  mixed key of the national id      40  4  slot of the contract (membership), reader (person)
    8   8  from                              44  4  line
    16  8  to                                48  2  file
    24  8  updated; size of the line (person)    50  1  kind: 0 person, 1 alias, 2 membership
    32  8  id; newest number (alias);        51  1  begin code  52 1 end code  53 1 protected
           place of the line (person)        54  2  zero
"""

import struct
from collections.abc import Iterator, Sequence

from lookup.key import KEY_BITS, NOT_AN_ID, mix, parse
from register import codes
from register.localtime import to_micros
from register.model import Membership, Person, PhysicalAddress

ROW = struct.Struct("<QqqqQIIHBBBBH")
ID_ROW = struct.Struct("<QII")  # id, line, file
PERSON, ALIAS, MEMBERSHIP = 0, 1, 2

NOT_VALID = "nin is not a valid national id"
EMPTY_PERIOD = "the period ends before it begins"
UNKNOWN_CODE = "a value that is not in code system {}"
DANGLING_CONTRACT = "contractId names a contract that is not in the feed"

Known = dict[int, set[str]]


class Parts:
    """Growing areas of bytes, one for each part of the keys."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.areas = [bytearray() for _ in range(count)]

    def drain(self) -> tuple[bytes, list[int]]:
        """(all areas end to end, the size of each); the areas are empty afterwards."""
        whole, sizes = b"".join(self.areas), [len(area) for area in self.areas]
        self.areas = [bytearray() for _ in range(self.count)]
        return whole, sizes


def pack_persons(
    items: list[Person],
    lines: bytes,
    known: Known,
    rows: Parts,
    texts: Parts,
    part_bits: int,
    file: int,
    first_line: int,
    reader: int,
) -> list[tuple[str, int]]:
    """Pack persons: a row each, and its canonical line beside it. Returns faults as (what, line).

    `lines` are the canonical lines of `items`; `known` is oid -> set of values. The row's id is the line's place in
    what `texts` holds of its part now; the reader, the number of this batch, tells later where that stands.
    """
    faults = []
    split_lines = lines.split(b"\n")[:-1]
    if len(split_lines) < len(items):
        raise ValueError("fewer lines than items")
    for line, (item, text) in enumerate(zip(items, split_lines, strict=False), first_line):
        number = parse(item.nin)
        if number == NOT_AN_ID:
            faults.append((NOT_VALID, line))
            continue
        faults += [(what, line) for what in faults_of_person(item, known)]
        part = mix(number) >> KEY_BITS - part_bits
        place, protected = len(texts.areas[part]), item.protection is not None
        texts.areas[part] += text + b"\n"
        rows.areas[part] += ROW.pack(
            mix(number), 0, 0, len(text) + 1, place, reader, line, file, PERSON, 0, 0, protected, 0
        )
    return faults


def faults_of_person(item: Person, known: Known) -> Iterator[str]:
    """What is wrong with a person's codes and periods; `known` is oid -> set of values."""
    yield from _unknown(known, codes.SEX, item.sex)
    for address in item.physical_addresses:
        for oid, value in _codes_of(address):
            yield from _unknown(known, oid, value)
    for status in item.status:
        if status.to is not None and status.to <= status.valid_from:
            yield EMPTY_PERIOD
        if status.code.value not in known.get(status.code.oid, ()):
            yield UNKNOWN_CODE.format(status.code.oid)


def _codes_of(address: PhysicalAddress) -> Sequence[tuple[int, str | None]]:
    return (
        (codes.ADDRESS_TYPE, address.type),
        (codes.MUNICIPALITY, address.municipality),
        (codes.COUNTRY, address.country),
    )


def _unknown(known: Known, oid: int, value: str | None) -> Iterator[str]:
    if value is not None and value not in known[oid]:
        yield UNKNOWN_CODE.format(oid)


def pack_memberships(
    items: list[Membership],
    slots: dict[int, int],
    begin_codes: dict[str | None, int],
    end_codes: dict[str | None, int],
    rows: Parts,
    ids: Parts,
    part_bits: int,
    file: int,
    first_line: int,
) -> list[tuple[str, int]]:
    """Pack memberships: a row each, and its id dealt out by its low bits. Returns faults as (what, line)."""
    faults = []
    for line, item in enumerate(items, first_line):
        number, slot = parse(item.nin), slots.get(item.contract_id)
        begin, end = begin_codes.get(item.begin_code), end_codes.get(item.end_code)
        valid_from, to, updated = map(to_micros, (item.valid_from, item.to, item.updated))
        if number == NOT_AN_ID:
            faults.append((NOT_VALID, line))
        elif slot is None:
            faults.append((DANGLING_CONTRACT, line))
        elif begin is None:
            faults.append((UNKNOWN_CODE.format(codes.BEGIN_REASON), line))
        elif end is None:
            faults.append((UNKNOWN_CODE.format(codes.END_REASON), line))
        elif to <= valid_from:
            faults.append((EMPTY_PERIOD, line))
        else:
            key = mix(number)
            rows.areas[key >> KEY_BITS - part_bits] += ROW.pack(
                key, valid_from, to, updated, item.id, slot, line, file, MEMBERSHIP, begin, end, 0, 0
            )
            ids.areas[item.id & (1 << part_bits) - 1] += ID_ROW.pack(item.id, line, file)
    return faults


def pack_aliases(changes: list[tuple[int, int, int, int]], rows: Parts, part_bits: int) -> None:
    """Pack old numbers: `changes` are (old number, newest number, file, line)."""
    for old, newest, file, line in changes:
        key = mix(old)
        rows.areas[key >> KEY_BITS - part_bits] += ROW.pack(key, 0, 0, 0, newest, 0, line, file, ALIAS, 0, 0, 0, 0)
