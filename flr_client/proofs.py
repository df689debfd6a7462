"""DPoP (RFC 9449) as a client has it: a key of its own, and with each request a proof that it holds that key."""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import httpx
from joserfc import jwk, jwt

ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


def algorithm_of(key: jwk.Key) -> str:
    """How a key signs: as it says, else RS256 of an RSA key, and by the curve of another."""
    told = key.as_dict(private=False)
    said = told.get("alg")
    return str(said) if said else ALGORITHMS.get(str(told.get("crv")), "RS256")


def signed(key: jwk.Key, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """A JWT of these claims."""
    how = algorithm_of(key)
    return jwt.encode({"alg": how, **header}, dict(claims), key, algorithms=[how])


class ProofKey:
    """The key that tokens are bound to. Made anew for each process: it is nowhere kept."""

    def __init__(self) -> None:
        self._key = jwk.ECKey.generate_key("P-256")

    def __repr__(self) -> str:
        return "<ProofKey>"

    def proof(self, request: httpx.Request, token: str | None = None, nonce: str | None = None) -> str:
        """The proof for one request: with the token that it shows, and the nonce that the server has asked for."""
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": request.method,
            "htu": str(request.url.copy_with(query=None, fragment=None)),
            "iat": int(time.time()),
        }
        if token is not None:
            claims["ath"] = urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        if nonce is not None:
            claims["nonce"] = nonce
        return signed(self._key, {"typ": "dpop+jwt", "jwk": self._key.as_dict(private=False)}, claims)
