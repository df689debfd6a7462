"""Norwegian wall-clock time: daylight saving, offsets, microseconds, range."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.localtime import FOREVER, format_micros, from_micros, local_micros, parse_at, to_micros

HOUR = 3_600_000_000


def spring(year: int) -> datetime:
    """The wall-clock time at which an hour is left out: the last Sunday of March, 02:00."""
    last = datetime(year, 3, 31, 2)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def autumn(year: int) -> datetime:
    """The wall-clock time at which an hour occurs twice: the last Sunday of October, 02:00."""
    last = datetime(year, 10, 31, 2)
    return last - timedelta(days=(last.weekday() + 1) % 7)


TIMES = st.datetimes(datetime(1997, 1, 1), datetime(2037, 12, 31))


def at(text: str) -> str | None:
    return format_micros(parse_at(text))


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        # written as wall-clock time
        ("2026-11-23T10:00:00", "2026-11-23T10:00:00"),
        ("2026-07-01T00:00:00", "2026-07-01T00:00:00"),
        ("2026-11-23T10:00:00.5", "2026-11-23T10:00:00.500000"),
        ("2026-11-23T10:00:00.000001", "2026-11-23T10:00:00.000001"),
        ("2026-11-23T23:59:59.999999", "2026-11-23T23:59:59.999999"),
        # winter is an hour before UTC, summer two
        ("2026-11-23T10:00:00Z", "2026-11-23T11:00:00"),
        ("2026-07-01T22:00:00Z", "2026-07-02T00:00:00"),
        ("2026-11-23T10:00:00+01:00", "2026-11-23T10:00:00"),
        ("2026-11-23T10:00:00+02:00", "2026-11-23T09:00:00"),
        ("2026-11-23T10:00:00-11:30", "2026-11-23T22:30:00"),
        ("2026-11-23T10:00:00.25Z", "2026-11-23T11:00:00.250000"),
        # the night in spring: 02:00 to 03:00 does not exist and is read as after the jump
        ("2026-03-29T01:59:59.999999", "2026-03-29T01:59:59.999999"),
        ("2026-03-29T02:00:00", "2026-03-29T03:00:00"),
        ("2026-03-29T02:30:00", "2026-03-29T03:30:00"),
        ("2026-03-29T02:59:59.999999", "2026-03-29T03:59:59.999999"),
        ("2026-03-29T03:00:00", "2026-03-29T03:00:00"),
        ("2026-03-29T00:59:59.999999Z", "2026-03-29T01:59:59.999999"),
        ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00"),
        # the night in autumn: 02:00 to 03:00 occurs twice and is one wall-clock time
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00"),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00"),
        ("2026-10-25T00:59:59.999999Z", "2026-10-25T02:59:59.999999"),
        ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00"),
        ("2026-10-25T02:00:00Z", "2026-10-25T03:00:00"),
        # the ends of the range
        ("9999-12-31T22:59:59.999999Z", "9999-12-31T23:59:59.999999"),
        ("9999-12-31T23:59:59", "9999-12-31T23:59:59"),
    ],
)
def test_a_time_asked_for_is_norwegian_time(asked: str, answered: str) -> None:
    assert at(asked) == answered


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-23",
        "2026-11-23T10:00",
        "2026-11-23 10:00:00",
        "2026-11-23t10:00:00",
        "2026-11-23T10:00:00z",
        "2026-11-23T10:00:00 ",
        "2026-11-23T10:00:00\n",
        "2026-11-23T10:00:00.",
        "2026-11-23T10:00:00.1234567",
        "2026-11-23T10:00:00,5",
        "2026-11-23T10:00:00+0100",
        "2026-11-23T10:00:00+01",
        "2026-11-23T10:00:00+24:00",
        "2026-02-29T10:00:00",
        "2026-13-01T10:00:00",
        "2026-11-23T24:00:00",
        "2026-11-23T23:59:60",
        "0000-01-01T00:00:00",
        "20261123T100000",
        "2026-W48-1T10:00:00",
        "２０２６-11-23T10:00:00",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "1763892000",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|year|month|day|hour|second"):
        parse_at(text)


@given(time=TIMES)
def test_a_wall_clock_time_is_itself_but_in_the_hour_that_is_left_out(time: datetime) -> None:
    gap = spring(time.year)
    moved = timedelta(hours=1) if gap <= time < gap + timedelta(hours=1) else timedelta()
    assert parse_at(time.isoformat()) == to_micros(time + moved)


@given(time=TIMES, minutes=st.integers(-14 * 60, 14 * 60))
def test_an_offset_names_the_same_moment_however_it_is_written(time: datetime, minutes: int) -> None:
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    shifted = time + timedelta(minutes=minutes)
    assert parse_at(f"{shifted.isoformat()}{sign}{size // 60:02d}:{size % 60:02d}") == parse_at(f"{time.isoformat()}Z")


@given(time=TIMES)
def test_utc_is_one_or_two_hours_behind(time: datetime) -> None:
    """The law of 1996 on, written out: summer time from the last Sunday of March to that of October, 01:00 UTC."""
    summer = spring(time.year) - timedelta(hours=1) <= time < autumn(time.year) - timedelta(hours=1)
    assert parse_at(f"{time.isoformat()}Z") == to_micros(time) + (2 if summer else 1) * HOUR


@given(time=st.datetimes())
def test_microseconds_are_exact_both_ways(time: datetime) -> None:
    micros = to_micros(time)
    assert from_micros(micros) == time
    assert format_micros(micros) == time.isoformat()
    assert -(2**63) < micros < FOREVER


@given(one=st.datetimes(), other=st.datetimes())
def test_microseconds_are_in_the_order_of_time(one: datetime, other: datetime) -> None:
    assert (to_micros(one) < to_micros(other)) == (one < other)


def test_an_open_end_is_forever() -> None:
    assert to_micros(None) == FOREVER == 2**63 - 1
    assert from_micros(FOREVER) is None
    assert format_micros(FOREVER) is None


def test_the_epoch_is_wall_clock_midnight() -> None:
    assert to_micros(datetime(1970, 1, 1)) == 0
    assert to_micros(datetime(1969, 12, 31, 23, 59, 59, 999_999)) == -1


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "2026-03-29T01:59:59"),
        (datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC), "2026-03-29T03:00:00"),
        (datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), "2026-10-25T02:59:59"),
        (datetime(2026, 10, 25, 1, 0, 0, tzinfo=UTC), "2026-10-25T02:00:00"),
        (datetime(2026, 12, 31, 23, 0, 0, 500_000, tzinfo=UTC), "2027-01-01T00:00:00.500000"),
    ],
)
def test_now_is_the_wall_clock(utc: datetime, local: str) -> None:
    assert format_micros(local_micros(utc.timestamp())) == local
