"""The issuer as it signs people in (OpenID Connect): authorization code, PKCE, private_key_jwt, and as HelseID wants it
pushed requests (RFC 9126) and tokens bound to a key of ours (RFC 9449).

What the issuer says of itself is read from its metadata, and used only where it is at https. Everything is asked on
threads, with an end. What is in a token is for others to verify. Raises Unavailable where the issuer does not answer
as it should, Refused where it says no.
"""

import asyncio
import base64
import hashlib
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from joserfc import jwk

from lookup.access.caller import Refused
from lookup.access.issuers import fetchable
from lookup.access.jwks import FETCH_SECONDS, NotKeys, Unavailable, opener_of, over_http, read_whole
from lookup.page.keyfile import PageKey, signed
from lookup.page.session import SignIn

METADATA_SECONDS = 3600.0
MAX_ASKING = 16  # sign-ins that may wait for the issuer at a time, in a worker
OK, CREATED = 200, 201
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
USE_NONCE = "use_dpop_nonce"


class Metadata(msgspec.Struct, frozen=True):
    """What an issuer says of itself (OpenID Connect Discovery), as far as it is used here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    pushed_authorization_request_endpoint: str | None = None
    end_session_endpoint: str | None = None


class Tokens(msgspec.Struct, frozen=True):
    """What a code is exchanged for."""

    access_token: str
    id_token: str
    token_type: str

    def __repr__(self) -> str:
        return "<Tokens>"


class _Pushed(msgspec.Struct):
    request_uri: str


class _Error(msgspec.Struct):
    error: str = ""


T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True):
    """An answer of the issuer's."""

    status: int
    nonce: str | None
    body: bytes

    def read(self, kind: type[T]) -> T:
        """What is in it. Raises Unavailable."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeError):
            raise Unavailable("issuer-answer") from None


class Provider:
    """An issuer, for one client of it, in one worker."""

    def __init__(self, issuer: str, client_id: str, key: PageKey, scope: str, redirect_uri: str) -> None:
        self.issuer, self.client_id, self._key = issuer, client_id, key
        self._scope, self._redirect_uri = scope, redirect_uri
        self._fetch = over_http(issuer.rstrip("/") + "/.well-known/openid-configuration")
        self._metadata: Metadata | None = None
        self._fetched = float("-inf")
        self._proofs = jwk.ECKey.generate_key("P-256")
        self.thumbprint = self._proofs.thumbprint()
        self._threads = ThreadPoolExecutor(4, "sign-in")
        self._asking = 0

    async def metadata(self) -> Metadata:
        """What the issuer says of itself, an hour old at most; older where it does not answer."""
        if time.monotonic() - self._fetched < METADATA_SECONDS and self._metadata is not None:
            return self._metadata
        try:
            data = await self._on_thread(self._fetch)
            found = Answer(OK, None, data or b"").read(Metadata)
            urls = [found.authorization_endpoint, found.token_endpoint, found.pushed_authorization_request_endpoint]
            if found.issuer != self.issuer or not all(fetchable(url) for url in urls if url is not None):
                raise Unavailable("issuer-metadata")
        except Unavailable:
            if self._metadata is None:
                raise
            return self._metadata
        self._metadata, self._fetched = found, time.monotonic()
        return found

    async def begin(self, sign_in: SignIn, now: float, *, again: bool) -> str:
        """Where the browser is to go. `again`: whoever is there must show anew who they are."""
        metadata = await self.metadata()
        asked = {
            "client_id": self.client_id,
            "response_type": "code",
            "response_mode": "query",
            "scope": self._scope,
            "redirect_uri": self._redirect_uri,
            "state": sign_in.state,
            "nonce": sign_in.nonce,
            "code_challenge": _base64url(hashlib.sha256(sign_in.verifier.encode()).digest()),
            "code_challenge_method": "S256",
            **({"prompt": "login"} if again else {}),
        }
        if metadata.pushed_authorization_request_endpoint is not None:
            answer = await self._post(metadata.pushed_authorization_request_endpoint, asked, now)
            if answer.status not in (OK, CREATED):
                raise Unavailable("issuer-refuses-request")
            asked = {"client_id": self.client_id, "request_uri": answer.read(_Pushed).request_uri}
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return metadata.authorization_endpoint + joint + urlencode(asked)

    async def exchange(self, code: str, sign_in: SignIn, now: float) -> Tokens:
        """The tokens for a code that the browser has come back with."""
        url = (await self.metadata()).token_endpoint
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": sign_in.verifier,
            "client_id": self.client_id,
        }
        answer = await self._post(url, form, now, DPoP=self._proof(url, now))
        if answer.status != OK and answer.nonce is not None and answer.read(_Error).error == USE_NONCE:
            answer = await self._post(url, form, now, DPoP=self._proof(url, now, answer.nonce))
        if answer.status >= 500:
            raise Unavailable("issuer-answer")
        if answer.status != OK:
            raise Refused("code")
        return answer.read(Tokens)

    def _proof(self, url: str, now: float, nonce: str | None = None) -> str:
        claims = {"jti": secrets.token_urlsafe(16), "htm": "POST", "htu": url, "iat": int(now)}
        header = {"typ": "dpop+jwt", "jwk": self._proofs.as_dict(private=False)}
        return signed(self._proofs, header, claims | ({} if nonce is None else {"nonce": nonce}))

    async def _post(self, url: str, form: Mapping[str, str], now: float, **fields: str) -> Answer:
        assertion = self._key.assertion(self.client_id, self.issuer, now)
        told = {**form, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        request = urllib.request.Request(  # noqa: S310 -- issuers.fetchable
            url, urlencode(told).encode(), {"Accept": "application/json", **fields}, method="POST"
        )

        def post() -> Answer:
            until = time.monotonic() + FETCH_SECONDS
            try:
                with opener_of(url).open(request, timeout=FETCH_SECONDS) as answer:
                    return Answer(answer.status, answer.headers.get("DPoP-Nonce"), read_whole(answer, until))
            except urllib.error.HTTPError as answer:
                with answer:
                    return Answer(answer.code, answer.headers.get("DPoP-Nonce"), read_whole(answer, until))

        return await self._on_thread(post)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        if self._asking >= MAX_ASKING:
            raise Unavailable("too-many-sign-ins")
        self._asking += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (OSError, HTTPException, NotKeys, ValueError):
            raise Unavailable("issuer-unreachable") from None
        finally:
            self._asking -= 1


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
