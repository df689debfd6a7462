"""The page as a process has it, put together from the settings: whose sign-ins are taken, and what browsers remember.

Who has signed in stands in the ID token; what that opens, and for which organisation, in the access token that came
with it, by the same rules as for every other token of the issuer (lookup/access/token.py).
"""

import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from lookup.access.caller import Caller, Refused
from lookup.access.issuers import Issuer, fetchable
from lookup.access.token import IDENTITY, PID, SKEW_SECONDS, claimed, hpr_number
from lookup.page.addresses import RETURN
from lookup.page.keyfile import PageKey
from lookup.page.provider import Provider
from lookup.page.session import Cookie, Session, SignIn
from lookup.settings import Settings

if TYPE_CHECKING:
    from lookup.access.credentials import Credentials

SIGN_IN_SECONDS = 600.0
ID_TOKEN_TYPES = ("jwt", "")
SECURITY_LEVEL, REQUIRED_LEVEL = "helseid://claims/identity/security_level", "4"
MAX_NAME = 100


class PageUnfit(Exception):
    """The settings of the page cannot be; the message says why."""


class Page:
    """Made before the fork. Raises PageUnfit, PageKeyUnfit."""

    def __init__(self, settings: Settings, credentials: "Credentials") -> None:
        self.issuer = _issuer(settings, credentials)
        self.url = settings.page_url.rstrip("/")
        parts = urlsplit(self.url)
        if not fetchable(self.url) or parts.path or parts.query:
            raise PageUnfit("page_url: must be https://HOST[:PORT], or http on a loopback address")
        if not settings.page_client_id:
            raise PageUnfit("page_client_id: must be given with page_issuer")
        key = PageKey(settings.page_key_path)
        secure = parts.scheme == "https"
        self.sessions = Cookie("flr-session", Session, key.session_key, secure=secure)
        self.sign_ins = Cookie("flr-sign-in", SignIn, key.session_key, secure=secure)
        self.credentials, self.settings = credentials, settings
        self.provider = Provider(
            self.issuer.issuer, settings.page_client_id, key, settings.page_scope, self.url + RETURN
        )

    async def begin(self, now: float, *, again: bool) -> tuple[str, str]:
        """(where the browser is to go, the cookie that it takes with it) to sign in. Raises Unavailable."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        sign_in = SignIn(state=state, nonce=nonce, verifier=verifier, begun=now)
        return await self.provider.begin(sign_in, now, again=again), self.sign_ins.made(sign_in)

    async def finish(self, sign_in: SignIn | None, answer: dict[str, str], now: float) -> Session:
        """Who has come back from the issuer, with the sign-in that was begun and the issuer's answer in the URL.

        Raises Refused, or Unavailable.
        """
        if sign_in is None or not 0 <= now - sign_in.begun <= SIGN_IN_SECONDS:
            raise Refused("no-sign-in")
        if not hmac.compare_digest(answer.get("state", "").encode(), sign_in.state.encode()):
            raise Refused("state")
        if answer.get("iss", self.issuer.issuer) != self.issuer.issuer:
            raise Refused("issuer")
        if "code" not in answer:
            raise Refused("cancelled" if answer.get("error") == "access_denied" else "issuer-refuses")
        tokens = await self.provider.exchange(answer["code"], sign_in, now)
        verifier = self.credentials.verifier
        caller = await verifier.verify(f"{tokens.token_type} {tokens.access_token}".encode(), now)
        claims, issuer = await verifier.genuine(tokens.id_token.encode(), now, ID_TOKEN_TYPES)
        if issuer.name != self.issuer.name or caller.client != f"{issuer.name}:{self.provider.client_id}":
            raise Refused("issuer")
        if caller.key not in (None, self.provider.thumbprint):
            raise Refused("binding")
        self._check(claims, sign_in.nonce, now)
        name = claims.get("name")
        return Session(
            caller=_person(caller, claims),
            name=name[:MAX_NAME] if isinstance(name, str) else "",
            form=secrets.token_urlsafe(24),
            begun=now,
            used=now,
        )

    def _check(self, claims: dict[str, object], nonce: str, now: float) -> None:
        """An ID token for this client, this sign-in and now (OpenID Connect Core, 3.1.3.7). Raises Refused."""
        client = self.provider.client_id
        registry = JWTClaimsRegistry(
            now=int(now), leeway=SKEW_SECONDS, aud={"essential": True, "values": [client]}, exp={"essential": True}
        )
        try:
            registry.validate(claims)
        except JoseError:
            raise Refused("id-token") from None
        audience = claims["aud"]
        if (isinstance(audience, list) and len(audience) > 1) or claims.get("azp", client) != client:
            raise Refused("audience")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise Refused("nonce")
        if claims.get(SECURITY_LEVEL) != REQUIRED_LEVEL:
            raise Refused("security-level")

    def in_force(self, session: Session | None, now: float) -> Session | None:
        """The session, unless it has ended by `now`."""
        if session is None:
            return None
        idle, whole = self.settings.page_idle_minutes * 60, self.settings.page_session_minutes * 60
        return session if 0 <= now - session.used <= idle and 0 <= now - session.begun <= whole else None


def _issuer(settings: Settings, credentials: "Credentials") -> Issuer:
    for issuer in credentials.issuers:
        if issuer.name == settings.page_issuer and issuer.kind == "helseid":
            return issuer
    raise PageUnfit(f"page_issuer: the issuers_file has no issuer {settings.page_issuer!r} of kind helseid")


def _person(caller: Caller, claims: dict[str, object]) -> Caller:
    """The caller as the person who has signed in: there must be one, and the same in both tokens. Raises Refused."""
    pid, hpr = claimed(claims, IDENTITY, PID), hpr_number(claims)
    if pid is None and hpr is None:
        raise Refused("nobody")
    if (caller.pid not in (None, pid)) or (caller.hpr_number not in (None, hpr)):
        raise Refused("another-person")
    return msgspec.structs.replace(caller, kind="page", pid=pid, hpr_number=hpr, key=None)
