"""An issuer on loopback where people sign in, shaped as HelseID: for the demo of the web page, and for its tests.

It is strict where HelseID is: requests are pushed, clients show `private_key_jwt`, codes are for one use and PKCE, and
tokens are bound by DPoP with a nonce of the issuer's. `people` are who can sign in, each by one button. Tests change
`id_token` and `access_token` (claims to replace, or to leave out), and read `troubles`, what a client did
wrong, and `prompts`, how each sign-in was asked for.
"""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwk, jwt
from joserfc.errors import JoseError

from bench.issuer import LocalIssuer, encoded

CLIENT_ID = "8a1c1a1e-0f4e-4f0c-9d53-6a6c2f1f7c01"
CLOCK_SECONDS = 60
_PAGE = """<!DOCTYPE html>
<html lang="nb"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Testinnlogging</title></head><body><main><h1>Testinnlogging</h1><p>Velg hvem du er. Alle er oppdiktet.</p>{}
</main></body></html>"""


class Wrong(Exception):
    """What a client did wrong, in the words of OAuth."""


@dataclass(frozen=True)
class Person:
    """Who can sign in. `scopes` are those of the register that the person's client is given."""

    name: str
    pid: str
    hpr_number: int | None = None
    scopes: tuple[str, ...] = ("nhn:flr/lookup",)

    def __repr__(self) -> str:
        return f"<Person {self.name}>"


@dataclass
class Provider:
    """The issuer. `client` is the public key of the one client there is, and `redirect_uri` where it may be sent."""

    people: list[Person]
    client: dict[str, Any]
    redirect_uri: str
    issuer: LocalIssuer = field(default_factory=lambda: LocalIssuer(algorithm="ES256"))
    id_token: dict[str, Any] = field(default_factory=dict)
    access_token: dict[str, Any] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    prompts: list[str | None] = field(default_factory=list)
    out_of_order: bool = False
    url: str = ""
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._pushed: dict[str, dict[str, str]] = {}
        self._codes: dict[str, tuple[dict[str, str], Person]] = {}
        self._nonce = secrets.token_urlsafe(8)
        self._used: set[str] = set()

    def metadata(self) -> dict[str, Any]:
        """What the issuer says of itself."""
        return {
            "issuer": self.issuer.name,
            "jwks_uri": f"{self.url}/jwks",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "pushed_authorization_request_endpoint": f"{self.url}/par",
            "end_session_endpoint": f"{self.url}/endsession",
        }

    # -- what clients ask

    def push(self, form: dict[str, str]) -> dict[str, Any]:
        """A pushed request (RFC 9126)."""
        self._authenticate(form)
        wanted = {"response_type": "code", "redirect_uri": self.redirect_uri, "code_challenge_method": "S256"}
        if not wanted.items() <= form.items() or not all(map(form.get, ("state", "nonce", "code_challenge", "scope"))):
            raise Wrong("invalid_request")
        uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(16)}"
        self._pushed[uri] = form
        self.prompts.append(form.get("prompt"))
        return {"request_uri": uri, "expires_in": 60}

    def ask_who(self, query: dict[str, str]) -> str:
        """The page on which somebody says who they are."""
        if query.get("request_uri") not in self._pushed or query.get("client_id") != CLIENT_ID:
            raise Wrong("invalid_request_uri")
        buttons = "".join(
            f'<form method="post" action="/authorize?{html.escape(urlencode(query))}">'
            f'<p><button name="who" value="{place}">{html.escape(person.name)}</button></p></form>'
            for place, person in enumerate(self.people)
        )
        cancel = f'<p><a href="/cancel?{html.escape(urlencode(query))}">Avbryt</a></p>'
        return _PAGE.format(buttons + cancel)

    def chosen(self, query: dict[str, str], form: dict[str, str]) -> str:
        """Where the browser goes with a code."""
        request = self._pushed.pop(query["request_uri"])
        code = secrets.token_urlsafe(24)
        self._codes[code] = request, self.people[int(form["who"])]
        return f"{self.redirect_uri}?{urlencode({'code': code, 'state': request['state'], 'iss': self.issuer.name})}"

    def cancelled(self, query: dict[str, str]) -> str:
        """Where the browser goes when nobody signs in."""
        state = self._pushed.pop(query["request_uri"])["state"]
        return f"{self.redirect_uri}?{urlencode({'error': 'access_denied', 'state': state})}"

    def exchange(self, form: dict[str, str], proof: str | None) -> dict[str, Any]:
        """Tokens for a code."""
        self._authenticate(form)
        thumbprint = self._proven(proof)
        request, person = self._codes.pop(form.get("code", ""), ({}, None))
        challenge = encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode()
        if person is None or request["code_challenge"] != challenge or form.get("redirect_uri") != self.redirect_uri:
            raise Wrong("invalid_grant")
        return self._tokens(request, person, thumbprint)

    def _tokens(self, request: dict[str, str], person: Person, thumbprint: str) -> dict[str, Any]:
        now = self.clock()
        who: dict[str, Any] = {
            "sub": hashlib.sha256(person.pid.encode()).hexdigest(),
            "helseid://claims/identity/pid": person.pid,
            "helseid://claims/identity/security_level": "4",
        }
        if person.hpr_number is not None:
            who["helseid://claims/hpr/hpr_number"] = str(person.hpr_number)
        access = who | {"client_id": CLIENT_ID, "scope": list(person.scopes), "jkt": thumbprint} | self.access_token
        identity = who | {"aud": CLIENT_ID, "nonce": request["nonce"], "name": person.name, "header_typ": "JWT"}
        return {
            "token_type": "DPoP",
            "expires_in": 600,
            "access_token": self.issuer.mint(at=now, **access).decode(),
            "id_token": self.issuer.mint(at=now, **(identity | self.id_token)).decode(),
        }

    # -- what clients show

    def _authenticate(self, form: dict[str, str]) -> None:
        """See that it is the client that is known here (RFC 7523)."""
        claims = self._read(form.get("client_assertion", ""), jwk.import_key(self.client), "invalid_client")
        if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
            raise Wrong("invalid_client")
        wanted = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": self.issuer.name}
        if not wanted.items() <= claims.items() or not 0 < claims["exp"] - self.clock() <= CLOCK_SECONDS:
            raise Wrong("invalid_client")
        self._once(claims["jti"], "invalid_client")

    def _proven(self, proof: str | None) -> str:
        """The thumbprint of the key that a proof is signed with (RFC 9449)."""
        if proof is None:
            raise Wrong("invalid_dpop_proof")
        try:
            key = jwk.import_key(json.loads(_decoded(proof.split(".")[0]))["jwk"])
        except (ValueError, KeyError, JoseError):
            raise Wrong("invalid_dpop_proof") from None
        claims = self._read(proof, key, "invalid_dpop_proof")
        if claims.get("nonce") != self._nonce:
            raise Wrong("use_dpop_nonce")
        if (claims["htm"], claims["htu"]) != ("POST", f"{self.url}/token"):
            raise Wrong("invalid_dpop_proof")
        self._once(claims["jti"], "invalid_dpop_proof")
        return key.thumbprint()

    def _read(self, token: str, key: jwk.Key, wrong: str) -> dict[str, Any]:
        try:
            return dict(jwt.decode(token, key, algorithms=["ES256", "RS256"]).claims)
        except (ValueError, JoseError):
            raise Wrong(wrong) from None

    def _once(self, jti: str, wrong: str) -> None:
        if jti in self._used:
            raise Wrong(wrong)
        self._used.add(jti)

    @property
    def nonce(self) -> str:
        """What proofs must have in them."""
        return self._nonce


def _decoded(text: str) -> bytes:

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        self._answer({"/.well-known/openid-configuration", "/jwks", "/authorize", "/cancel", "/endsession"})

    def do_POST(self) -> None:
        self._answer({"/par", "/token", "/authorize"})

    def _answer(self, paths: set[str]) -> None:
        provider, parts = self.provider, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if provider.out_of_order or parts.path not in paths:
            self._send(503 if provider.out_of_order else 404, b"", "text/plain")
            return
        query, form = dict(parse_qsl(parts.query)), dict(parse_qsl(body.decode()))
        try:
            self._do(parts.path, query, form)
        except Wrong as wrong:
            if str(wrong) != "use_dpop_nonce":
                provider.troubles.append(str(wrong))
            self._send(
                400, json.dumps({"error": str(wrong)}).encode(), "application/json", ("DPoP-Nonce", provider.nonce)
            )

    def _do(self, path: str, query: dict[str, str], form: dict[str, str]) -> None:
        provider = self.provider
        if path == "/authorize":
            if self.command == "GET":
                self._send(200, provider.ask_who(query).encode(), "text/html; charset=utf-8")
            else:
                self._send(303, b"", "text/plain", ("Location", provider.chosen(query, form)))
        elif path == "/cancel":
            self._send(303, b"", "text/plain", ("Location", provider.cancelled(query)))
        elif path == "/endsession":
            self._send(200, _PAGE.format("<p>Du er logget ut.</p>").encode(), "text/html; charset=utf-8")
        elif path == "/jwks":
            self._send(200, provider.issuer.jwks(), "application/json")
        else:
            calls: dict[str, Callable[[], dict[str, Any]]] = {
                "/.well-known/openid-configuration": provider.metadata,
                "/par": lambda: provider.push(form),
                "/token": lambda: provider.exchange(form, self.headers.get("DPoP")),
            }
            self._send(201 if path == "/par" else 200, json.dumps(calls[path]()).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, *fields: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *fields):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        pass


@contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    """The issuer, served on a free port of loopback for as long as the context lasts; its name is its URL."""
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    provider.url = provider.issuer.name = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
