"""Memberships' canonical lines out of an index: as the feed has them, by both twins, and what is damaged."""

from array import array
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import loader._fast.memberships
import loader.memberships
import lookup._fast.index
import lookup.index
from loader.memberships import Names
from lookup.key import KEY_BITS, MIN_BITS, mix, split, unmix
from lookup.record import FOREVER, Damaged, Membership, Record
from register.feed import canonical_line
from register.localtime import to_micros
from register.model import Membership as FeedMembership
from tests.loader.feeds import ANNE, CARL
from tests.lookup.test_index import Blocks

TWINS = {"plain": (loader.memberships, lookup.index), "compiled": (loader._fast.memberships, lookup._fast.index)}
NAMES = Names(array("Q", [11, 2**53, 13]), [b"null", b'"BGVA"', '"Å\\"\\\\"'.encode()], [b"null", b'"OHID"'])
FIRST, LAST = to_micros(datetime(1, 1, 1)), to_micros(datetime(9999, 12, 31, 23, 59, 59, 999_999))
ONE = Membership(0, 0, FOREVER, 1, 1, 5, 7)


def lines(twin: str, persons: dict[int, Record], names: Names = NAMES) -> bytes:
    made, index = TWINS[twin]
    blocks = Blocks(MIN_BITS, 4)
    blocks.put_persons(persons)
    opened: Any = blocks.open(index)
    buckets = sorted({split(mix(nin), MIN_BITS)[0] for nin in persons})
    return b"".join(made.membership_lines(opened, names, bucket, bucket + 1) for bucket in buckets)


@pytest.mark.parametrize("twin", TWINS)
def test_every_day_from_the_first_to_the_last_year(twin: str) -> None:
    """Days on both sides of every month's and leap year's end, the first and last moments that there are."""
    days = [
        datetime(year, month, 1)
        for year in (1, 2, 4, 1899, 1900, 1972, 2000, 2024, 2100, 9999)
        for month in range(1, 13)
    ]
    times = [FIRST, LAST, -1, 0, *(to_micros(day) + by for day in days for by in (0, 86_399_999_999))]
    if twin == "compiled":
        times += range(to_micros(datetime(1999, 12, 31)), to_micros(datetime(2004, 3, 2)), 86_400_000_000)
    for some in (times[i : i + 400] for i in range(0, len(times), 400)):
        record = Record(None, False, tuple(ONE._replace(valid_from=time, to=FOREVER, updated=time) for time in some))
        got = msgspec.json.Decoder(FeedMembership).decode_lines(lines(twin, {int(ANNE): record}))
        assert [to_micros(one.valid_from) for one in got] == some
        wanted = [canonical_line(one) for one in got]
        assert lines(twin, {int(ANNE): record}).splitlines() == wanted


@pytest.mark.parametrize("twin", TWINS)
def test_a_line_is_the_feeds_own(twin: str) -> None:
    record = Record(None, True, (Membership(1, 5, 10, 2, 0, -1, 2**53), Membership(2, -5, 5, 0, 1, 0, 1)))
    text = lines(twin, {int(ANNE): record, int(CARL): Record(alias_of=int(ANNE))})
    of_feed = [
        FeedMembership(
            id=2**53,
            nin=ANNE,
            contract_id=2**53,
            valid_from=datetime(1970, 1, 1) + timedelta(microseconds=5),
            to=datetime(1970, 1, 1) + timedelta(microseconds=10),
            begin_code='Å"\\',
            end_code=None,
            updated=datetime(1970, 1, 1) - timedelta(microseconds=1),
        ),
        FeedMembership(
            id=1,
            nin=ANNE,
            contract_id=13,
            valid_from=datetime(1970, 1, 1) - timedelta(microseconds=5),
            to=datetime(1970, 1, 1) + timedelta(microseconds=5),
            begin_code=None,
            end_code="OHID",
            updated=datetime(1970, 1, 1),
        ),
    ]
    assert text == b"".join(canonical_line(one) + b"\n" for one in of_feed)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"slot": 3}, "a slot is out of range"),
        ({"begin": 3}, "a code is out of range"),
        ({"end": 2}, "a code is out of range"),
        ({"valid_from": LAST + 1}, "a time is out of range"),
        ({"valid_from": FIRST - 1}, "a time is out of range"),
        ({"to": LAST + 1}, "a time is out of range"),
        ({"updated": LAST + 1}, "a time is out of range"),
    ],
    ids=str,
)
def test_what_is_damaged(twin: str, changed: dict[str, int], what: str) -> None:
    with pytest.raises(Damaged, match=what):
        lines(twin, {int(ANNE): Record(None, False, (ONE._replace(**changed),))})


@pytest.mark.parametrize("twin", TWINS)
def test_a_number_that_is_none(twin: str) -> None:
    with pytest.raises(Damaged, match="a number is out of range"):
        lines(twin, {next(n for n in map(unmix, range(2**KEY_BITS)) if n >= 10**11): Record(None, False, (ONE,))})


@pytest.mark.parametrize("twin", TWINS)
def test_a_place_that_is_outside(twin: str) -> None:
    made, index = TWINS[twin]
    blocks = Blocks(MIN_BITS, 4)
    blocks.put_persons({int(ANNE): Record(None, False, (ONE,))})
    blocks.entries = [entry + (1 << 40) if entry else 0 for entry in blocks.entries]
    opened: Any = blocks.open(index)
    with pytest.raises(Damaged, match="a pointer leads outside"):
        made.membership_lines(opened, NAMES, 0, 1 << MIN_BITS)
    with pytest.raises(IndexError):
        made.membership_lines(opened, NAMES, 1 << MIN_BITS, (1 << MIN_BITS) + 1)


MEMBERSHIPS = st.builds(
    Membership,
    st.integers(0, 2),
    st.integers(FIRST, LAST),
    st.integers(FIRST, LAST) | st.just(FOREVER),
    st.integers(0, 2),
    st.integers(0, 1),
    st.integers(FIRST, LAST),
    st.integers(1, 2**53),
)


@hypothesis_settings(max_examples=60)
@given(st.lists(MEMBERSHIPS, max_size=5))
def test_the_twins_agree(memberships: list[Membership]) -> None:
    persons = {int(ANNE): Record(None, False, tuple(memberships)), int(CARL): Record()}
    assert lines("plain", persons) == lines("compiled", persons)
