"""Memberships: which list a person was on, is on and will be on, as the register knew it on a day.

A person has *stays* on lineages, in nine slots: up to six of the time before (the last of them in slot 5) and up to
three own changes that a clock brings from CLOCK_START on. A stay cut at the lineage's contracts gives the
memberships. A change is registered on a day and takes effect the same night, the next, or on the 1st of the next
month; one that is yet to take effect may be withdrawn, or overtaken by a later change.

Every fact is fixed by seed and person, and the state of a day is those facts known on it. So the changes of a day are
what differs from the day before, and a full feed equals an earlier one and the increments since.
"""

from dataclasses import dataclass

import numpy as np

from bench.norway.days import (
    ALWAYS,
    CLOCK_START,
    DAY,
    FOREVER,
    HOUR,
    NEVER,
    SCHEME_START,
    days_of_month,
    days_since_epoch,
    month_floor,
    next_month,
    ring,
)
from bench.norway.draws import Bools, Ints, poisson
from bench.norway.lineages import CODES, Plan
from bench.norway.persons import NEVER_PLACED, People, Population

PAST, COMING = 6, 3
SLOTS = PAST + COMING
LAST_PAST = PAST - 1
CHANGES_PER_YEAR = 0.037
BEGIN = ("BGVA", "BGTI", "BGFL", "BGFO", "BGFD", "BGVE")
END = ("OHID", "OHBV", "OHLO", "OHLR", "OHDO", "OHUT", "OHRE", "OHAV")
_MOVED = np.array([END.index(code) for code in CODES])
_LEFT = np.array([0, END.index("OHDO"), END.index("OHUT"), END.index("OHRE"), 0])


@dataclass(slots=True)
class Stays:
    """[person, slot] arrays. `start` is FOREVER where a slot is unused."""

    start: Ints  # microseconds
    known: Ints  # day it is registered
    withdrawn: Ints  # day it is withdrawn, mostly NEVER
    lineage: Ints
    gap: Ints  # days without a GP before the next stay

    def take(self, rows: Ints) -> "Stays":
        """The stays of some persons."""
        return Stays(self.start[rows], self.known[rows], self.withdrawn[rows], self.lineage[rows], self.gap[rows])


@dataclass(slots=True)
class Memberships:
    """Flat arrays, ordered by person and time. `row` is the position of the person."""

    row: Ints
    slot: Ints
    contract: Ints
    start: Ints  # as first registered, see `corrected`
    end: Ints
    begin_code: Ints
    end_code: Ints  # -1 when open
    updated: Ints
    first_known: Ints  # the day it came into the register
    corrected: Ints  # start as it stands


class StayMaker:
    """Stays and memberships of the persons of one population."""

    def __init__(self, population: Population, plan: Plan) -> None:
        self.population = population
        self.plan = plan
        self._plans: dict[int, Plan] = {}
        shape = population.shape
        self._clock = shape.calendar.clock(shape.chance(1_400, 3), shape.chance(30_000, 3))

    def stays(self, people: People) -> Stays:
        """All stays that a person has or will have."""
        n = len(people)
        stays = Stays(
            start=np.full((n, SLOTS), FOREVER, np.int64),
            known=np.full((n, SLOTS), ALWAYS, np.int64),
            withdrawn=np.full((n, SLOTS), NEVER, np.int64),
            lineage=np.zeros((n, SLOTS), np.int64),
            gap=np.zeros((n, SLOTS), np.int64),
        )
        self._past(people, stays)
        self._coming(people, stays)
        self._choose_lineages(people, stays)
        return stays

    def _past(self, people: People, stays: Stays) -> None:
        """The first stay, and own changes until the clock starts."""
        draws, calendar = self.population.draws, self.population.shape.calendar
        came = np.maximum(people.came, days_since_epoch(SCHEME_START))
        end = np.full(len(people), calendar.start_day + CLOCK_START - 10)
        years = np.maximum(end - came, 0) / 365.25
        changes = poisson(draws.uniform("changes", people.index), CHANGES_PER_YEAR * years, PAST - 1)
        changes = np.where(people.arrival == ALWAYS, changes, 0)
        when = np.stack([draws.uniform(f"change-{k}", people.index) for k in range(PAST - 1)], axis=1)
        when = np.sort(np.where(np.arange(PAST - 1) < changes[:, None], when, 2.0), axis=1)
        day = came[:, None] + (np.minimum(when, 1.0) * (end - came)[:, None]).astype(np.int64)
        on_first = (
            draws.words("change-rounding", people.index)[:, None] >> np.arange(0, 30, 6, dtype=np.uint64)
        ) % 64 > 2
        day = np.where(on_first, month_floor(day.ravel()).reshape(day.shape), day)
        used = (when < 1.5) & (day > came[:, None] + 1) & (day > np.concatenate([came[:, None], day[:, :-1]], axis=1))
        start = day * DAY
        odd = draws.uniform("odd-time", people.index)
        start = start + np.where(odd < 0.006, (odd * 1e6).astype(np.int64) * 14_400_001 % (20 * HOUR), 0)[:, None]
        start = np.concatenate([came[:, None] * DAY, np.where(used, start, FOREVER)], axis=1)
        stays.start[:, :PAST] = _to_the_right(start)
        stays.known[:, LAST_PAST] = people.arrival
        stays.gap[:, : PAST - 1] = np.where(
            draws.uniform("gap", people.index) < 0.02, 30 + (odd * 400).astype(np.int64), 0
        )[:, None]

    def _coming(self, people: People, stays: Stays) -> None:
        """Own changes that the clock brings."""
        draws, calendar = self.population.draws, self.population.shape.calendar
        exposure = np.zeros(len(people))
        before = np.maximum(people.arrival, CLOCK_START - 1)
        gone = (people.leave == NEVER_PLACED) | (people.leave_day < CLOCK_START)
        for k in range(COMING):
            exposure = exposure - np.log1p(-draws.uniform(f"coming-{k}", people.index))
            known = ring(self._clock, exposure)
            used = (known < NEVER) & (known > before) & ~gone
            known = np.where(used, known, NEVER)
            today = calendar.start_day + np.where(used, known, 0)
            start, monthly = self._effect(people, today, k)
            stays.start[:, PAST + k] = np.where(used, start, FOREVER)
            stays.known[:, PAST + k] = known
            regretted = monthly & (draws.uniform(f"regret-{k}", people.index) < 0.15) & (start > (today + 2) * DAY)
            stays.withdrawn[:, PAST + k] = np.where(used & regretted, known + 2, NEVER)
            before = np.where(used, known, before)

    def _effect(self, people: People, today: Ints, k: int) -> tuple[Ints, Bools]:
        """When a change registered on a day (since 1970) takes effect, and whether that is the next month's start."""
        u = self.population.draws.uniform(f"effect-{k}", people.index)
        on_first = days_of_month(today) == 1
        odd = (today - 1) * DAY + 8 * HOUR + (u * 1e9).astype(np.int64) * 7_919 % (15 * HOUR)
        monthly = ~on_first & (u >= 0.80) & (u < 0.97)
        start = np.select(
            [on_first | (u < 0.55), u < 0.80, monthly], [today * DAY, (today + 1) * DAY, next_month(today) * DAY], odd
        )
        return start, monthly

    def _choose_lineages(self, people: People, stays: Stays) -> None:
        """A list near home for most, never the one just left."""
        draws, plan = self.population.draws, self.plan
        everywhere = len(plan.weight_ends) - 1
        for slot in range(SLOTS):
            far = draws.uniform(f"far-{slot}", people.index) < 0.05
            moved = (people.change_day < NEVER) & ~people.changes_name & (slot >= PAST)
            home = np.where(moved & (people.change_day <= stays.known[:, slot]), people.second_home, people.home)
            first = np.where(far, 0, plan.served_from[home])
            last = np.where(far, everywhere, plan.served_to[home])
            low, high = plan.weight_ends[first], plan.weight_ends[last]
            at = low + draws.uniform(f"list-{slot}", people.index) * (high - low)
            lineage = np.clip(np.searchsorted(plan.weight_ends, at, side="right") - 1, first, last - 1)
            if slot:
                same = lineage == stays.lineage[:, slot - 1]
                near = np.where(lineage + 1 < last, lineage + 1, first)
                other = np.where(near == lineage, (lineage + 1) % everywhere, near)
                lineage = np.where(same, other, lineage)
            stays.lineage[:, slot] = lineage

    # the state of a day

    def in_force(self, people: People, stays: Stays, day: int) -> tuple[Bools, Ints, Ints]:
        """[person, slot]: which stays the register has on a day, their ends, and why they end (position in END)."""
        known = (stays.known <= day) & (stays.start < FOREVER) & (people.arrival <= day)[:, None]
        for k in range(PAST, SLOTS):
            for later in range(k + 1, SLOTS):
                known[:, k] &= ~((stays.known[:, later] <= day) & (stays.start[:, later] <= stays.start[:, k]))
        known &= stays.withdrawn > day
        known[people.leave == NEVER_PLACED] = False
        left = people.leave_day <= day
        left_at = np.where(
            left, self.population.shape.calendar.midnight(0) + np.where(left, people.leave_day, 0) * DAY, FOREVER
        )
        ends = np.empty_like(stays.start)
        codes = np.empty_like(stays.start)
        following = left_at
        code = np.where(left, _LEFT[people.leave], -1)
        reduced = self.population.draws.uniform("reduced", people.index)
        for slot in range(SLOTS - 1, -1, -1):
            start = stays.start[:, slot]
            end = following
            if slot < LAST_PAST:
                gap = stays.gap[:, slot] * DAY
                end = np.where(
                    (gap > 0) & (following < FOREVER) & (following - gap > start + DAY), following - gap, following
                )
            ends[:, slot], codes[:, slot] = end, code
            known[:, slot] &= start < end
            begun = known[:, slot]
            following = np.where(begun, start, following)
            own = END.index("OHLR") if slot % 3 == 2 else END.index("OHID") if slot < 2 else END.index("OHBV")
            code = np.where(begun, np.where(reduced < 0.85, END.index("OHBV"), own), code)
        return known, ends, codes

    def counts(self, known: Bools, ends: Ints, stays: Stays, day: int) -> Ints:
        """How many persons are on each lineage at the time of the day's state."""
        now = self.population.shape.calendar.as_of(day)
        here = known & (stays.start <= now) & (ends > now)
        return np.bincount(stays.lineage[here], minlength=len(self.plan.weight_ends) - 1)

    def memberships(self, people: People, stays: Stays, day: int) -> Memberships:
        """The memberships that the register has on a day."""
        known, ends, codes = self.in_force(people, stays, day)
        plan = self._plans.setdefault(day, self.plan.segments_on(day))
        row, slot = np.nonzero(known)
        start, end, lineage = stays.start[row, slot], ends[row, slot], stays.lineage[row, slot]
        keys = plan.segment_lineage * (1 << 20) + plan.segment_begin
        first = np.searchsorted(keys, lineage * (1 << 20) + start // DAY, side="right") - 1
        last_day = np.where(end == FOREVER, (1 << 20) - 1, (end - 1) // DAY)
        last = np.searchsorted(keys, lineage * (1 << 20) + last_day, side="right") - 1
        pieces = last - first + 1
        piece = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        at = np.repeat(first, pieces) + piece
        is_first, is_last = piece == 0, piece == np.repeat(pieces, pieces) - 1
        row, slot = np.repeat(row, pieces), np.repeat(slot, pieces)
        follows = np.minimum(at + 1, len(keys) - 1)
        begun = np.where(is_first, np.repeat(start, pieces), plan.segment_begin[at] * DAY)
        ended = np.where(is_last, np.repeat(end, pieces), plan.segment_begin[follows] * DAY)
        end_code = np.where(is_last, codes[row, slot], _MOVED[plan.segment_code[follows]])
        end_code = np.where(ended == FOREVER, -1, end_code)
        known_on = np.maximum(stays.known[row, slot], plan.segment_known[at])
        segment_end_known = np.where(is_last, ALWAYS, plan.segment_known[follows])
        found = Memberships(
            row=row,
            slot=slot,
            contract=plan.segment_contract[at],
            start=begun,
            end=ended,
            begin_code=self._begin_codes(people, row, slot, is_first, begun),
            end_code=end_code,
            updated=np.zeros(0, np.int64),
            first_known=known_on,
            corrected=begun,
        )
        found.updated = self._updated(people, stays, found, day, np.where(ended == FOREVER, ALWAYS, segment_end_known))
        self._correct(people, found, is_first, day)
        return found

    def _begin_codes(self, people: People, row: Ints, slot: Ints, is_first: Bools, begun: Ints) -> Ints:
        draws = self.population.draws
        u = draws.uniform("begin-code", people.index[row] * 16 + slot)
        young = (begun // DAY - people.born[row]) < 6000
        newborn = young & (begun // DAY <= people.born[row] + 1)
        chosen = np.select([u < 0.80, u < 0.93], [BEGIN.index("BGVA"), BEGIN.index("BGVE")], BEGIN.index("BGTI"))
        chosen = np.where(young & (u < 0.7), BEGIN.index("BGFO"), chosen)
        first_stay = begun // DAY == np.maximum(people.came[row], days_since_epoch(SCHEME_START))
        chosen = np.where(first_stay & ~young, np.where(u < 0.5, BEGIN.index("BGTI"), BEGIN.index("BGVA")), chosen)
        chosen = np.where(newborn, BEGIN.index("BGFD"), chosen)
        return np.where(is_first, chosen, BEGIN.index("BGFL"))

    def _updated(self, people: People, stays: Stays, found: Memberships, day: int, moved: Ints) -> Ints:
        """When a membership was last changed, to the millisecond: on the day before the state that first showed it."""
        calendar = self.population.shape.calendar
        index = people.index[found.row]
        past = np.where(found.end < FOREVER, found.end, found.start) // DAY - calendar.start_day
        latest = np.maximum(found.first_known, moved)
        for slot in range(PAST, SLOTS):
            # a change touches the membership it ends, and its withdrawal the one it gives back its open end
            start, known = stays.start[found.row, slot], stays.known[found.row, slot]
            withdrawn = stays.withdrawn[found.row, slot]
            earlier = (found.slot < slot) & (known <= day)
            latest = np.where(earlier & (found.end == start), np.maximum(latest, known), latest)
            back = earlier & (withdrawn <= day) & (found.end > start)
            latest = np.where(back, np.maximum(latest, withdrawn), latest)
        left = people.leave_day[found.row]
        latest = np.where(
            (left <= day) & (found.end < FOREVER) & (found.end_code >= 4) & (found.end_code <= 6),
            np.maximum(latest, left),
            latest,
        )
        on = np.where(latest >= CLOCK_START, latest, np.minimum(past, day))
        word = self.population.draws.words("updated", index * 16 + found.slot)
        return calendar.midnight(-1) + on * DAY + 8 * HOUR + (word % np.uint64(15 * 3_600_000)).astype(np.int64) * 1000

    def _correct(self, people: People, found: Memberships, is_first: Bools, day: int) -> None:
        """A correction of the past: the last stay of the past begins a day later, or for another reason."""
        hit = is_first & (found.slot == LAST_PAST) & (people.correction_day[found.row] <= day)
        hit &= (found.end - found.start) > 3 * DAY
        if not hit.any():
            return
        rows = np.flatnonzero(hit)
        later = people.index[found.row[rows]] % 2 == 0
        found.corrected = found.start.copy()
        found.corrected[rows[later]] += DAY
        found.begin_code[rows[~later]] = np.where(found.begin_code[rows[~later]] == 5, 1, 5)
        on = self.population.shape.calendar.midnight(-1) + people.correction_day[found.row[rows]] * DAY + 21 * HOUR
        found.updated[rows] = np.maximum(found.updated[rows], on)


def _to_the_right(start: Ints) -> Ints:
    """Each row sorted with its used slots last."""
    used = start < FOREVER
    order = np.argsort(np.where(used, start, -1), axis=1, kind="stable")
    return np.take_along_axis(start, order, axis=1)
