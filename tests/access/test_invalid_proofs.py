"""The list of proofs that are not in order: each is refused, for its own reason and no other."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lookup._fast.replay
from bench.issuer import DROP, Client, encoded
from lookup.access.dpop import AGE_SECONDS, AHEAD_SECONDS, MAX_OCTETS, Bound, Proofs
from lookup.access.replay import JTI_BYTES, ReplayMemory
from tests.access.proofs import PATH, TOKEN, URL, URLS, why
from tests.access.tokens import NOW


@pytest.fixture(scope="module")
def client() -> Client:
    return Client()


@pytest.fixture(scope="module")
def thief() -> Client:
    return Client()


@pytest.fixture
def bound(client: Client) -> Bound:
    return Proofs(URLS, lookup._fast.replay.Seen(ReplayMemory(1 << 16))).bound(TOKEN, client.thumbprint)


Make = Callable[[Client, Client], bytes]


def made(*, method: str = "POST", url: str = URL, token: bytes = TOKEN, **changes: Any) -> Make:
    return lambda client, _: client.proof(method, url, token, at=NOW, **changes)


def unsigned(client: Client, _: Client) -> bytes:
    return client.proof("POST", URL, TOKEN, at=NOW, header_alg="none").rpartition(b".")[0] + b"."


def by_a_thief(client: Client, thief: Client) -> bytes:
    """The thief has the token, and shows his own key."""
    return thief.proof("POST", URL, TOKEN, at=NOW)


def by_a_thief_under_the_right_key(client: Client, thief: Client) -> bytes:
    return client.proof("POST", URL, TOKEN, at=NOW, sign_with=thief.key)


def mac_by_the_public_key(client: Client, _: Client) -> bytes:
    return client.proof("POST", URL, TOKEN, at=NOW, header_alg="HS256", sign_with=client.key.as_pem(private=False))


def shown(**members: Any) -> Make:
    """The key as it is shown in the header is another, or has members that it must not have."""
    return lambda client, _: client.proof(
        "POST", URL, TOKEN, at=NOW, header_jwk={**client.key.as_dict(private=False), **members}
    )


def changed(client: Client, _: Client) -> bytes:
    head, payload, signature = client.proof("POST", URL, TOKEN, at=NOW).split(b".")
    claims = json.loads(urlsafe_b64decode(payload + b"=="))
    return b".".join([head, encoded(json.dumps({**claims, "jti": "another"}).encode()), signature])


def private_key(client: Client, _: Client) -> bytes:
    return client.proof("POST", URL, TOKEN, at=NOW, header_jwk=client.key.as_dict(private=True))


def der_signature(client: Client, _: Client) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    told = client.proof("POST", URL, TOKEN, at=NOW).rpartition(b".")[0]
    return told + b"." + encoded(client.key.private_key.sign(told, ec.ECDSA(hashes.SHA256())))


def nothing_signed(client: Client, _: Client) -> bytes:
    """r = s = 0, which a careless check takes for anybody's signature."""
    return client.proof("POST", URL, TOKEN, at=NOW).rpartition(b".")[0] + b"." + encoded(bytes(64))


def raw(head: bytes | None = None, payload: bytes | None = None, end: bytes | None = None) -> Make:
    def make(client: Client, _: Client) -> bytes:
        parts = client.proof("POST", URL, TOKEN, at=NOW).split(b".")
        given = (head, payload, end)
        return b".".join(part if new is None else new for part, new in zip(parts, given, strict=True))

    return make


# id, how it is made, why it is refused
INVALID: list[tuple[str, Make, str]] = [
    ("algorithm none", unsigned, "proof-algorithm"),
    ("MAC by the public key", mac_by_the_public_key, "proof-algorithm"),
    ("algorithm that nobody knows", made(header_alg="ES257"), "proof-algorithm"),
    ("algorithm of a longer curve", made(header_alg="ES384"), "proof-key"),
    ("algorithm of another kind of key", made(header_alg="PS256"), "proof-key"),
    ("no algorithm", made(header_alg=DROP), "proof-malformed"),
    ("type of a token", made(header_typ="at+jwt"), "proof-type"),
    ("type JWT", made(header_typ="JWT"), "proof-type"),
    ("no type", made(header_typ=DROP), "proof-malformed"),
    ("critical header", made(header_crit=["x"], header_x=1), "proof-critical"),
    ("payload not encoded", made(header_b64=False), "proof-critical"),
    ("no key", made(header_jwk=DROP), "proof-malformed"),
    ("key that is text", made(header_jwk="key"), "proof-malformed"),
    ("empty key", made(header_jwk={}), "proof-key"),
    ("key that is off the curve", shown(x="A" * 43), "proof-key"),
    ("key of another curve", shown(crv="P-384"), "proof-key"),
    ("key of a curve that is not taken", shown(crv="secp256k1"), "proof-key"),
    ("secret key", shown(kty="oct", k="c2VjcmV0"), "proof-key"),
    ("private key", private_key, "proof-key"),
    ("key for other use", shown(use="enc"), "proof-key"),
    ("key for another algorithm", shown(alg="ES512"), "proof-key"),
    ("another one's key", by_a_thief, "proof-key"),
    ("signed by another one", by_a_thief_under_the_right_key, "proof-signature"),
    ("changed", changed, "proof-signature"),
    ("signature in another form", der_signature, "proof-signature"),
    ("signature of zeros", nothing_signed, "proof-signature"),
    ("signature cut", raw(end=b"AAAA"), "proof-signature"),
    ("no signature", raw(end=b""), "proof-signature"),
    ("signature that is no base64url", raw(end=b"+/=="), "proof-malformed"),
    ("payload that is no base64url", raw(payload=b"e30="), "proof-malformed"),
    ("payload that is no JSON", raw(payload=encoded(b"{")), "proof-malformed"),
    ("payload that is no object", raw(payload=encoded(b"[]")), "proof-malformed"),
    ("header that is no JSON", raw(head=encoded(b"{")), "proof-malformed"),
    ("header that is no base64url", raw(head=b"{}"), "proof-malformed"),
    ("nothing", lambda *_: b"", "proof-malformed"),
    ("points alone", lambda *_: b"..", "proof-malformed"),
    ("two in one", lambda client, _: b", ".join([client.proof("POST", URL, TOKEN, at=NOW)] * 2), "proof-malformed"),
    ("too large", made(filler="x" * MAX_OCTETS), "proof-too-large"),
    ("no token", made(ath=DROP), "proof-malformed"),
    ("another token", made(token=TOKEN + b"x"), "proof-token"),
    ("empty token", made(ath=""), "proof-token"),
    ("no method", made(htm=DROP), "proof-malformed"),
    ("another method", made(method="GET"), "proof-method"),
    ("method in small letters", made(method="post"), "proof-method"),
    ("no URL", made(htu=DROP), "proof-malformed"),
    ("another host", made(url="https://other.example" + PATH), "proof-url"),
    ("host that begins alike", made(url="https://flr.example.evil.example" + PATH), "proof-url"),
    ("another port", made(url="https://flr.example:8443" + PATH), "proof-url"),
    ("another scheme", made(url="http://flr.example" + PATH), "proof-url"),
    ("another path", made(url="https://flr.example/v1/gp-history"), "proof-url"),
    ("path with a slash more", made(url=URL + "/"), "proof-url"),
    ("path in other letters", made(url="https://flr.example/V1/gp-lookup"), "proof-url"),
    ("path alone", made(url=PATH), "proof-url"),
    ("somebody in the URL", made(url="https://flr.example@flr.example" + PATH), "proof-url"),
    ("line feed in the URL", made(url="https://flr.exa\nmple" + PATH), "proof-url"),
    ("URL that is none", made(url="https://[flr" + PATH), "proof-url"),
    ("no time", made(iat=DROP), "proof-malformed"),
    ("time that is text", made(iat=str(int(NOW))), "proof-malformed"),
    ("time that is a truth", made(iat=True), "proof-malformed"),
    ("time that is no number", made(iat=float("nan")), "proof-malformed"),
    ("time beyond all", made(iat=10**400), "proof-malformed"),
    ("too old", made(iat=NOW - AGE_SECONDS - 1), "proof-time"),
    ("too early", made(iat=NOW + AHEAD_SECONDS + 1), "proof-time"),
    ("of the beginning", made(iat=0), "proof-time"),
    ("no id", made(jti=DROP), "proof-malformed"),
    ("empty id", made(jti=""), "proof-jti"),
    ("id that is a number", made(jti=7), "proof-malformed"),
    ("id too long", made(jti="ø" * (JTI_BYTES // 2 + 1)), "proof-jti"),
    ("id of half a letter", made(jti="\ud800"), "proof-malformed"),
]


@pytest.mark.parametrize(("make", "reason"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
def test_is_refused(bound: Bound, client: Client, thief: Client, make: Make, reason: str) -> None:
    proof = make(client, thief)
    assert why(bound, proof) == reason
    # and a good one goes on being taken, and what was refused is refused again when its head has been seen
    assert why(bound, client.proof("POST", URL, TOKEN, at=NOW)) is None
    assert why(bound, proof) == reason


@given(st.binary(max_size=200))
def test_whatever_comes_is_refused_and_nothing_breaks(octets: bytes) -> None:
    bound = Proofs(URLS, lookup._fast.replay.Seen(ReplayMemory(512))).bound(TOKEN, "k" * 43)
    assert why(bound, octets) is not None
    assert why(bound, b".".join([encoded(octets)] * 3)) is not None
