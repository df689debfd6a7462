"""National ids of made-up persons: a bijection from person index to number, so that no set of numbers is needed.

All are synthetic: month +80 or +65, fødselsnummer or D-number (day +40). A number is made of a date, a series, an
individual number and control digits. Which individual numbers have control digits depends only on the date's share
of the two control sums modulo 11, so one table for each of those 121 classes turns a rank into an individual
number. The ranks are cut in two halves, A and B, which gives every person up to four numbers that nobody else has:
fødselsnummer A and B, D-number A and B. Half A of fødselsnummer follows the birth date; the other three have
dates by chance, as real D-numbers and replaced numbers may.

Capacity is 29 million persons for each control residue. From 25 million persons on the residues 1, 2 and 3 that
the rule of 2032 admits are used too, so 100 million fit.
"""

from datetime import date

import numpy as np

from bench.norway.draws import Draws, Ints
from register.ids import WEIGHTS_1, WEIGHTS_2

EPOCH = date(1970, 1, 1).toordinal()
CENTURY = 100
PERSONS_PER_RESIDUE = 25_000_000
RESIDUES = 4
MONTH_ADDED = (80, 65)  # the series of Skatteetaten and of NHN


def _control_tables() -> tuple[Ints, int]:
    """[residue, class, rank] -> individual number and control digits as five digits; and the ranks all classes have."""
    individual = np.arange(1000)
    digits = (individual // 100, individual // 10 % 10, individual % 10)
    part_1 = sum(d * w for d, w in zip(digits, WEIGHTS_1[6:9], strict=True))
    part_2 = sum(d * w for d, w in zip(digits, WEIGHTS_2[6:9], strict=True))
    columns = []
    for residue in range(RESIDUES):
        for key in range(121):
            first = (residue - key // 11 - part_1) % 11
            second = -(key % 11 + part_2 + first * WEIGHTS_2[9]) % 11
            valid = (first < 10) & (second < 10)
            columns.append((individual * 100 + first * 10 + second)[valid])
    ranks = min(len(column) for column in columns)
    table = np.array([column[:ranks] for column in columns], np.int64)
    return table.reshape(RESIDUES, 121, ranks), ranks


_TABLE, _RANKS = _control_tables()
HALF = _RANKS // 2
SLOTS_PER_DATE = 2 * HALF  # in one half: two series


def _six_digits(day: Ints, added: Ints, d_number: bool) -> tuple[Ints, Ints]:
    """The date part of a number as six digits, and its class."""
    dates = day.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    dd = (dates - months).astype(np.int64) + 1 + (40 if d_number else 0)
    mm = months.astype(np.int64) % 12 + 1 + added
    yy = (months.astype(np.int64) // 12 + 1970) % 100
    digits = (dd // 10, dd % 10, mm // 10, mm % 10, yy // 10, yy % 10)
    part_1 = sum(d * w for d, w in zip(digits, WEIGHTS_1[:6], strict=True))
    part_2 = sum(d * w for d, w in zip(digits, WEIGHTS_2[:6], strict=True))
    return dd * 10_000 + mm * 100 + yy, (part_1 % 11) * 11 + part_2 % 11


class Numbers:
    """The numbers and birth days of persons; `last_day` (days since 1970) is the youngest birth day in half A."""

    def __init__(self, seed: int, persons: int, last_day: int) -> None:
        self.persons = persons
        self._draws = Draws(seed)
        self._last_day = last_day
        self._first_day = date(date.fromordinal(last_day + EPOCH).year - CENTURY + 1, 1, 1).toordinal() - EPOCH
        self._dates = self._last_day - self._first_day + 1
        self._slots = self._dates * SLOTS_PER_DATE
        self._starts = self._age_pyramid() if persons <= PERSONS_PER_RESIDUE * 3 // 4 else None
        self._used = int(self._starts[-1]) if self._starts is not None else self._slots

    def _age_pyramid(self) -> Ints:
        """Cumulated slots by birth date, so that ages are spread about as in Norway."""
        age = (self._last_day - np.arange(self._first_day, self._last_day + 1)) / 365.25
        weight = np.interp(age, (0, 10, 30, 55, 75, 85, 95, 100), (0.9, 1.1, 1.3, 1.3, 0.9, 0.45, 0.07, 0.01))
        ends = np.ceil(np.cumsum(weight / weight.sum()) * (self.persons + 1)).astype(np.int64)
        slots = np.minimum(np.diff(ends, prepend=0), SLOTS_PER_DATE)
        return np.concatenate([[0], np.cumsum(slots)])

    def fnr_a(self, index: Ints) -> tuple[Ints, Ints]:
        """(number, birth day as days since 1970) of half A of fødselsnummer; only for index < persons."""
        residue, x = self._scattered("fnr-a", index, self._used)
        if self._starts is None:
            at, slot = x // SLOTS_PER_DATE, x % SLOTS_PER_DATE
        else:
            at = np.searchsorted(self._starts, x, side="right") - 1
            slot = x - self._starts[at]
        day = self._first_day + at
        return self._number(day, slot, residue, d_number=False), day

    def fnr_b(self, index: Ints) -> Ints:
        """Half B of fødselsnummer; any index."""
        return self._plain("fnr-b", index, HALF, d_number=False)

    def d_number_a(self, index: Ints) -> Ints:
        """Half A of D-number; any index."""
        return self._plain("d-a", index, 0, d_number=True)

    def d_number_b(self, index: Ints) -> Ints:
        """Half B of D-number; any index."""
        return self._plain("d-b", index, HALF, d_number=True)

    def _plain(self, purpose: str, index: Ints, first_rank: int, d_number: bool) -> Ints:
        residue, x = self._scattered(purpose, index, self._slots)
        return self._number(
            self._first_day + x // SLOTS_PER_DATE, x % SLOTS_PER_DATE, residue, d_number, first_rank=first_rank
        )

    def _scattered(self, purpose: str, index: Ints, size: int) -> tuple[Ints, Ints]:
        """(residue, slot): an affine bijection of each 25 million indices into `size` slots."""
        factor = int(size * 0.6180339887) | 1
        while np.gcd(factor, size) != 1:
            factor += 2
        offset = int(self._draws.words(purpose, np.zeros(1, np.int64))[0] % np.uint64(size))
        return index // PERSONS_PER_RESIDUE, (index % PERSONS_PER_RESIDUE * factor + offset) % size

    def _number(self, day: Ints, slot: Ints, residue: Ints, d_number: bool, first_rank: int = 0) -> Ints:
        added = np.where((slot + day) % 2 == 0, *MONTH_ADDED)
        six, key = _six_digits(day, added, d_number)
        return six * 100_000 + _TABLE[residue, key, first_rank + slot // 2]
