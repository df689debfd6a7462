"""A histogram of latencies in nanoseconds: log-linear, as bench/load.c fills it.

Each octave is cut into 128 equal bins, so a quantile is right within 0.8 %; values below 256 have a bin of their own.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Self

BINS_AN_OCTAVE = 128


def bin_of(value: int) -> int:
    """The bin that a value falls into."""
    shift = max(0, value.bit_length() - 8)
    return shift * BINS_AN_OCTAVE + (value >> shift)


def lowest(bin_number: int) -> int:
    """The lowest value of a bin; that of the next one is where it ends."""
    shift = max(0, bin_number // BINS_AN_OCTAVE - 1)
    return (bin_number - shift * BINS_AN_OCTAVE) << shift


class Histogram:
    """How many values fell into each bin. Those of several rounds can be pooled."""

    def __init__(self, bins: Iterable[tuple[int, int]] = ()) -> None:
        self.bins: Counter[int] = Counter()
        for number, count in bins:
            self.bins[number] += count

    @classmethod
    def pooled(cls, histograms: Iterable["Histogram"]) -> Self:
        """All values of several histograms."""
        return cls(pair for histogram in histograms for pair in histogram.bins.items())

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.bins.total()

    def quantile(self, share: float) -> float:
        """The middle of the bin up to whose end at least this share of the values lie. NaN when there are none."""
        wanted, passed = share * self.count, 0
        for number in sorted(self.bins):
            passed += self.bins[number]
            if passed >= wanted:
                return (lowest(number) + lowest(number + 1) - 1) / 2
        return float("nan")
