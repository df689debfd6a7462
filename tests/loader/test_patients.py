"""Patient lists that are edited: the compiled twin makes of everything what the plain one makes of it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import loader.patients
from loader._fast import patients
from lookup.index import encode_buckets, read_buckets
from lookup.record import Damaged

BITS = 19
TWINS = [loader.patients.edited, patients.edited]
bits = st.integers(1, 32)
buckets = st.integers(0, (1 << BITS) - 1)
near = st.integers(0, 300)  # most buckets of a list are near one another


def said(edited: Callable[..., bytes | None], *question: Any) -> object:
    """What is answered, or what is wrong."""
    try:
        return edited(*question)
    except Damaged as error:
        return str(error)


@pytest.mark.parametrize("edited", TWINS)
def test_adds_and_removes(edited: Callable[..., bytes | None]) -> None:
    before = encode_buckets(7, [0, 5, 300, 70_000])
    after = edited(before, 7, BITS, {5: False, 6: True, 300: True, 524_287: True, 9: False})
    assert after == encode_buckets(7, [0, 6, 300, 70_000, 524_287])
    assert edited(None, 7, BITS, {3: True, 0: True}) == encode_buckets(7, [0, 3])


@pytest.mark.parametrize("edited", TWINS)
def test_nothing_is_left(edited: Callable[..., bytes | None]) -> None:
    assert edited(encode_buckets(7, [3, 4]), 7, BITS, {3: False, 4: False}) is None
    assert edited(None, 7, BITS, {3: False}) is None
    assert edited(None, 7, BITS, {}) is None


@given(st.sets(buckets | near), st.dictionaries(buckets | near, st.booleans()), st.integers(0, 2**32 - 1))
def test_the_twins_agree(there: set[int], changes: dict[int, bool], slot: int) -> None:
    value = encode_buckets(slot, sorted(there)) if there else None
    for bucket in sorted(there)[:3]:
        changes.setdefault(bucket, False)
    after = patients.edited(value, slot, BITS, changes)
    assert after == loader.patients.edited(value, slot, BITS, changes)
    wanted = (there | {one for one in changes if changes[one]}) - {one for one in changes if not changes[one]}
    assert set(read_buckets(after, BITS) if after else []) == wanted


@given(st.binary(max_size=24), bits, st.dictionaries(st.integers(0, 1), st.booleans()))
def test_the_twins_agree_on_what_is_damaged(value: bytes, bits: int, changes: dict[int, bool]) -> None:
    assert said(patients.edited, value, 7, bits, changes) == said(loader.patients.edited, value, 7, bits, changes)


@pytest.mark.parametrize(
    ("tail", "what"),
    [
        (b"\x80" * 5 + b"\x01", "a bucket number is too long"),
        (b"\x05\x00", "a bucket number is out of range"),
        (b"\xff\xff\x7f", "a bucket number is out of range"),
        (b"\x05\x80", "a bucket list ends too early"),
    ],
)
@pytest.mark.parametrize("edited", TWINS)
def test_what_is_damaged(edited: Callable[..., bytes | None], tail: bytes, what: str) -> None:
    with pytest.raises(Damaged, match=what):
        edited(bytes(4) + tail, 0, BITS, {})


def test_a_bucket_that_there_cannot_be() -> None:
    with pytest.raises(ValueError, match="no such bucket"):
        patients.edited(None, 7, BITS, {1 << BITS: True})
