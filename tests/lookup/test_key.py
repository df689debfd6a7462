"""The key of a person: one behaviour on both twins, and the two agree."""

from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import lookup._fast.key
import lookup.key
from lookup.key import KEY_MASK
from register.ids import format_national_id, is_national_id
from tests.lookup.records import BITS, NINS

MIXED = st.integers(0, KEY_MASK)
DIGITS = st.text("0123456789", min_size=11, max_size=11)
TEXTS = st.one_of(DIGITS, st.text(max_size=13), st.text("0123456789０１²٣ \ud800", min_size=9, max_size=13))


@pytest.mark.parametrize("key", [lookup.key, lookup._fast.key], ids=["plain", "compiled"])
class TestKey:
    @given(mixed=MIXED)
    @example(mixed=0)
    @example(mixed=KEY_MASK)
    def test_mixing_is_a_bijection(self, key: ModuleType, mixed: int) -> None:
        assert key.unmix(key.mix(mixed)) == mixed
        assert key.mix(key.unmix(mixed)) == mixed
        assert 0 <= key.mix(mixed) <= KEY_MASK

    def test_mixing_is_that_of_the_format(self, key: ModuleType) -> None:
        """Computed by hand from docs/generation-format.md: a change here is a change of format."""

        def mixed(nin: int) -> int:
            h = nin * 0x0B4E0EF37B % 2**37
            h ^= h >> 19
            h = h * 0x135CA6B7A1 % 2**37
            return h ^ (h >> 19)

        for nin in (0, 1, 2013299997, 41814061033, 99999999999, 2**37 - 1):
            assert key.mix(nin) == mixed(nin)

    @given(mixed=MIXED, bits=BITS)
    def test_bucket_and_rest_are_the_whole_key(self, key: ModuleType, mixed: int, bits: int) -> None:
        bucket, rest = key.split(mixed, bits)
        assert key.join(bucket, rest, bits) == mixed
        assert 0 <= bucket < 1 << bits
        assert 0 <= rest < 1 << 37 - bits

    @pytest.mark.parametrize(
        ("persons", "bits"),
        [
            (0, 13),
            (1, 13),
            (16 << 13, 13),
            ((16 << 13) + 1, 14),
            (5_600_000, 19),
            (16 << 19, 19),
            (450_000_000, 25),
            (16 << 28, 28),
            (10**11, 28),
        ],
    )
    def test_there_are_buckets_enough(self, key: ModuleType, persons: int, bits: int) -> None:
        assert key.bits_for(persons) == bits

    def test_neighbouring_numbers_spread_over_the_buckets(self, key: ModuleType) -> None:
        counts = [0] * 1024
        for nin in range(2013299997, 2013299997 + 16 * 1024):
            counts[key.split(key.mix(nin), 13)[0] >> 3] += 1
        assert min(counts) >= 1
        assert max(counts) <= 64

    @pytest.mark.parametrize("number", ["02013299997", "02013299903", "41814061033", "70019950032"])
    def test_parse_gives_the_number(self, key: ModuleType, number: str) -> None:
        assert key.parse(number) == int(number)
        assert key.parse(number.encode()) == int(number)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "12345678999",
            "0201329999",
            "020132999970",
            "０２０１３２９９９９７",
            "0201329999\0",
            "x" * 11,
            "\ud800" * 11,
        ],
    )
    def test_parse_says_no(self, key: ModuleType, text: str) -> None:
        assert key.parse(text) == -1
        assert key.parse(text.encode("utf-8", "surrogatepass")) == -1

    @given(text=TEXTS)
    def test_parse_is_the_rule_of_2032(self, key: ModuleType, text: str) -> None:
        number = key.parse(text)
        assert number == (int(text) if is_national_id(text) else -1)

    @given(text=st.binary(max_size=13))
    def test_parse_takes_any_bytes(self, key: ModuleType, text: bytes) -> None:
        number = key.parse(text)
        assert number == -1 or format_national_id(number).encode() == text


@given(nin=NINS)
def test_both_mix_alike(nin: int) -> None:
    assert lookup.key.mix(nin) == lookup._fast.key.mix(nin)
    assert lookup.key.unmix(nin) == lookup._fast.key.unmix(nin)


@given(text=st.one_of(TEXTS, st.binary(max_size=13)))
def test_both_parse_alike(text: str | bytes) -> None:
    assert lookup.key.parse(text) == lookup._fast.key.parse(text)
