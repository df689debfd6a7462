"""The persons: who they are, where they live, and how long the register has known them.

`people(indices)` gives the facts of any persons as one array for each fact. Indices below `Shape.persons` are known
on day 0; those after arrive, so and so many a day. Changes have a day: the record of a day is what `person_texts`
makes of the facts then.
"""

from dataclasses import dataclass, fields

import numpy as np

from bench.norway.days import ALWAYS, CLOCK_START, DAY, HOUR, NEVER, Calendar, days_since_epoch, ring
from bench.norway.draws import Bools, Draws, Floats, Ints
from bench.norway.municipalities import municipalities
from bench.norway.numbers import Numbers

STAYED, DIED, EMIGRATED, OPTED_OUT, NEVER_PLACED = range(5)  # why somebody has no GP
PLAIN, FROM_D, NEWER, D_THEN_NEWER, D_TWICE, D_ONLY = range(6)  # the numbers somebody has had by day 0
KNOWN_BEFORE = 45  # everybody of day 0 came at least so many days before it

NATION = 5_600_000
DEAD_SHARE, EMIGRATED_SHARE, OPTED_OUT_SHARE, NEVER_PLACED_SHARE = 0.017, 0.010, 0.0042, 0.0007
CHANGED_SHARES = (0.0055, 0.0025, 0.0012, 0.0006, 0.0120)  # FROM_D .. D_ONLY
PROTECTED_SHARES = (0.0035, 0.0015)
IMMIGRANT_SHARE = 0.17
NAME_CHANGE_SHARE = 0.15  # of the day's changes to a person record; the others move


@dataclass(frozen=True, slots=True)
class Shape:
    """What fixes a population: seed, number of persons on day 0 and the date of day 0."""

    seed: int
    persons: int
    calendar: Calendar

    @property
    def arrivals(self) -> int:
        """How many arrive each day: births and immigrants."""
        return max(2, round(340 * self.persons / NATION))

    @property
    def most_persons(self) -> int:
        """A number that no index reaches."""
        return self.persons + self.arrivals * 3_700

    def known_on(self, day: int) -> int:
        """How many the register knows on a day."""
        return self.persons + self.arrivals * day

    def chance(self, per_day: float, fewest: float = 1.0) -> float:
        """The share of persons something happens to on a day: so many in the nation, or in all at least `fewest`."""
        return max(per_day / NATION, fewest / self.persons)


@dataclass(slots=True)
class People:
    """Facts of some persons, one array each; days are counted from day 0, birth and coming from 1970."""

    index: Ints
    doctor: Bools
    arrival: Ints  # the day the register first knows the person, ALWAYS for those of day 0
    born: Ints
    came: Ints  # first day as a resident: birth or immigration, since 1970
    immigrant: Bools
    female: Bools
    home: Ints  # position in municipalities()
    second_home: Ints  # after the move
    protection: Ints
    leave: Ints  # STAYED .. NEVER_PLACED
    leave_day: Ints  # the day the register knows it
    number_kind: Ints
    number_day: Ints  # of a change of number to come
    change_day: Ints  # of name or address
    changes_name: Bools
    correction_day: Ints  # of a correction of the past

    def take(self, rows: Ints) -> "People":
        """The facts of some of them."""
        return People(*(getattr(self, f.name)[rows] for f in fields(self)))

    def __len__(self) -> int:
        return len(self.index)


class Population:
    """All persons that a seed, a number and a start date give; `doctors` are indices that never leave or change."""

    def __init__(self, shape: Shape, doctors: Ints) -> None:
        self.shape = shape
        self.draws = Draws(shape.seed)
        start = shape.calendar.start_day
        self.numbers = Numbers(shape.seed, shape.persons, start - KNOWN_BEFORE)
        self._doctors = doctors
        people = np.array([m.people for m in municipalities()], np.float64)
        self._home_ends = np.cumsum(people) / people.sum()
        clock = shape.calendar.clock
        self._clocks = {
            "death": self._steady(120),
            "emigration": self._steady(80),
            "opt-out": self._steady(3),
            "number": self._steady(4),
            "number-of-d": clock(4.5e-4, 4.5e-4),
            "change": self._steady(320),
            "correction": self._steady(25),
        }

    def _steady(self, per_day: float) -> Floats:
        chance = self.shape.chance(per_day)
        return self.shape.calendar.clock(chance, chance)

    def _day(self, kind: str, index: Ints) -> Ints:
        """The day a clock first rings for each person after day 0, if ever."""
        clock = self._clocks[kind]
        day0 = clock[-CLOCK_START]
        return ring(clock, day0 - np.log1p(-self.draws.uniform(kind, index)))

    def people(self, index: Ints) -> People:
        """The facts of persons by index."""
        draws, shape = self.draws, self.shape
        start = shape.calendar.start_day
        later = index >= shape.persons
        arrival = np.where(later, (index - shape.persons) // shape.arrivals + 1, ALWAYS)
        doctor = np.isin(index, self._doctors)
        born = self.numbers.fnr_a(np.minimum(index, shape.persons - 1))[1]
        immigrant = ~doctor & (draws.uniform("immigrant", index) < np.where(later, 0.55, IMMIGRANT_SHARE))
        age_come = ((20 + 25 * draws.uniform("came", index)) * 365.25).astype(np.int64)
        born = np.where(later, start + arrival - np.where(immigrant, age_come, 1), born)
        since = np.maximum(born, days_since_epoch(shape.calendar.start) - 9000)
        span = start - KNOWN_BEFORE - since
        came = np.where(immigrant, since + (draws.uniform("came", index) * span).astype(np.int64), born)
        came = np.where(later & immigrant, start + arrival, came)
        change_u = draws.uniform("change-kind", index)
        leave, leave_day = self._leaving(index, born, came, arrival, doctor)
        kind, number_day = self._number_kinds(index, immigrant, later, arrival, doctor)
        home = np.searchsorted(self._home_ends, draws.uniform("home", index))
        moves_far = draws.uniform("moves-far", index) < 0.35
        other = np.searchsorted(self._home_ends, draws.uniform("second-home", index))
        change_day = self._day("change", index)
        change_day = np.where(doctor | (change_day <= arrival) | (change_day >= leave_day), NEVER, change_day)
        correction_day = self._day("correction", index)
        protected = draws.uniform("protected", index)
        both = PROTECTED_SHARES[0] + PROTECTED_SHARES[1]
        return People(
            index=index,
            doctor=doctor,
            arrival=arrival,
            born=born,
            came=came,
            immigrant=immigrant,
            female=draws.uniform("sex", index) < 0.497,
            home=home,
            second_home=np.where(moves_far, other, home),
            protection=np.where(doctor, 0, (protected < both) * 1 + (protected < PROTECTED_SHARES[1])),
            leave=leave,
            leave_day=leave_day,
            number_kind=kind,
            number_day=np.where(number_day >= leave_day, NEVER, number_day),
            change_day=change_day,
            changes_name=change_u < NAME_CHANGE_SHARE,
            correction_day=np.where(later | doctor, NEVER, correction_day),
        )

    def _leaving(self, index: Ints, born: Ints, came: Ints, arrival: Ints, doctor: Bools) -> tuple[Ints, Ints]:
        """Why and when a person leaves: before day 0 (a negative day), later, or NEVER."""
        draws, start = self.draws, self.shape.calendar.start_day
        u = draws.uniform("left", index)
        age = (start - born) / 365.25
        dead = u < DEAD_SHARE * np.interp(age, (0, 50, 70, 100), (0.1, 0.4, 2.2, 7.0))
        base = arrival == ALWAYS
        ends = np.cumsum([0.12, EMIGRATED_SHARE, OPTED_OUT_SHARE, NEVER_PLACED_SHARE])
        before = np.where(dead, DIED, STAYED)
        for k, cause in enumerate((EMIGRATED, OPTED_OUT, NEVER_PLACED)):
            before = np.where(~dead & (u >= ends[k]) & (u < ends[k + 1]), cause, before)
        # the dead and the emigrated of day 0 left within the last six years, but not before they came
        latest = start - 3
        earliest = np.maximum(latest - 2200, came + 20)
        left = earliest + (draws.uniform("left-when", index) * (latest - earliest)).astype(np.int64) - start
        days = np.stack([self._day(kind, index) for kind in ("death", "emigration", "opt-out")])
        first = days.argmin(axis=0)
        day = days[first, np.arange(len(index))]
        later = np.where(day == NEVER, STAYED, np.array([DIED, EMIGRATED, OPTED_OUT])[first])
        gone = base & (before != STAYED)
        reason = np.where(gone, before, later)
        when = np.where(gone, np.where(before == NEVER_PLACED, ALWAYS, left), day)
        stays = doctor | (when == NEVER) | (~base & (when <= arrival))
        return np.where(stays, STAYED, reason), np.where(stays, NEVER, when)

    def _number_kinds(
        self, index: Ints, immigrant: Bools, later: Bools, arrival: Ints, doctor: Bools
    ) -> tuple[Ints, Ints]:
        draws = self.draws
        u = draws.uniform("number-kind", index)
        ends = np.cumsum((0.0, *CHANGED_SHARES))
        kind = np.where(u < ends[-1], np.searchsorted(ends, u, side="right"), PLAIN)
        kind = np.where(later, np.where(immigrant & (u < 0.5), D_ONLY, PLAIN), kind)
        kind = np.where(doctor, PLAIN, kind)
        day = np.where(kind == D_ONLY, self._day("number-of-d", index), self._day("number", index))
        fixed = doctor | np.isin(kind, (NEWER, D_THEN_NEWER, D_TWICE)) | (later & (kind == PLAIN)) | (day <= arrival)
        return kind, np.where(fixed, NEVER, day)

    def numbers_of(self, people: People, day: int) -> Ints:
        """The newest number of each person on a day."""
        stage = self._stages(people, day)
        numbers = self.fnr(people)
        for rows, number in ((stage == 0, self.numbers.d_number_a), (stage == 2, self.numbers.fnr_b)):
            if rows.any():
                numbers[rows] = number(people.index[rows])
        return numbers

    def fnr(self, people: People) -> Ints:
        """The first fødselsnummer of each person."""
        base = people.index < self.shape.persons
        numbers = np.empty(len(people), np.int64)
        numbers[base] = self.numbers.fnr_a(people.index[base])[0]
        numbers[~base] = self.numbers.fnr_b(people.index[~base])
        return numbers

    @staticmethod
    def _stages(people: People, day: int) -> Ints:
        """Which number is the newest: 0 a D-number, 1 the first fødselsnummer, 2 the second."""
        first = np.array([1, 1, 2, 2, 2, 0])[people.number_kind]
        return first + (people.number_day <= day)

    def number_changes(self, people: People, day: int) -> tuple[Ints, Ints, Ints, Ints]:
        """(row, old number, new number, time) of every replaced number, oldest first for each person."""
        rows = np.flatnonzero(
            ((people.number_kind != PLAIN) & (people.number_kind != D_ONLY)) | (people.number_day <= day)
        )
        some = people.take(rows)
        kind, stage = some.number_kind, self._stages(some, day)
        d_first = np.isin(kind, (FROM_D, D_THEN_NEWER, D_TWICE, D_ONLY))
        a, b = self.numbers.d_number_a(some.index), self.numbers.d_number_b(some.index)
        fnr, newer = self.fnr(some), self.numbers.fnr_b(some.index)
        steps = [
            (kind == D_TWICE, a, b),
            (d_first & (stage >= 1), np.where(kind == D_TWICE, b, a), fnr),
            (stage == 2, fnr, newer),
        ]
        parts = [
            (np.flatnonzero(mask), old, new, self._changed_at(some, day, step))
            for step, (mask, old, new) in enumerate(steps)
        ]
        at = np.concatenate([part[0] for part in parts])
        order = np.argsort(at, kind="stable")
        columns = [
            np.concatenate([column[part[0]] for part, column in zip(parts, cs, strict=True)])[order]
            for cs in zip(*[part[1:] for part in parts], strict=True)
        ]
        return rows[at[order]], columns[0], columns[1], columns[2]

    def _changed_at(self, some: People, day: int, step: int) -> Ints:
        """When a number was replaced: some years ago, the first step before the second, or on the day to come."""
        calendar = self.shape.calendar
        spread = (self.draws.uniform(f"number-changed-{step}", some.index) * 1000 * DAY).astype(np.int64)
        past = calendar.midnight(0) - (3 - step) * 1100 * DAY + spread
        last = np.where(some.number_kind == D_ONLY, 1, 2)
        fresh = (some.number_day <= day) & (step == last)
        today = calendar.midnight(-1) + some.number_day * DAY + 9 * HOUR + spread // 4000
        return np.where(fresh, today, past) // 1000 * 1000
