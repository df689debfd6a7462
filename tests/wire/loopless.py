"""A compiled Connection without a loop: what the transport tells, and when, is up to the test.

The transport takes what is written or holds it back, the client reads or does not, turns of batches come when they are
called. So every order of events can be made, again and again, by the hundred thousand.
"""

import random
import re
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from lookup._fast.connection import Connection
from lookup.access.gate import Gate
from lookup.connections import Connections
from lookup.current import Clock
from lookup.front import Front
from lookup.generation import Generation
from tests.lookup.serving import StoppedClock, state_of

_DATE = re.compile(rb"date: [^\r]*\r\n")


class Transport:
    """What a loop would be, for one connection. `out` is what has arrived at the client.

    With a socket, the connection writes past the transport; without, as over TLS, it does not.
    """

    def __init__(self, *, with_socket: bool) -> None:
        self.ours: socket.socket | None = None
        self.theirs: socket.socket | None = None
        if with_socket:
            self.ours, self.theirs = socket.socketpair()
        if self.ours and self.theirs:
            for one in (self.ours, self.theirs):
                one.setblocking(False)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.protocol: Any = None
        self.out, self.held = bytearray(), bytearray()
        self.high = 1 << 16
        self.slow = False  # nothing that is written to the transport goes out at once
        self.blocked = self.paused = self.ended = self.aborted = False

    # -- asked by the connection

    def get_extra_info(self, name: str) -> Any:
        known = {"socket": self.ours, "sslcontext": None if self.ours else "TLS"}
        return known.get(name)

    def set_write_buffer_limits(self, high: int = 1 << 16) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return len(self.held)

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.ended or self.aborted

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def write(self, data: bytes) -> None:
        assert not self.is_closing(), "written behind the end"
        self.held += data
        if self.slow or self.ours:
            self._tell_blocked()
        else:
            self.take()

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted = True

    # -- done by the test

    def _tell_blocked(self) -> None:
        if len(self.held) > self.high and not self.blocked:
            self.blocked = True
            self.protocol.pause_writing()

    def take(self) -> None:
        """The client takes everything that was sent, and the connection is told."""
        while self._receive():
            pass
        self.out += self.held
        self.held.clear()
        if self.blocked:
            self.blocked = False
            self.protocol.resume_writing()

    def _receive(self) -> bool:
        try:
            data = self.theirs.recv(1 << 20) if self.theirs else b""
        except BlockingIOError:
            return False
        self.out += data
        return bool(data)

    def hang_up(self) -> None:
        """The client is gone: what is sent to it fails."""
        assert self.theirs is not None
        self.theirs.close()
        self.theirs = None

    def free(self) -> None:
        for one in (self.ours, self.theirs):
            if one:
                one.close()


class Handed:
    """Stands for the ordinary protocol: keeps what it is given."""

    def __init__(self) -> None:
        self.octets = b""
        self.half_closed = False

    def data_received(self, data: bytes) -> None:
        self.octets += data

    def eof_received(self) -> bool:
        self.half_closed = True
        return False

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def connection_lost(self, _: Exception | None) -> None: ...


class LooplessFront(Front):
    """The compiled path over a generation, its turns called by hand, what it hands over kept."""

    def __init__(self, generation: Generation, gate: Gate | None = None, **settings: Any) -> None:
        offset = StoppedClock.seconds - time.time()
        state = state_of(generation, clock_offset=offset, **settings)
        state.clock, state.gate = Clock(offset), gate
        super().__init__(state, Connections(state.settings, state.counters))
        self.turns: deque[Callable[[], None]] = deque()
        self.follow(generation)

    def call_soon(self, turn: Callable[[], None]) -> None:
        self.turns.append(turn)

    def hand_over(self, connection: Connection, transport: Any, rest: bytes, half_closed: bool) -> None:
        handed = Handed()
        self.members.replace(connection, handed)  # type: ignore[arg-type]
        transport.set_protocol(handed)
        handed.data_received(rest)
        handed.half_closed = half_closed

    def connect(self, *, with_socket: bool = False) -> Transport:
        """A new connection, seen from its transport."""
        transport = Transport(with_socket=with_socket)
        transport.protocol = Connection(self.desk)
        transport.protocol.connection_made(transport)
        return transport

    def leave(self, transport: Transport) -> None:
        """The connection is lost, whoever has it."""
        transport.protocol.connection_lost(None)
        self.members.leave(transport.protocol)
        transport.free()


class Outcome:
    """What became of a stream: the answers, what the ordinary server was given, whether it was told of the end."""

    def __init__(self, transport: Transport) -> None:
        handed = transport.protocol if isinstance(transport.protocol, Handed) else Handed()
        self.answers = _DATE.sub(b"", bytes(transport.out))
        self.handed = handed.octets
        self.half_closed = handed.half_closed
        self.ended = transport.ended

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outcome) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self.answers)} octets answered, {len(self.handed)} handed over, ended: {self.ended}>"


def straight(front: LooplessFront, stream: bytes) -> Outcome:
    """All at once, to a client that takes everything at once, and then sends no more."""
    transport = front.connect()
    transport.protocol.data_received(stream)
    while front.turns:
        front.turns.popleft()()
    transport.protocol.eof_received()
    outcome = Outcome(transport)
    front.leave(transport)
    return outcome


def crooked(front: LooplessFront, pieces: list[bytes], chance: random.Random) -> Outcome:
    """Piece by piece, while the client takes its answers now and then, and turns come when they come."""
    transport = front.connect(with_socket=chance.random() < 0.5)
    waiting = deque(pieces)
    while waiting or front.turns or transport.blocked:
        transport.slow = chance.random() < 0.5
        match chance.randrange(4):
            case 0 if front.turns:
                front.turns.popleft()()
            case 1:
                transport.take()
            case _ if waiting and not transport.paused:
                transport.protocol.data_received(waiting.popleft())
    transport.take()
    assert not transport.paused
    transport.protocol.eof_received()
    transport.take()
    outcome = Outcome(transport)
    front.leave(transport)
    return outcome
