"""A block of persons as ready text: the lines of a full feed, and the events of the days after it.

A block is so many consecutive person indices. What a worker returns for one depends on nothing but the population
and the block, so feeds are the same however many workers there are.
"""

from dataclasses import dataclass, field

import numpy as np

from bench.norway.days import ALWAYS, NEVER, time_texts
from bench.norway.draws import Bools, Ints
from bench.norway.lineages import Plan
from bench.norway.memberships import BEGIN, END, LAST_PAST, SLOTS, Memberships, StayMaker, Stays
from bench.norway.person_texts import person_lines, person_rests
from bench.norway.persons import People, Population, Shape
from register.feed import lines_digest, normalized

BLOCK = 16_384
FIRST_YEAR = 2001
OWN_SLOTS = SLOTS - LAST_PAST  # of stays that may come later than day 0
MOST_AT_ONCE = 4  # pieces of one stay that come on one day
PERSON_TABLES = ("persons", "nin_changes", "memberships")
_BEGIN = [f'"{code}"' for code in BEGIN]
_END = [*(f'"{code}"' for code in END), "null"]


@dataclass(slots=True)
class Texts:
    """Lines without line feed of some persons: each with the row of its person; memberships by id."""

    numbers: Ints
    rests: list[str]
    memberships: Memberships
    ids: list[int]
    tails: list[tuple[str, str, str, str]]  # contract and from, to, codes, updated


@dataclass(slots=True)
class DayEvents:
    """The events of one day about a block's persons."""

    lines: bytes
    count: int
    delta: int  # of the content digest


@dataclass(slots=True)
class BlockResult:
    """What a worker makes of a block."""

    tables: dict[str, tuple[bytes, int]] = field(default_factory=dict)  # lines and their number
    digest: int = 0
    counts: dict[int, Ints] = field(default_factory=dict)  # day -> listed persons of each lineage
    days: list[DayEvents] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)


class BlockMaker:
    """Makes blocks of one population."""

    def __init__(self, shape: Shape, doctors: Ints, plan: Plan) -> None:
        self.shape = shape
        self.population = Population(shape, doctors)
        self.maker = StayMaker(self.population, plan)
        self.plan = plan
        years = shape.calendar.start.year - FIRST_YEAR + 2
        self._base_blocks = -(-shape.persons // BLOCK)
        self._first_later_id = years * self._base_blocks * BLOCK + 1

    def make(self, block: int, first_day: int, days: int) -> BlockResult:
        """The full feed of `first_day` and the events of the `days` days after it."""
        end = min((block + 1) * BLOCK, self.shape.known_on(first_day + days))
        people = self.population.people(np.arange(block * BLOCK, end, dtype=np.int64))
        stays = self.maker.stays(people)
        ids = self._base_ids(people, stays, block)
        result = BlockResult()
        self._full(people, stays, ids, first_day, result)
        for day in {0, *range(first_day, first_day + days + 1)}:
            known, ends, _ = self.maker.in_force(people, stays, day)
            result.counts[day] = self.maker.counts(known, ends, stays, day)
        for day in range(first_day + 1, first_day + days + 1):
            rows = self._changed(people, stays, day)
            result.days.append(self._events(people.take(rows), stays.take(rows), ids, day))
        return result

    # ids of memberships

    def _base_ids(self, people: People, stays: Stays, block: int) -> tuple[Ints, Ints]:
        """Sorted keys and ids of the memberships of day 0: years apart, in order of time within block and year."""
        base = people.take(np.flatnonzero(people.arrival == ALWAYS))
        found = self.maker.memberships(base, stays.take(np.arange(len(base))), 0)
        keys = self._keys(base, found)
        order = np.argsort(found.start, kind="stable")
        year = found.start.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64)[order] + 1970 - FIRST_YEAR
        place = np.arange(len(year)) - np.searchsorted(year, year)
        if len(year) and place.max() >= BLOCK:
            raise RuntimeError("too many memberships of one year in a block")
        ids = np.empty(len(year), np.int64)
        ids[order] = (year * self._base_blocks + block) * BLOCK + place + 1
        by_key = np.argsort(keys)
        return keys[by_key], ids[by_key]

    def _keys(self, people: People, found: Memberships) -> Ints:
        return (people.index[found.row] * 16 + found.slot) * (1 << 24) + found.contract

    def _ids(self, people: People, found: Memberships, base: tuple[Ints, Ints]) -> Ints:
        """The ids of memberships: those of day 0, or else by the day they came into the register."""
        keys = self._keys(people, found)
        at = np.minimum(np.searchsorted(base[0], keys), max(len(base[0]) - 1, 0))
        there = base[0][at] == keys if len(base[0]) else np.zeros(len(keys), bool)
        later = (found.first_known - 1) * self.shape.most_persons + people.index[found.row]
        place = place_on_its_day(found)  # a stay that is as new as its list's end comes in two pieces on one day
        if (~there & ((found.first_known < 1) | (found.slot < LAST_PAST) | (place >= MOST_AT_ONCE))).any():
            raise RuntimeError("a membership that day 0 should have known, or too many on one day")
        ids = self._first_later_id + (later * OWN_SLOTS + found.slot - LAST_PAST) * MOST_AT_ONCE + place
        return np.where(there, base[1][at], ids) if len(base[0]) else ids

    # texts

    def _texts(self, people: People, stays: Stays, ids: tuple[Ints, Ints], day: int) -> Texts:
        found = self.maker.memberships(people, stays, day)
        tails = list(
            zip(
                [
                    f'"contractId":{contract},"from":{start},'
                    for contract, start in zip(found.contract.tolist(), time_texts(found.corrected), strict=True)
                ],
                time_texts(found.end),
                [
                    f',"beginCode":{_BEGIN[b]},"endCode":{_END[e]},"updated":'
                    for b, e in zip(found.begin_code.tolist(), found.end_code.tolist(), strict=True)
                ],
                time_texts(found.updated),
                strict=True,
            )
        )
        return Texts(
            self.population.numbers_of(people, day),
            person_rests(self.population, people, day),
            found,
            self._ids(people, found, ids).tolist(),
            tails,
        )

    def _change_lines(self, people: People, day: int) -> tuple[Ints, list[str]]:
        rows, old, new, when = self.population.number_changes(people, day)
        lines = [
            f'{{"oldNin":"{a:011d}","newNin":"{b:011d}","changed":{at}}}'
            for a, b, at in zip(old.tolist(), new.tolist(), time_texts(when), strict=True)
        ]
        return rows, lines

    def _full(self, people: People, stays: Stays, ids: tuple[Ints, Ints], day: int, result: BlockResult) -> None:
        there = np.flatnonzero(people.arrival <= day)
        people, stays = people.take(there), stays.take(there)
        texts = self._texts(people, stays, ids, day)
        tables = {
            "persons": person_lines(texts.numbers, texts.rests),
            "nin_changes": self._change_lines(people, day)[1],
            "memberships": _membership_lines(texts),
        }
        for table, lines in tables.items():
            data = normalized(("\n".join(lines) + "\n").encode()) if lines else b""
            result.tables[table] = (data, len(lines))
            result.digest += lines_digest(table, data)

    # what changes on a day

    def _changed(self, people: People, stays: Stays, day: int) -> Ints:
        """The rows of persons that may differ from the day before."""
        days = (people.arrival, people.leave_day, people.number_day, people.change_day, people.correction_day)
        hit: Bools = np.any([d == day for d in days], axis=0)
        hit |= ((stays.known == day) | (stays.withdrawn == day)).any(axis=1)
        moved = np.unique(self.plan.segment_lineage[self.plan.segment_known == day])
        if len(moved):
            open_slots = slice(LAST_PAST, None)
            used = stays.known[:, open_slots] < NEVER
            hit |= (np.isin(stays.lineage[:, open_slots], moved) & used).any(axis=1)
        return np.flatnonzero(hit & (people.arrival <= day))

    def _events(self, people: People, stays: Stays, ids: tuple[Ints, Ints], day: int) -> DayEvents:
        if not len(people):
            return DayEvents(b"", 0, 0)
        now = self._texts(people, stays, ids, day)
        old_rows = np.flatnonzero(people.arrival < day)
        old = self._texts(people.take(old_rows), stays.take(old_rows), ids, day - 1)
        events: list[list[str]] = [[] for _ in range(len(people))]
        change_rows, changes = self._change_lines(people, day)
        _, before_changes = self._change_lines(people.take(old_rows), day - 1)
        gone, came = set(before_changes), set(changes)
        for row, line in zip(change_rows.tolist(), changes, strict=True):
            if line not in gone:
                events[row].append(_event("PatientNinChanged", line))
        old_rests = dict(zip(old_rows.tolist(), old.rests, strict=True))
        for row, rest in enumerate(now.rests):
            if rest != old_rests.get(row):
                name = "PersonUpdated" if row in old_rests else "PersonCreated"
                events[row].append(_event(name, f'{{"nin":"{now.numbers[row]:011d}",{rest}}}'))
        self._membership_events(now, old, old_rows, events)
        delta = sum(
            _digest(table, plus) - _digest(table, minus)
            for table, plus, minus in (
                ("persons", person_lines(now.numbers, now.rests), person_lines(old.numbers, old.rests)),
                ("nin_changes", sorted(came - gone), sorted(gone - came)),
                ("memberships", _membership_lines(now), _membership_lines(old)),
            )
        )
        lines = [event for of_person in events for event in of_person]
        return DayEvents(normalized("".join(lines).encode()), len(lines), delta)

    def _membership_events(self, now: Texts, old: Texts, old_rows: Ints, events: list[list[str]]) -> None:
        """For each person first what ends, then what changes, then what begins, so that nothing overlaps between."""
        before = dict(zip(old.ids, old.tails, strict=True))
        here = set(now.ids)
        numbers = now.numbers.tolist()
        ended: list[tuple[int, str]] = []
        changed: list[tuple[int, str]] = []
        begun: list[tuple[int, str]] = []
        for row, number, tail in zip(now.memberships.row.tolist(), now.ids, now.tails, strict=True):
            line = _membership_line(number, numbers[row], tail)
            known = before.get(number)
            if known is None:
                begun.append((row, _event("PatientOnContractCreated", line)))
            elif tail != known:
                cancels = tail[1] != "null" and tail[1] != known[1]
                name = "PatientOnContractCanceled" if cancels else "PatientOnContractUpdated"
                (ended if cancels else changed).append((row, _event(name, line)))
        rows = old_rows[old.memberships.row].tolist()
        for row, number, tail in zip(rows, old.ids, old.tails, strict=True):
            if number not in here:
                start = tail[0].rsplit('"from":', 1)[1][:-1]
                codes = tail[2].split('"endCode":')[0] + '"endCode":"OHID","updated":'
                line = _membership_line(number, numbers[row], (tail[0], start, codes, tail[3]))
                events[row].append(_event("PatientOnContractCanceled", line))
        for row, event in (*ended, *changed, *begun):
            events[row].append(event)


def _membership_line(number: int, nin: int, tail: tuple[str, str, str, str]) -> str:
    return f'{{"id":{number},"nin":"{nin:011d}",{tail[0]}"to":{tail[1]}{tail[2]}{tail[3]}}}'


def _membership_lines(texts: Texts) -> list[str]:
    nins = texts.numbers[texts.memberships.row].tolist()
    return [
        f'{{"id":{number},"nin":"{nin:011d}",{tail[0]}"to":{tail[1]}{tail[2]}{tail[3]}}}'
        for number, nin, tail in zip(texts.ids, nins, texts.tails, strict=True)
    ]


def _event(name: str, line: str) -> str:
    return f'{{"event":"{name}","body":{line}}}\n'


def _digest(table: str, lines: list[str]) -> int:
    return lines_digest(table, normalized("".join(f"{line}\n" for line in lines).encode()))


def place_on_its_day(found: Memberships) -> Ints:
    """The how manieth of its stay each membership is, from 0, among those that came on the same day."""
    same = np.zeros(len(found.row), bool)
    same[1:] = found.row[1:] == found.row[:-1]
    same[1:] &= (found.slot[1:] == found.slot[:-1]) & (found.first_known[1:] == found.first_known[:-1])
    at = np.arange(len(same))
    return at - np.maximum.accumulate(np.where(same, 0, at))
