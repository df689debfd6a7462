"""Time: sequences, days, when a change is registered, and how long a clock of rare changes runs.

Sequence n tells the state at 03:00 on the day n-1 days after that of sequence 1; that day is `day` n-1 here, so day 0
is the state of sequence 1. What is registered on `day` d is what happened since 03:00 the day before.
Times are microseconds since 1970 of Norwegian wall-clock time, `FOREVER` when open.
"""

from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from bench.norway.draws import Floats, Ints

DAY = 86_400_000_000
HOUR = DAY // 24
SECOND = 1_000_000
FOREVER = 1 << 62
NEVER = 1 << 30  # a day that does not come
ALWAYS = -(1 << 30)  # a day before all others
CLOCK_START = -31  # so that day 0 knows of changes that are still to take effect
CLOCK_END = 3_700  # about ten years of sequences
OSLO = ZoneInfo("Europe/Oslo")
SCHEME_START = date(2001, 6, 1)


def days_since_epoch(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - 719_163


class Calendar:
    """The days of one population, counted from `start`, the date of sequence 1."""

    def __init__(self, start: date) -> None:
        self.start = start
        self.start_day = days_since_epoch(start)

    def date_of(self, day: int) -> date:
        """The date of a day."""
        return self.start + timedelta(days=day)

    def as_of(self, day: int) -> int:
        """When the state of `day` was taken, in microseconds."""
        return self.midnight(day) + 3 * HOUR

    def as_of_text(self, day: int) -> str:
        """The same as RFC 3339 with the offset of Norway."""
        return datetime.combine(self.date_of(day), time(3), OSLO).isoformat()

    def midnight(self, day: int) -> int:
        """The start of a day in microseconds."""
        return (self.start_day + day) * DAY

    def month_starts(self, day: int) -> bool:
        """Whether the day is the 1st of a month."""
        return self.date_of(day).day == 1

    def clock(self, ordinary: float, month_start: float) -> Floats:
        """Cumulated chance of a change from CLOCK_START to CLOCK_END."""
        dates = np.arange(CLOCK_START, CLOCK_END) + self.start_day
        return np.cumsum(np.where(days_of_month(dates) == 1, month_start, ordinary))


def ring(clock: Floats, exposure: Floats) -> Ints:
    """The day on which a clock reaches each exposure (exponential numbers), NEVER when after its end."""
    at = np.searchsorted(clock, exposure)
    days: Ints = np.where(at < len(clock), at + CLOCK_START, NEVER)
    return days


def days_of_month(days: Ints) -> Ints:
    """The day of the month, 1 to 31, of days since 1970."""
    dates = days.astype("datetime64[D]")
    since: Ints = (dates - dates.astype("datetime64[M]")).astype(np.int64)
    return since + 1


def month_floor(days: Ints) -> Ints:
    """The 1st of the month of days since 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def next_month(days: Ints) -> Ints:
    """The 1st of the month after, of days since 1970."""
    return (days.astype("datetime64[D]").astype("datetime64[M]") + 1).astype("datetime64[D]").astype(np.int64)


@cache
def _texts() -> tuple[list[str], list[str]]:
    """The date of each day from 1900 to 2100, and the time of each second of a day."""
    first = date(1900, 1, 1).toordinal()
    days = [date.fromordinal(n).isoformat() for n in range(first, first + 73_500)]
    return days, [f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)]


_EPOCH_OFFSET = days_since_epoch(date(1900, 1, 1))


def day_texts(days: Ints) -> list[str]:
    """ISO dates of days since 1970."""
    table = _texts()[0]
    return [table[n] for n in (days - _EPOCH_OFFSET).tolist()]


def time_texts(times: Ints) -> list[str]:
    """JSON values of times: ISO text in quotes with six decimals where needed, or null for FOREVER."""
    days, seconds = _texts()
    clipped = np.where(times == FOREVER, 0, times)
    day, rest = np.divmod(clipped, DAY)
    second, micro = np.divmod(rest, SECOND)
    texts = [
        f'"{days[d]}{seconds[s]}"' if not m else f'"{days[d]}{seconds[s]}.{m:06d}"'
        for d, s, m in zip((day - _EPOCH_OFFSET).tolist(), second.tolist(), micro.tolist(), strict=True)
    ]
    for at in np.flatnonzero(times == FOREVER).tolist():
        texts[at] = "null"
    return texts
