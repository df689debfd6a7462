"""The page's private key: by it the page tells the issuer who it is, and of it the key of its sessions is derived.

One file for all workers, and for all nodes that answer by the same name: what one of them has sealed the others open.
Another key ends all sessions. The file is a private JWK, for its owner alone.
"""

import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwk, jwt
from joserfc.errors import JoseError

FORBIDDEN_MODE = 0o137
ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
ASSERTION_SECONDS = 60
SESSION_KEY_BYTES = 32
_PURPOSE = b"flr page session 1"


class PageKeyUnfit(Exception):
    """The key file cannot be used; the message names it, and tells nothing of what is in it."""


class PageKey:
    """The key that a file holds. Raises PageKeyUnfit."""

    def __init__(self, path: Path) -> None:
        try:
            mode, data = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
        except OSError as error:
            raise PageKeyUnfit(f"{path}: {error.strerror}; `flr-lookup page-key` makes one") from None
        if mode & FORBIDDEN_MODE:
            raise PageKeyUnfit(f"{path}: mode {mode:04o}: only its owner may write it, others not read it")
        try:
            self._key = jwk.import_key(json.loads(data))
            private = self._key.is_private and isinstance(self._key, jwk.ECKey | jwk.RSAKey)
        except (ValueError, TypeError, KeyError, AttributeError, JoseError):
            private = False
        if not private:
            raise PageKeyUnfit(f"{path}: not a private key of kind EC or RSA, as a JWK")
        assert isinstance(self._key, jwk.ECKey | jwk.RSAKey)
        derived = HKDF(hashes.SHA256(), SESSION_KEY_BYTES, None, _PURPOSE)
        self.session_key = derived.derive(self._key.as_der(private=True))

    def __repr__(self) -> str:
        return "<PageKey>"

    def public(self) -> dict[str, Any]:
        """The public key, for the issuer to know."""
        return dict(self._key.as_dict(private=False))

    def assertion(self, client_id: str, audience: str, now: float) -> str:
        """Says to the issuer that it is this client who asks (RFC 7523, `private_key_jwt`)."""
        issued = int(now)
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(16),
            "iat": issued,
            "nbf": issued,
            "exp": issued + ASSERTION_SECONDS,
        }
        header = {"typ": "JWT", "kid": self._key.kid or self._key.thumbprint()}
        return signed(self._key, header, claims)


def signed(key: jwk.Key, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A JWT of these claims, signed as the key says, or else RS256 of an RSA key, and by the curve of another."""
    told = key.as_dict(private=False)
    how = str(told.get("alg") or ALGORITHMS.get(str(told.get("crv")), "RS256"))
    return jwt.encode({"alg": how, **header}, claims, key, algorithms=[how])


def make(path: Path) -> None:
    """Put a new key there, unless there is one. Raises OSError."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    key = jwk.ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"})
    data = json.dumps({**key.as_dict(private=True), "kid": key.thumbprint()}).encode() + b"\n"
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if os.geteuid() == 0:  # so that the service can read it
            about = path.parent.stat()
            os.fchown(descriptor, about.st_uid, about.st_gid)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.link(beside, path)
    except FileExistsError:
        return
    finally:
        beside.unlink(missing_ok=True)
