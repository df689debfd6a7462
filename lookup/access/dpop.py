"""DPoP: the proof, by the key that a token is bound to, that comes with each request (RFC 9449).

Checked on every request, so it does no more than must be done: a client's proofs begin with the same octets, their
header, which is decoded and whose key is made once; then a proof costs one signature check and a few microseconds. What
is checked is the list of RFC 9449, section 4.3; `nonce` is not asked for. A proof counts for AGE_SECONDS from its
`iat`, which may be AHEAD_SECONDS ahead of our clock, and is good once, in all workers of a machine.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwk, jws
from joserfc.errors import JoseError

from lookup.access.caller import Refused
from lookup.access.issuers import ALGORITHMS
from lookup.access.jwks import usable
from lookup.access.replay import FULL, JTI_BYTES, NEW
from lookup.core import COMPILED

if COMPILED:
    from lookup._fast.encodings import decoded, der
else:
    from lookup.access.encodings import decoded, der

MAX_OCTETS = 4096
AGE_SECONDS = 60
AHEAD_SECONDS = 10
HEADS = 4  # of one token's proofs that are kept
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_UNRESERVED = re.compile(r"%(2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_DEFAULT_PORTS = {"http": 80, "https": 443}

Verify = Callable[[bytes, bytes], bool]


class Remembers(Protocol):
    """Seen, of either core."""

    def first(self, owner: bytes, jti: bytes, until: int, now: int) -> int:
        """NEW, USED or FULL."""
        ...


class _Header(msgspec.Struct):
    typ: str
    alg: str
    jwk: dict[str, Any]
    crit: Any = None
    b64: Any = None


class _Claims(msgspec.Struct):
    jti: str
    htm: str
    htu: str
    iat: float
    ath: str


_header = msgspec.json.Decoder(_Header).decode
_claims = msgspec.json.Decoder(_Claims).decode


class PublicUrlsError(ValueError):
    """A public URL that is none."""


class Proofs:
    """What the proofs of a worker's requests have in common: our public URLs, and which proofs have been used.

    `public_urls` are those that callers know the service by: scheme, host and port, and what a proxy takes away from
    the beginning of a path. Raises PublicUrlsError.
    """

    def __init__(self, public_urls: Iterable[str], seen: Remembers, algorithms: Iterable[str] = ALGORITHMS) -> None:
        self.urls = tuple(url.rstrip("/") for url in public_urls)
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in _DEFAULT_PORTS or not parts.netloc or parts.query or parts.fragment:
                raise PublicUrlsError(f"{url!r} must be http(s)://host[:port][/path], and nothing more")
        self.seen, self.algorithms = seen, frozenset(algorithms)

    def bound(self, token: bytes, key: str) -> "Bound":
        """What the proofs of a token's requests are held against: made once, when the token has been verified."""
        return Bound(self, token, key)


class Bound:
    """One token that is bound to a key. Its repr tells nothing of either."""

    __slots__ = ("_ath", "_heads", "_key", "_owner", "_proofs")

    def __init__(self, proofs: Proofs, token: bytes, key: str) -> None:
        self._proofs, self._key, self._owner = proofs, key, key.encode()
        self._ath = urlsafe_b64encode(hashlib.sha256(token).digest()).rstrip(b"=").decode()
        self._heads: dict[bytes, Verify] = {}

    def check(self, proof: bytes, *, method: str, path: str, now: float) -> None:
        """Raises Refused unless `proof`, a DPoP header's value, is good for this request, now, and for the first time.

        `path` is the request's as it came, without the query.
        """
        if len(proof) > MAX_OCTETS:
            raise Refused("proof-too-large")
        signed, _, signature = proof.rpartition(b".")
        head, _, payload = signed.partition(b".")
        verify = self._heads.get(head) or self._meet(head)
        try:
            claims = _claims(decoded(payload))
            raw_signature = decoded(signature)
        except ValueError:  # msgspec's errors are such, too
            raise Refused("proof-malformed") from None
        if claims.ath != self._ath:
            raise Refused("proof-token")
        if claims.htm != method:
            raise Refused("proof-method")
        if not -AHEAD_SECONDS <= now - claims.iat <= AGE_SECONDS:
            raise Refused("proof-time")
        self._check_url(claims.htu, path)
        jti = claims.jti.encode()
        if not 0 < len(jti) <= JTI_BYTES:
            raise Refused("proof-jti")
        if not verify(raw_signature, signed):
            raise Refused("proof-signature")
        # Last, so that only who has the key can fill the memory.
        first = self._proofs.seen.first(self._owner, jti, int(claims.iat) + AGE_SECONDS, int(now))
        if first != NEW:
            raise Refused("proofs-full" if first == FULL else "proof-used")

    def _check_url(self, told: str, path: str) -> None:
        for url in self._proofs.urls:
            if told == url + path:
                return
        wanted = normalized(told)
        if wanted is None or wanted not in {normalized(url + path) for url in self._proofs.urls}:
            raise Refused("proof-url")

    def _meet(self, head: bytes) -> Verify:
        """How proofs are verified that begin so."""
        try:
            header = _header(decoded(head))
        except ValueError:
            raise Refused("proof-malformed") from None
        if header.typ.lower().removeprefix("application/") != "dpop+jwt":
            raise Refused("proof-type")
        if header.alg not in self._proofs.algorithms:
            raise Refused("proof-algorithm")
        if header.crit is not None or header.b64 is not None:
            raise Refused("proof-critical")
        if PRIVATE & header.jwk.keys():
            raise Refused("proof-key")
        key = usable(header.jwk)
        if key is None or key.thumbprint() != self._key:
            raise Refused("proof-key")
        verify = _verifier(header.alg, key)
        if len(self._heads) >= HEADS:
            self._heads.clear()
        self._heads[head] = verify
        return verify


def _verifier(name: str, key: jwk.RSAKey | jwk.ECKey) -> Verify:
    """A function of (signature, what is signed): for elliptic curves straight to the library that does the work."""
    algorithm = jws.JWSRegistry(algorithms=[name]).get_alg(name)
    try:
        algorithm.check_key(key)
    except JoseError:
        raise Refused("proof-key") from None
    if isinstance(key, jwk.RSAKey):
        return lambda signature, signed: algorithm.verify(signed, signature, key)
    public, half = key.public_key, (key.curve_key_size + 7) // 8
    how = ec.ECDSA({"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}[name])

    def verify(signature: bytes, signed: bytes) -> bool:
        if len(signature) != 2 * half:
            return False
        try:
            public.verify(der(signature), signed, how)
        except InvalidSignature:
            return False
        return True

    return verify


def normalized(url: str) -> str | None:
    """A URL without query and fragment, in the form that RFC 3986 (6.2.2, 6.2.3) gives all that are the same."""
    if not url.isascii() or not url.isprintable():  # urlsplit would quietly take some of that away
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not host or parts.username is not None or parts.password is not None:
        return None
    place = f"[{host}]" if ":" in host else host
    if port not in {None, _DEFAULT_PORTS[scheme]}:
        place += f":{port}"
    path = _UNRESERVED.sub(lambda found: chr(int(found[1], 16)), parts.path)
    path = _ESCAPE.sub(lambda found: found[0].upper(), path)
    return f"{scheme}://{place}{_without_dots(path) or '/'}"


def _without_dots(path: str) -> str:
    kept: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            del kept[max(1, len(kept) - 1) :]
        elif part != ".":
            kept.append(part)
    if parts[-1] in {".", ".."}:
        kept.append("")
    return "/".join(kept)
