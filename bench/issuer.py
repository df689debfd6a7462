"""A token issuer of one's own, on loopback: mints tokens shaped as HelseID's and Maskinporten's, and serves its keys.

    python -m bench.issuer [--kind helseid|maskinporten] [--folder DIR]

prints what to put into the issuers file, a token, and a bound token with a proof, and serves the keys until it is
interrupted. Tests turn its keys, slow it down and put it out of order. Everything is synthetic; nothing is kept.
"""

import argparse
import hashlib
import hmac
import json
import secrets
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from joserfc import jwk, jws

PARENT_UNIT, CHILD_UNIT = 310000000, 310000019
PUBLIC_URL = "https://flr.example"
TOKEN_SECONDS = 600


class Drop:
    """In the place of a value: leave it out."""


DROP = Drop()


def encoded(data: bytes) -> bytes:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=")


def signed(header: Mapping[str, Any] | bytes, claims: object, key: jwk.Key | bytes, algorithm: str) -> bytes:
    """A JWS in compact form, signed with `algorithm` whatever the header says; header and claims may be octets.

    A key of octets makes a MAC with it: joserfc would not, with a public key for a secret, and that is an attack.
    """
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    told = b".".join(encoded(part) for part in parts)
    if isinstance(key, bytes):
        return told + b"." + encoded(hmac.digest(key, told, "sha256"))
    return told + b"." + encoded(jws.JWSRegistry(algorithms=[algorithm]).get_alg(algorithm).sign(told, key))


def _without_dropped(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not DROP}


class Client:
    """Who has been issued a token that is bound to a key of his."""

    def __init__(self, kind: str = "EC", size: str | int = "P-256", algorithm: str = "ES256") -> None:
        self.key = jwk.generate_key(kind, size)  # type: ignore[call-overload]
        self.algorithm = algorithm
        self.thumbprint: str = self.key.thumbprint()

    def proof(self, method: str, url: str, token: bytes, *, at: float, **changes: Any) -> bytes:
        """A proof for one request. `header_NAME` and other names change or drop what stands in it."""
        header = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.key.as_dict(private=False)}
        claims = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url,
            "iat": int(at),
            "ath": encoded(hashlib.sha256(token).digest()).decode(),
        }
        return _made(header, claims, changes, self.key, self.algorithm)


def _made(header: dict[str, Any], claims: dict[str, Any], changes: dict[str, Any], key: jwk.Key, how: str) -> bytes:
    key, how = changes.pop("sign_with", key), changes.pop("sign_as", how)
    for name, value in changes.items():
        if name.startswith("header_"):
            header[name.removeprefix("header_")] = value
        else:
            claims[name] = value
    return signed(_without_dropped(header), _without_dropped(claims), key, how)


class LocalIssuer:
    """Keys, and what they sign. `keys` is what is published; the last one signs."""

    def __init__(self, kind: str = "helseid", name: str = "https://issuer.example", algorithm: str = "RS256") -> None:
        self.kind, self.name, self.algorithm = kind, name, algorithm
        self.keys: list[jwk.Key] = []
        self.turn()

    def turn(self) -> None:
        """Another key from now on; the ones before it stay published."""
        kinds = {"RS": ("RSA", 2048), "PS": ("RSA", 2048), "ES": ("EC", "P-256")}
        kind, size = kinds[self.algorithm[:2]]
        key = jwk.generate_key(kind, size, {"kid": secrets.token_hex(4), "use": "sig"})  # type: ignore[call-overload]
        self.keys.append(key)

    def jwks(self) -> bytes:
        """What is published."""
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()

    def mint(self, *, at: float, **changes: Any) -> bytes:
        """A token in order; `header_NAME` and other names change or drop what stands in it.

        `jkt` binds it; `sign_with` and `sign_as` sign it with another key, or in another way, than the header says.
        """
        header = {"alg": self.algorithm, "typ": "at+jwt", "kid": self.keys[-1].kid}
        claims: dict[str, Any] = {
            "iss": self.name,
            "aud": "nhn:flr",
            "iat": int(at),
            "nbf": int(at),
            "exp": int(at) + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(12),
            "client_id": "6f1f5d6e-3b0c-4a51-9c1c-2f6b6e6f0f11",
        }
        if self.kind == "helseid":
            claims["scope"] = ["nhn:flr/lookup"]
            claims["helseid://claims/client/claims/orgnr_parent"] = str(PARENT_UNIT)
            claims["helseid://claims/client/claims/orgnr_child"] = str(CHILD_UNIT)
        else:
            claims["scope"] = "nhn:flr/export"
            claims["consumer"] = {"authority": "iso6523-actorid-upis", "ID": f"0192:{PARENT_UNIT}"}
        if "jkt" in changes:
            changes["cnf"] = {"jkt": changes.pop("jkt")}
        return _made(header, claims, changes, self.keys[-1], self.algorithm)


class KeyServer:
    """Serves an issuer's keys on a free port of loopback, well or badly; `fetches` counts how often it was asked."""

    def __init__(self, issuer: LocalIssuer) -> None:
        self.issuer = issuer
        self.status, self.body, self.wait_seconds, self.location = 200, b"", 0.0, ""
        self.padding_octets, self.drip_seconds = 0, 0.0
        self.fetches = 0
        outer = self

        class _Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.fetches += 1
                time.sleep(outer.wait_seconds)
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.end_headers()
                body = (outer.body or outer.issuer.jwks()) + b" " * outer.padding_octets
                size = 1 if outer.drip_seconds else len(body)
                with suppress(ConnectionError):  # whoever asked has had enough
                    for begin in range(0, len(body), size):
                        self.wfile.write(body[begin : begin + size])
                        time.sleep(outer.drip_seconds)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/jwks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Serve no more; whoever asks then is refused the connection."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(issuer: LocalIssuer) -> Iterator[KeyServer]:
    """An issuer's keys, served for as long as the context lasts."""
    server = KeyServer(issuer)
    try:
        yield server
    finally:
        server.stop()


def settings(issuer: LocalIssuer, url: str) -> str:
    """The issuers file for it."""
    return "\n".join(
        [
            "[[issuer]]",
            'name = "local"',
            f'kind = "{issuer.kind}"',
            f'issuer = "{issuer.name}"',
            f'jwks_url = "{url}"',
            "",
        ]
    )


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="a local token issuer, for trying things out")
    parser.add_argument("--kind", choices=("helseid", "maskinporten"), default="helseid")
    parser.add_argument("--folder", type=Path, help="write issuers.toml there")
    args = parser.parse_args()
    issuer, client, now = LocalIssuer(args.kind), Client(), time.time()
    with serving(issuer) as server:
        told = settings(issuer, server.url)
        if args.folder is not None:
            (args.folder / "issuers.toml").write_text(told)
        token = issuer.mint(at=now, jkt=client.thumbprint)
        print(told)
        print(f"Authorization: Bearer {issuer.mint(at=now).decode()}\n")
        print(f"Authorization: DPoP {token.decode()}")
        print(f"DPoP: {client.proof('POST', PUBLIC_URL + '/v1/gp-lookup', token, at=now).decode()}\n", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
