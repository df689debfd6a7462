"""Bins and quantiles of latencies."""

import random

from hypothesis import given
from hypothesis import strategies as st

from bench.latency import Histogram, bin_of, lowest

VALUES = st.integers(0, 1 << 40)


@given(VALUES)
def test_a_value_is_in_its_bin_and_the_bin_is_narrow(value: int) -> None:
    number = bin_of(value)
    assert lowest(number) <= value < lowest(number + 1)
    assert (lowest(number + 1) - 1 - lowest(number)) * 128 <= value


@given(VALUES, VALUES)
def test_bins_are_in_the_order_of_values(one: int, other: int) -> None:
    assert (bin_of(one) <= bin_of(other)) or one > other


def test_quantiles_are_those_of_the_values(chance: random.Random) -> None:
    values = sorted(round(chance.lognormvariate(11, 1.5)) for _ in range(20_000))
    halves = [Histogram((bin_of(value), 1) for value in values[start::2]) for start in (0, 1)]
    pooled = Histogram.pooled(halves)
    assert pooled.count == len(values)
    for share in (0.01, 0.5, 0.99, 0.999, 1.0):
        exact = values[round(share * len(values)) - 1]
        assert abs(pooled.quantile(share) - exact) <= exact / 128 + 1


def test_nothing_has_no_quantile() -> None:
    assert str(Histogram().quantile(0.5)) == "nan"
