"""Proofs: one that is in order is good once, for one request; tests/access/test_invalid_proofs.py has the others."""

import json
from base64 import urlsafe_b64decode

import pytest

import lookup._fast.replay
import lookup.access.replay
from bench.issuer import Client, signed
from lookup.access.dpop import AGE_SECONDS, AHEAD_SECONDS, Bound, Proofs, PublicUrlsError, normalized
from lookup.access.replay import ReplayMemory
from tests.access.proofs import TOKEN, URL, URLS, why
from tests.access.tokens import NOW


@pytest.fixture(scope="module")
def client() -> Client:
    return Client()


@pytest.fixture(scope="module")
def thief() -> Client:
    return Client()


@pytest.fixture(params=[lookup.access.replay.Seen, lookup._fast.replay.Seen], ids=["plain", "compiled"])
def proofs(request: pytest.FixtureRequest) -> Proofs:
    return Proofs(URLS, request.param(ReplayMemory(1 << 16)))


@pytest.fixture
def bound(proofs: Proofs, client: Client) -> Bound:
    return proofs.bound(TOKEN, client.thumbprint)


class TestTaken:
    def test_once_and_another_one_after_it(self, bound: Bound, client: Client) -> None:
        one, other = (client.proof("POST", URL, TOKEN, at=NOW) for _ in range(2))
        assert [why(bound, proof) for proof in (one, other, one, other)] == [None, None, "proof-used", "proof-used"]

    @pytest.mark.parametrize(
        ("kind", "size", "algorithm"),
        [("EC", "P-256", "ES256"), ("EC", "P-384", "ES384"), ("EC", "P-521", "ES512"), ("RSA", 2048, "PS256")],
    )
    def test_by_every_kind_of_key(self, proofs: Proofs, kind: str, size: str | int, algorithm: str) -> None:
        client = Client(kind, size, algorithm)
        bound = proofs.bound(TOKEN, client.thumbprint)
        proof = client.proof("GET", URL, TOKEN, at=NOW)
        assert why(bound, proof, method="GET") is None
        assert why(bound, proof, method="GET") == "proof-used"
        damaged = client.proof("GET", URL, TOKEN, at=NOW)[:-8] + b"AAAAAAAA"
        assert why(bound, damaged, method="GET") == "proof-signature"

    @pytest.mark.parametrize(
        "url",
        [
            URL,
            "https://gateway.example:8443/flr/v1/gp-lookup",
            "https://flr.example:443/v1/gp-lookup",
            "HTTPS://FLR.example/v1/gp-lookup",
            "https://flr.example/v1/gp%2dlookup?b=1#c",
            "https://flr.example/x/../v1/./gp-lookup",
        ],
    )
    def test_however_the_same_url_is_written(self, bound: Bound, client: Client, url: str) -> None:
        assert why(bound, client.proof("POST", url, TOKEN, at=NOW)) is None

    @pytest.mark.parametrize("off", [-AHEAD_SECONDS, 0, AGE_SECONDS])
    def test_while_it_counts(self, bound: Bound, client: Client, off: float) -> None:
        assert why(bound, client.proof("POST", URL, TOKEN, at=NOW, iat=NOW - off)) is None

    def test_and_is_remembered_for_as_long(self, bound: Bound, client: Client) -> None:
        proof = client.proof("POST", URL, TOKEN, at=NOW, iat=int(NOW) + AHEAD_SECONDS)
        seen = [why(bound, proof, now=NOW + later) for later in (0, 1, 30, 69, 70, 71)]
        assert seen == [None, "proof-used", "proof-used", "proof-used", "proof-time", "proof-time"]

    def test_with_members_that_nobody_knows(self, bound: Bound, client: Client) -> None:
        key = {**client.key.as_dict(private=False), "kid": "k", "use": "sig", "alg": "ES256"}
        proof = client.proof("POST", URL, TOKEN, at=NOW, header_kid="k", header_jwk=key, nonce="n", more=[1])
        assert why(bound, proof) is None

    def test_with_escapes_as_some_libraries_write_them(self, bound: Bound, client: Client) -> None:
        header = (
            b'{"typ":"dpop\\u002Bjwt","alg":"ES256","jwk":' + json.dumps(client.key.as_dict(private=False)).encode()
        )
        claims = client.proof("POST", URL, TOKEN, at=NOW).split(b".")[1]
        payload = urlsafe_b64decode(claims + b"=" * (-len(claims) % 4))
        assert why(bound, signed(header + b"}", payload, client.key, "ES256")) is None

    def test_with_many_heads(self, bound: Bound, client: Client) -> None:
        for number in range(20):
            assert why(bound, client.proof("POST", URL, TOKEN, at=NOW, header_kid=str(number))) is None
        assert len(bound._heads) <= 4


def test_what_was_refused_is_not_used_up(bound: Bound, client: Client, thief: Client) -> None:
    forged = client.proof("POST", URL, TOKEN, at=NOW, jti="once", sign_with=thief.key)
    assert why(bound, forged) == "proof-signature"
    assert why(bound, client.proof("POST", URL, TOKEN, at=NOW, jti="once"), path="/v1/gp-confirm") == "proof-url"
    assert why(bound, client.proof("POST", URL, TOKEN, at=NOW, jti="once")) is None


def test_two_clients_may_choose_the_same_id(proofs: Proofs, client: Client, thief: Client) -> None:
    for one in (client, thief):
        bound = proofs.bound(TOKEN, one.thumbprint)
        assert why(bound, one.proof("POST", URL, TOKEN, at=NOW, jti="same")) is None
        assert why(bound, one.proof("POST", URL, TOKEN, at=NOW, jti="same")) == "proof-used"


def test_one_that_cannot_be_remembered_is_refused(client: Client) -> None:
    proofs = Proofs(URLS, lookup._fast.replay.Seen(ReplayMemory(512)))
    bound = proofs.bound(TOKEN, client.thumbprint)
    told = [why(bound, client.proof("POST", URL, TOKEN, at=NOW)) for _ in range(70)]
    assert told == [None] * 64 + ["proofs-full"] * 6
    later = NOW + AGE_SECONDS + 1
    assert why(bound, client.proof("POST", URL, TOKEN, at=later), now=later) is None


def test_an_algorithm_may_be_left_out(client: Client) -> None:
    proofs = Proofs(URLS, lookup._fast.replay.Seen(ReplayMemory(1 << 12)), ["PS256"])
    bound = proofs.bound(TOKEN, client.thumbprint)
    assert why(bound, client.proof("POST", URL, TOKEN, at=NOW)) == "proof-algorithm"


@pytest.mark.parametrize("url", ["flr.example", "ftp://flr.example", "https://", "https://flr.example?a=1"])
def test_a_public_url_must_be_one(url: str) -> None:
    with pytest.raises(PublicUrlsError, match="must be http"):
        Proofs([url], lookup._fast.replay.Seen(ReplayMemory(512)))


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://a.example", "https://a.example/"),
        ("https://a.example:443/", "https://a.example/"),
        ("http://a.example:80/?q", "http://a.example/"),
        ("http://a.example:443/", "http://a.example:443/"),
        ("https://A.example/%7e%41%2f%c3%b8", "https://a.example/~A%2F%C3%B8"),
        ("https://a.example/a/b/../../../c/./d/..", "https://a.example/c/"),
        ("https://[::1]:8443/a//b", "https://[::1]:8443/a//b"),
        ("https://a.example/%2e%2e/a", "https://a.example/a"),
    ],
)
def test_urls_are_normalized(url: str, same: str) -> None:
    assert normalized(url) == same
    assert normalized(same) == same
