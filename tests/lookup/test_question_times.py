"""The times that the compiled path reads itself: those of the calendar of register.localtime, and no others."""

from datetime import date, timedelta
from itertools import product
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lookup._fast.question
import lookup.question
from lookup.question import FIRST_YEAR, LAST_YEAR
from register.localtime import parse_at

TWINS = pytest.mark.parametrize("twin", [lookup.question, lookup._fast.question], ids=["plain", "compiled"])


def in_a_spring_night(text: str) -> bool:
    """Whether the calendar must be asked: the hour of late March that may not exist."""
    return text[5:7] == "03" and text[8:10] >= "25" and text[11:13] == "02"


@TWINS
class TestReadAt:
    @pytest.mark.parametrize("year", range(FIRST_YEAR, LAST_YEAR + 1))
    def test_around_every_spring_night(self, twin: ModuleType, year: int) -> None:
        for day, hour, rest in product(range(20, 33), (0, 1, 2, 3, 4, 23), ("00:00", "30:00.5", "59:59.999999")):
            text = f"{date(year, 3, 1) + timedelta(days=day - 1)}T{hour:02}:{rest}"
            assert twin.read_at(text.encode()) == (None if in_a_spring_night(text) else parse_at(text))

    def test_every_hour_of_years_of_every_kind(self, twin: ModuleType) -> None:
        for year in (FIRST_YEAR, 1996, 2000, 2026, 2027, LAST_YEAR):
            day = date(year, 1, 1)
            while day.year == year:
                for hour in range(24):
                    text = f"{day}T{hour:02}:07:09"
                    assert twin.read_at(text.encode()) == (None if in_a_spring_night(text) else parse_at(text))
                day += timedelta(days=1)

    @pytest.mark.parametrize("digits", range(1, 7))
    def test_fractions(self, twin: ModuleType, digits: int) -> None:
        for fraction in ("0" * digits, "1" * digits, "9" * digits, "0" * (digits - 1) + "1"):
            text = f"2026-11-24T12:00:00.{fraction}"
            assert twin.read_at(text.encode()) == parse_at(text)

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "",
                "now",
                "2026-11-24",
                "2026-11-24T12:00",
                "2026-11-24 12:00:00",
                "2026-11-24t12:00:00",
                "2026-11-24T12:00:00.",
            ),
            *(
                "2026-11-24T12:00:00.1234567",
                "2026-11-24T12:00:00,5",
                "2026-11-24T12:00:00Z",
                "2026-11-24T12:00:00+01:00",
            ),
            *(
                "2026-11-24T12:00:00.5Z",
                "2026-11-24T12:00:00.x",
                "2026-11-24T12:00:0x",
                "+026-11-24T12:00:00",
                " 2026-11-24T12:00",
            ),
            *(
                "2026-00-24T12:00:00",
                "2026-13-24T12:00:00",
                "2026-11-00T12:00:00",
                "2026-11-31T12:00:00",
                "2026-02-29T12:00:00",
            ),
            *(
                "2100-02-29T12:00:00",
                "2024-02-30T12:00:00",
                "2026-11-24T24:00:00",
                "2026-11-24T12:60:00",
                "2026-11-24T12:00:60",
            ),
            *(
                "1981-12-31T23:59:59",
                "2101-01-01T00:00:00",
                "0001-01-01T00:00:00",
                "9999-12-31T23:59:59",
                "20261124T120000",
            ),
            *(
                "2026-11-24T12-00-00",
                "2026/11/24T12:00:00",
                "2026-11-24T12:00:00 ",
                "2026-11-24T12:00:00\n",
                "2026-11-24T１2:00:0",
            ),
        ],
    )
    def test_what_is_not_answered(self, twin: ModuleType, text: str) -> None:
        assert twin.read_at(text.encode()) is None


@given(
    text=st.one_of(
        st.datetimes().map(lambda time: time.isoformat()),
        st.from_regex(
            r"(19|20|21)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,7})?", fullmatch=True
        ),
        st.text("0123456789-T:.Z+ ", max_size=27),
    )
)
def test_a_time_that_is_answered_is_that_of_the_ordinary_path(text: str) -> None:
    plain = lookup.question.read_at(text.encode())
    assert lookup._fast.question.read_at(text.encode()) == plain
    if plain is not None:
        assert plain == parse_at(text)
