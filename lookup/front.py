"""The compiled HTTP path of one worker, seen from Python: what it stands on, and what it asks.

`Front.protocol` is what the server makes for each accepted socket: a compiled Connection, which answers canonical
requests from the worker's Desk and hands everything else over to an ordinary protocol. Here are the parts of answers'
heads that hold for a second, the questions that take Python (times outside the rendered window, HER-IDs asked for the
first time), and the way over. Answers are those of the ordinary path, octet for octet in their bodies.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from lookup import directory
from lookup._fast import desk, tally
from lookup._fast.book import OUTCOMES, Book
from lookup._fast.connection import Connection
from lookup._fast.desk import Desk
from lookup._fast.directory_replies import HerAnswer
from lookup._fast.tally import Tally
from lookup._fast.tickets import Ticket
from lookup.answers import NONE_ANSWER, WITHHELD_ANSWER
from lookup.audit.recorder import PLACES
from lookup.canonical import ROUTES, Route
from lookup.connections import Connections
from lookup.exchange import NO_GENERATION, NO_STORE, SAFE, TOO_OLD, generation_fields, is_older
from lookup.generation import Generation
from lookup.metrics import BUCKETS_AT, FIRST_OCTAVE, HANDED_OVER, LAST_OCTAVE, RECEIVED, SENT, SUM_AT
from lookup.ordinary import OrdinaryProtocol
from lookup.problems import (
    BUSY_DETAIL,
    MEDIA_TYPE,
    PROBLEMS,
    QUOTA_DETAIL,
    AuditUnavailable,
    Quota,
    Unauthenticated,
    Unready,
    problem_body,
)
from lookup.resident import VACANT_START, confirmed, reply
from lookup.rest.encoding import chosen
from lookup.rest.export import CHUNK_BYTES, CODINGS, NDJSON, whole_fields
from lookup.rest.reverse import CACHE_CONTROL, etag_of
from lookup.settings import Settings
from lookup.soap.compiled import soap_book_of
from lookup.soap.envelope import CHARSET, MEDIA_TYPES
from lookup.soap.faults import ERROR as FAULT_STATUS
from lookup.soap_question import VERSIONS
from register.localtime import parse_at

if TYPE_CHECKING:
    from lookup.current import ServiceState

SECOND_NS = 10**9
MAX_LISTS = 64  # ways to ask for the public list that are remembered
SOAP_TYPES = [MEDIA_TYPES[version] + CHARSET for version in VERSIONS]
_encoder = msgspec.json.Encoder()
_ACCEPT = re.compile(rb"(?<=\r\n)(accept|accept-encoding):[ \t]*([^\r]*?)[ \t]*(?=\r\n)", re.IGNORECASE)
Field = tuple[bytes, bytes]

if tally.OCTAVES != (FIRST_OCTAVE, LAST_OCTAVE):
    raise ImportError("lookup._fast.tally was built for another histogram than that of lookup.metrics")


class Front:
    """The compiled path of a worker. `follow` every generation that is put in service."""

    def __init__(self, state: "ServiceState", members: Connections) -> None:
        """`members` are the worker's connections."""
        self.state, self.members = state, members
        self._ordinary: Callable[[], OrdinaryProtocol] | None = None
        self._verifying: set[asyncio.Task[None]] = set()
        self._lists: dict[tuple[Field, ...], tuple[bytes, desk.Tail]] = {}
        settings = state.settings
        self.desk = Desk(
            self,
            _tally(state),
            limits=[_limit(settings, route) for route in ROUTES],
            withhold=settings.withhold_protected,
            strict=settings.strict_nin,
            clock_offset_ns=round(settings.clock_offset * 1e9),
            tickets=None if state.gate is None else state.gate.tickets,
            certificates=None if state.gate is None else state.gate.certificates,
            certificate_field="" if state.gate is None else state.gate.certificate_field,
            ledger=None if state.audit is None else state.audit.ledger,
            operations=[PLACES[route.operation] for route in ROUTES],
            max_buffered=settings.max_buffered_bytes,
            patience=(
                settings.head_seconds,
                settings.body_seconds,
                settings.keep_alive_seconds,
                settings.write_seconds,
            ),
        )

    def protocol(self, **server: Any) -> Connection:
        """A protocol for one more connection; `server` is what uvicorn makes an ordinary one with."""
        if self._ordinary is None:
            self._ordinary = partial(OrdinaryProtocol, self.members, self.state, **server)
        return Connection(self.desk)

    def drain(self) -> None:
        """From now on every answer is the last of its connection."""
        self.desk.draining = True

    def follow(self, generation: Generation) -> None:
        """Answer from this generation from now on."""
        self.desk.swap(book_of(generation), soap_book_of(generation))
        self._lists.clear()

    # -- what the desk asks

    def refresh(self, epoch_ns: int) -> None:
        """Say what holds in this second."""
        state, book = self.state, self.desk.book
        generation = None if book is None else book.generation
        past = (epoch_ns - round(state.settings.clock_offset * 1e9)) % SECOND_NS
        too_old = generation is not None and is_older(state, generation, state.settings.stale_refuse_hours)
        self.desk.too_old = too_old
        date = (b"date", formatdate(time.time(), usegmt=True).encode())
        own = [] if generation is None else list(generation_fields(state, generation))
        self.desk.set_heads(
            valid_from=epoch_ns - past,
            valid_until=epoch_ns - past + SECOND_NS,
            from_utc=state.clock.from_utc(epoch_ns),
            ok_before=_head(200, [date, (b"content-type", b"application/json")]) + b"content-length: ",
            ok_after=b"\r\n" + _fields([NO_STORE, *SAFE, *own]),
            her_after=b"\r\n" + _fields([*SAFE, *own]),
            soap_before=[
                _head(status, [date, (b"content-type", content_type.encode())]) + b"content-length: "
                for content_type in SOAP_TYPES
                for status in (200, FAULT_STATUS)
            ],
            problems=[self._problem(word, date, own) for word in desk.PROBLEMS],
        )

    def _problem(self, word: str, date: Field, own: list[Field]) -> tuple[bytes, bytes]:
        """(head without its end, body) of one of desk.PROBLEMS."""
        state, detail, more = self.state, None, {}
        if word == "unready":
            more = Unready(detail := TOO_OLD if self.desk.too_old else NO_GENERATION).headers
        elif word == "busy checking":
            word, more = "unready", Unready(detail := BUSY_DETAIL).headers
        elif word.startswith("quota"):
            more = Quota(1 if word == "quota" else state.clock.seconds_to_midnight()).headers
            word, detail = "quota", QUOTA_DETAIL
        elif word == "audit-unavailable":
            more = AuditUnavailable().headers
        elif word == "unauthenticated" and state.gate is not None:
            more = Unauthenticated(state.gate.challenge).headers
        body = problem_body(word, detail)
        kind = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
        fields = [(name.lower().encode(), value.encode()) for name, value in more.items()]
        return _head(PROBLEMS[word][0], [date, *kind, *fields, NO_STORE, *SAFE, *own]), body

    def render(self, book: Book, nin: int, at: int) -> tuple[int, int, bytes]:
        """(outcome, newest number, body) for a person whose answer was not rendered when the generation was built."""
        answer = reply(book.generation, nin, at, self.desk.withhold)
        if answer is None:
            raise LookupError("a person is gone between two questions of one generation")
        return OUTCOMES.index(answer.status), answer.nin, answer.body

    def confirm(self, book: Book, nin: int, at: int, hpr_number: int) -> int:
        """The outcome of a confirmation for which the same holds."""
        found = book.index.find(nin, at)
        if found is None:
            raise LookupError("a person is gone between two questions of one generation")
        yes = confirmed(book.generation, found, hpr_number, at)
        return OUTCOMES.index("confirmed" if yes else "not-confirmed")

    def her(self, book: Book, number: int, at: int) -> HerAnswer | None:
        """What a HER-ID is, and for how long it is that."""
        generation = book.generation
        entry = directory.her(generation.tables, number, at)
        if entry is None:
            return None
        fields = [(b"etag", etag_of(generation, entry.since).encode()), (b"cache-control", CACHE_CONTROL.encode())]
        return HerAnswer(since=entry.since, until=entry.until, fields=_fields(fields), body=_encoder.encode(entry.body))

    def contracts(self, book: Book, head: bytes) -> tuple[bytes, desk.Tail] | None:
        """The public list as whoever sent this head accepts it, and its fields; None where the ordinary path has it."""
        accepted = tuple(_ACCEPT.findall(head))
        answer = self._lists.get(accepted)
        if answer is None:
            answer = _list_of(book.generation, accepted)
            if len(self._lists) == MAX_LISTS:
                self._lists.clear()
            if answer is not None:
                self._lists[accepted] = answer
        return answer

    parse_at = staticmethod(parse_at)

    def is_signed(self, ticket: Ticket, proof: bytes, route: int, number: int) -> bool:
        """Whether a request of a caller whose key must sign every request is signed."""
        assert self.state.gate is not None
        asked = ROUTES[route]
        path = f"{asked.target}{number}" if asked.numbered else asked.target
        return self.state.gate.is_signed(ticket, proof, asked.method, path)

    def looked_at(self) -> object:
        """The proof that was looked at last, and what came of it."""
        assert self.state.gate is not None
        return self.state.gate.looked_at

    def ask_again(self, looked_at: Any = None) -> None:
        """The request whose proof that was (the last one) goes to the ordinary path."""
        assert self.state.gate is not None
        self.state.gate.ask_again(looked_at)

    def refused(self, operation: int, event: bytes) -> None:
        """A request has been refused because nobody knows who asks."""
        if self.state.audit is not None:
            self.state.audit.refused(self.state.clock.epoch_ns(), operation, "unauthenticated", None, event)

    # -- what a connection asks

    def is_trusted(self, transport: asyncio.Transport) -> bool:
        """Whether a connection's client is a proxy whose word on certificates is taken."""
        if self.state.gate is None:
            return False
        peer = transport.get_extra_info("peername")
        return self.state.gate.trusts(peer[0] if isinstance(peer, tuple) else None)

    def verify(self, connection: Connection, credential: bytes | None, certificate: bytes | None) -> None:
        """Find out who asks, and tell the connection."""
        task = asyncio.get_running_loop().create_task(self._verify(connection, credential, certificate))
        self._verifying.add(task)
        task.add_done_callback(self._verifying.discard)

    async def _verify(self, connection: Connection, credential: bytes | None, certificate: bytes | None) -> None:
        assert self.state.gate is not None
        connection.resume(await self.state.gate.admit(credential, certificate))

    def call_soon(self, turn: Callable[[], None]) -> None:
        """Go on with a large batch when its turn comes."""
        self.state.lane.call_soon(turn)

    def overfull(self, connection: Connection) -> None:
        """All connections together keep too much: this one has to go."""
        self.members.end(connection, "overfull")

    def hand_over(self, connection: Connection, transport: asyncio.Transport, rest: bytes, half_closed: bool) -> None:
        """Let an ordinary protocol have the connection, beginning with what has come and is not answered.

        `half_closed`: the client sends no more; the transport has told so once, and will not again.
        """
        assert self._ordinary is not None
        ordinary = self._ordinary()
        self.state.counters.add(HANDED_OVER)
        self.members.replace(connection, ordinary)
        transport.set_protocol(ordinary)
        ordinary.connection_made(transport)
        ordinary.data_received(rest)
        if half_closed and not ordinary.eof_received():
            transport.close()


def _list_of(generation: Generation, fields: Iterable[Field]) -> tuple[bytes, desk.Tail] | None:
    """The public list by what is accepted; None for it in lines, and where it is longer than what is sent at once."""
    listed, file, accepted = generation.contracts, generation.contracts_file, dict[bytes, bytes]()
    for name, value in fields:
        accepted.setdefault(name.lower(), value)  # of several the first, as on the ordinary path
    if listed is None or file is None or accepted.get(b"accept") == NDJSON.encode():
        return None
    accept_encoding = accepted.get(b"accept-encoding")
    coding = chosen(None if accept_encoding is None else accept_encoding.decode(), CODINGS)
    body = listed.whole(coding)
    if len(body) > CHUNK_BYTES:
        return None
    own = [(name.lower().encode(), value.encode()) for name, value in whole_fields(generation, coding).items()]
    return _fields(own), desk.Tail(body, file=file, begin=listed.place(coding)[0])


def _limit(settings: Settings, route: Route) -> int:
    """The octets that a body may have."""
    if route.soap:
        return settings.max_soap_body_bytes
    return settings.max_batch_body_bytes if route.name == "batch" else settings.max_body_bytes


def book_of(generation: Generation) -> Book:
    """A generation for the compiled path."""
    return Book(
        generation.index,
        begin_codes=[_encoder.encode(code) for code in generation.tables.begin_codes],
        none=NONE_ANSWER,
        withheld=WITHHELD_ANSWER,
        vacant=VACANT_START,
        serial=generation.serial,
        generation=generation,
    )


def _tally(state: "ServiceState") -> Tally:
    block = state.counters.block()
    return Tally(
        block.words,
        routes=[block.routes[route.template] for route in ROUTES],
        statuses=[block.statuses[status] for status in tally.STATUSES],
        buckets=BUCKETS_AT,
        total=SUM_AT,
        outcomes=[block.outcomes[outcome] for outcome in OUTCOMES],
        received=RECEIVED,
        sent=SENT,
    )


def _fields(fields: Iterable[Field]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields)


def _head(status: int, fields: Iterable[Field]) -> bytes:
    return b"HTTP/1.1 %d %b\r\n" % (status, HTTPStatus(status).phrase.encode()) + _fields(fields)
