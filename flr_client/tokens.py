"""Access tokens that are fetched, kept until shortly before they expire, and shown: HelseID's and Maskinporten's.

Both are httpx.Auth, for either client of this library and for any of httpx. Two requests at the same moment may fetch
two tokens; both are good. A token that the register does not take is let go, so the next question brings a new one.
"""

import re
import secrets
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any

import httpx
import msgspec
from joserfc import jwk

from flr_client.errors import TokenRefused, Unavailable
from flr_client.proofs import ProofKey, signed

ASSERTION_SECONDS = 60
EARLY_SECONDS = 30.0  # a token is not shown in its last seconds
UNAUTHENTICATED = 401
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
USE_NONCE = "use_dpop_nonce"
_REFUSED = (400, 401, 403)
_CODE = re.compile(r"[a-z_]{1,40}")

Flow = Generator[httpx.Request, httpx.Response, None]


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float


class _Error(msgspec.Struct):
    error: str


class _Fetched(httpx.Auth):
    """A token of some issuer, as either sort has it."""

    def __init__(self, token_url: str, client_id: str, key: Mapping[str, Any], *, dpop: bool) -> None:
        self._token_url, self._client_id = token_url, client_id
        self._key = jwk.import_key(dict(key))
        self._proofs = ProofKey() if dpop else None
        self._nonces: dict[str, str] = {}  # the last that each server has asked for
        self._token, self._until = "", 0.0

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def _form(self) -> dict[str, str]:
        raise NotImplementedError

    def _assertion(self, claims: Mapping[str, Any]) -> str:
        now = int(time.time())
        usual = {"iss": self._client_id, "iat": now, "exp": now + ASSERTION_SECONDS, "jti": secrets.token_urlsafe(16)}
        header = {"typ": "JWT", **({"kid": self._key.kid} if self._key.kid else {})}
        return signed(self._key, header, {**usual, **claims})

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Fetch a token where there is none, and show it; once more where a nonce is wanted."""
        if time.time() >= self._until:
            yield from self._fetch(request)
        response = yield self._shown(request)
        if self._takes_nonce(request, response) and USE_NONCE in response.headers.get("www-authenticate", ""):
            response = yield self._shown(request)
            self._takes_nonce(request, response)
        if response.status_code == UNAUTHENTICATED:
            self._until = 0.0

    def _shown(self, request: httpx.Request) -> httpx.Request:
        scheme = "Bearer" if self._proofs is None else "DPoP"
        request.headers["Authorization"] = f"{scheme} {self._token}"
        if self._proofs is not None:
            request.headers["DPoP"] = self._proofs.proof(request, self._token, self._nonces.get(_server(request)))
        return request

    def _takes_nonce(self, request: httpx.Request, response: httpx.Response) -> bool:
        """Whether the answer has brought a nonce; it is used from now on."""
        nonce = response.headers.get("dpop-nonce")
        if nonce is None or self._proofs is None:
            return False
        self._nonces[_server(request)] = nonce
        return True

    def _fetch(self, request: httpx.Request) -> Flow:
        asked = self._question(request)
        response = yield asked
        if self._takes_nonce(asked, response) and _code(response) == USE_NONCE:
            response = yield self._question(request)
        if response.status_code in _REFUSED:
            raise TokenRefused(_code(response))
        try:
            token = msgspec.json.decode(response.content, type=_Token)
        except (msgspec.DecodeError, UnicodeError):
            token = None
        if token is None:
            raise Unavailable(f"the issuer of tokens: HTTP status {response.status_code}")
        self._token = token.access_token
        self._until = time.time() + token.expires_in - min(EARLY_SECONDS, token.expires_in / 4)

    def _question(self, request: httpx.Request) -> httpx.Request:
        """The request for a token, in the time that the question itself has."""
        asked = httpx.Request("POST", self._token_url, data=self._form(), extensions=request.extensions)
        if self._proofs is not None:
            asked.headers["DPoP"] = self._proofs.proof(asked, nonce=self._nonces.get(_server(asked)))
        return asked

    # Answers of the issuer are read here; those of the register are not: they may be streams.
    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        """auth_flow, for httpx.Client."""
        flow = self.auth_flow(request)
        step = next(flow)
        while True:
            response = yield step
            if step is not request:
                response.read()
            try:
                step = flow.send(response)
            except StopIteration:
                return

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """auth_flow, for httpx.AsyncClient."""
        flow = self.auth_flow(request)
        step = next(flow)
        while True:
            response = yield step
            if step is not request:
                await response.aread()
            try:
                step = flow.send(response)
            except StopIteration:
                return


class HelseId(_Fetched):
    """Client credentials of HelseID: the client signs who it is (private_key_jwt), and tokens are bound by DPoP.

    `key` is the private JWK that is registered for the client, `scope` such as `nhn:flr/lookup`. `audience` is whom
    the assertion is for: the issuer, or unless given `token_url`. `claims` are further ones of the assertion, as a
    client of many organisations has them. Without `dpop` tokens are bearer tokens. Raises TokenRefused, Unavailable.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        key: Mapping[str, Any],
        scope: str,
        *,
        audience: str | None = None,
        claims: Mapping[str, Any] | None = None,
        dpop: bool = True,
    ) -> None:
        super().__init__(token_url, client_id, key, dpop=dpop)
        self._scope, self._audience, self._claims = scope, audience or token_url, claims or {}

    def _form(self) -> dict[str, str]:
        claims = {"sub": self._client_id, "aud": self._audience, "nbf": int(time.time()), **self._claims}
        return {
            "grant_type": "client_credentials",
            "scope": self._scope,
            "client_id": self._client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(claims),
        }


class Maskinporten(_Fetched):
    """The JWT grant of Maskinporten: bearer tokens, such as those for the public export.

    `key` is the private JWK that is registered for the client, `issuer` Maskinporten's name, `resource` whom the token
    is for (the register's address): ask for it wherever the register does. Raises TokenRefused, Unavailable.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        key: Mapping[str, Any],
        scope: str,
        *,
        issuer: str,
        resource: str | None = None,
    ) -> None:
        super().__init__(token_url, client_id, key, dpop=False)
        self._claims = {"aud": issuer, "scope": scope, **({"resource": resource} if resource else {})}

    def _form(self) -> dict[str, str]:
        return {"grant_type": JWT_GRANT, "assertion": self._assertion(self._claims)}


def _server(request: httpx.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"


def _code(response: httpx.Response) -> str | None:
    """OAuth's error code, where that is one."""
    try:
        said = msgspec.json.decode(response.content, type=_Error).error
    except (msgspec.DecodeError, UnicodeError):
        return None
    return said if _CODE.fullmatch(said) else None
