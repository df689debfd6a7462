"""The hamlet in a service that knows its clients, and what each of them asks it with."""

import base64
import http.client
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lookup.access.client import Limits
from lookup.access.roles import Role
from lookup.soap.operations import PARTIES, READ
from tests.access import registered
from tests.served import load
from tests.service import PATIENCE_SECONDS, Service
from tests.soap import hamlet
from tests.soap.stub import Stub

CLIENTS = (
    registered.client("nav", protected=True),
    registered.client("nav-without-the-right"),
    registered.client("ks", roles=frozenset({Role.LOOKUP}), protected=True),
    registered.client("epj", organization=hamlet.OFFICE, protected=True),
    registered.client("epj-without-the-right", organization=hamlet.OFFICE),
    registered.client("follower", roles=frozenset({Role.ALL_PATIENTS}), protected=True),
    registered.client("follower-without-the-right", roles=frozenset({Role.ALL_PATIENTS})),
    registered.client("slow", limits=Limits(requests_per_second=5)),
    registered.client("operator", roles=frozenset({Role.OPERATOR})),
    registered.client("extended", roles=frozenset({Role.EXTENDED}), protected=True),
    registered.client("extended-without-the-right", roles=frozenset({Role.EXTENDED})),
)


@dataclass
class HamletServed:
    """The hamlet in service, to the clients that are registered: all have one password."""

    folder: Path
    process: Service
    made: dict[tuple[str, str, str], tuple[Stub, Stub]] = field(default_factory=dict)

    def stubs(self, name: str, version: str, password: str = registered.PASSWORD) -> tuple[Stub, Stub]:
        """A client's clients of the register and of Adresseregisteret."""
        key = name, version, password
        if key not in self.made:
            base_url = f"http://127.0.0.1:{self.process.address['port']}"
            read, parties = (Stub(self.folder, one, version, base_url, (name, password)) for one in (READ, PARTIES))
            self.made[key] = read, parties
        return self.made[key]

    def get(self, name: str, path: str) -> Any:
        """What the newer face answers one of them."""
        status, _, body = self.process.ask(path, Authorization=basic(name))
        assert status == 200
        return json.loads(body)

    def post(
        self, name: str, path: str, body: bytes, content_type: str, **fields: str
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of a question of octets; `fields` are more of its head."""
        connection = http.client.HTTPConnection("127.0.0.1", self.process.address["port"], timeout=PATIENCE_SECONDS)
        try:
            head = {"Content-Type": content_type, "Authorization": basic(name)}
            connection.request("POST", path, body, head | fields)
            answer = connection.getresponse()
            return answer.status, {one.lower(): value for one, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def basic(name: str) -> str:
    """A client's credential."""
    return "Basic " + base64.b64encode(f"{name}:{registered.PASSWORD}".encode()).decode()


def serve(folder: Path, **environment: str) -> Service:
    """A service over what is loaded in `folder`, if anything is; `environment` has settings."""
    (folder / "data" / "access").mkdir(parents=True)
    registered.put(folder / "data" / "access" / "clients.json", *CLIENTS)
    command = [sys.executable, "-m", "lookup", "serve", "--data-dir", str(folder / "data"), "--port", "0"]
    return Service(folder / "data", workers=1, command=command, **environment)


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[HamletServed]:
    """The hamlet, loaded and served."""
    load(hamlet.feed(folder / "feed"), folder / "data")
    with serve(folder, **environment) as process:
        process.wait("serving")
        yield HamletServed(folder, process)
