"""The generation in service, and what a request may ask of the service around it.

The swap is one store of one attribute between two requests: whoever answers takes `state.current.generation` once, and
answers from that alone. Leaves out how a generation gets here (lookup.worker).
"""

import ipaddress
import time
from typing import TYPE_CHECKING

from lookup.generation import Generation
from lookup.lane import Lane
from lookup.metrics import Counters
from lookup.ops.pulse import Pulse
from lookup.settings import Settings
from register.localtime import local_micros

if TYPE_CHECKING:
    from lookup.access.credentials import Credentials
    from lookup.audit.recorder import Recorder
    from lookup.page.desk import Page
    from lookup.soap.signing import Signer

Server = tuple[str, int | None] | None  # where a connection has come to; None, or no port, is a unix socket
# Offsets of Norwegian time change on a quarter of an hour of UTC (on the whole hour, in fact).
QUARTER_NS = 900 * 10**9
DAY_SECONDS = 86_400


class Current:
    """Holds the generation in service: None until there is one. `pinned` is whether PIN chose it."""

    __slots__ = ("generation", "pinned")

    def __init__(self) -> None:
        self.generation: Generation | None = None
        self.pinned = False

    def swap(self, generation: Generation, *, pinned: bool) -> Generation | None:
        """Put a generation in service; returns the one before it, if it was another."""
        before, self.generation = self.generation, generation
        self.pinned = pinned
        return None if before is generation else before


class Clock:
    """Norwegian wall-clock time, in microseconds. The offset from UTC is worked out once a quarter of an hour."""

    __slots__ = ("_from_utc", "_offset_ns", "_until")

    def __init__(self, offset_seconds: float = 0.0) -> None:
        """`offset_seconds` is added to the machine's clock."""
        self._offset_ns = round(offset_seconds * 1e9)
        self._until = -1
        self._from_utc = 0

    def epoch_ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() + self._offset_ns

    def seconds_to_midnight(self) -> int:
        """How long this day lasts, in Norway, to the whole second above."""
        return DAY_SECONDS - self.now() // 10**6 % DAY_SECONDS

    def now(self) -> int:
        """Norwegian wall-clock time, as everywhere in the register."""
        epoch_ns = self.epoch_ns()
        return epoch_ns // 1000 + self.from_utc(epoch_ns)

    def from_utc(self, epoch_ns: int) -> int:
        """What makes this moment Norwegian time, in microseconds; the same until the next quarter of an hour."""
        if not self._until - QUARTER_NS <= epoch_ns < self._until:
            quarter = epoch_ns // QUARTER_NS
            self._until = (quarter + 1) * QUARTER_NS
            self._from_utc = local_micros(quarter * 900) - quarter * 900 * 10**6
        return self._from_utc


class ServiceState:
    """What the application is made with. The same object in every process; what it holds is each process's own."""

    monotonic_ns = staticmethod(time.monotonic_ns)

    def __init__(
        self,
        settings: Settings,
        counters: Counters,
        credentials: "Credentials | None" = None,
        audit: "Recorder | None" = None,
    ) -> None:
        """Without `credentials` whoever reaches the service may ask, and without `audit` nobody knows who has asked:
        for tests and measurements, never from the command.
        """
        self.settings, self.counters, self.credentials, self.audit = settings, counters, credentials, audit
        self.gate = None if credentials is None else credentials.gate
        self.page: Page | None = None  # for people, where there is one
        self.admin_port: int | None = None  # where operators ask without a credential
        self.current = Current()
        self.clock = Clock(settings.clock_offset)
        if self.gate is not None:
            self.gate.epoch_ns = self.clock.epoch_ns
            if audit is not None:
                self.gate.describe = audit.describe
        self.lane = Lane()
        self.signer: Signer | None = None  # of lists for NAV, where there is something to sign them with
        self.pulse = Pulse(counters)
        self.draining = False  # about to stop: serves, but not ready

    def is_admin(self, server: Server) -> bool:
        """Whether a request has come to the operators' own address."""
        return server is not None and server[1] is not None and server[1] == self.admin_port

    def is_private(self, server: Server) -> bool:
        """Whether a request has come to an address that only this machine can reach."""
        return server is None or server[1] is None or ipaddress.ip_address(server[0]).is_loopback

    def now(self) -> int:
        """The time that an answer without `at` is for: local microseconds."""
        return self.clock.now()
