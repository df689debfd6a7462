"""Comparing two indexes: every kind of difference is counted, by both twins, whatever the indexes number otherwise."""

from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import loader._fast.compare
import loader.compare
import lookup._fast.index
import lookup.index
from loader.compare import NOWHERE_CODE, NOWHERE_SLOT, Compared, Recoding
from lookup.key import KEY_BITS, MIN_BITS, mix, split, unmix
from lookup.record import FOREVER, Damaged, Membership, Record
from tests.loader.feeds import ANNE, BERIT, CARL, DAVID
from tests.lookup.test_index import Blocks

TWINS = {"plain": (loader.compare, lookup.index), "compiled": (loader._fast.compare, lookup._fast.index)}
CODES = bytes(range(256))
SLOTS = 4
ALIKE = Recoding(array("I", range(SLOTS)), CODES, CODES)
Persons = dict[int, Record]


def parts_of(
    twin: str, old: Persons, new: Persons, recoding: Recoding = ALIKE, bits: tuple[int, int] = (MIN_BITS, MIN_BITS)
) -> list[Compared]:
    compare, index = TWINS[twin]
    opened: list[Any] = []
    for persons, each in zip((old, new), bits, strict=True):
        blocks = Blocks(each, SLOTS)
        blocks.put_persons(persons)
        opened.append(blocks.open(index))
    return [compare.compare(*opened, recoding, part, 2) for part in range(4)]


def compared(*arguments: Any) -> Compared:
    """The counts alone."""
    return Compared(*map(sum, zip(*(part[:5] for part in parts_of(*arguments)), strict=True)))


def expected(old: Persons, new: Persons, recoding: Recoding = ALIKE) -> Compared:
    """The same by sets and dictionaries."""
    was, now = ({nin for nin, record in each.items() if record.alias_of is None} for each in (old, new))
    before = {(nin, m.id): recoding.of(m) for nin in was for m in old[nin].memberships}
    after = {(nin, m.id): m for nin in now for m in new[nin].memberships}
    return Compared(
        len(now - was),
        len(was - now),
        len(after.keys() - before.keys()),
        sum(before[key] != after[key] for key in before.keys() & after.keys()),
        len(before.keys() - after.keys()),
    )


def member(number: int, start: int = 0, **changed: int) -> Membership:
    return Membership(1, start, start + 10, 1, 2, 5, number)._replace(**changed)


def of(*memberships: Membership) -> Record:
    return Record(None, False, memberships)


OLD: Persons = {
    int(ANNE): of(member(2, 20), member(1)),
    int(BERIT): of(member(3)),
    int(CARL): Record(alias_of=int(ANNE)),
}


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    ("new", "counts"),
    [
        (OLD, Compared()),
        ({**OLD, int(DAVID): of(member(9))}, Compared(persons_created=1, memberships_created=1)),
        ({**OLD, int(CARL): of(member(9))}, Compared(persons_created=1, memberships_created=1)),
        ({**OLD, int(BERIT): Record(alias_of=int(ANNE))}, Compared(persons_deleted=1, memberships_deleted=1)),
        ({int(ANNE): OLD[int(ANNE)]}, Compared(persons_deleted=1, memberships_deleted=1)),
        ({**OLD, int(ANNE): of(member(1))}, Compared(memberships_deleted=1)),
        ({**OLD, int(BERIT): of(member(4, 50), member(3))}, Compared(memberships_created=1)),
        ({**OLD, int(BERIT): of(member(4))}, Compared(memberships_created=1, memberships_deleted=1)),
        *(
            ({**OLD, int(BERIT): of(member(3, **{name: value}))}, Compared(memberships_updated=1))
            for name, value in {"slot": 2, "valid_from": -1, "to": 9, "begin": 3, "end": 3, "updated": 6}.items()
        ),
        ({**OLD, int(BERIT): Record(None, True, (member(3),))}, Compared()),  # seen in people.mdb
    ],
    ids=str,
)
def test_each_difference_alone(twin: str, new: Persons, counts: Compared) -> None:
    assert compared(twin, OLD, new) == counts == expected(OLD, new)
    back = Compared(*(counts[i] for i in (1, 0, 4, 3, 2)))
    assert compared(twin, new, OLD) == back


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("bits", [(MIN_BITS, MIN_BITS), (MIN_BITS, MIN_BITS + 2), (MIN_BITS + 1, MIN_BITS)])
def test_the_buckets_in_which_something_is_otherwise(twin: str, bits: tuple[int, int]) -> None:
    """One person after the other: gone, come, with another membership, protected; and in a part all of them at once."""
    numbers = [nin for nin in (unmix((each << KEY_BITS) // 100) for each in range(100)) if nin < 10**11][:60]
    everybody = {nin: of(member(each)) for each, nin in enumerate(numbers)}
    changed: dict[int, Record | None] = {
        numbers[3]: None,
        numbers[17]: of(member(17, to=11)),
        numbers[30]: of(),
        numbers[44]: everybody[numbers[44]]._replace(protected=True),
        numbers[58]: Record(alias_of=numbers[57]),
    }
    for some in ({}, *({nin: record} for nin, record in changed.items()), changed):
        new = {nin: some.get(nin, record) for nin, record in everybody.items()}
        there = {nin: record for nin, record in new.items() if record is not None}
        for old, now in ((everybody, there), (there, everybody)):
            touched = [bucket for part in parts_of(twin, old, now, ALIKE, bits) for bucket in part.touched]
            assert touched == sorted({split(mix(nin), min(bits))[0] for nin in some})


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("bits", [(MIN_BITS, MIN_BITS + 1), (MIN_BITS + 1, MIN_BITS)])
def test_what_generations_number_otherwise_is_the_same(twin: str, bits: tuple[int, int]) -> None:
    recoding = Recoding(array("I", [3, 0, NOWHERE_SLOT, 1]), bytes([0, 7]) + CODES[2:], CODES)
    new = {
        nin: record._replace(memberships=tuple(m._replace(slot=0, begin=7) for m in record.memberships))
        for nin, record in OLD.items()
    }
    assert compared(twin, OLD, new, recoding, bits) == Compared()
    assert compared(twin, OLD, OLD, recoding, bits) == Compared(memberships_updated=3)


@pytest.mark.parametrize("twin", TWINS)
def test_a_code_or_list_that_the_other_has_not_is_a_difference(twin: str) -> None:
    for recoding in (
        Recoding(array("I", [NOWHERE_SLOT] * SLOTS), CODES, CODES),
        Recoding(ALIKE.slots, bytes([NOWHERE_CODE] * 256), CODES),
        Recoding(ALIKE.slots, CODES, bytes([NOWHERE_CODE] * 256)),
    ):
        assert compared(twin, OLD, OLD, recoding) == Compared(memberships_updated=3)


@pytest.mark.parametrize("twin", TWINS)
def test_a_slot_that_there_is_not_is_damage(twin: str) -> None:
    with pytest.raises(Damaged, match="a slot is out of range"):
        compared(twin, OLD, {}, Recoding(array("I", [0]), CODES, CODES))


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("side", [0, 1])
def test_damage_is_told(twin: str, side: int) -> None:
    compare, index = TWINS[twin]
    whole = Blocks(MIN_BITS, SLOTS)
    whole.put_persons(OLD)
    short = Blocks(MIN_BITS, SLOTS)
    short.put_persons(OLD)
    short.entries = [entry + (1 << 40) if entry else 0 for entry in short.entries]
    pair = [whole.open(index), whole.open(index)]
    pair[side] = short.open(index)
    with pytest.raises(Damaged, match="a pointer leads outside"):
        compare.compare(*pair, ALIKE, 0, 0)


@st.composite
def registers(draw: st.DrawFn) -> Persons:
    """A few persons, often in one bucket, with memberships that are often the same in two of these."""
    numbers = st.sampled_from(
        [unmix(bucket << KEY_BITS - MIN_BITS | rest) for bucket in (0, 1, 8191) for rest in (0, 5)]
    )
    memberships = st.builds(
        Membership,
        st.integers(0, SLOTS - 1),
        st.integers(0, 2),
        st.sampled_from([5, FOREVER]),
        st.integers(0, 1),
        st.integers(0, 1),
        st.integers(0, 1),
        st.integers(1, 3),
    )
    records = st.lists(memberships, max_size=3, unique_by=lambda m: m.id).map(lambda each: of(*each))
    return draw(st.dictionaries(numbers, records | st.just(Record(alias_of=7)), max_size=5))


@hypothesis_settings(max_examples=25)
@given(registers(), registers(), st.permutations(range(SLOTS)))
def test_the_twins_agree_with_sets(old: Persons, new: Persons, slots: list[int]) -> None:
    recoding = Recoding(array("I", slots), CODES, CODES)
    wanted = expected(old, new, recoding)
    for twin in TWINS:
        assert compared(twin, old, new, recoding) == wanted


def test_a_person_with_as_many_memberships_as_a_record_holds() -> None:
    many = of(*(Membership(0, -2208988800000000, FOREVER, 0, 0, -2208988800000000, i % 128) for i in range(9000)))
    assert compared("compiled", {}, {int(ANNE): many}) == Compared(1, 0, 9000, 0, 0)
