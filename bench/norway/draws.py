"""Chance as a pure function: every draw is a hash of (seed, purpose, index).

Any person's facts can so be computed alone, in any order and in any process, and are always the same. The hash is
the finaliser of splitmix64 (Steele, Lea and Flood 2014); this is no cryptography.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Words = NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def mixed(number: int) -> int:
    """The splitmix64 finaliser of one integer."""
    number &= _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


class Draws:
    """Draws for indices, all fixed by one seed. Each `purpose` (a word) is a stream of its own."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def words(self, purpose: str, indices: NDArray[Any]) -> Words:
        """64 random bits for each index."""
        start = mixed(self.seed * _GOLDEN + mixed(int.from_bytes(purpose.encode(), "little")))
        x = indices.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(start)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))

    def uniform(self, purpose: str, indices: NDArray[Any]) -> Floats:
        """A float in [0, 1) for each index."""
        return (self.words(purpose, indices) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def below(self, purpose: str, indices: NDArray[Any], limit: int) -> Ints:
        """An integer in [0, limit) for each index."""
        return (self.uniform(purpose, indices) * limit).astype(np.int64)


def poisson(uniform: Floats, mean: Floats, largest: int) -> Ints:
    """Poisson numbers with the given means, cut at `largest`, by inversion."""
    term = np.exp(-mean)
    total = term.copy()
    count = np.zeros(len(mean), np.int64)
    for k in range(1, largest + 1):
        count += uniform > total
        term = term * mean / k
        total = total + term
    return count
