"""Packing records into rows: the plain twin packs as it should, and the compiled one packs the same bytes."""

import struct
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import loader._fast.pack
import loader.pack
from lookup.key import KEY_BITS, mix
from lookup.record import FOREVER
from register import codes
from register.feed import canonical_lines
from register.localtime import to_micros
from register.model import CodeRef, Membership, Person, PersonStatus, PhysicalAddress
from tests.loader.feeds import number

FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)
TWINS = pytest.mark.parametrize("twin", [loader.pack, loader._fast.pack], ids=["plain", "compiled"])
KNOWN = {
    codes.SEX: {"1", "2"},
    codes.ADDRESS_TYPE: {"RES"},
    codes.MUNICIPALITY: {"0301", "Å"},
    codes.COUNTRY: {"NO"},
    codes.PERSON_STATUS: {"1"},
    codes.PERSON_STATUS_OTHER: set(),
}
SLOTS = {11: 0, 12: 1, 2**53: 2**32 - 1}
BEGIN_CODES = {None: 0, "BGVA": 1, "BGFL": 200}
END_CODES = {None: 0, "OHID": 1, "OHDO": 255}

NINS = st.one_of(
    st.integers(0, 300).map(number),
    st.text(st.sampled_from("0123456789"), min_size=11, max_size=11),
    st.text(min_size=0, max_size=12),
    st.sampled_from(["", "0" * 11, "٠١٨١٩٠٥٣٠٢٩", "0181905302\0", number(1) + "0", "1" + number(1)[1:]]),
)
TIMES = st.one_of(
    st.datetimes(),
    st.sampled_from(
        [
            FIRST,
            LAST,
            datetime(1, 2, 28),
            datetime(1900, 2, 28, 23, 59, 59, 999999),
            datetime(1900, 3, 1),
            datetime(1969, 12, 31, 23, 59, 59, 999999),
            datetime(1970, 1, 1),
            datetime(2000, 2, 29),
            datetime(2024, 2, 29, 12),
            datetime(2100, 2, 28),
        ]
    ),
)
VALUES = st.sampled_from([None, "1", "2", "RES", "0301", "NO", "Å", "", "1\0"])
STATUSES = st.builds(
    PersonStatus,
    id=st.just(1),
    code=st.builds(CodeRef, oid=st.sampled_from([5510, 5511, 17]), value=st.sampled_from(["1", "2"])),
    valid_from=TIMES,
    to=st.none() | TIMES,
)
ADDRESSES = st.builds(
    PhysicalAddress, type=VALUES.filter(bool), city=st.text(max_size=5), municipality=VALUES, country=VALUES
)
PERSONS = st.builds(
    Person,
    nin=NINS,
    first_name=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    sex=VALUES,
    protection=st.sampled_from([None, "fortrolig", "strengt-fortrolig"]),
    status=st.lists(STATUSES, max_size=2).map(tuple),
    physical_addresses=st.lists(ADDRESSES, max_size=2).map(tuple),
)
MEMBERSHIPS = st.builds(
    Membership,
    id=st.integers(1, 2**53) | st.integers(1, 9),
    nin=NINS,
    contract_id=st.sampled_from([11, 12, 13, 2**53]),
    valid_from=TIMES,
    to=st.none() | TIMES,
    begin_code=st.sampled_from([None, "BGVA", "BGFL", "OHID"]),
    end_code=st.sampled_from([None, "OHID", "OHDO", "BGVA"]),
    updated=TIMES,
)
PLACES = st.tuples(st.integers(0, 12), st.integers(0, 65535), st.integers(1, 2**31))  # part bits, file, first line


def outcome(twin: ModuleType, kind: str, items: list[Any], place: tuple[int, int, int], reader: int = 0) -> object:
    part_bits, file, line = place
    first, second = twin.Parts(1 << part_bits), twin.Parts(1 << part_bits)
    if kind == "persons":
        lines = canonical_lines(items)
        faults = twin.pack_persons(items, lines, KNOWN, first, second, part_bits, file, line, reader)
    else:
        faults = twin.pack_memberships(items, SLOTS, BEGIN_CODES, END_CODES, first, second, part_bits, file, line)
    return faults, first.drain(), second.drain(), first.drain()


@given(st.lists(PERSONS, max_size=6), PLACES, st.integers(0, 2**32 - 1))
def test_the_twins_pack_persons_alike(persons: list[Person], place: tuple[int, int, int], reader: int) -> None:
    plain = outcome(loader.pack, "persons", persons, place, reader)
    assert outcome(loader._fast.pack, "persons", persons, place, reader) == plain


@given(st.lists(MEMBERSHIPS, max_size=6), PLACES)
@example([Membership(id=1, nin=number(1), contract_id=11, valid_from=LAST, updated=FIRST)], (0, 0, 1))
def test_the_twins_pack_memberships_alike(memberships: list[Membership], place: tuple[int, int, int]) -> None:
    plain = outcome(loader.pack, "memberships", memberships, place)
    assert outcome(loader._fast.pack, "memberships", memberships, place) == plain


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**11 - 1), st.integers(0, 10**11 - 1), st.integers(0, 65535), st.integers(1, 2**32 - 1)
        )
    ),
    st.integers(0, 12),
)
def test_the_twins_pack_aliases_alike(changes: list[tuple[int, int, int, int]], part_bits: int) -> None:
    drained = []
    for twin in (loader.pack, loader._fast.pack):
        parts = twin.Parts(1 << part_bits)
        twin.pack_aliases(changes, parts, part_bits)
        drained.append(parts.drain())
    assert drained[0] == drained[1]


@TWINS
class TestRows:
    """The layout drawn in loader/pack.py, byte by byte."""

    def test_a_membership(self, twin: ModuleType) -> None:
        start = datetime(2020, 2, 29, 1, 2, 3, 4)
        item = Membership(
            id=2**40 + 3,
            nin=number(7),
            contract_id=12,
            valid_from=start,
            to=start + timedelta(microseconds=1),
            begin_code="BGFL",
            end_code="OHDO",
            updated=datetime(1969, 12, 31, 23, 59, 59, 999999),
        )
        faults, (rows, sizes), (ids, id_sizes), _ = outcome(twin, "memberships", [item], (3, 258, 70000))
        key, from_micros = mix(int(number(7))), to_micros(start)
        assert faults == []
        assert rows == (
            struct.pack("<QqqqQ", key, from_micros, from_micros + 1, -1, 2**40 + 3)
            + struct.pack("<IIH", 1, 70000, 258)
            + bytes((2, 200, 255, 0, 0, 0))
        )
        assert sizes == [56 if part == key >> KEY_BITS - 3 else 0 for part in range(8)]
        assert ids == struct.pack("<QII", 2**40 + 3, 70000, 258)
        assert id_sizes == [16 if part == 3 else 0 for part in range(8)]

    def test_an_open_membership(self, twin: ModuleType) -> None:
        item = Membership(
            id=1, nin=number(7), contract_id=11, valid_from=datetime(2020, 1, 1), updated=datetime(2020, 1, 1)
        )
        _, (rows, _), _, _ = outcome(twin, "memberships", [item], (0, 0, 1))
        assert struct.unpack_from("<q", rows, 16) == (FOREVER,)
        assert rows[51:54] == bytes(3)

    def test_persons_and_their_lines(self, twin: ModuleType) -> None:
        items = [Person(nin=number(7)), Person(nin=number(8), first_name="Åse", protection="fortrolig")]
        faults, (rows, _), (texts, sizes), drained_again = outcome(twin, "persons", items, (0, 9, 5), 77)
        lines = canonical_lines(items)
        size = lines.index(b"\n") + 1
        assert faults == []
        assert rows == (
            struct.pack("<QqqqQ", mix(int(number(7))), 0, 0, size, 0)
            + struct.pack("<IIH", 77, 5, 9)
            + bytes(6)
            + struct.pack("<QqqqQ", mix(int(number(8))), 0, 0, len(lines) - size, size)
            + struct.pack("<IIH", 77, 6, 9)
            + bytes((0, 0, 0, 1, 0, 0))
        )
        assert (texts, sizes) == (lines, [len(lines)])
        assert drained_again == (b"", [0])

    def test_an_alias(self, twin: ModuleType) -> None:
        parts = twin.Parts(1)
        twin.pack_aliases([(int(number(7)), int(number(8)), 3, 4)], parts, 0)
        assert parts.drain()[0] == (
            struct.pack("<QqqqQ", mix(int(number(7))), 0, 0, 0, int(number(8)))
            + struct.pack("<IIH", 0, 4, 3)
            + bytes((1, 0, 0, 0, 0, 0))
        )

    def test_a_bad_one_leaves_no_row_and_counts_as_a_line(self, twin: ModuleType) -> None:
        items = [
            Membership(id=i, nin=nin, contract_id=11, valid_from=datetime(2020, 1, 1), updated=datetime(2020, 1, 1))
            for i, nin in enumerate(["0" * 10 + "1", number(7), "x" * 11, number(8)])
        ]
        faults, (rows, _), (ids, _), _ = outcome(twin, "memberships", items, (0, 0, 10))
        assert faults == [("nin is not a valid national id", 10), ("nin is not a valid national id", 12)]
        assert [struct.unpack_from("<I", rows, at + 44)[0] for at in range(0, len(rows), 56)] == [11, 13]
        assert len(ids) == 32

    def test_lines_and_persons_must_match(self, twin: ModuleType) -> None:
        items = [Person(nin=number(7)), Person(nin=number(8))]
        for lines in (b"", canonical_lines(items[:1]), canonical_lines(items)[:-1]):
            with pytest.raises(ValueError, match="fewer lines than items"):
                twin.pack_persons(items, lines, KNOWN, twin.Parts(1), twin.Parts(1), 0, 0, 1, 0)

    def test_areas_grow_as_needed(self, twin: ModuleType) -> None:
        parts = twin.Parts(2)
        changes = [(int(number(i)), i, 0, i) for i in range(1, 500)]
        twin.pack_aliases(changes, parts, 1)
        rows, sizes = parts.drain()
        assert parts.count == 2
        assert len(rows) == sum(sizes) == 499 * 56
        newest = sorted(struct.unpack_from("<Q", rows, at + 32)[0] for at in range(0, len(rows), 56))
        assert newest == list(range(1, 500))
