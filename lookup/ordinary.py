"""The ordinary server's protocol, made strict: uvicorn's, with what it lacks to face a network.

What is refused as framing (api.md: Host, Content-Length, Transfer-Encoding, the head's size, anything the parser does
not take) is 400 and close, after the answers to the valid requests before it, and nothing behind it is read. At most a
few pipelined requests wait, the rest stays unparsed; a client that has closed its side still gets its answers; a close
lingers; and instead of a timer for each connection there is `overdue`. Leans on the inside of one minor version of
uvicorn (pyproject.toml), and replaces what it replaces whole.
"""

import asyncio
import re
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lookup.connections import FINISHING_SECONDS
from lookup.exchange import NO_STORE, SAFE
from lookup.metrics import RECEIVED, REFUSED_FRAMING, SENT
from lookup.problems import MEDIA_TYPE, problem_body

if TYPE_CHECKING:
    from lookup.connections import Connections
    from lookup.current import ServiceState

PIECE = 4096  # octets given to the parser at a time
MAX_WAITING = 8  # pipelined requests parsed and not yet begun
MAX_FIELDS = 100
MAX_UNPARSED = 1 << 18  # octets beyond which nothing more is read
FRAMING = (b"content-length", b"transfer-encoding")
_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]{1,255}")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_TARGET = re.compile(rb"[!-~]+")
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Refused(Exception):
    """The message is not framed, or not addressed, as HTTP/1.1 wants it."""


class _Transport:
    """The connection's transport, as the server sees it: counts what is written, and closes lingering."""

    def __init__(self, protocol: "OrdinaryProtocol", transport: asyncio.Transport) -> None:
        self._protocol, self._transport = protocol, transport
        self.pause_reading, self.resume_reading = transport.pause_reading, transport.resume_reading
        self.get_extra_info, self.is_closing, self.abort = (
            transport.get_extra_info,
            transport.is_closing,
            transport.abort,
        )

    def write(self, data: bytes) -> None:
        self._protocol.members.counters.add(SENT, len(data))
        self._transport.write(data)

    def close(self) -> None:
        protocol = self._protocol
        protocol.closed = True
        protocol.members.linger(protocol, self._transport)
        protocol.connections.discard(protocol)  # whoever has the connection now, we are not told of its end


class OrdinaryProtocol(HttpToolsProtocol):
    """One connection. `members` are those that it is, or is to be, one of; the rest is what uvicorn gives."""

    def __init__(self, members: "Connections", state: "ServiceState", **server: Any) -> None:
        super().__init__(**server)
        self.members, self.state = members, state
        self.closed = False  # nothing more is parsed or begun
        self._unparsed = b""
        self._running: RequestResponseCycle | None = None
        self._refused = self._half_closed = False
        self._finishing = False  # the answers in flight are the last
        self._resuming = False  # the head that is being parsed is our own
        self._reading: str | None = None  # "head" or "body" of a message that is not whole
        self._head_octets = 0
        self._since = time.monotonic()

    # -- what the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take up the connection, unless there is no room for it."""
        super().connection_made(_Transport(self, transport))  # type: ignore[arg-type]
        if self not in self.members and not self.members.admit(self, transport):
            self.closed = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free everything."""
        self._give_up()
        super().connection_lost(exc)
        self.members.leave(self)

    def _give_up(self) -> None:
        """What waits is never begun, and what runs is told."""
        self.closed = True
        self._unparsed = b""
        self.pipeline.clear()
        for cycle in (self._running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more. True keeps the connection until what it has sent whole is answered."""
        self._half_closed = True
        if self.transport.get_extra_info("sslcontext") is not None:
            self._give_up()  # TLS has no half: what the transport has is sent, and no more can be written
            return False
        self._parse()
        return self._in_flight()

    def pause_writing(self) -> None:
        """The client does not take its answers."""
        self._since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._since = time.monotonic()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse what has come, as far as may be."""
        if self.closed:
            return
        self.members.counters.add(RECEIVED, len(data))
        self._unparsed += data
        self._parse()

    # -- what the worker asks

    def overdue(self, now: float) -> str | None:
        """Why the connection has taken too long at `now`, in monotonic seconds: a word, or None."""
        settings = self.members.settings
        if self.flow.write_paused:
            reason, patience = "write", settings.write_seconds
        elif self._reading == "head":
            reason, patience = "head", settings.head_seconds
        elif self._reading == "body":
            reason, patience = "body", settings.body_seconds
        elif self._in_flight():
            return None
        else:
            reason, patience = "idle", settings.keep_alive_seconds
        return reason if now - self._since > patience else None

    def finish(self, now: float) -> None:
        """Let the next answer be the last. At `now`, close if nothing has been in flight for a while."""
        self._finishing = True
        if not self._in_flight() and not self._reading:
            if now - self._since > FINISHING_SECONDS:
                self.transport.close()
        elif self._running is not None and not self.pipeline and not self._running.response_started:
            self._running.keep_alive = False

    # -- parsing

    def _parse(self) -> None:
        """Give the parser what is unparsed, a piece at a time, while not too many requests wait."""
        while self._unparsed and not self.closed and len(self.pipeline) < MAX_WAITING:
            piece, self._unparsed = self._unparsed[:PIECE], self._unparsed[PIECE:]
            try:
                self.parser.feed_data(piece)
                if self._reading == "head":
                    self._head_octets += len(piece)
                    self._check_head()
            except httptools.HttpParserUpgrade as upgrade:
                self._unparsed = piece[upgrade.args[0] :] + self._unparsed
                self._decline_upgrade()
            except (httptools.HttpParserError, Refused):
                self._refuse()
        if self._half_closed and not self._unparsed:
            self._drop_unfinished()
        if len(self._unparsed) > MAX_UNPARSED:
            self.flow.pause_reading()

    def _decline_upgrade(self) -> None:
        """We have no other protocol: the request is one like any other. But the parser has left HTTP behind the head.

        Another parser goes on from there, told by a head of our own how the body is framed.
        """
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        if self._reading == "body":
            self._resuming = True
            framing = [field for field in self.headers if field[0] in FRAMING]
            fields = b"".join(b"%b: %b\r\n" % field for field in framing)
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + fields + b"\r\n")

    def _check_head(self) -> None:
        if self._head_octets > self.members.settings.max_head_bytes:
            raise Refused

    def on_message_begin(self) -> None:
        """The first octet of a message."""
        if self._resuming:
            return
        super().on_message_begin()
        self._reading, self._head_octets, self._since = "head", 0, time.monotonic()

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        if not self._resuming:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head, whole."""
        if self._resuming:
            return
        if len(self.headers) == MAX_FIELDS or _NOT_TEXT.search(value):
            raise Refused
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: hold it against the rules, then begin, or let wait, what it asks."""
        if self._resuming:
            self._resuming = False
            return
        octets = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if octets > self.members.settings.max_head_bytes:
            raise Refused
        check_head(self.parser.get_http_version(), self.url, self.headers)
        super().on_headers_complete()
        self._reading = "body"

    def on_message_complete(self) -> None:
        """The last octet of a message."""
        if self.parser.should_upgrade() and any(name in FRAMING for name, _ in self.headers):
            return  # of its head, in truth
        self._reading = None
        super().on_message_complete()

    # -- answering

    def _in_flight(self) -> bool:
        running = self._running
        return bool(self.pipeline) or (running is not None and not running.response_complete)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        if (self.state.draining or self._finishing) and not self.pipeline and not self._unparsed:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """An answer has been given: begin what waits, parse on, or end."""
        self.server_state.total_requests += 1
        self._since = time.monotonic()
        if self.transport.is_closing() or (self.closed and not self._refused):
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            self._parse()
            return
        self._parse()
        if self._in_flight():
            return
        if self._refused:
            self._send_400()
        elif self._half_closed:
            self.transport.close()
        elif not self.closed:
            self.flow.resume_reading()

    # -- refusing

    def _drop_unfinished(self) -> None:
        """A message that will never be whole gets no answer of its own."""
        if self._reading == "body" and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
            elif self._running is self.cycle:
                self._running = None
        self._reading = None

    def _refuse(self) -> None:
        self.members.counters.add(REFUSED_FRAMING)
        begun = self._reading == "body" and self.cycle.response_started
        self._drop_unfinished()
        self.closed = self._refused = True
        self._unparsed = b""
        if begun:  # its answer went out before its body was whole: there is no room for another
            self.transport.close()
        elif not self._in_flight():
            self._send_400()

    def _send_400(self) -> None:
        body = problem_body("invalid-request", "not a well-formed HTTP/1.1 request")
        fields = [
            (b"date", formatdate(time.time(), usegmt=True).encode()),
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            NO_STORE,
            *SAFE,
            (b"connection", b"close"),
        ]
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + body)
        self.transport.close()


def check_head(version: str, target: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    """Hold a head against the rules that the parser does not know. Names are in small letters. Raises Refused."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    hosts = values.get(b"host", [])
    lengths, codings = values.get(b"content-length", []), values.get(b"transfer-encoding", [])
    if version not in ("1.0", "1.1") or not _TARGET.fullmatch(target):
        raise Refused
    if len(hosts) > 1 or (not hosts and version == "1.1") or not all(_HOST.fullmatch(host) for host in hosts):
        raise Refused
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        raise Refused
    if codings and (lengths or version == "1.0" or [coding.lower() for coding in codings] != [b"chunked"]):
        raise Refused
