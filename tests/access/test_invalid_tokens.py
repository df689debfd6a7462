"""The list of tokens that are not in order: each is refused, for its own reason and no other."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.issuer import DROP, PARENT_UNIT, LocalIssuer, encoded, signed
from lookup.access.issuers import Issuer
from lookup.access.token import HPR, MAX_OCTETS, PARENT, SKEW_SECONDS
from lookup.access.token import IDENTITY as PID
from tests.access.tokens import KEY, NOW, bearer, issuer_of, why


@pytest.fixture(scope="module")
def local() -> LocalIssuer:
    return LocalIssuer()


@pytest.fixture(scope="module")
def issuer(local: LocalIssuer, tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return issuer_of(local, tmp_path_factory.mktemp("helseid"))


@pytest.fixture(scope="module")
def stranger() -> LocalIssuer:
    return LocalIssuer()


Make = Callable[[LocalIssuer, LocalIssuer], bytes]


def minted(**changes: Any) -> Make:
    return lambda local, _: bearer(local.mint(at=NOW, **changes))


def bound(**changes: Any) -> Make:
    return lambda local, _: b"DPoP " + local.mint(at=NOW, **changes)


def unsigned(local: LocalIssuer, _: LocalIssuer) -> bytes:
    token = local.mint(at=NOW, header_alg="none")
    return bearer(token[: token.rindex(b".") + 1])


def unsigned_with_a_signature(local: LocalIssuer, _: LocalIssuer) -> bytes:
    return bearer(local.mint(at=NOW, header_alg="none"))


def mac_by_the_public_key(local: LocalIssuer, _: LocalIssuer) -> bytes:
    """The classic: the public key, which everybody has, taken for a shared secret."""
    return bearer(local.mint(at=NOW, header_alg="HS256", sign_with=local.keys[-1].as_pem(private=False)))


def another_issuers_key(local: LocalIssuer, stranger: LocalIssuer) -> bytes:
    return bearer(local.mint(at=NOW, sign_with=stranger.keys[-1]))


def its_own_key(local: LocalIssuer, stranger: LocalIssuer) -> bytes:
    key = stranger.keys[-1]
    return bearer(local.mint(at=NOW, sign_with=key, header_kid="mine", header_jwk=key.as_dict(private=False)))


def changed(local: LocalIssuer, _: LocalIssuer) -> bytes:
    head, payload, signature = local.mint(at=NOW).split(b".")
    claims = json.loads(urlsafe_b64decode(payload + b"=="))
    return bearer(
        b".".join([head, encoded(json.dumps({**claims, "scope": "nhn:flr/patientlist"}).encode()), signature])
    )


def of_two(local: LocalIssuer, _: LocalIssuer) -> bytes:
    one, other = local.mint(at=NOW).split(b"."), local.mint(at=NOW, scope=["nhn:flr/read"]).split(b".")
    return bearer(b".".join([one[0], other[1], one[2]]))


def cut(local: LocalIssuer, _: LocalIssuer) -> bytes:
    return bearer(local.mint(at=NOW)[:-4])


def five_parts(local: LocalIssuer, _: LocalIssuer) -> bytes:
    return bearer(local.mint(at=NOW) + b".e30.e30")


def two_parts(local: LocalIssuer, _: LocalIssuer) -> bytes:
    return bearer(local.mint(at=NOW).rpartition(b".")[0])


def other_base64(local: LocalIssuer, _: LocalIssuer) -> bytes:
    return bearer(local.mint(at=NOW) + b"=")


def twice(local: LocalIssuer, _: LocalIssuer) -> bytes:
    return bearer(local.mint(at=NOW)) + b", " + bearer(local.mint(at=NOW))


def told_by(claims: object) -> Make:
    return lambda local, _: bearer(
        signed({"alg": "RS256", "typ": "at+jwt", "kid": local.keys[-1].kid}, claims, local.keys[-1], "RS256")
    )


def with_header(text: bytes) -> Make:
    return lambda local, _: bearer(encoded(text) + b"." + local.mint(at=NOW).partition(b".")[2])


# id, how it is made, why it is refused
INVALID: list[tuple[str, Make, str]] = [
    ("algorithm none, unsigned", unsigned, "malformed"),
    ("algorithm none, signed", unsigned_with_a_signature, "algorithm"),
    ("algorithm None", minted(header_alg="None"), "algorithm"),
    ("MAC by the public key", mac_by_the_public_key, "algorithm"),
    ("algorithm that is not allowed", minted(header_alg="RS1"), "algorithm"),
    ("algorithm of another kind of key", minted(header_alg="ES256"), "unknown-key"),
    ("another algorithm than signed by", minted(header_alg="PS256"), "signature"),
    ("another digest than signed by", minted(header_alg="RS512"), "signature"),
    ("algorithm that is a list", minted(header_alg=["RS256"]), "algorithm"),
    ("no algorithm", minted(header_alg=DROP), "malformed"),
    ("type of an id token's neighbour", minted(header_typ="logout+jwt"), "type"),
    ("type of a proof", minted(header_typ="dpop+jwt"), "type"),
    ("no type", minted(header_typ=DROP), "type"),
    ("type that is no text", minted(header_typ=1), "type"),
    ("critical header", minted(header_crit=["exp"], header_exp=1), "critical"),
    ("payload not encoded", minted(header_b64=True), "critical"),
    ("no key id", minted(header_kid=DROP), "no-kid"),
    ("key id that is no text", minted(header_kid=7), "no-kid"),
    ("unknown key id", minted(header_kid="other"), "unknown-key"),
    ("key of its own in the header", its_own_key, "unknown-key"),
    ("signed by another issuer's key", another_issuers_key, "signature"),
    ("claims changed", changed, "signature"),
    ("claims of another token", of_two, "signature"),
    ("signature cut", cut, "signature"),
    ("encrypted", five_parts, "malformed"),
    ("two parts", two_parts, "malformed"),
    ("padded base64", other_base64, "malformed"),
    ("two credentials in one", twice, "malformed"),
    ("nothing", lambda *_: b"Bearer ", "malformed"),
    ("another scheme", lambda local, _: b"Token " + local.mint(at=NOW), "malformed"),
    ("no scheme", lambda local, _: local.mint(at=NOW), "malformed"),
    ("octets", lambda *_: b"Bearer \xff\x00.\xff.\xff", "malformed"),
    ("too large", minted(filler="x" * MAX_OCTETS), "too-large"),
    ("header too large", minted(header_x="x" * 2048), "malformed"),
    ("header that is no object", with_header(b'["alg"]'), "malformed"),
    ("header that is no JSON", with_header(b'{"alg":'), "malformed"),
    ("header too deep", with_header(b"[" * 1500), "malformed"),
    ("claims that are no object", told_by(["iss"]), "malformed"),
    ("claims that are no JSON", told_by(b"{"), "malformed"),
    ("claims too deep", told_by(b"[" * 5000), "malformed"),
    ("claims that are no UTF-8", told_by(b'{"iss":"\xff"}'), "malformed"),
    ("another issuer", minted(iss="https://other.example"), "issuer"),
    ("issuer with a slash more", minted(iss="https://issuer.example/"), "issuer"),
    ("no issuer", minted(iss=DROP), "issuer"),
    ("issuer that is a list", minted(iss=["https://issuer.example"]), "issuer"),
    ("another audience", minted(aud="nhn:hpr"), "claims"),
    ("audience that begins alike", minted(aud="nhn:flr/lookup"), "claims"),
    ("no audience", minted(aud=DROP), "claims"),
    ("empty audience", minted(aud=[]), "claims"),
    ("audience that is no text", minted(aud={"nhn:flr": 1}), "claims"),
    ("one audience of several", minted(aud=["nhn:hpr", "nhn:flr"]), "audience"),
    ("expired", minted(exp=int(NOW) - SKEW_SECONDS), "expired"),
    ("no end", minted(exp=DROP), "claims"),
    ("end that is text", minted(exp=str(int(NOW) + 60)), "claims"),
    ("end that is a truth", minted(exp=True), "claims"),
    ("end that is no number", minted(exp=float("nan")), "claims"),
    ("endless", minted(exp=float("inf")), "claims"),
    ("not yet", minted(nbf=int(NOW) + SKEW_SECONDS + 1), "claims"),
    ("issued tomorrow", minted(iat=int(NOW) + 86400), "claims"),
    ("beginning that is text", minted(nbf="now"), "claims"),
    ("no client", minted(client_id=DROP), "client"),
    ("empty client", minted(client_id=""), "client"),
    ("client with a line feed", minted(client_id="a\nb"), "client"),
    ("client that is a number", minted(client_id=7), "client"),
    ("client too long", minted(client_id="c" * 129), "client"),
    ("no scope", minted(scope=DROP), "scope"),
    ("scope that is a number", minted(scope=1), "scope"),
    ("scopes that are numbers", minted(scope=[1]), "scope"),
    ("organisation of other digits", minted(**{PARENT: "310000001"}), "organization"),
    ("organisation that is a number", minted(**{PARENT: PARENT_UNIT}), "claims"),
    ("person that is none", minted(**{PID: "0181001234"}), "claims"),
    ("person that is a number", minted(**{PID: 1810012345}), "claims"),
    ("HPR number that is none", minted(**{HPR: "x7654321"}), "claims"),
    ("HPR number 0", minted(**{HPR: "0"}), "claims"),
    ("bound, as a bearer token", minted(jkt=KEY), "scheme"),
    ("not bound, as DPoP", bound(), "scheme"),
    ("bound to a certificate", minted(cnf={"x5t#S256": KEY}), "binding"),
    ("bound to a certificate, too", bound(cnf={"jkt": KEY, "x5t#S256": KEY}), "binding"),
    ("bound to nothing", minted(cnf={}), "binding"),
    ("bound to no thumbprint", bound(jkt="short"), "binding"),
    ("bound to what is no text", bound(jkt=1), "binding"),
    ("binding that is no object", bound(cnf=KEY), "binding"),
]


@pytest.mark.parametrize(("make", "reason"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
def test_is_refused(local: LocalIssuer, issuer: Issuer, stranger: LocalIssuer, make: Make, reason: str) -> None:
    assert why(issuer, make(local, stranger)) == reason


MASKINPORTEN: list[tuple[str, dict[str, Any]]] = [
    ("no consumer", {"consumer": DROP}),
    ("consumer that is text", {"consumer": f"0192:{PARENT_UNIT}"}),
    ("consumer without a number", {"consumer": {"authority": "iso6523-actorid-upis"}}),
    ("consumer of another register", {"consumer": {"ID": f"0088:{PARENT_UNIT}"}}),
    ("consumer of no register", {"consumer": {"ID": str(PARENT_UNIT)}}),
    ("consumer of other digits", {"consumer": {"ID": "0192:310000001"}}),
    ("consumer with more digits", {"consumer": {"ID": f"0192:{PARENT_UNIT}1"}}),
]


@pytest.mark.parametrize("changes", [row[1] for row in MASKINPORTEN], ids=[row[0] for row in MASKINPORTEN])
def test_a_token_of_maskinporten_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    local = LocalIssuer("maskinporten", algorithm="ES256")
    assert why(issuer_of(local, tmp_path), bearer(local.mint(at=NOW, **changes))) == "organization"


def test_a_bearer_token_is_refused_where_tokens_must_be_bound(local: LocalIssuer, tmp_path: Path) -> None:
    issuer = issuer_of(local, tmp_path, dpop="required")
    assert why(issuer, bearer(local.mint(at=NOW))) == "not-bound"
    assert why(issuer, b"DPoP " + local.mint(at=NOW, jkt=KEY)) is None


def test_an_algorithm_is_refused_where_the_operator_leaves_it_out(local: LocalIssuer, tmp_path: Path) -> None:
    assert why(issuer_of(local, tmp_path, algorithms=("PS256",)), bearer(local.mint(at=NOW))) == "algorithm"


def test_one_issuers_key_does_not_sign_for_another(tmp_path: Path) -> None:
    """Two issuers are known: the token says that it is of one, and is signed by the other."""
    one, other = LocalIssuer(algorithm="ES256"), LocalIssuer(name="https://other.example", algorithm="ES256")
    forged = one.mint(at=NOW, sign_with=other.keys[-1], header_kid=other.keys[-1].kid)
    assert why(issuer_of(one, tmp_path), bearer(forged)) == "unknown-key"


@settings(max_examples=40)
@given(octets=st.binary(max_size=300), scheme=st.sampled_from([b"Bearer ", b"DPoP ", b""]))
def test_whatever_comes_is_refused_and_nothing_breaks(issuer: Issuer, octets: bytes, scheme: bytes) -> None:
    assert why(issuer, scheme + octets) is not None


@settings(max_examples=40)
@given(
    payload=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    ),
    name=st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "scope", "cnf", "client_id", PID, HPR, PARENT, "sub"]),
)
def test_whatever_a_claim_is_nothing_breaks(local: LocalIssuer, issuer: Issuer, payload: object, name: str) -> None:
    reason = why(issuer, bearer(local.mint(at=NOW, **{name: payload})))
    assert reason is None or reason.isascii()
