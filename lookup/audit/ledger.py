"""The audit's writer, in plain Python: the specification of lookup._fast.ledger, and what FLR_PLAIN_CORE=1 takes.

A record counts once the committed end stands behind it. The plain one leaves out what the compiled one does about a
page that the volume can no longer give: here the process is ended by the fault, before it has answered.
"""

import os
import struct
from collections.abc import Callable, Sequence

from lookup.audit.record import (
    CHAIN_BYTES,
    END_AT,
    HASH_BYTES,
    HEAD_BYTES,
    MAX_EVENT_BYTES,
    MAX_SUBJECTS,
    MAX_TEXT_BYTES,
    READ,
    RECORD_HEAD_BYTES,
    SUBJECT_BYTES,
    WHO,
    Record,
    Subject,
    encode,
    hash_of,
    size_of,
    total_flags,
)

SEAL_TEXT_BYTES = 80
SEAL_BYTES = RECORD_HEAD_BYTES + SEAL_TEXT_BYTES + CHAIN_BYTES
MAX_WHOS = 1 << 16
LAYOUT = (
    *(HEAD_BYTES, END_AT, CHAIN_BYTES, RECORD_HEAD_BYTES, SUBJECT_BYTES, HASH_BYTES, SEAL_BYTES, MAX_EVENT_BYTES),
    *(MAX_TEXT_BYTES, MAX_SUBJECTS, MAX_WHOS, READ, WHO),
)
_END = struct.Struct("<Q")


class Ledger:
    """Writes records. `key` hashes the subjects; `on_full()` puts another segment in use, or gives False."""

    def __init__(self, key: bytes, key_version: int, on_full: Callable[[], bool]) -> None:
        if len(key) != 32 or not 0 <= key_version < 1 << 16:
            raise ValueError("a key of 32 octets, and its version")
        self._key, self._key_version, self._on_full = key, key_version, on_full
        self._segment: memoryview | None = None
        self._fd, self._end, self._limit, self._sequence = -1, 0, 0, 0
        self._chain = bytes(CHAIN_BYTES)
        self._first_who = 1
        self._texts: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._told: set[int] = set()
        self.epoch, self.durable, self.failed = 0, False, False

    def use(self, segment: memoryview, sequence: int, fd: int) -> None:
        """Go on in a new segment: its octets (head written, the rest zero), its first sequence number, its file."""
        size = len(segment)
        if size < HEAD_BYTES + SEAL_BYTES or _END.unpack_from(segment, END_AT) != (HEAD_BYTES,):
            raise ValueError("not a new segment")
        self._segment, self._fd = segment, fd
        self._end, self._limit, self._sequence = HEAD_BYTES, size - SEAL_BYTES, sequence
        self._chain = bytes(segment[HEAD_BYTES - CHAIN_BYTES : HEAD_BYTES])
        self._told.clear()
        self.failed = False

    def leave(self) -> None:
        """Have no segment: nothing is recorded from now on, until `use`."""
        self._segment, self._fd = None, -1

    def who(self, text: bytes) -> int:
        """The number of a caller, for `record`. When there are too many, all begin anew, and `epoch` is another."""
        number = self._numbers.get(text)
        if number is not None:
            return number
        if not 0 < len(text) <= MAX_TEXT_BYTES:
            raise ValueError("a caller in 1 to 4096 octets")
        if len(self._texts) == MAX_WHOS:
            self._first_who += len(self._texts)
            self._texts, self._numbers = [], {}
            self._told.clear()
            self.epoch += 1
        number = self._first_who + len(self._texts)
        self._texts.append(text)
        self._numbers[text] = number
        return number

    def record(
        self,
        now_ns: int,
        who: int,
        operation: int,
        outcome: int,
        serial: int,
        event: bytes | None,
        subjects: Sequence[tuple[int, int, int]],
        announced: int | None = None,
    ) -> bool:
        """One record; `subjects` are (number, outcome, flags). False: it is not there, so do not answer.

        `announced`: for how many there is to be room, unless it is for those; with fewer all is well, with more not.
        """
        text = event or b""
        known = not who or self._first_who <= who < self._first_who + len(self._texts)
        if self._segment is None or self.failed or not known:
            return False
        room = len(subjects) if announced is None else announced
        if len(text) > MAX_EVENT_BYTES or room > MAX_SUBJECTS:
            return False
        if not self._make_room(now_ns, who, size_of(len(text), room)) or len(subjects) > room:
            return False
        hashed = tuple(
            Subject(hash_of(nin, self._key), outcome, flags, self._key_version) for nin, outcome, flags in subjects
        )
        flags = total_flags(hashed)
        return self._write(Record(READ, self._sequence, now_ns, operation, outcome, flags, who, serial, text, hashed))

    def append(self, kind: int, now_ns: int, flags: int, serial: int, text: bytes) -> bool:
        """A record of another kind: a seal, for which there is always room, unless it is not the last one."""
        room = self._limit + SEAL_BYTES if self._segment is not None else 0
        if self.failed or self._end + size_of(len(text), 0) > room:
            return False
        return self._write(Record(kind, self._sequence, now_ns, flags=flags, serial=serial, text=text))

    def fail(self) -> None:
        """Record nothing any more, until another segment is in use: this one's file has failed."""
        self.failed = True

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self._end

    @property
    def room(self) -> int:
        """The octets that records can still take in this segment."""
        return max(0, self._limit - self._end) if self._segment is not None else 0

    @property
    def sequence(self) -> int:
        """The next record's sequence number."""
        return self._sequence

    @property
    def chain(self) -> bytes:
        """The last 32 octets of what was committed; kept here, because the segment may be on a volume that is gone."""
        return self._chain

    def _make_room(self, now_ns: int, who: int, size: int) -> bool:
        for tries in range(2):
            text = self._texts[who - self._first_who] if who and who not in self._told else b""
            needed = size + (size_of(len(text), 0) if text else 0)
            if self._segment is not None and self._end + needed <= self._limit:
                break
            if tries or not self._on_full() or self._segment is None:
                return False
        if not text:
            return True
        self._told.add(who)
        return self._write(Record(WHO, self._sequence, now_ns, who=who, text=text))

    def _write(self, record: Record) -> bool:
        assert self._segment is not None
        data = encode(record, self._chain)
        self._segment[self._end : self._end + len(data)] = data
        self._chain = data[-CHAIN_BYTES:]
        self._end += len(data)
        self._sequence += 1
        _END.pack_into(self._segment, END_AT, self._end)
        return not self.durable or self._sync()

    def _sync(self) -> bool:
        try:
            os.fdatasync(self._fd)
        except (OSError, ValueError):
            self.failed = True
        return not self.failed
