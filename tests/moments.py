"""Moments to ask about: written as a question may write them, and what they mean; and where answers may change."""

import random
from datetime import datetime, timedelta

from tests.oracle import Register

MICROSECOND, HOUR, DAY = timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)
AROUND = (-MICROSECOND, timedelta(), MICROSECOND)


def clock_change(year: int, month: int) -> datetime:
    """02:00 of the last Sunday of March or October, by which the clock is changed."""
    last = datetime(year, month, 31, 2)
    return last - DAY * ((last.weekday() + 1) % 7)


def meant(at: datetime) -> datetime:
    """What a wall-clock time means: in the hour that is left out in spring, the hour after."""
    gap = clock_change(at.year, 3)
    return at + HOUR if gap <= at < gap + HOUR else at


def written(at: datetime, chance: random.Random) -> str:
    """One of the ways to write a wall-clock time: without zone, with the offset then, in UTC or elsewhere."""
    if meant(at) != at:
        return at.isoformat()
    summer = clock_change(at.year, 3) <= at < clock_change(at.year, 10) + HOUR
    utc = at - HOUR * (2 if summer else 1)
    return chance.choice(
        [
            at.isoformat(),
            f"{at.isoformat()}+0{2 if summer else 1}:00",
            f"{utc.isoformat()}Z",
            f"{(utc - 9.5 * HOUR).isoformat()}-09:30",
        ]
    )


def ends(register: Register) -> dict[datetime, set[str]]:
    """Every end of a period, and the numbers of those whose answer may change there."""
    found: dict[datetime, set[str]] = {}
    members: dict[int, set[str]] = {}
    for nin, memberships in register.memberships.items():
        for row in memberships:
            members.setdefault(row["contractId"], set()).add(nin)
            for end in (row["from"], row["to"]):
                if end is not None:
                    found.setdefault(datetime.fromisoformat(end), set()).add(nin)
    for contract in register.tables["contracts"]:
        for row in [contract, *register.cycles[contract["id"]]]:
            for end in (row["from"], row["to"]):
                if end is not None:
                    found.setdefault(datetime.fromisoformat(end), set()).update(members.get(contract["id"], ()))
    return found


def hard_moments(register: Register) -> list[datetime]:
    """The clock-change nights, midnights and far years around the feed's own day."""
    day = datetime.fromisoformat(register.manifest["as_of"]).replace(tzinfo=None, hour=0)
    nights = [clock_change(year, month) for year in (day.year, day.year + 1, day.year - 9) for month in (3, 10)]
    found = [night + HOUR * hours / 2 + step for night in nights for hours in range(-4, 6) for step in AROUND]
    for days in (0, 1, 2, 7, 8, 39, 40, 41, 365, 366, -1, -365, -3652):
        found += [day + DAY * days + step for step in AROUND]
    return found
