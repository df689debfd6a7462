"""Assembling sorted rows into buckets: what is wrong is told, what is right comes back, and the twins agree."""

from array import array
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import loader._fast.buckets
import loader.buckets
from loader.pack import ALIAS, ID_ROW, MEMBERSHIP, PERSON, ROW
from lookup.index import encode_buckets
from lookup.key import KEY_BITS, join
from lookup.record import FOREVER, Membership, Record, TooLarge, decode_bucket

TWINS = pytest.mark.parametrize("twin", [loader.buckets, loader._fast.buckets], ids=["plain", "compiled"])
BITS, SLOTS, NOW = 13, 4, 1000
Rows = list[tuple[int, ...]]


def person(key: int, line: int = 1, *, protected: bool = False, reader: int = 0, place: int = 0, size: int = 9) -> Any:
    return key, 0, 0, size, place, reader, line, 0, PERSON, 0, 0, protected, 0


def alias(key: int, newest: int, line: int = 1) -> tuple[int, ...]:
    return key, 0, 0, 0, newest, 0, line, 1, ALIAS, 0, 0, 0, 0


def membership(key: int, start: int, to: int, line: int = 1, slot: int = 0, file: int = 2) -> tuple[int, ...]:
    return key, start, to, 5, line, slot, line, file, MEMBERSHIP, 1, 2, 0, 0


def outcome(twin: ModuleType, rows: Rows, bits: int = BITS, at: int = NOW) -> dict[str, Any]:
    """Everything an assembly has to tell, or that a bucket is too large."""
    listed = array("I", bytes(4 * SLOTS))
    try:
        assembly = twin.assemble(bytearray(b"".join(ROW.pack(*row) for row in rows)), bits, at, listed)
        if assembly.faults:
            return {"faults": assembly.faults}
        return {
            "faults": [],
            "counts": assembly.counts,
            "buckets": list(assembly.bucket_values()),
            "lines": list(assembly.person_lines()),
            "members": list(assembly.member_buckets()),
            "listed": listed.tolist(),
        }
    except TooLarge as error:
        return {"too large": str(error)}


@st.composite
def registers(draw: st.DrawFn) -> tuple[int, Rows]:
    """(bits, rows) of a sound part: a few buckets, rests that often share their low or high bits, any order."""
    bits = draw(st.sampled_from([13, 14, 20, 28]))
    rests = st.integers(0, (1 << KEY_BITS - bits) - 1)
    if bits < 21:
        rests |= st.builds(lambda high, low: high << 16 | low, st.integers(0, 1), st.integers(0, 2))
    buckets = draw(st.lists(st.integers(0, (1 << bits) - 1), min_size=1, max_size=3))
    keys = draw(st.sets(st.builds(lambda bucket, rest: join(bucket, rest, bits), st.sampled_from(buckets), rests)))
    rows: Rows = []
    for line, key in enumerate(keys, 1):
        if draw(st.booleans()) and draw(st.booleans()):
            rows.append(alias(key, draw(st.integers(0, 10**11 - 1)), line))
            continue
        reader, place, size = (draw(st.integers(0, top)) for top in (2**32 - 1, 2**40, 2**20))
        rows.append(person(key, line, protected=draw(st.booleans()), reader=reader, place=place, size=size))
        times = sorted(draw(st.sets(st.integers(-3, 3).map(lambda n: NOW + n) | st.integers(-(2**62), 2**62))))
        for i, (start, to) in enumerate(zip(times, [*times[1:], FOREVER], strict=False)):
            if draw(st.integers(0, 4)):
                end = draw(st.sampled_from([to, start + 1]))
                rows.append(membership(key, start, end, 100 * line + i, draw(st.integers(0, SLOTS - 1))))
    return bits, draw(st.permutations(rows))


ANY_ROW = st.one_of(
    st.builds(person, st.integers(0, 3), st.integers(1, 9)),
    st.builds(alias, st.integers(0, 3), st.just(9), st.integers(1, 9)),
    st.builds(
        lambda key, start, size, line, file: membership(key, start, start + size, line, 0, file),
        st.integers(0, 3),
        st.integers(0, 9),
        st.integers(1, 5),
        st.integers(1, 99),
        st.integers(2, 3),
    ),
)


@given(registers())
def test_the_twins_assemble_alike(register: tuple[int, Rows]) -> None:
    bits, rows = register
    plain = outcome(loader.buckets, rows, bits)
    assert plain["faults"] == []
    assert outcome(loader._fast.buckets, rows, bits) == plain


@given(st.lists(ANY_ROW, max_size=30, unique_by=lambda row: (row[7], row[6])))
def test_the_twins_find_the_same_faults(rows: Rows) -> None:
    assert outcome(loader._fast.buckets, rows) == outcome(loader.buckets, rows)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 50), st.integers(0, 3)), unique_by=lambda row: row[1:]))
def test_the_twins_find_the_same_duplicate_ids(rows: list[tuple[int, int, int]]) -> None:
    packed = b"".join(ID_ROW.pack(*row) for row in rows)
    plain = loader.buckets.duplicate_ids(bytearray(packed))
    assert loader._fast.buckets.duplicate_ids(bytearray(packed)) == plain


@TWINS
class TestAssembly:
    @given(register=registers())
    def test_every_row_comes_back(self, twin: ModuleType, register: tuple[int, Rows]) -> None:
        bits, rows = register
        told = outcome(twin, rows, bits)
        read = {
            join(bucket, rest, bits): record
            for bucket, value in told["buckets"]
            for rest, record in decode_bucket(value, bucket, bits)
        }
        persons = {row[0]: row for row in rows if row[8] == PERSON}
        wanted = {row[0]: Record(alias_of=row[4]) for row in rows if row[8] == ALIAS}
        for key, row in persons.items():
            own = sorted((r for r in rows if r[8] == MEMBERSHIP and r[0] == key), key=lambda r: -r[1])
            wanted[key] = Record(
                None, bool(row[11]), tuple(Membership(r[5], r[1], r[2], r[9], r[10], r[3], r[4]) for r in own)
            )
        assert read == wanted
        shift = KEY_BITS - bits
        assert [bucket for bucket, _ in told["buckets"]] == sorted({key >> shift for key in wanted})
        assert told["lines"] == [(key >> shift, r[5], r[4], r[3]) for key, r in sorted(persons.items())]
        in_force = [r for r in rows if r[8] == MEMBERSHIP and r[1] <= NOW < r[2]]
        assert told["listed"] == [sum(r[5] == slot for r in in_force) for slot in range(SLOTS)]
        assert told["counts"] == {
            "persons": len(persons),
            "aliases": len(wanted) - len(persons),
            "memberships": sum(r[8] == MEMBERSHIP for r in rows),
            "unplaced": len(persons) - len(in_force),
        }
        for slot in range(SLOTS):
            on_list = sorted({r[0] >> shift for r in rows if r[8] == MEMBERSHIP and r[5] == slot})
            mine = [entry for entry in told["members"] if entry[0] == slot]
            assert len(mine) == bool(on_list)
            for _, first, last, others in mine:
                assert (first, last) == (on_list[0], on_list[-1])
                assert encode_buckets(slot, [first]) + others == encode_buckets(slot, on_list)

    @pytest.mark.parametrize("to", [-1, 0, 1])
    def test_the_newest_may_end_where_time_begins(self, twin: ModuleType, to: int) -> None:
        # a person's own row has `from` 0, which is no membership's beginning
        ((bucket, value),) = outcome(twin, [person(7), membership(7, -5, to)])["buckets"]
        ((_, record),) = decode_bucket(value, bucket, BITS)
        assert [(m.valid_from, m.to) for m in record.memberships] == [(-5, to)]

    def test_nothing_is_nothing(self, twin: ModuleType) -> None:
        assert outcome(twin, []) == {
            "faults": [],
            "counts": {"persons": 0, "aliases": 0, "memberships": 0, "unplaced": 0},
            "buckets": [],
            "lines": [],
            "members": [],
            "listed": [0] * SLOTS,
        }
        assert twin.duplicate_ids(bytearray()) == []

    @pytest.mark.parametrize(
        ("rows", "faults"),
        [
            ([person(7, 1), person(7, 2)], [("a person that is in the feed twice", 0, 2)]),
            ([alias(7, 8, 1), alias(7, 9, 2)], [("an old number that is replaced twice", 1, 2)]),
            ([person(7), alias(7, 8, 2)], [("an old number that is still a person", 1, 2)]),
            (
                [alias(7, 8), membership(7, 1, 2, 3)],
                [("a membership of a number that has been replaced", 2, 3)],
            ),
            ([membership(7, 1, 2, 3)], [("a membership of a person that is not in the feed", 2, 3)]),
            (
                [person(7), membership(7, 1, 3, 3), membership(7, 2, 4, 4)],
                [("a membership that overlaps another of the same person", 2, 4)],
            ),
            (
                [person(7), membership(7, 1, 3, 4), membership(7, 2, 4, 3)],
                [("a membership that overlaps another of the same person", 2, 4)],
            ),
            (
                [person(7), membership(7, 1, 3, 4, file=3), membership(7, 2, 4, 5, file=2)],
                [("a membership that overlaps another of the same person", 3, 4)],
            ),
            (
                [person(7), membership(7, 1, FOREVER, 3), membership(7, 1, 2, 4)],
                [("a membership that overlaps another of the same person", 2, 4)],
            ),
            ([person(7), membership(7, 1, 3, 3), membership(7, 3, 4, 4)], []),
            ([person(7), person(8, 2), membership(7, 1, 3, 3), membership(8, 2, 4, 4)], []),
        ],
    )
    @pytest.mark.parametrize("order", [list, lambda rows: rows[::-1]], ids=["as is", "reversed"])
    def test_what_is_wrong_is_told(
        self, twin: ModuleType, order: Callable[[Rows], Rows], rows: Rows, faults: list[object]
    ) -> None:
        assert outcome(twin, order(rows))["faults"] == faults

    def test_faults_are_told_up_to_a_number(self, twin: ModuleType) -> None:
        rows = [membership(key, 1, 2, key + 1) for key in range(50)]
        fault = "a membership of a person that is not in the feed"
        assert outcome(twin, rows) == {"faults": [(fault, 2, line) for line in range(1, 21)]}
        ids = bytearray(b"".join(ID_ROW.pack(5, line, 2) for line in range(1, 50)))
        assert twin.duplicate_ids(ids) == [("a membership id that is used twice", 2, line) for line in range(2, 22)]

    def test_the_first_of_the_same_ids_is_right(self, twin: ModuleType) -> None:
        rows = [(9, 4, 1), (8, 1, 1), (9, 5, 0), (9, 2, 1), (2**64 - 1, 1, 0), (2**63, 9, 0), (8, 2, 0)]
        ids = bytearray(b"".join(ID_ROW.pack(*row) for row in rows))
        fault = "a membership id that is used twice"
        assert twin.duplicate_ids(ids) == [(fault, 1, 1), (fault, 1, 2), (fault, 1, 4)]

    def test_a_bucket_holds_so_many_bytes(self, twin: ModuleType) -> None:
        fitting = 65_535 // 2  # of two bytes each, and one byte to spare
        told = outcome(twin, [person(key, key + 1) for key in range(fitting)])
        assert told["counts"]["persons"] == fitting
        assert len(told["buckets"][0][1]) == 8 + 4 * fitting + 2 * fitting
        assert outcome(twin, [person(key, key + 1) for key in range(fitting + 1)]) == {
            "too large": "a bucket is too large"
        }

    def test_a_slot_must_be_in_range(self, twin: ModuleType) -> None:
        with pytest.raises(IndexError):
            outcome(twin, [person(1), membership(1, 0, FOREVER, 1, slot=SLOTS)])
