"""Which proofs have been used, over all workers: a proof is good once (RFC 9449, section 11.1).

In memory that all processes share, made before the fork and of fixed size. A proof's owner and `jti` are hashed with a
secret to 64 bits; some choose a set of 64 words, others are the tag that is kept in one of them, with the second until
which it counts:

    word   tag, 44 bits (never 0) | until, 20 bits: seconds since 1970, modulo 2**20

A word whose second has passed is free. Where a set has no free word the proof cannot be remembered, and is refused:
nothing that counts is ever forgotten for something else. Two different proofs are taken for one with a chance of one in
10**11 at the most. `Seen` is the plain twin of the compiled one, and its specification, but for two processes at the
very same time, which only the compiled one gets right.
"""

import mmap
import os
from hashlib import blake2b

WAYS = 64
UNTIL_BITS = 20
TAG_BITS = 44
MAX_SET_BITS = 20
MAX_SECONDS = 128  # the longest that something may have to be remembered
JTI_BYTES = 256
SECRET_BYTES = 32
NEW, USED, FULL = range(3)
LAYOUT = (WAYS, UNTIL_BITS, TAG_BITS, MAX_SECONDS, JTI_BYTES, NEW, USED, FULL)
_UNTIL = (1 << UNTIL_BITS) - 1
_TAG = (1 << TAG_BITS) - 1


class ReplayMemory:
    """The words. Made before the fork; `octets` is rounded down to a power of two."""

    def __init__(self, octets: int) -> None:
        self.set_bits = min((octets // (WAYS * 8)).bit_length() - 1, MAX_SET_BITS)
        if self.set_bits < 0:
            raise ValueError(f"at least {WAYS * 8} octets")
        self.words = memoryview(mmap.mmap(-1, WAYS * 8 << self.set_bits)).cast("Q")
        self.secret = os.urandom(SECRET_BYTES)


class Seen:
    """What a process asks of the memory."""

    def __init__(self, memory: ReplayMemory) -> None:
        self._words, self._secret, self._bits = memory.words, memory.secret, memory.set_bits

    def first(self, owner: bytes, jti: bytes, until: int, now: int) -> int:
        """NEW, and remembered; USED; or FULL. All in seconds since 1970: it counts while `now` is at most `until`.

        `jti` has at most JTI_BYTES octets, `owner` always the same number.
        """
        if not 0 <= until - now <= MAX_SECONDS or len(jti) > JTI_BYTES:
            raise ValueError("neither remembered for so long, nor anything so long")
        digest = blake2b(owner + jti, key=self._secret, digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        begin = (number >> (64 - self._bits)) * WAYS
        tag = number & _TAG | 1
        free = None
        for place in range(begin, begin + WAYS):
            word = self._words[place]
            if not word or ((word & _UNTIL) - now) & _UNTIL > MAX_SECONDS:
                free = place if free is None else free
            elif word >> UNTIL_BITS == tag:
                return USED
        if free is None:
            return FULL
        self._words[free] = tag << UNTIL_BITS | until & _UNTIL
        return NEW
