"""The page in this process: a client of it that keeps cookies as browsers do, an issuer, and a clock that tests set."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from litestar.testing import TestClient

from bench.issuer import settings as issuers_file
from bench.provider import Provider, serving
from lookup.access.credentials import Credentials
from lookup.app import TEMPLATES, create_app
from lookup.current import ServiceState
from lookup.generation import Generation, open_generation
from lookup.metrics import Counters
from lookup.page.desk import Page
from lookup.settings import Settings
from tests.lookup import village
from tests.lookup.serving import StoppedClock
from tests.page import stage

URL = "http://127.0.0.1:8080"


class Visitor:
    """A browser at the page, without a screen."""

    def __init__(self, state: ServiceState, provider: Provider, client: TestClient[Any]) -> None:
        self.state, self.provider, self.client = state, provider, client
        self.headers = {"Sec-Fetch-Site": "same-origin"}

    def get(self, path: str) -> Any:
        return self.client.get(path, follow_redirects=False)

    def post(self, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> Any:
        told = self.headers if headers is None else headers
        return self.client.post(path, data=fields, headers=told, follow_redirects=False)

    def go_to_issuer(self, query: str = "") -> httpx.Response:
        """The issuer's page, as the page of ours sends the browser there."""
        sent = self.get(f"/oppslag/logg-inn{query}")
        assert sent.status_code == 303, sent.text
        return httpx.get(sent.headers["location"])

    def come_back(self, shown: httpx.Response, person: int = 0, **changes: str) -> Any:
        """Choose a person there, and come back with what the issuer says."""
        return self.get(self.choose(shown, person, **changes))

    def choose(self, shown: httpx.Response, person: int = 0, **changes: str) -> str:
        """Choose a person there; where the issuer sends the browser then."""
        chosen = httpx.post(str(shown.url), data={"who": str(person)})
        assert chosen.status_code == 303, chosen.text
        return str(httpx.URL(chosen.headers["location"]).copy_merge_params(changes).raw_path, "ascii")

    def cancel(self, shown: httpx.Response) -> Any:
        """Come back from there without having signed in."""
        sent = httpx.get(str(shown.url).replace("/authorize", "/cancel"))
        return self.get(str(httpx.URL(sent.headers["location"]).raw_path, "ascii"))

    def sign_in(self, person: int = 0) -> Any:
        return self.come_back(self.go_to_issuer(), person)

    def token(self) -> str:
        """What a form of this session must hold."""
        shown = self.get("/oppslag").text
        return shown.partition('name="skjema" value="')[2].partition('"')[0]

    def ask(self, nin: str, reason: str = "treatment", **more: str) -> Any:
        return self.post("/oppslag", **{"skjema": self.token(), "nummer": nin, "grunn": reason, **more})


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    return open_generation(village.generation(tmp_path_factory.mktemp("village")))


@pytest.fixture
def given() -> dict[str, Any]:
    """Settings of a test's own."""
    return {}


@pytest.fixture
def visitor(tmp_path: Path, opened: Generation, given: dict[str, Any]) -> Iterator[Visitor]:
    _, provider, usual = stage.prepare(tmp_path, URL)
    with serving(provider):
        Path(usual["issuers_file"]).write_text(issuers_file(provider.issuer, f"{provider.url}/jwks"))
        settings = msgspec.convert({**usual, "data_dir": str(tmp_path / "data"), **given}, Settings, dec_hook=_path)
        credentials = Credentials(settings)
        counters = Counters(1)
        counters.register(TEMPLATES)
        counters.become(0)
        state = ServiceState(settings, counters, credentials)
        state.clock = clock = StoppedClock()  # type: ignore[assignment]
        credentials.gate.epoch_ns = clock.epoch_ns
        provider.clock = lambda: clock.seconds
        state.page = Page(settings, credentials)
        state.current.swap(opened, pinned=False)
        with TestClient(create_app(state), base_url=URL) as client:
            yield Visitor(state, provider, client)
        credentials.verifier.close()


def _path(kind: type, value: object) -> Path:
    assert kind is Path
    return Path(str(value))


def path_of(response: Any) -> str:
    """Where a response sends the browser."""
    return urlsplit(response.headers["location"]).path
