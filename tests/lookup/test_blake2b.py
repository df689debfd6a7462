"""BLAKE2b of the compiled core, octet for octet that of hashlib; and the vector of RFC 7693, appendix A."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup._fast.blake2b import blake2b

KEYS = st.binary(max_size=64)


def test_the_vector_of_the_rfc() -> None:
    assert blake2b(b"abc").hex() == (
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
    )


@pytest.mark.parametrize("key", [b"", b"k" * 32], ids=["unkeyed", "keyed"])
def test_every_length_over_some_blocks(key: bytes) -> None:
    for size in range(400):
        data = bytes(i * 7 % 256 for i in range(size))
        assert blake2b(data, key=key, digest_size=32) == hashlib.blake2b(data, key=key, digest_size=32).digest(), size


@given(data=st.binary(max_size=600), key=KEYS, size=st.integers(1, 64))
def test_is_that_of_hashlib(data: bytes, key: bytes, size: int) -> None:
    assert blake2b(data, key=key, digest_size=size) == hashlib.blake2b(data, key=key, digest_size=size).digest()


@pytest.mark.parametrize(("size", "key"), [(0, b""), (65, b""), (32, b"k" * 65)])
def test_refuses_what_is_no_blake2b(size: int, key: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        blake2b(b"", key=key, digest_size=size)
