"""The values of the index that belong to a contract, fragments and patient list: they come back, or are damage."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

import lookup._fast.index
import lookup.index
from lookup.index import Fragment, encode_buckets, encode_fragments
from tests.lookup.records import BITS, EDGE_TIMES, TIMES, outcome


@given(bits=BITS, data=st.data())
def test_patient_lists_come_back(bits: int, data: st.DataObject) -> None:
    buckets = sorted(data.draw(st.sets(st.integers(0, (1 << bits) - 1), max_size=60)))
    value = encode_buckets(77, buckets)
    for twin in (lookup.index, lookup._fast.index):
        assert twin.encode_buckets(77, buckets) == value
        assert twin.read_buckets(value, bits) == buckets


@given(value=st.binary(max_size=40), bits=BITS)
def test_any_bytes_of_a_patient_list_give_buckets_in_range_or_damage(value: bytes, bits: int) -> None:
    got = outcome(lookup.index.read_buckets, value, bits)
    assert got == outcome(lookup._fast.index.read_buckets, value, bits)
    if not isinstance(got, str):
        assert got == sorted(set(got))
        assert all(0 <= bucket < 1 << bits for bucket in got)


@st.composite
def fragment_lists(draw: st.DrawFn) -> list[Fragment]:
    times = sorted(draw(st.sets(TIMES | st.sampled_from(EDGE_TIMES), min_size=2, max_size=7)))
    hpr_numbers = st.lists(st.integers(0, 2**32 - 1), max_size=5).map(tuple) | st.just(tuple(range(255)))
    return [Fragment(since, until, draw(hpr_numbers), draw(st.binary(max_size=50))) for since, until in pairwise(times)]


@given(fragments=fragment_lists(), data=st.data())
def test_fragments_come_back_and_cover_their_periods_only(fragments: list[Fragment], data: st.DataObject) -> None:
    value = encode_fragments(5, fragments)
    ends = [time for f in fragments for time in (f.valid_from - 1, f.valid_from, f.to - 1, f.to)]
    for at in (*ends, data.draw(TIMES)):
        if not -(2**63) <= at < 2**63:
            continue
        wanted = next((f for f in fragments if f.valid_from <= at < f.to), None)
        for twin in (lookup.index, lookup._fast.index):
            assert twin.encode_fragments(5, fragments) == value
            assert twin.read_fragment(value, at) == wanted


@given(fragments=fragment_lists(), data=st.data())
def test_damaged_fragments_give_a_fragment_or_damage(fragments: list[Fragment], data: st.DataObject) -> None:
    value = bytearray(encode_fragments(5, fragments))
    for _ in range(data.draw(st.integers(0, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    cut = bytes(value[: data.draw(st.integers(0, len(value)) | st.just(len(value)))])
    for f in fragments:
        got = outcome(lookup.index.read_fragment, cut, f.valid_from)
        assert got == outcome(lookup._fast.index.read_fragment, cut, f.valid_from)
        assert got is None or isinstance(got, str | Fragment)
