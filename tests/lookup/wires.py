"""HTTP on a bare socket, for tests that look at octets: requests as they are written, answers as they come."""

import json
import socket
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

from tests.service import PATIENCE_SECONDS, Service


class Answer(NamedTuple):
    """One answer. `fields` are those of its head, names in small letters; the date is checked and left out."""

    status: int
    fields: dict[str, str]
    body: bytes


def request(path: str, body: object = None, *fields: str, method: str | None = None) -> bytes:
    """A request as the plainest of clients writes it; `body` is JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    head = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "Host: localhost"]
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*head, *fields, "", ""]).encode() + content


def form(path: str, told: dict[str, str], *fields: str) -> bytes:
    """A form, posted."""
    posted = request(path, urlencode(told).encode(), *fields)
    return posted.replace(b"Content-Type: application/json", b"Content-Type: application/x-www-form-urlencoded")


class Unanswered(Exception):
    """The service has closed the connection instead of answering."""


class Wire:
    """One connection to a service."""

    def __init__(self, service: Service) -> None:
        self.socket = socket.create_connection(("127.0.0.1", service.address["port"]), timeout=PATIENCE_SECONDS)
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data and not self.received:
            raise Unanswered
        assert data, f"closed in the middle of an answer, after {len(self.received)} octets"
        self.received += data

    def answer(self, *, head: bool = False) -> Answer:
        """The next answer; with `head` one without a body, whatever its length says."""
        while b"\r\n\r\n" not in self.received:
            self._more()
        first, _, rest = self.received.partition(b"\r\n\r\n")
        status, *lines = first.decode("latin-1").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        fields = {name.lower(): value for name, value in pairs}
        assert len(fields) == len(pairs), "a field of the head comes twice"
        assert fields.pop("date").endswith(" GMT")
        size = 0 if head else int(fields.get("content-length", 0))
        self.received = rest
        while len(self.received) < size:
            self._more()
        body, self.received = self.received[:size], self.received[size:]
        assert status.startswith("HTTP/1.1 ")
        return Answer(int(status.split()[1]), fields, body)

    def ask(self, data: bytes) -> Answer:
        """The answer to one request."""
        self.send(data)
        return self.answer()

    def is_closed(self) -> bool:
        """Whether the service has closed the connection, with nothing more to say."""
        try:
            return not self.received and self.socket.recv(1) == b""
        except ConnectionResetError:
            return False

    def is_gone(self) -> bool:
        """Whether the service has ended the connection, in whatever way."""
        try:
            return not self.received and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def ask(service: Service, data: bytes) -> Answer:
    """The answer to one request on a connection of its own."""
    with Wire(service) as wire:
        return wire.ask(data)


def metrics(service: Service) -> dict[str, float]:
    """Every sample of the service's metrics, by name and labels."""
    _, _, text = service.ask("/metrics")
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    }


def difference(before: dict[str, float], after: dict[str, float], *starts: Any) -> dict[str, float]:
    """What has changed in the samples whose names begin like this."""
    return {
        name: value - before.get(name, 0.0)
        for name, value in after.items()
        if name.startswith(starts) and value != before.get(name, 0.0)
    }
