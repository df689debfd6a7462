"""Tokens that are fetched: a real service that knows an issuer, which gives tokens only to whoever signs as it must."""

import json
import socket
import sys
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from bench.issuer import LocalIssuer, serving, settings
from flr_client import Assigned, Basic, Bearer, TokenRefused, Unauthenticated, Unavailable
from flr_client.tokens import ASSERTION_TYPE, JWT_GRANT, HelseId, Maskinporten
from tests import tiny
from tests.access import registered
from tests.access.test_served import AT, PERSON
from tests.flr_client.asking import Either
from tests.lookup import village
from tests.service import Service

CLIENT = "6f1f5d6e-3b0c-4a51-9c1c-2f6b6e6f0f11"
WHEN = AT["at"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


class TokenServer:
    """Gives tokens of an issuer to a client that it knows by its key; `given` counts them, `nonce` is asked for."""

    def __init__(self, issuer: LocalIssuer, key: jwk.Key) -> None:
        self.issuer, self.key = issuer, key
        self.given, self.nonce, self.seconds, self.body = 0, "", 600, b""
        self.asked: list[dict[str, Any]] = []
        outer = self

        class _Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = {name: values[0] for name, values in parse_qs(self._body()).items()}
                status, said, headers = outer.answer(form, self.headers.get("DPoP"))
                body = outer.body or json.dumps(said).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def _body(self) -> str:
                return self.rfile.read(int(self.headers["Content-Length"])).decode()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, form: dict[str, str], proof: str | None) -> tuple[int, dict[str, Any], dict[str, str]]:
        bound, claims = None, {}
        if proof is not None:
            shown = json.loads(_part(proof, 0))["jwk"]
            claims = jwt.decode(proof, jwk.import_key(shown)).claims
            if self.nonce and claims.get("nonce") != self.nonce:
                return 400, {"error": "use_dpop_nonce"}, {"DPoP-Nonce": self.nonce}
            bound = jwk.import_key(shown).thumbprint()
        assertion = form.get("client_assertion") or form["assertion"]
        try:
            said = jwt.decode(assertion, self.key).claims
        except JoseError:
            return 401, {"error": "invalid_client"}, {}
        self.asked.append({**form, **said, "htm": claims.get("htm"), "htu": claims.get("htu")})
        self.given += 1
        told: dict[str, Any] = {} if bound is None else {"jkt": bound}
        token = self.issuer.mint(at=said["iat"], client_id=CLIENT, **told).decode()
        return 200, {"access_token": token, "expires_in": self.seconds}, {}


def _part(token: str, number: int) -> bytes:
    part = token.split(".")[number]
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.fixture(scope="module")
def key() -> jwk.Key:
    return jwk.generate_key("RSA", 2048, {"kid": "ours"})


@contextmanager
def guarded(folder: Path, issuer: LocalIssuer) -> Iterator[str]:
    """The URL of a service that takes tokens of an issuer, and clients with a password."""
    data, port = folder / "data", free_port()
    (data / "access").mkdir(parents=True)
    registered.put(data / "access" / "clients.json", registered.client("ward"))
    tiny.announce(data, village.generation(data).name)
    url = f"http://127.0.0.1:{port}"
    with serving(issuer) as keys:
        file = folder / "issuers.toml"
        file.write_text(settings(issuer, keys.url))
        command = [sys.executable, "-m", "lookup", "serve", "--data-dir", str(data), "--port", str(port)]
        told = {"FLR_ISSUERS_FILE": str(file), "FLR_PUBLIC_URLS": url}
        with Service(data, workers=1, command=command, **told) as service:
            service.wait("serving")
            yield url


@pytest.fixture(scope="module")
def helseid() -> LocalIssuer:
    return LocalIssuer("helseid")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, helseid: LocalIssuer) -> Iterator[str]:
    with guarded(tmp_path_factory.mktemp("guarded"), helseid) as found:
        yield found


@pytest.fixture
def tokens(helseid: LocalIssuer, key: jwk.Key) -> Iterator[TokenServer]:
    server = TokenServer(helseid, key)
    yield server
    server.stop()


def helse(tokens: TokenServer, key: jwk.Key, **more: Any) -> HelseId:
    return HelseId(tokens.url, CLIENT, key.as_dict(private=True), "nhn:flr/lookup", **more)


def lookup(either: Either, url: str, auth: Any, times: int = 1) -> Any:
    with either(url, auth) as register:
        answers = [register.ask("lookup", PERSON, datetime.fromisoformat(WHEN)) for _ in range(times)]
    return answers[-1].value


def test_a_name_and_a_password(either: Either, url: str) -> None:
    assert isinstance(lookup(either, url, Basic("ward", registered.PASSWORD)), Assigned)
    with pytest.raises(Unauthenticated):
        lookup(either, url, Basic("ward", "wrong"))


def test_a_token_one_has(either: Either, url: str, helseid: LocalIssuer) -> None:
    assert isinstance(lookup(either, url, Bearer(helseid.mint(at=time.time()).decode())), Assigned)
    with pytest.raises(Unauthenticated):
        lookup(either, url, Bearer("no.such.token"))


@pytest.mark.parametrize("dpop", [True, False])
def test_one_that_is_fetched_once_and_shown_with_each_question(
    either: Either, url: str, tokens: TokenServer, key: jwk.Key, dpop: bool
) -> None:
    auth = helse(tokens, key, dpop=dpop, claims={"helseid://claims/child": "310000019"})
    assert isinstance(lookup(either, url, auth, times=3), Assigned)
    (asked,) = tokens.asked
    assert (asked["grant_type"], asked["scope"]) == ("client_credentials", "nhn:flr/lookup")
    assert (asked["client_assertion_type"], asked["client_id"]) == (ASSERTION_TYPE, CLIENT)
    assert (asked["iss"], asked["sub"], asked["aud"]) == (CLIENT, CLIENT, tokens.url)
    assert asked["helseid://claims/child"] == "310000019"
    assert 0 < asked["exp"] - asked["iat"] <= 60
    assert (asked["htm"], asked["htu"]) == (("POST", tokens.url) if dpop else (None, None))


def test_a_nonce_that_the_issuer_asks_for(either: Either, url: str, tokens: TokenServer, key: jwk.Key) -> None:
    tokens.nonce = "once"
    assert isinstance(lookup(either, url, helse(tokens, key), times=2), Assigned)
    assert tokens.given == 1


def test_one_that_expires_is_fetched_again(either: Either, url: str, tokens: TokenServer, key: jwk.Key) -> None:
    tokens.seconds = 0
    assert isinstance(lookup(either, url, helse(tokens, key), times=3), Assigned)
    assert tokens.given == 3


def test_one_that_is_not_taken_is_let_go(
    either: Either, url: str, tokens: TokenServer, key: jwk.Key, helseid: LocalIssuer
) -> None:
    auth = helse(tokens, key)
    tokens.issuer = LocalIssuer("helseid")  # whose keys the register does not know
    with pytest.raises(Unauthenticated):
        lookup(either, url, auth)
    tokens.issuer = helseid
    assert isinstance(lookup(either, url, auth), Assigned)
    assert tokens.given == 2


def test_another_key_is_refused(either: Either, url: str, tokens: TokenServer) -> None:
    with pytest.raises(TokenRefused) as caught:
        lookup(either, url, helse(tokens, jwk.generate_key("RSA", 2048)))
    assert caught.value.detail == "invalid_client"


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"access_token": 7, "expires_in": 5}'])
def test_an_issuer_that_makes_no_sense_is_no_answer(
    either: Either, url: str, tokens: TokenServer, key: jwk.Key, body: bytes
) -> None:
    tokens.body = body
    with pytest.raises(Unavailable):
        lookup(either, url, helse(tokens, key))


def test_an_issuer_that_is_not_there_is_no_answer(either: Either, url: str, key: jwk.Key) -> None:
    auth = HelseId(f"http://127.0.0.1:{free_port()}/token", CLIENT, key.as_dict(private=True), "nhn:flr/lookup")
    with pytest.raises(Unavailable):
        lookup(either, url, auth)


def test_maskinporten(either: Either, tmp_path: Path, key: jwk.Key) -> None:
    issuer = LocalIssuer("maskinporten")
    server = TokenServer(issuer, key)
    try:
        with guarded(tmp_path, issuer) as url:
            auth = Maskinporten(
                server.url, CLIENT, key.as_dict(private=True), "nhn:flr/export", issuer=issuer.name, resource=url
            )
            for _ in range(2):
                answer = httpx.get(f"{url}/v1/contracts", auth=auth)
                assert answer.status_code in (200, 503)  # let in, whether the village has the list or not
    finally:
        server.stop()
    (asked,) = server.asked
    assert (asked["grant_type"], asked["aud"], asked["scope"]) == (JWT_GRANT, issuer.name, "nhn:flr/export")
    assert asked["resource"] == url
