"""One worker's series of segments: opened, gone on with, sealed, synced and closed around the ledger that is written.

Two threads: the worker's own, which records, and calls `tick` each second or so, and `stop` in the end; and another,
which calls `work`, for everything that waits for a disk. The next segment is made before it is needed. Where it
cannot be made in the first place it is made in the second (the spool), and where it cannot be made at all, the ledger
says no as soon as the one in use is full, and goes on when there is room again.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from lookup.audit.adopt import Last
from lookup.audit.keys import Keys
from lookup.audit.ledger import SEAL_BYTES
from lookup.audit.record import CHAIN_BYTES, CLOSED, SEAL, Head
from lookup.audit.seal import Place, text_of
from lookup.audit.segment import Segment, path_of
from lookup.core import Ledger

log = structlog.get_logger()

SEAL_SECONDS = 60
RETRY_NS = 200_000_000
WAIT_SECONDS = 0.5  # that a worker may stand still for a segment that is being made
ROOM_BYTES = 512  # for a record about one person, and who asks


class Unavailable(Exception):
    """No place takes a series; the message says which were tried and why they did not."""


class _Used(NamedTuple):
    segment: Segment
    end: int


class Series:
    """Use `open_series`."""

    def __init__(self, name: str, folders: Sequence[Path], keys: Keys, segment_bytes: int, *, durable: bool) -> None:
        self.name, self._folders, self._keys = name, folders, keys
        self._segment_bytes, self._durable = segment_bytes, durable
        self.ledger = Ledger(keys.newest, keys.version, self._next_segment)
        self.ledger.durable = durable
        self._series, self._number, self._sequence, self._chain = secrets.token_bytes(16), 0, 1, bytes(CHAIN_BYTES)
        self._segment: Segment | None = None
        self._next: Segment | None = None
        self._used: list[_Used] = []
        self._making = threading.Lock()
        self._sealed_sequence, self._sealed_at_ns, self._retry_at_ns = 0, 0, 0
        self._synced: tuple[Segment | None, int] = (None, 0)
        self._locks: list[int] = []
        self.on_rotated: Callable[[], None] = _nothing

    def begin(self, locks: list[int], last: Last | None) -> None:
        """Go on after the `last` segment, or with the first of all. Raises Unavailable."""
        self._locks = locks
        if last is not None:
            self._series, self._number = last.head.series, last.head.number
            self._sequence, self._chain = last.sequence, last.chain
        self._next = self._made()
        if self._next is None or not self._next_segment():
            raise Unavailable(f"{self.name}: no segment can be made in {' or '.join(map(str, self._folders))}")

    @property
    def available(self) -> bool:
        """Whether records can be written now."""
        writable = self._segment is not None and not self.ledger.failed
        return writable and (self.ledger.room >= ROOM_BYTES or self._next is not None)

    @property
    def spooling(self) -> bool:
        """Whether records are written in another place than the first."""
        return self._segment is not None and self._segment.folder != self._folders[0]

    @property
    def place(self) -> Path | None:
        """The segment in use."""
        return None if self._segment is None else path_of(self._segment.folder, self._number)

    def tick(self, now_ns: int) -> None:
        """Seal once a minute what has been recorded since; and where nothing can be recorded, try again."""
        if self._segment is None or self.ledger.failed:
            self._next_segment()
        elif now_ns - self._sealed_at_ns >= SEAL_SECONDS * 10**9 and self.ledger.sequence != self._sealed_sequence:
            self.seal(now_ns)

    def seal(self, now_ns: int, *, closing: bool = False) -> bool:
        """Seal what was recorded. False when it cannot be written."""
        flags = CLOSED if closing else 0
        ledger = self.ledger
        if not closing and ledger.room < SEAL_BYTES:
            return False  # what is left is the closing seal's, and it comes soon
        place = Place(self._series, self._number, ledger.chain)
        text = text_of(self._keys, place, ledger.sequence, now_ns, flags)
        if not ledger.append(SEAL, now_ns, flags, 0, text):
            return False
        self._sealed_sequence, self._sealed_at_ns = ledger.sequence, now_ns
        return True

    def work(self) -> None:
        """What waits for a disk: sync what was recorded, finish segments that are closed, make the next one."""
        self._finish_used()
        segment, end = self._segment, self.ledger.end
        if segment is not None and not self._durable and (segment, end) != self._synced:
            try:
                segment.sync()
                self._synced = segment, end
            except OSError as error:
                self._failed(error)
        if self._next is None:
            with self._making:
                if self._next is None:
                    self._next = self._made()

    def stop(self, now_ns: int) -> None:
        """Seal, close, and leave nothing behind that was not used. `work` is not called any more."""
        self._leave(now_ns)
        self._finish_used()
        if self._next is not None:
            self._next.discard()
            self._next = None
        for lock in self._locks:
            os.close(lock)
        self._locks = []

    def _failed(self, error: OSError) -> None:
        """What was recorded does not reach the disk: no more goes there, nor where the next segment was prepared."""
        if not self.ledger.failed:
            log.error("audit-sync-failed", series=self.name, why=error.strerror)
        self.ledger.fail()
        prepared, self._next = self._next, None
        if prepared is not None:
            prepared.discard()

    def _finish_used(self) -> None:
        while self._used:
            used = self._used.pop(0)
            try:
                used.segment.finish(used.end)
            except OSError as error:
                log.error("audit-segment-not-finished", series=self.name, why=error.strerror)

    def _leave(self, now_ns: int) -> None:
        """Close the segment in use, if there is one and it can still be written."""
        if self._segment is None:
            return
        if not self.seal(now_ns, closing=True):
            log.error("audit-segment-not-closed", series=self.name, number=self._number)
        self._sequence, self._chain = self.ledger.sequence, self.ledger.chain
        self._used.append(_Used(self._segment, self.ledger.end))
        self._segment = None
        self.ledger.leave()

    def _next_segment(self) -> bool:
        """Take the next segment into use: once in a segment, and again and again while none is there."""
        following = self._take()
        if following is None:
            return False
        now_ns = time.time_ns()
        self._leave(now_ns)
        if self._begun(following, now_ns):
            return True
        again = self._made()  # what was prepared is where nothing can be done any more; perhaps elsewhere
        return again is not None and self._begun(again, now_ns)

    def _begun(self, segment: Segment, now_ns: int) -> bool:
        number = self._number + 1
        head = Head(number, self._sequence, now_ns, self._segment_bytes, self.name, self._series, self._chain)
        try:
            octets = segment.begin(head)
            if self._durable:
                segment.sync_name()
        except OSError as error:
            log.error("audit-segment-not-begun", series=self.name, why=error.strerror)
            segment.discard()
            return False
        self._number, self._segment = number, segment
        self._sealed_at_ns, self._sealed_sequence = now_ns, self._sequence
        self.ledger.use(octets, self._sequence, segment.fd)
        self.on_rotated()
        return True

    def _take(self) -> Segment | None:
        """The next segment; where the other thread has none ready, made here, but not at every request."""
        following, self._next = self._next, None
        if following is not None or time.monotonic_ns() < self._retry_at_ns:
            return following
        if self._making.acquire(timeout=WAIT_SECONDS):  # it may be just about to be there
            try:
                following, self._next = self._next, None
                if following is None:
                    following = self._made()
            finally:
                self._making.release()
        if following is None:
            self._retry_at_ns = time.monotonic_ns() + RETRY_NS
        return following

    def _made(self) -> Segment | None:
        for folder in self._folders:
            try:
                folder.mkdir(mode=0o750, parents=True, exist_ok=True)
                return Segment(folder, self._segment_bytes)
            except OSError as error:
                log.error("audit-segment-not-made", series=self.name, place=str(folder), why=error.strerror)
        return None


def _nothing() -> None:
    pass
