"""Base64url and signatures: the compiled twin says what the libraries say, octet for octet."""

from base64 import urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import lookup._fast.encodings as compiled
import lookup.access.encodings as plain
from lookup.access.encodings import MAX_HALF

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def told(work: Callable[[bytes], bytes], octets: bytes) -> bytes | None:
    try:
        return work(octets)
    except ValueError:
        return None


def test_the_compiled_one_is() -> None:
    assert not compiled.__file__.endswith(".py")


@given(st.binary(max_size=80))
def test_what_is_written_is_read(octets: bytes) -> None:
    text = urlsafe_b64encode(octets).rstrip(b"=")
    assert plain.decoded(text) == compiled.decoded(text) == octets


@given(st.lists(st.sampled_from(LETTERS), max_size=12).map(bytes), st.binary(max_size=2), st.integers(0, 12))
@example(b"AA", b"", 0)
@example(b"_-_", b"", 0)
def test_what_is_no_base64url_is_refused_by_both(letters: bytes, more: bytes, place: int) -> None:
    text = letters[:place] + more + letters[place:]
    assert told(plain.decoded, text) == told(compiled.decoded, text)


@pytest.mark.parametrize("twin", [plain, compiled])
@pytest.mark.parametrize("text", [b"A", b"AA=", b"AA==", b"A+AA", b"A/AA", b"AA A", b"AAA\n", b"\xff\xff", b"AAAA="])
def test_these_are_none(twin: object, text: bytes) -> None:
    assert told(twin.decoded, text) is None  # type: ignore[attr-defined]


@given(st.integers(1, MAX_HALF).flatmap(lambda half: st.binary(min_size=2 * half, max_size=2 * half)))
@example(bytes(64))
@example(b"\xff" * 2 * MAX_HALF)
@example(b"\x00\x80\x00\x7f")
@example(b"\x00" * 31 + b"\x80" + b"\x7f" * 32)
def test_a_signature_is_written_as_the_library_writes_it(signature: bytes) -> None:
    assert plain.der(signature) == compiled.der(signature)


@pytest.mark.parametrize("twin", [plain, compiled])
@pytest.mark.parametrize("size", [0, 1, 63, 2 * MAX_HALF + 2])
def test_what_is_no_signature_is_refused(twin: object, size: int) -> None:
    assert told(twin.der, bytes(size)) is None  # type: ignore[attr-defined]
