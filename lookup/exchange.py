"""One request and its answer, around the framework: what every answer carries, and what is counted.

Takes the generation once for the whole request, adds the FLR headers (to every problem too), hands back the caller's
correlation ids, answers HEAD as GET without a body, and counts by route template, never by raw path.
"""

import re
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from litestar.types import HTTPReceiveMessage, HTTPScope, Message, Receive, Send

from lookup.access.caller import Caller
from lookup.answers import UNKNOWN
from lookup.core import Ticket
from lookup.metrics import OTHER
from lookup.problems import SCOPE_KEY, AuditUnavailable, Unready

if TYPE_CHECKING:
    from lookup.current import ServiceState
    from lookup.generation import Generation

HOUR_SECONDS = 3600
FIRST_PROBLEM = 400
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_EVENT_ID = re.compile(rb"[!-~]{1,128}")
_RETURNED = {b"traceparent": _TRACEPARENT, b"nhn-event-id": _EVENT_ID}
PARAMETER_TYPE = re.compile(r":[a-z]+(?=})")
_CONTENT_POLICY = b"default-src 'none'; frame-ancestors 'none'"
NO_STORE = (b"cache-control", b"no-store")
SAFE = ((b"content-security-policy", _CONTENT_POLICY), (b"x-content-type-options", b"nosniff"))
NO_GENERATION = "no generation of the register is in service"
TOO_OLD = "the register is older than this service may answer from"


class StreamTooSlow(Exception):
    """A streamed answer that took longer than it may."""


def age_seconds(state: "ServiceState", generation: "Generation") -> float:
    """How old the register's content is."""
    return state.clock.epoch_ns() / 1e9 - generation.as_of_seconds


def is_older(state: "ServiceState", generation: "Generation", hours: float) -> bool:
    """Whether the register is older than a limit; 0 is no limit."""
    return bool(hours) and age_seconds(state, generation) > hours * HOUR_SECONDS


def generation_fields(state: "ServiceState", generation: "Generation") -> Iterable[tuple[bytes, bytes]]:
    """What an answer's head says of the generation it comes from."""
    yield b"flr-generation", b"%d" % generation.serial
    yield b"flr-as-of", generation.manifest.as_of.encode()
    if is_older(state, generation, state.settings.stale_warn_hours):
        yield b"flr-stale", b"true"


class Exchange:
    """One request and its answer."""

    __slots__ = (
        *(
            "_receive",
            "_send",
            "_started",
            "generation",
            "gone",
            "head",
            "now",
            "operation",
            "route",
            "scope",
            "state",
            "status",
        ),
        *("event", "ticket"),
    )

    def __init__(self, state: "ServiceState", scope: HTTPScope, receive: Receive, send: Send, *, head: bool) -> None:
        self.state, self.scope, self._receive, self._send = state, scope, receive, send
        self.gone = False  # the client went away before its question was whole
        self.head = head
        self.now = state.now()
        self.generation: Generation | None = None
        self.status = 0
        self.route = ""  # that the request is counted under, where the path's template does not say enough
        self.operation = ""  # of roles.OPERATIONS, where it is one of those
        self.event = b""  # what the audit keeps for the caller's own id, where the caller is a page of ours
        self.ticket: Ticket | None = None  # of whoever asks; none where there is no access control
        self._started = time.perf_counter()

    def take(self, *, fresh: bool = True) -> "Generation":
        """The generation this request is answered from. Raises Unready without one, or (if `fresh`) when it is old."""
        generation = self.generation = self.state.current.generation
        if generation is None:
            raise Unready(NO_GENERATION)
        if fresh and is_older(self.state, generation, self.state.settings.stale_refuse_hours):
            raise Unready(TOO_OLD)
        return generation

    @property
    def caller(self) -> Caller | None:
        """Who asks; None where there is no access control."""
        return None if self.ticket is None else self.ticket.caller

    @property
    def withhold(self) -> bool:
        """Whether protected persons are not for whoever asks."""
        return self.state.settings.withhold_protected or not (self.ticket is None or self.ticket.protected)

    def disclose(self, nin: int, outcome: str, *, protected: bool) -> None:
        """An answer about one person is about to leave. Raises AuditUnavailable: then it must not."""
        self.disclose_all(outcome, [(nin, outcome, protected)])

    def disclose_all(self, outcome: str, subjects: Sequence[tuple[int, str, bool]]) -> None:
        """An answer about persons (number, outcome, protected) is about to leave: it is recorded, and counted for
        everybody and for whoever asks. Raises AuditUnavailable: then it must not leave.
        """
        self.record_all(outcome, subjects)
        for nin, came_of_it, _ in subjects:
            self.state.counters.count_lookup(came_of_it)
            if self.ticket is not None and self.ticket.account is not None:
                self.ticket.account.person(nin, unknown=came_of_it == UNKNOWN)

    def record_all(self, outcome: str, subjects: Sequence[tuple[int, str, bool]]) -> None:
        """Record that persons are told of, without counting them as asked about. Raises AuditUnavailable."""
        if self.state.audit is not None and not self.state.audit.record(self, outcome, subjects):
            raise AuditUnavailable

    @property
    def event_id(self) -> bytes:
        """The caller's own id of this event, where it has given one that is fit to be kept."""
        if self.event:
            return self.event
        values = [value for name, value in self.scope["headers"] if name == b"nhn-event-id"]
        return values[0] if len(values) == 1 and _EVENT_ID.fullmatch(values[0]) else b""

    async def receive(self) -> HTTPReceiveMessage:
        """The next message of the question."""
        message = await self._receive()
        self.gone |= message["type"] == "http.disconnect"
        return message  # type: ignore[return-value]

    async def left(self) -> None:
        """Wait until the client goes away, or is answered: the question has been read, and nothing else can come."""
        await self._receive()

    async def send(self, message: Message) -> None:
        """Pass on a message of the answer, with what every answer carries."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status >= FIRST_PROBLEM and self.generation is None:
                self.generation = self.state.current.generation
            message["headers"] = list(self._headers(message["headers"]))
        elif self.head and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
        names = set()
        for name, value in given:
            names.add(name)
            if name == b"allow" and b"GET" in value and b"HEAD" not in value:
                yield name, value + b", HEAD"
            else:
                yield name, value
        if b"cache-control" not in names:
            yield NO_STORE
        yield from (field for field in SAFE if field[0] not in names)
        if self.generation is not None:
            yield from generation_fields(self.state, self.generation)
        for name, value in self.scope["headers"]:
            if name in _RETURNED and _RETURNED[name].fullmatch(value):
                yield name, value

    def count(self) -> None:
        """Count the request, once it is answered. Whoever went away in the middle of a question had no answer."""
        if self.gone:
            return
        template = self.scope.get("path_template")
        route = self.route or (PARAMETER_TYPE.sub("", template) if template else OTHER)
        self.state.counters.count_request(route, self.status, time.perf_counter() - self._started)


def exchange_of(scope: Any) -> Exchange:
    """The exchange that a request's scope belongs to."""
    exchange: Exchange = scope[SCOPE_KEY]
    return exchange
