"""How much a client has asked, over all workers, and how much it may.

Counted in memory that all processes share, made before the fork: one slot for each client, found by its name, so
whichever worker answers counts in the same place. How many *different* persons a client has asked about today is
estimated from 4096 registers (HyperLogLog, and linear counting while there are few): within about 2 per cent, in 4 kB,
and nothing in it tells who they were. `Account` is the plain twin of the compiled one, and its specification, but for
two processes counting at the very same time, which only the compiled one gets right.
"""

import fcntl
import math
import mmap
import os
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from lookup.access.caller import Limits

SLOTS = 8192  # memory is taken as they are
NAME_BYTES = 64
# The words of a slot: its client's name, then these, then a register for each octet.
DUE, DAY, REQUESTS, NUMBERS, UNKNOWN, SUM, EMPTY, TOO_FAST, TOO_MANY, TOO_UNKNOWN = range(
    NAME_BYTES // 8, NAME_BYTES // 8 + 10
)
REGISTERS_AT = 24
REGISTERS = 4096
SLOT_WORDS = REGISTERS_AT + REGISTERS // 8
ONE = 1 << 32  # in SUM, which adds up 2 ** -register
RANK_BITS = 52  # of a person's hash, behind those that choose the register
SECOND_NS = 10**9
ENOUGH_NUMBERS = 500  # before the share of unknown ones among them means anything
REASONS = {"requests": TOO_FAST, "persons": TOO_MANY, "unknown": TOO_UNKNOWN}
LAYOUT = (
    DUE,
    DAY,
    REQUESTS,
    NUMBERS,
    UNKNOWN,
    SUM,
    EMPTY,
    TOO_FAST,
    REGISTERS_AT,
    REGISTERS,
    SLOT_WORDS,
    ENOUGH_NUMBERS,
)
_BIAS = 0.7213 / (1 + 1.079 / REGISTERS)


class QuotasFull(Exception):
    """More clients than there are slots for."""


def estimate(total: int, empty: int) -> float:
    """How many different persons the registers tell of: `total` is SUM, `empty` how many registers are 0."""
    raw = _BIAS * REGISTERS * REGISTERS * ONE / total if total else math.inf
    if raw <= 2.5 * REGISTERS and empty:
        return REGISTERS * math.log(REGISTERS / empty)
    return raw


class Account:
    """One client's slot, and what it may. `words` is the slot; `secret` the key of the persons' hashes."""

    def __init__(self, words: memoryview, secret: bytes, limits: Limits) -> None:
        self._words, self._registers, self._secret = words, words.cast("B")[REGISTERS_AT * 8 :], secret
        self._rate, self._persons = limits.requests_per_second, limits.persons_per_day
        self._share = limits.unknown_share

    def request(self, now_ns: int, day: int) -> str | None:
        """Count one request; None, or the reason (of REASONS) why it may not be answered.

        `now_ns` is of a clock that never goes back, `day` the number of the day in Norway. A second's worth of
        requests may come at once. What may not be asked today is not told by the number that is asked about.
        """
        words = self._words
        if words[DAY] != day:
            self._begin(day)
        words[REQUESTS] += 1
        if self._rate:
            due = max(words[DUE], now_ns) + SECOND_NS // self._rate
            if due - now_ns > SECOND_NS:
                words[TOO_FAST] += 1
                return "requests"
            words[DUE] = due
        if self._persons and estimate(words[SUM], words[EMPTY]) >= self._persons:
            words[TOO_MANY] += 1
            return "persons"
        if self._share and words[NUMBERS] >= ENOUGH_NUMBERS and words[UNKNOWN] > self._share * words[NUMBERS]:
            words[TOO_UNKNOWN] += 1
            return "unknown"
        return None

    def person(self, nin: int, *, unknown: bool) -> None:
        """Count a number that was asked about, once the request has been let through."""
        words = self._words
        words[NUMBERS] += 1
        words[UNKNOWN] += unknown
        if not self._persons:
            return
        number = int.from_bytes(blake2b(nin.to_bytes(8, "little"), key=self._secret, digest_size=8).digest(), "little")
        place, rank = number >> RANK_BITS, RANK_BITS - (number % (1 << RANK_BITS)).bit_length() + 1
        rank = min(rank, 32)
        before = self._registers[place]
        if rank > before:
            self._registers[place] = rank
            words[SUM] -= (ONE >> before) - (ONE >> rank)
            words[EMPTY] -= not before

    def _begin(self, day: int) -> None:
        words = self._words
        words[DAY] = day
        for word in (NUMBERS, UNKNOWN):
            words[word] = 0
        self._registers[:] = bytes(REGISTERS)
        words[SUM], words[EMPTY] = REGISTERS * ONE, REGISTERS


class Usage(NamedTuple):
    """What a client has asked: requests since the service began, and of today: numbers, unknown ones, persons."""

    client: str
    requests: int
    numbers: int
    unknown: int
    persons: int
    refused: dict[str, int]


class Quotas:
    """The slots. Made before the fork."""

    def __init__(self) -> None:
        self._words = memoryview(mmap.mmap(-1, SLOTS * SLOT_WORDS * 8)).cast("Q")
        self._used = memoryview(mmap.mmap(-1, (SLOTS + 1) * 8)).cast("Q")  # how many are used, and which
        self._lock = os.memfd_create("quotas")
        self.secret = os.urandom(32)

    def slot(self, client: str) -> memoryview:
        """The slot of a client; the same in every process. Raises QuotasFull."""
        name = client.encode()
        if len(name) > NAME_BYTES:
            name = blake2b(name, digest_size=NAME_BYTES // 2).hexdigest().encode()
        name = name.ljust(NAME_BYTES, b"\0")
        fcntl.lockf(self._lock, fcntl.LOCK_EX)  # it goes with the process, if that dies here
        try:
            first = int.from_bytes(blake2b(name, digest_size=4).digest(), "little")
            for place in range(SLOTS):
                at = (first + place) % SLOTS * SLOT_WORDS
                words = self._words[at : at + SLOT_WORDS]
                there = bytes(words[: NAME_BYTES // 8])
                if not any(there):
                    words.cast("B")[:NAME_BYTES] = name
                    self._used[0] += 1
                    self._used[self._used[0]] = at
                if there == name or not any(there):
                    return words
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
        raise QuotasFull

    def usage(self, today: int | None = None) -> Iterator[Usage]:
        """What each client has asked. `today` is the number of the day in Norway; unless given, a client's last one."""
        for at in self._used[1 : self._used[0] + 1]:
            words = self._words[at : at + SLOT_WORDS]
            name = bytes(words[: NAME_BYTES // 8]).rstrip(b"\0")
            refused = {reason: words[word] for reason, word in REASONS.items()}
            asked = (0, 0, 0)
            if words[DAY] and today in (None, words[DAY]):
                asked = (words[NUMBERS], words[UNKNOWN], round(estimate(words[SUM], words[EMPTY])))
            yield Usage(name.decode(), words[REQUESTS], *asked, refused)
