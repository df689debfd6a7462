"""Which of the keys that an issuer publishes a token may be verified with."""

import json
from typing import Any

import pytest
from joserfc import jwk

from bench.issuer import LocalIssuer, encoded
from lookup.access.jwks import MAX_KEYS, NotKeys, read_keys


def test_those_that_can_verify_a_signature() -> None:
    def told(kind: str, size: str | int, **members: Any) -> dict[str, Any]:
        key = jwk.generate_key(kind, size)  # type: ignore[call-overload]
        return {**key.as_dict(private=False), **members}  # type: ignore[dict-item]

    weak = {"kty": "RSA", "e": "AQAB", "n": encoded((1 << 1023 | 1).to_bytes(128, "big")).decode()}
    heavy = {**weak, "n": encoded((1 << 9000 | 1).to_bytes(1200, "big")).decode()}
    good = told("EC", "P-256")
    listed = [
        {**good, "kid": "good"},
        told("EC", "P-256", kid="good"),
        told("EC", "P-384", kid="for signatures", use="sig", alg="ES384"),
        told("EC", "P-256", kid="for secrets", use="enc"),
        told("EC", "secp256k1", kid="of another curve"),
        told("OKP", "Ed25519", kid="of another kind"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        {**good, "kid": "off the curve", "x": "A" * 43},
        {**good, "kid": 7},
        {**weak, "kid": "weak"},
        {**heavy, "kid": "heavy"},
        {"kid": "nothing"},
        good,
    ]
    found = read_keys(json.dumps({"keys": listed}).encode())
    assert set(found) == {("good", "EC"), ("for signatures", "EC")}
    assert found["good", "EC"].get("x") == good["x"]  # of two with one id, the first


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_weak_key_does_not_become_strong_by_zeros() -> None:
    padded = encoded((1 << 1023 | 1).to_bytes(256, "big")).decode()
    with pytest.raises(NotKeys, match="no usable keys"):
        read_keys(json.dumps({"keys": [{"kty": "RSA", "e": "AQAB", "n": padded, "kid": "weak"}]}).encode())


def test_private_parts_are_not_kept() -> None:
    value = LocalIssuer(algorithm="ES256").keys[0].as_dict(private=True)
    (key,) = read_keys(json.dumps({"keys": [value]}).encode()).values()
    assert not key.is_private


def test_not_ever_so_many() -> None:
    value = LocalIssuer(algorithm="ES256").keys[0].as_dict(private=False)
    many = json.dumps({"keys": [{**value, "kid": str(n)} for n in range(MAX_KEYS + 1)]})
    with pytest.raises(NotKeys, match="too many"):
        read_keys(many.encode())
