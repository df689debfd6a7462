"""From what came back over HTTP to an answer, or to the error that it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

import httpx
import msgspec

from flr_client.calls import Call
from flr_client.errors import FlrError, Unavailable, of_status, of_word

T = TypeVar("T")
OK = 200
URN = "urn:flr:problem:"
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Lost(NamedTuple):
    """No answer. `sent` is whether the question may have come to the register."""

    sent: bool
    what: str

    def error(self) -> FlrError:
        """What the caller is told."""
        return Unavailable(self.what)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which register an answer is from: its serial, what it is as of, and whether it is older than it should be."""

    serial: int
    as_of: datetime
    stale: bool


@dataclass(frozen=True, slots=True, repr=False)
class Answer(Provenance, Generic[T]):
    """An answer, and the register that it is from."""

    value: T

    def __repr__(self) -> str:
        """No content: it may be about a person."""
        return f"<Answer of generation {self.serial}>"


class _Problem(msgspec.Struct):
    type: str
    detail: str | None = None
    position: str | None = None


def lost(error: httpx.HTTPError) -> Lost:
    """What is to be known of an error of the HTTP library; the error itself holds the question, and is let go."""
    return Lost(not isinstance(error, _NOT_SENT), type(error).__name__)


def settled(call: Call[T], response: httpx.Response) -> Answer[T]:
    """The answer of a response that has been read. Raises FlrError."""
    if response.status_code == OK:
        return _answer(response.headers, _read(call, response.content))
    word = _problem(response).type.removeprefix(URN)
    if word in call.instead:
        return _answer(response.headers, call.instead[word])
    raise refused(response)


def refused(response: httpx.Response) -> FlrError:
    """The error that a response is."""
    problem = _problem(response)
    if not problem.type.startswith(URN):
        return of_status(response.status_code, retry_after(response))
    return of_word(problem.type.removeprefix(URN), problem.detail, problem.position, retry_after(response))


def retry_after(response: httpx.Response) -> float | None:
    """After how many seconds to ask again, where that is said."""
    said = response.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdecimal() else None


def provenance(headers: Mapping[str, str]) -> Provenance:
    """Which register an answer is from. Raises Unavailable: what does not say so is no answer of a register."""
    try:
        return Provenance(
            int(headers["flr-generation"]),
            datetime.fromisoformat(headers["flr-as-of"]),
            headers.get("flr-stale") == "true",
        )
    except (KeyError, ValueError):
        pass
    raise Unavailable("what answers is no register")


def _answer(headers: Mapping[str, str], value: T) -> Answer[T]:
    of = provenance(headers)
    return Answer(of.serial, of.as_of, of.stale, value)


def _read(call: Call[T], body: bytes) -> T:
    try:
        return call.read(body)
    except (msgspec.DecodeError, UnicodeError, ValueError):
        pass
    raise Unavailable("an answer that is not of its shape")


def _problem(response: httpx.Response) -> _Problem:
    try:
        return msgspec.json.decode(response.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeError):
        return _Problem("")
