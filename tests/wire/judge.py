"""The accept property of api.md section 4, held against two parsers of others: h11, and httptools as uvicorn has it.

*Whenever the hot path accepts, a strict reference parser consumes exactly the same octets and means the same thing.*
`judge` reads a stream as the hot path does, with both twins, and raises Violation where this does not hold. That a
reference refuses what was accepted is a violation, too. What is not accepted is not judged: it is for the ordinary
server.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any, NamedTuple

import h11
import httptools
import msgspec

import lookup._fast.canonical
import lookup._fast.question
import lookup._fast.soap_question
import lookup.canonical
import lookup.question
import lookup.soap_question
from lookup.canonical import ROUTES, Head
from lookup.question import Question
from lookup.rest.asking import GpConfirm, GpLookup, GpLookupBatch
from lookup.soap.faults import Fault
from lookup.soap.operations import READ
from lookup.soap.reading import EnvelopeReader
from lookup.soap_question import OPERATIONS, SoapQuestion
from register.localtime import parse_at, to_micros

TYPES: dict[str, type] = {"lookup": GpLookup, "batch": GpLookupBatch, "confirm": GpConfirm}
# What must not stand in the head of a request that was accepted, as the references read it. Not taken from the table
# of lookup.canonical, which is on trial here.
NEVER = set(
    b"transfer-encoding content-encoding te trailer expect upgrade http2-settings keep-alive proxy-connection range"
    b" if-range if-match if-none-match if-modified-since if-unmodified-since content-range proxy-authorization".split()
)
SINGLE = set(
    b"host content-length content-type connection traceparent nhn-event-id authorization dpop client-cert cookie"
    b" forwarded x-client-cert x-ssl-client-cert".split()
)
_TRACE = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_EVENT = re.compile(rb"[!-~]{1,128}", re.ASCII)
_UTF8_SOAP = re.compile(
    rb'(text/xml|application/soap\+xml)(\s*;\s*(charset=(utf-8|"utf-8")|action="[^"]*"))*', re.IGNORECASE
)
_UTF8_JSON = re.compile(rb'application/json(\s*;\s*charset="?utf-8"?)?', re.IGNORECASE)


class Violation(Exception):
    """The property does not hold."""


class Twin(NamedTuple):
    """One reading of requests: head, body, envelope, time."""

    name: str
    read_head: Callable[[bytes], Head | str]
    read_question: Callable[[int, bytes], Question | None]
    read_soap: Callable[[str, bytes, bytes], SoapQuestion | None]
    read_at: Callable[[bytes], int | None]


def twin(name: str, head: ModuleType, question: ModuleType, soap: ModuleType) -> Twin:
    return Twin(name, head.read_head, question.read_question, soap.read_soap_question, question.read_at)


PLAIN = twin("plain", lookup.canonical, lookup.question, lookup.soap_question)
FAST = twin("compiled", lookup._fast.canonical, lookup._fast.question, lookup._fast.soap_question)


class Message(NamedTuple):
    """A request that is wholly there: where it begins, its head, body, and what its body asks.

    `question` is None without a body, and where the body is not canonical: then the head was accepted, and no more.
    """

    at: int
    head: Head
    body: bytes
    question: Question | SoapQuestion | None

    @property
    def end(self) -> int:
        return self.at + self.head.size + self.head.length

    @property
    def accepted(self) -> bool:
        return self.question is not None or not ROUTES[self.head.route].media


class Seen(NamedTuple):
    """A request as a reference has read it."""

    method: bytes
    target: bytes
    version: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes
    keeps_alive: bool


def messages(stream: bytes, twin: Twin) -> Iterator[Message]:
    """What the hot path makes of a stream: message after message, until one is not canonical or not whole."""
    at = 0
    while at < len(stream):
        head = twin.read_head(stream[at:])
        if not isinstance(head, Head):
            return
        body = stream[at + head.size : at + head.size + head.length]
        if len(body) < head.length:
            return
        row = ROUTES[head.route]
        question: Question | SoapQuestion | None = None
        if row.soap:
            question = twin.read_soap(row.soap, head.action, body)
        elif row.media:
            question = twin.read_question(head.route, body)
        message = Message(at, head, body, question)
        yield message
        if not message.accepted:
            return
        at = message.end


def judge(stream: bytes, twins: tuple[Twin, ...] = (PLAIN, FAST)) -> int:
    """Hold the property on a stream; how many of its messages are accepted. Raises Violation."""
    found, *others = ([*messages(stream, twin)] for twin in twins)
    if any(other != found for other in others):
        raise Violation("the twins differ")
    if not found:
        return 0
    # uvicorn's parser reads on behind a message after which the connection is to be closed; the other is as strict as
    # the library makes one.
    readings = [read_httptools(stream, lenient=lenient)[: len(found)] for lenient in (False, True)]
    for place, message in enumerate(found):
        mean_the_same(message, read_h11(stream[message.at :], message.end - message.at), "h11")
        ends_where_it_ends(stream[message.at : message.end])
        for seen in readings:
            if len(seen) <= place:
                raise Violation("httptools: less than was accepted")
            mean_the_same(message, seen[place], "httptools")
        if isinstance(message.question, SoapQuestion):
            ask_the_same_over_soap(message.question, message)
        elif message.question is not None:
            ask_the_same(message.question, message, twins)
    return sum(message.accepted for message in found)


def read_h11(stream: bytes, size: int) -> Seen:
    """The request that a stream begins with, which must take exactly `size` octets."""
    connection = h11.Connection(h11.SERVER)
    try:
        connection.receive_data(stream)
        request = connection.next_event()
        if not isinstance(request, h11.Request):
            raise Violation(f"h11: {request} for a request")
        body = b""
        while isinstance(event := connection.next_event(), h11.Data):
            body += event.data
        if not isinstance(event, h11.EndOfMessage) or event.headers:
            raise Violation(f"h11: {event} for the end of the message")
    except h11.RemoteProtocolError as error:
        raise Violation(f"h11 refuses: {error}") from None
    if connection.trailing_data != (stream[size:], False):
        raise Violation("h11 ends the message elsewhere")
    return Seen(
        request.method,
        request.target,
        request.http_version,
        [*request.headers],
        body,
        connection.their_state is h11.DONE,
    )


class Recorder:
    """What httptools tells, message by message."""

    def __init__(self, *, lenient: bool) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=lenient)
        self.begun = 0
        self.seen: list[Seen] = []

    def on_message_begin(self) -> None:
        self.begun += 1
        self.target, self.body = b"", b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version().encode()
        keeps_alive = self.parser.should_keep_alive() and not self.parser.should_upgrade()
        self.heading = (self.parser.get_method(), self.target, version, self.fields)
        self.keeps_alive = keeps_alive

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.seen.append(Seen(*self.heading, self.body, self.keeps_alive))


def read_httptools(stream: bytes, *, lenient: bool) -> list[Seen]:
    """The requests that come before the stream ends, or is refused."""
    recorder = Recorder(lenient=lenient)
    # What is refused, if anything is, must stand behind the messages that were accepted.
    with suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        recorder.parser.feed_data(stream)
    return recorder.seen


def ends_where_it_ends(message: bytes) -> None:
    """The last octet of a message, and none before it, completes it."""
    recorder = Recorder(lenient=True)
    try:
        recorder.parser.feed_data(message[:-1])
        early = len(recorder.seen)
        recorder.parser.feed_data(message[-1:])
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        raise Violation(f"httptools refuses: {type(error).__name__}") from None
    if (early, len(recorder.seen), recorder.begun) != (0, 1, 1):
        raise Violation("httptools ends the message elsewhere")


def mean_the_same(message: Message, seen: Seen, who: str) -> None:
    """The reference reads in a message what the hot path reads in it."""
    head, row = message.head, ROUTES[message.head.route]
    target = row.target + (str(head.number) if row.numbered else "")
    if (seen.method, seen.target, seen.version) != (row.method.encode(), target.encode(), b"1.1"):
        raise Violation(f"{who}: another request line")
    if seen.body != message.body or not seen.keeps_alive:
        raise Violation(f"{who}: another body, or the connection is to be closed")
    names = [name for name, _ in seen.fields]
    if NEVER.intersection(names) or any(names.count(name) > 1 for name in SINGLE.intersection(names)):
        raise Violation(f"{who}: a field that must not be there, or is there twice")
    values = dict(seen.fields)
    trace, event = values.get(b"traceparent", b""), values.get(b"nhn-event-id", b"")
    returned = (trace if _TRACE.fullmatch(trace) else b"", event if _EVENT.fullmatch(event) else b"")
    if returned != (head.trace, head.event):
        raise Violation(f"{who}: something else is returned to the caller")
    if not values.get(b"host") or values.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        raise Violation(f"{who}: another Host or Connection")
    framing = (values.get(b"content-length"), values.get(b"content-type"))
    if not row.media:
        if framing != (None, None):
            raise Violation(f"{who}: a body where there is none")
    elif framing[0] != b"%d" % head.length or not (_UTF8_SOAP if row.soap else _UTF8_JSON).fullmatch(framing[1] or b""):
        raise Violation(f"{who}: another length or type of the body")


def ask_the_same(question: Question, message: Message, twins: tuple[Twin, ...]) -> None:
    """The ordinary path reads in a body what the hot path reads in it."""
    try:
        asked: Any = msgspec.json.decode(message.body, type=TYPES[ROUTES[message.head.route].name])
        members = json.loads(message.body, object_pairs_hook=list)
    except (msgspec.DecodeError, ValueError) as error:
        raise Violation(f"the ordinary path refuses the body: {type(error).__name__}") from None
    if len(members) != len(dict(members)):
        raise Violation("a member comes twice")
    nins = asked.nins if isinstance(asked, GpLookupBatch) else [asked.nin]
    at = None if question.at is None else question.at.decode()
    if ([nin.decode() for nin in question.nins], at) != (nins, asked.at):
        raise Violation("the ordinary path reads another question")
    if question.hpr_number != getattr(asked, "hpr_number", 0):
        raise Violation("the ordinary path reads another number")
    if question.at is not None:
        times = {twin.read_at(question.at) for twin in twins}
        if len(times) != 1 or not times <= {None, meant(question.at)}:
            raise Violation("another time is read")


def ask_the_same_over_soap(question: SoapQuestion, message: Message) -> None:
    """The ordinary path reads in an envelope what the hot path reads in it."""
    action = message.head.action.decode().strip('"') or None
    reader = EnvelopeReader(READ, ROUTES[message.head.route].soap, action)
    try:
        given = reader.read(message.body, None)
    except Fault:
        raise Violation("the ordinary path refuses the envelope") from None
    assert reader.operation is not None
    asked = (OPERATIONS.index(reader.operation.name), given["patientNin"].encode(), given.get("hprNumber") or 0)
    if asked != (question.operation, question.nin, question.hpr_number):
        raise Violation("the ordinary path reads another question")
    related = "" if reader.addressed is None else reader.addressed.message_id or ""
    if (reader.addressed is not None, related.encode()) != (question.addressed, question.message_id):
        raise Violation("the ordinary path reads another addressing")
    if (question.at is None) != (given.get("atTime") is None):
        raise Violation("another time is read")
    read = None if question.at is None else lookup.question.read_at(question.at)
    if read is not None and read != to_micros(given["atTime"]):  # one that is not read is for the ordinary path
        raise Violation("another time is read")


def meant(at: bytes) -> int | None:
    """The time that a text means on the ordinary path; None for none."""
    try:
        return parse_at(at.decode())
    except ValueError:
        return None
