"""The keys that issuers sign with: fetched by HTTPS or read from a file, kept, and looked for again.

A fetch runs on a thread of its own, and whoever waits for one waits for the same: the event loop never does. Keys are
used while they are fetched again in the background (REFRESH_SECONDS); a key that is not among them is looked for at
once, but not more often than every AGAIN_SECONDS, whoever asks, so that made-up key ids cannot hammer an issuer. When
an issuer cannot be reached, or answers nonsense, what was fetched last is used up to OUTAGE_SECONDS. Left out: what
HTTP says of caching, since an issuer's word there is seldom considered.
"""

import asyncio
import os
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

import msgspec
import structlog
from joserfc import jwk
from joserfc.errors import JoseError

from lookup.access.caller import Refused
from lookup.access.issuers import Issuer

log = structlog.get_logger()

REFRESH_SECONDS = 300.0
FILE_SECONDS = 2.0  # how often it is looked whether a file is another one
AGAIN_SECONDS = 10.0
OUTAGE_SECONDS = 24 * 3600.0
FETCH_SECONDS = 5.0
MAX_OCTETS = 1 << 18
CHUNK_OCTETS = 1 << 14
MAX_KEYS = 100
RSA_BITS = range(2048, 8193)
RSA_SIXES = range(2048, 8193 + 6)  # looked at before a number of any size is made of them
CURVES = frozenset({"P-256", "P-384", "P-521"})

Fetch = Callable[[], bytes | None]


class Unavailable(Refused):
    """It cannot be said now: the keys cannot be had. The caller should ask again."""


class NotKeys(ValueError):
    """What was fetched is no set of keys that can be used."""


class _Jwks(msgspec.Struct):
    keys: list[dict[str, object]]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Whom we believe stands in the settings, and is not for an answer to change."""
        return


def over_http(url: str, seconds: float = FETCH_SECONDS) -> Fetch:
    """A function that fetches the octets at `url`, or raises OSError, HTTPException or NotKeys.

    `seconds` bounds the connection and the whole answer. A proxy is taken from the environment, as usual.
    """
    opener = opener_of(url)
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 -- issuers.fetchable

    def fetch() -> bytes:
        until = time.monotonic() + seconds
        with opener.open(request, timeout=seconds) as answer:
            return read_whole(answer, until)

    return fetch


def opener_of(url: str) -> urllib.request.OpenerDirector:
    """What asks at a URL, and follows no redirection from there."""
    # Nothing but a loopback address is asked over http, and no proxy can reach that for us.
    handlers = [urllib.request.ProxyHandler({})] if url.startswith("http:") else []
    return urllib.request.build_opener(_NoRedirect, *handlers)


def read_whole(answer: Any, until: float) -> bytes:
    """The octets of an answer. Raises NotKeys where there are too many, TimeoutError after `until` (monotonic)."""
    data = b""
    while chunk := answer.read1(CHUNK_OCTETS):
        data += chunk
        if len(data) > MAX_OCTETS:
            raise NotKeys("too large")
        if time.monotonic() > until:
            raise TimeoutError("too slow")
    return data


def from_file(path: Path) -> Fetch:
    """A function that reads a file, and gives None when it is the one that it has read before."""
    known: tuple[int, ...] = ()

    def fetch() -> bytes | None:
        nonlocal known
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            stamp = status.st_mtime_ns, status.st_size, status.st_ino
            if stamp == known:
                return None
            known = ()  # one that is no good is read again, and told of again
            data = file.read(MAX_OCTETS + 1)
            if len(data) > MAX_OCTETS:
                raise NotKeys("too large")
            read_keys(data)
            known = stamp
        return data

    return fetch


def read_keys(data: bytes) -> dict[tuple[str, str], jwk.Key]:
    """(kid, kty) -> key, of those that a token can be verified with. Raises NotKeys when there are none.

    Keys of other kinds, for other uses, or too weak are passed over: an issuer may have them for others.
    """
    try:
        listed = msgspec.json.decode(data, type=_Jwks).keys
    except msgspec.DecodeError:
        raise NotKeys("no JSON Web Key Set") from None
    if len(listed) > MAX_KEYS:
        raise NotKeys("too many keys")
    found: dict[tuple[str, str], jwk.Key] = {}
    for value in listed:
        key = usable(value)
        if key is not None and isinstance(key.kid, str):
            found.setdefault((key.kid, key.key_type), key)
    if not found:
        raise NotKeys("no usable keys")
    return found


def usable(value: dict[str, object]) -> jwk.RSAKey | jwk.ECKey | None:
    """A public key that can verify signatures, or None."""
    public = {
        name: part for name, part in value.items() if name in {"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"}
    }
    try:
        if public.get("kty") == "EC" and public.get("crv") in CURVES:
            key: jwk.RSAKey | jwk.ECKey = jwk.ECKey.import_key(public)  # type: ignore[arg-type]
        elif public.get("kty") == "RSA" and len(str(public.get("n"))) * 6 in RSA_SIXES:
            key = jwk.RSAKey.import_key(public)  # type: ignore[arg-type]
            if key.public_key.key_size not in RSA_BITS:
                return None
        else:
            return None
        key.check_use("sig")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


class Keys:
    """The keys of one issuer, in one worker, after the fork. Time is passed in."""

    def __init__(self, issuer: Issuer) -> None:
        self.name = issuer.name
        if issuer.jwks_url is not None:
            self._fetch, self._refresh = over_http(issuer.jwks_url), REFRESH_SECONDS
            self._again = AGAIN_SECONDS
        else:
            assert issuer.jwks_file is not None
            self._fetch, self._refresh = from_file(Path(issuer.jwks_file)), FILE_SECONDS
            self._again = FILE_SECONDS
        self._keys: dict[tuple[str, str], jwk.Key] = {}
        self._fetched = self._tried = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._failing = False

    async def find(self, kid: str, kty: str, now: float) -> jwk.Key:
        """The key of that id and kind. Raises Refused when there is none, Unavailable when that cannot be said."""
        if now - self._fetched > OUTAGE_SECONDS:
            self._keys = {}
        key = self._keys.get((kid, kty))
        if key is not None:
            if now - self._fetched >= self._refresh:
                self._begin(now)
            return key
        fetching = self._begin(now)
        if fetching is not None:
            await asyncio.shield(fetching)
            key = self._keys.get((kid, kty))
        if key is not None:
            return key
        raise Refused("unknown-key") if self._keys else Unavailable("keys-unavailable")

    async def warm(self, now: float) -> None:
        """Fetch them before anybody asks, so that an issuer that cannot be reached is told of when a service starts."""
        fetching = self._begin(now)
        if fetching is not None:
            await asyncio.shield(fetching)

    def _begin(self, now: float) -> asyncio.Task[None] | None:
        """The fetch that is going on, or a new one, or None where the last one is too recent."""
        if self._fetching is None and now - self._tried >= self._again:
            self._tried = now
            self._fetching = asyncio.get_running_loop().create_task(self._take(now))
        return self._fetching

    async def _take(self, now: float) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, f"keys-{self.name}")
        try:
            data = await asyncio.get_running_loop().run_in_executor(self._thread, self._fetch)
            if data is not None:
                self._keys = read_keys(data)
                log.info("keys of an issuer taken", issuer=self.name, keys=len(self._keys))
            self._fetched = now
            self._failing = False
        except (OSError, HTTPException, NotKeys, ValueError) as error:
            if not self._failing:  # once an outage
                log.warning("keys of an issuer not to be had", issuer=self.name, error=_told(error))
            self._failing = True
        finally:
            self._fetching = None

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, NotKeys) else f"{type(error).__name__}: {error}"
