"""The generation in service, and what a request may ask of the service around it.

The swap is one store of one attribute between two requests: whoever answers takes `state.current.generation` once, and
answers from that alone. Leaves out how a generation gets here (lookup.worker).
"""

import time

from lookup.generation import Generation
from lookup.lane import Lane
from lookup.metrics import Counters
from lookup.settings import Settings
from register.localtime import local_micros

# Offsets of Norwegian time change on a quarter of an hour of UTC (on the whole hour, in fact).
QUARTER_NS = 900 * 10**9


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

    def __init__(self, settings: Settings, counters: Counters) -> None:
        self.settings, self.counters = settings, counters
        self.current = Current()
        self.clock = Clock(settings.clock_offset)
        self.lane = Lane()
        self.draining = False  # about to stop: serves, but not ready

    def now(self) -> int:
        """The time that an answer without `at` is for: local microseconds."""
        return self.clock.now()
