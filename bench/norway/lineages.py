"""Lineages: lists of patients as they go from contract to contract, since the scheme began in 2001.

`lineages(shape, last_day)` plans them all, with every move of a whole list up to a day. Persons are placed by the
arrays of `Plan`, which is all that a worker process needs to know about lists.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from math import exp
from random import Random

import numpy as np

from bench.norway.days import ALWAYS, SCHEME_START, days_since_epoch, month_floor
from bench.norway.draws import Floats, Ints
from bench.norway.municipalities import municipalities
from bench.norway.persons import NATION, Shape

LISTS = 5_704
MOVES_PER_LINEAGE = 1.40  # 15,000 contracts in all
MOVE_SHARE_OF_MONTH = 0.0042  # 300 of 5,700 lists a year
FIRST_CONTRACT = 1_000
CODES = ("OHLO", "OHAV", "OHID")  # why a contract's members left when the list moved


@dataclass(slots=True)
class Segment:
    """One contract of a lineage, from `begin` (days since 1970) until the next segment's."""

    contract: int
    begin: int
    known: int  # the day the register knows it, ALWAYS for those of day 0
    code: int  # position in CODES of why the one before ended


@dataclass(slots=True)
class Lineage:
    """A list of patients: where it is, its share of the municipality's people, and its contracts."""

    municipality: int
    weight: float
    segments: list[Segment] = field(default_factory=list)

    def contract_on(self, day: int) -> int:
        """The contract in force on a day of the plan."""
        return self.segments[bisect_right(self.segments, day, key=lambda s: s.known) - 1].contract


@dataclass(slots=True)
class Plan:
    """The lineages as arrays, ordered by municipality."""

    weight_ends: Floats  # cumulated weights
    served_from: Ints  # [municipality] -> first and last lineage that serve it
    served_to: Ints
    segment_lineage: Ints
    segment_begin: Ints
    segment_known: Ints
    segment_contract: Ints
    segment_code: Ints

    def segments_on(self, day: int) -> "Plan":
        """The plan with the segments known on a day."""
        rows = self.segment_known <= day
        return Plan(
            self.weight_ends,
            self.served_from,
            self.served_to,
            *(
                a[rows]
                for a in (
                    self.segment_lineage,
                    self.segment_begin,
                    self.segment_known,
                    self.segment_contract,
                    self.segment_code,
                )
            ),
        )


def lists_in_force(shape: Shape) -> int:
    """How many lists there are at a time."""
    return max(12, round(LISTS * shape.persons / NATION))


def lineages(shape: Shape, last_day: int) -> list[Lineage]:
    """All lineages, ordered by municipality, with moves up to `last_day`; earlier days do not depend on it."""
    rng = Random(f"{shape.seed}/lineages")
    found = [
        Lineage(at, exp(rng.gauss(0, 0.22)))
        for at, count in enumerate(_lists_by_municipality(lists_in_force(shape)))
        for _ in range(count)
    ]
    for lineage in found:
        _give_history(rng, shape, lineage)
    number = FIRST_CONTRACT
    for segment in sorted((s for ln in found for s in ln.segments), key=lambda s: s.begin):
        number += rng.randint(1, 5)
        segment.contract = number
    number += 1_000
    for day in range(1, last_day + 1):
        if shape.calendar.month_starts(day):
            number = _move_lists(shape, found, day, number)
    return found


def _lists_by_municipality(lists: int) -> list[int]:
    """Lists in proportion to people by largest remainder; at least one each where there are enough."""
    people = [m.people for m in municipalities()]
    least = 1 if lists >= 2 * len(people) else 0
    exact = [p / sum(people) * (lists - least * len(people)) for p in people]
    counts = [int(e) + least for e in exact]
    order = sorted(range(len(people)), key=lambda k: exact[k] % 1, reverse=True)
    for k in order[: lists - sum(counts)]:
        counts[k] += 1
    return counts


def _give_history(rng: Random, shape: Shape, lineage: Lineage) -> None:
    """Moves of the past, each on the 1st of a month."""
    first, last = days_since_epoch(SCHEME_START), shape.calendar.start_day - 40
    moves = 0
    while moves < 6 and rng.random() < 1 - exp(-MOVES_PER_LINEAGE / (1 + moves / 2)):
        moves += 1
    days = np.array([rng.randint(first + 200, last) for _ in range(moves)], np.int64)
    begins = [first, *sorted(set(month_floor(days).tolist()))]
    lineage.segments = [Segment(0, day, ALWAYS, rng.choices((0, 1, 2), (8, 1, 1))[0]) for day in begins]


def _move_lists(shape: Shape, found: list[Lineage], day: int, number: int) -> int:
    """Some lists go to a new contract; at least one does. Returns the last contract number given."""
    rng = Random(f"{shape.seed}/moves/{day}")
    moved = [lineage for lineage in found if rng.random() < MOVE_SHARE_OF_MONTH] or [rng.choice(found)]
    for lineage in moved:
        number += rng.randint(1, 5)
        lineage.segments.append(Segment(number, shape.calendar.start_day + day, day, rng.choice((0, 0, 0, 1))))
    return number


def plan(found: list[Lineage]) -> Plan:
    """The arrays of lineages."""
    weights = np.cumsum([0.0, *(ln.weight for ln in found)])
    first, last = _served([ln.municipality for ln in found])
    rows = [(k, s.begin, s.known, s.contract, s.code) for k, ln in enumerate(found) for s in ln.segments]
    return Plan(weights, first, last, *np.array(rows, np.int64).T)


def _served(homes: list[int]) -> tuple[Ints, Ints]:
    """The lineages that serve each municipality: its own, else those of the county's largest, else of the largest."""
    everyone = municipalities()
    own: dict[int, tuple[int, int]] = {}
    for k, home in enumerate(homes):
        own[home] = (own.get(home, (k, 0))[0], k + 1)
    by_size = sorted(own, key=lambda k: everyone[k].people, reverse=True)
    in_county: dict[str, int] = {}
    for k in by_size:
        in_county.setdefault(everyone[k].code[:2], k)
    ranges = [own.get(k) or own[in_county.get(m.code[:2], by_size[0])] for k, m in enumerate(everyone)]
    return np.array([r[0] for r in ranges], np.int64), np.array([r[1] for r in ranges], np.int64)
