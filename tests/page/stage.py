"""The page as clinicians have it: the village in service over TLS, several workers, and an issuer to sign in with."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.issuer import settings
from bench.provider import CLIENT_ID, Person, Provider, serving
from lookup.page.keyfile import PageKey, make
from register.localtime import OSLO
from tests import tiny
from tests.activation import HandedOver
from tests.lookup import village
from tests.lookup.authority import Authority
from tests.service import PATIENCE_SECONDS, ROOT, Service

CLINICIAN = Person("Kari Lie", tiny.number(60), 7000001)
SECRETARY = Person("Nils Uten Tilgang", tiny.number(61), None, scopes=())
OTHER = Person("Per Lie", tiny.number(62), 7000002)
OFFSET = village.NOW.replace(tzinfo=OSLO).timestamp() - time.time()  # the village's noon is when tests begin


class Stage:
    """A service with the page, its issuer, and what an operator can see."""

    def __init__(self, data: Path, provider: Provider, service: Service, url: str) -> None:
        self.data, self.provider, self.service, self.url = data, provider, service, url

    def audit(self) -> list[dict[str, Any]]:
        """The audit, as `flr-lookup audit export` gives it."""
        return [json.loads(line) for line in self._command("export").splitlines()]

    def looked_at(self, nin: str) -> list[dict[str, Any]]:
        """Who has looked at a person."""
        return [json.loads(line) for line in self._command("insight", "--json", typed=nin + "\n").splitlines()]

    def _command(self, *arguments: str, typed: str = "") -> str:
        command = [sys.executable, "-m", "lookup", "audit", *arguments, "--data-dir", str(self.data)]
        done = subprocess.run(
            command, input=typed, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def prepare(folder: Path, url: str) -> tuple[Path, Provider, dict[str, str]]:
    """(data folder, issuer, settings) of a service whose page is at a URL. Nothing is in them yet."""
    data = folder / "data"
    data.mkdir()
    key = folder / "page-key.json"
    make(key)
    people = [CLINICIAN, SECRETARY, OTHER]
    provider = Provider(people, PageKey(key).public(), f"{url}/oppslag/tilbake", clock=lambda: time.time() + OFFSET)
    given = {
        "page_issuer": "local",
        "page_url": url,
        "page_client_id": CLIENT_ID,
        "page_key_file": str(key),
        "issuers_file": str(folder / "issuers.toml"),
    }
    return data, provider, given


@contextmanager
def staged(folder: Path, **environment: str) -> Iterator[Stage]:
    """The stage, for as long as the context lasts."""
    files = Authority(folder).issue("server")
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        data, provider, given = prepare(folder, url)
        tiny.announce(data, village.generation(data).name)
        with serving(provider):
            (folder / "issuers.toml").write_text(settings(provider.issuer, f"{provider.url}/jwks"))
            service = HandedOver(
                data,
                [listening],
                f"--clock-offset={OFFSET}",
                serve=(sys.executable, "-m", "lookup", "serve"),
                FLR_TLS_CERTIFICATE=str(files.certificate),
                FLR_TLS_KEY=str(files.key),
                **{f"FLR_{name.upper()}": value for name, value in given.items()},
                **environment,
            )
            with service:
                service.wait("serving")
                yield Stage(data, provider, service, url)
