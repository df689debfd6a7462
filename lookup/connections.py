"""The open connections of a worker: how many there may be, how long each may take, and how they end.

Whatever protocol has a connection at the time, it stands here once. Each can say whether it is `overdue`, and can be
told to `finish`. One timer for all of them (`sweep`), none for each.
"""

import asyncio
import contextlib
import resource
import time
from collections import Counter
from typing import Protocol

from lookup.metrics import ACCEPTED, ENDED, OPEN, REFUSED, Counters
from lookup.settings import Settings

SWEEP_SECONDS = 1.0
LINGER_SECONDS = 1.0
FINISHING_SECONDS = 1.0
LINGER_BYTES = 1 << 18  # more than the client may have sent before it could know


class Member(Protocol):
    """What has a connection."""

    def overdue(self, now: float) -> str | None:
        """Why it has taken too long at `now`, in monotonic seconds: a reason of metrics.ENDINGS, or None."""

    def finish(self, now: float) -> None:
        """Let the next answer be the last. At `now`, close if nothing has been in flight for FINISHING_SECONDS."""


class Connections:
    """All connections of this worker. Counts them, and refuses those above the limits."""

    def __init__(self, settings: Settings, counters: Counters) -> None:
        self.settings, self.counters = settings, counters
        self._open: dict[Member, str | None] = {}
        self._of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, member: Member) -> bool:
        return member in self._open

    def admit(self, member: Member, transport: asyncio.Transport) -> bool:
        """Take up a new connection, or refuse it: then it is to be aborted."""
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else None  # a unix socket's clients have none
        if len(self) >= self.settings.max_connections or (
            address is not None and self._of_address[address] >= self.settings.max_connections_per_address
        ):
            self.counters.add(REFUSED)
            return False
        self.counters.add(ACCEPTED)
        self._open[member] = address
        if address is not None:
            self._of_address[address] += 1
        self.counters.set(OPEN, len(self))
        return True

    def replace(self, old: Member, new: Member) -> None:
        """Another protocol has the connection now."""
        self._open[new] = self._open.pop(old)

    def leave(self, member: Member) -> None:
        """A connection has ended. One that was not admitted, or was replaced, may say so too."""
        if member not in self._open:
            return
        address = self._open.pop(member)
        if address is not None:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]
        self.counters.set(OPEN, len(self))

    def linger(self, member: Member, transport: asyncio.Transport) -> None:
        """Close a connection so that what was sent arrives: say that no more comes, and wait until the client has seen.

        Closed at once, with octets of the client unread, the kernel would reset it, and the client might lose the end
        of the answer.
        """
        if transport.is_closing() or member not in self._open:
            return
        if not transport.can_write_eof():
            transport.close()
            return
        lingering = _Lingering(self, transport)
        self.replace(member, lingering)
        transport.set_protocol(lingering)
        transport.resume_reading()
        transport.write_eof()

    def sweep(self, now: float) -> None:
        """End the connections that take too long."""
        for member in list(self._open):
            reason = member.overdue(now)
            if reason is not None:
                self.end(member, reason)

    def end(self, member: Member, reason: str) -> None:
        """End one connection, whatever it is doing, and count why."""
        if reason in ENDED:
            self.counters.add(ENDED[reason])
        member.transport.abort()  # type: ignore[attr-defined]

    def finish_all(self, now: float) -> bool:
        """Let every connection end with its next answer, or when it has none to give; whether all have ended.

        To be called again and again: a client that has just had an answer, or has just come, may be asking already.
        """
        for member in list(self._open):
            member.finish(now)
        return not self._open


class _Lingering(asyncio.Protocol):
    """Has a connection that was closed on our side, until the client closes it too, or has had its time."""

    def __init__(self, connections: Connections, transport: asyncio.Transport) -> None:
        self.connections, self.transport = connections, transport
        self._until = time.monotonic() + LINGER_SECONDS
        self._blocked = False
        self._room = LINGER_BYTES

    def data_received(self, data: bytes) -> None:
        self._room -= len(data)
        if self._room < 0:
            self.transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        self.connections.leave(self)

    def overdue(self, now: float) -> str | None:
        """The time counts from when the client has taken what was sent, or has had its time for that."""
        waits = self.transport.get_write_buffer_size() > 0
        patience = self.connections.settings.write_seconds if waits else 0
        return "linger" if now > self._until + patience else None

    def finish(self, now: float) -> None:
        """It is about to end anyway."""


def raise_file_limit() -> None:
    """As many open files as the system lets this process have: a connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
