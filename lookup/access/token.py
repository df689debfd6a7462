"""Access tokens: HelseID's and Maskinporten's, as bearer tokens or bound to a key (RFC 6750, 7519, 9068, 9449).

Promises that a token is taken only when every part of it is in order: form and size, type, an algorithm that is
allowed for its issuer, a signature by a key that the issuer has published, issuer, audience, time, the claims that say
who it is, and that it comes in the way it was issued for. What it opens stands in its scopes. Left out: the proof that
goes with each request of a bound token (lookup/access/dpop.py), and whether the operation admits the caller's roles.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from lookup.access.caller import Caller, Refused
from lookup.access.issuers import Issuer
from lookup.access.jwks import Keys
from lookup.access.roles import Role
from register.ids import is_hpr_number, is_organization_number

MAX_OCTETS = 8192
SKEW_SECONDS = 30
AGAIN_SECONDS = 300.0  # for how long a token may be taken without looking at it, and its issuer's keys, again
MAX_HEADER_OCTETS = 2048
CLIENT_ID = re.compile(r"[!-~]{1,128}")
THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
PID = re.compile(r"[0-9]{11}")
DIGITS = re.compile(r"[0-9]{1,9}")
PARENT = "helseid://claims/client/claims/orgnr_parent"
CHILD = "helseid://claims/client/claims/orgnr_child"
IDENTITY = "helseid://claims/identity/pid"
HPR = "helseid://claims/hpr/hpr_number"
ISO6523_NORWAY = "0192:"
_CREDENTIAL = re.compile(rb"(?i:(bearer|dpop)) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")


class _Registry(jws.JWSRegistry):
    max_header_length = MAX_HEADER_OCTETS
    max_payload_length = MAX_OCTETS


class Verifier:
    """Knows the issuers, and verifies the tokens of theirs."""

    def __init__(self, issuers: Sequence[Issuer]) -> None:
        self._issuers = {issuer.issuer: (issuer, Keys(issuer)) for issuer in issuers}

    async def verify(self, credential: bytes, now: float) -> Caller:
        """The caller whose token this is: an Authorization header's value. Raises Refused, or Unavailable."""
        scheme, token = split(credential)
        claims, issuer = await self.genuine(token, now)
        _check_claims(claims, issuer, now)
        return _caller(claims, issuer, _binding(claims, scheme, issuer), now)

    async def genuine(
        self, token: bytes, now: float, types: tuple[str, ...] | None = None
    ) -> tuple[dict[str, Any], Issuer]:
        """The claims of a token that one of the issuers has signed, and the issuer; what they say is not looked at.

        `types` is what the header's `typ` may be, unless the issuer's own. Raises Refused, or Unavailable.
        """
        signed = _extracted(token)
        header, claims = signed.headers(), _claims(signed.payload)
        issuer, keys = self._issuer(claims)
        _check_header(header, issuer, types or issuer.header_types)
        algorithm, kid = header["alg"], header.get("kid")
        if not isinstance(kid, str):
            raise Refused("no-kid")
        key = await keys.find(kid, "EC" if algorithm.startswith("ES") else "RSA", now)
        registry = _Registry(algorithms=issuer.algorithms, strict_check_header=False)
        try:
            genuine = jws.validate_compact(signed, key, registry=registry)
        except (JoseError, ValueError, TypeError, KeyError):
            raise Refused("signature") from None
        if not genuine:
            raise Refused("signature")
        return claims, issuer

    def _issuer(self, claims: dict[str, Any]) -> tuple[Issuer, Keys]:
        name = claims.get("iss")
        known = self._issuers.get(name) if isinstance(name, str) else None
        if known is None:
            raise Refused("issuer")
        return known

    async def warm(self, now: float) -> None:
        """Fetch the keys of all issuers. What cannot be had is logged, and looked for again when it is needed."""
        await asyncio.gather(*(keys.warm(now) for _, keys in self._issuers.values()))

    def close(self) -> None:
        """Fetch no more keys."""
        for _, keys in self._issuers.values():
            keys.close()


def split(credential: bytes) -> tuple[str, bytes]:
    """(bearer or dpop, the token) of an Authorization header's value. Raises Refused."""
    if len(credential) > MAX_OCTETS:
        raise Refused("too-large")
    found = _CREDENTIAL.fullmatch(credential)
    if found is None:
        raise Refused("malformed")
    return found[1].decode().lower(), found[2]


def _extracted(token: bytes) -> jws.CompactSignature:
    registry = _Registry(strict_check_header=False)
    try:
        signed = jws.extract_compact(token, registry=registry)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Refused("malformed") from None
    if not isinstance(signed.headers(), dict):
        raise Refused("malformed")
    return signed


def _claims(payload: bytes | None) -> dict[str, Any]:
    try:
        claims = json.loads(payload or b"")
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    if not isinstance(claims, dict):
        raise Refused("malformed")
    return claims


def _check_header(header: dict[str, Any], issuer: Issuer, types: tuple[str, ...]) -> None:
    if header.get("alg") not in issuer.algorithms:
        raise Refused("algorithm")
    if "crit" in header or "b64" in header:
        raise Refused("critical")
    kind = header.get("typ", "")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in types:
        raise Refused("type")


def _check_claims(claims: dict[str, Any], issuer: Issuer, now: float) -> None:
    registry = JWTClaimsRegistry(
        now=int(now),
        leeway=SKEW_SECONDS,
        aud={"essential": issuer.audience_required, "values": list(issuer.audience)},
        exp={"essential": True},
    )
    try:
        registry.validate(claims)
    except JoseError as error:
        raise Refused(_WHY.get(error.error, "claims")) from None
    audience = claims.get("aud")
    if issuer.sole_audience and isinstance(audience, list) and len(audience) > 1:
        raise Refused("audience")


_WHY = {"expired_token": "expired", "missing_claim": "claims", "invalid_claim": "claims"}


def _binding(claims: dict[str, Any], scheme: str, issuer: Issuer) -> str | None:
    """The thumbprint of the key that a token is bound to. One that is bound comes as DPoP, and no other does."""
    confirmation = claims.get("cnf")
    key = None
    if confirmation is not None:
        # Bound to something else, such as a certificate, which cannot be checked here: not to be taken without.
        key = confirmation.get("jkt") if isinstance(confirmation, dict) and len(confirmation) == 1 else None
        if not isinstance(key, str) or not THUMBPRINT.fullmatch(key):
            raise Refused("binding")
    if (key is None) != (scheme == "bearer"):
        raise Refused("scheme")
    if key is None and issuer.dpop == "required":
        raise Refused("not-bound")
    return key


def _caller(claims: dict[str, Any], issuer: Issuer, key: str | None, now: float) -> Caller:
    client = claims.get("client_id")
    if not isinstance(client, str) or not CLIENT_ID.fullmatch(client):
        raise Refused("client")
    parent, child = _organizations(claims, issuer)
    return Caller(
        client=f"{issuer.name}:{client}",
        kind="maskinporten" if issuer.kind == "maskinporten" else "bearer" if key is None else "dpop",
        roles=_roles(claims.get("scope"), issuer),
        protected=issuer.sees_protected,
        organization=parent,
        unit=child,
        pid=claimed(claims, IDENTITY, PID),
        hpr_number=hpr_number(claims),
        expires=min(claims["exp"] + SKEW_SECONDS, now + AGAIN_SECONDS),
        key=key,
        limits=issuer.limits,
    )


def _roles(scope: object, issuer: Issuer) -> frozenset[Role]:
    """What the scopes open; nothing is no reason to refuse the token, but every operation will."""
    names = scope.split(" ") if isinstance(scope, str) else scope
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refused("scope")
    return frozenset(issuer.roles[name] for name in names if name in issuer.roles)


def _organizations(claims: dict[str, Any], issuer: Issuer) -> tuple[int | None, int | None]:
    if issuer.kind == "helseid":
        return _organization(claimed(claims, PARENT, DIGITS)), _organization(claimed(claims, CHILD, DIGITS))
    consumer = claims.get("consumer")
    number = consumer.get("ID") if isinstance(consumer, dict) else None
    if not isinstance(number, str) or not number.startswith(ISO6523_NORWAY):
        raise Refused("organization")
    return _organization(number.removeprefix(ISO6523_NORWAY)), None


def _organization(text: str | None) -> int | None:
    if text is None:
        return None
    if not DIGITS.fullmatch(text) or not is_organization_number(int(text)):
        raise Refused("organization")
    return int(text)


def hpr_number(claims: dict[str, Any]) -> int | None:
    """The HPR number of the person behind a token, where it says one. Raises Refused."""
    text = claimed(claims, HPR, DIGITS)
    if text is not None and not is_hpr_number(int(text)):
        raise Refused("claims")
    return None if text is None else int(text)


def claimed(claims: dict[str, Any], name: str, shape: re.Pattern[str]) -> str | None:
    """A claim that need not be there, but is well-formed where it is. HelseID leaves out what it does not know."""
    value = claims.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise Refused("claims")
    return value
