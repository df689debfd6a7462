"""What the page remembers of a browser: sealed into its cookies (AES-GCM), so that every worker and node can open it.

A session cannot be read, made or changed by whoever has the cookie, and is for one purpose alone. It ends when it has
not been used for a while, at the latest some hours after it was begun, and when the browser is closed. Left out: a list
of sessions that have been ended, so a cookie that was copied before its owner signed out is good until it is idle.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lookup.access.caller import Caller
from lookup.access.encodings import decoded

NONCE_BYTES = 12
MAX_COOKIE_OCTETS = 4000
RENEW_SECONDS = 30.0  # how old the last use may be before the cookie is written again


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who has signed in. `form` is what forms of this session hold; times are in seconds since 1970."""

    caller: Caller
    name: str
    form: str
    begun: float
    used: float

    def __repr__(self) -> str:
        return "<Session>"


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that has been begun, until the browser comes back from the issuer."""

    state: str
    nonce: str
    verifier: str
    begun: float

    def __repr__(self) -> str:
        return "<SignIn>"


K = TypeVar("K", bound=msgspec.Struct)


class Cookie(Generic[K]):
    """One cookie. `secure` is whether the page is at https, where no other host can set it (`__Host-`)."""

    def __init__(self, name: str, kind: type[K], key: bytes, *, secure: bool) -> None:
        self.name = f"__Host-{name}" if secure else name
        self._purpose = name.encode()
        self._rules = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
        self._cipher = AESGCM(key)
        self._decoder = msgspec.msgpack.Decoder(kind)

    def made(self, value: K) -> str:
        """The field that puts it into the browser."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.msgpack.encode(value), self._purpose)
        return f"{self.name}={urlsafe_b64encode(sealed).rstrip(b'=').decode()}{self._rules}"

    @property
    def gone(self) -> str:
        """The field that takes it away."""
        return f"{self.name}={self._rules}; Max-Age=0"

    def read(self, fields: Iterable[tuple[bytes, bytes]]) -> K | None:
        """What the browser has of it, by the fields of a request's head; None for whatever is not wholly ours."""
        pairs = [
            pair.strip().partition(b"=") for name, value in fields if name == b"cookie" for pair in value.split(b";")
        ]
        found = [value for name, _, value in pairs if name == self.name.encode()]
        if len(found) != 1 or len(found[0]) > MAX_COOKIE_OCTETS:
            return None
        try:
            sealed = decoded(found[0])
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._purpose)
            return self._decoder.decode(plain)
        except (ValueError, InvalidTag, msgspec.DecodeError):
            return None
