"""Which proofs have been used: the compiled twin of lookup/access/replay.py's Seen, where the words are drawn.

Many processes look and remember at the same time, without a lock that a killed one could keep. A word is taken by
compare-and-swap; who has taken one looks at the whole set again, so that of two who remember the same proof in
different words at least one sees the other. Both may: then neither is let through, and the client must ask again.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from lookup._fast.blake2b cimport c_blake2b

cdef enum:
    WAYS = 64
    UNTIL_BITS = 20
    TAG_BITS = 44
    MAX_SECONDS = 128
    JTI_BYTES = 256
    OWNER_BYTES = 64
    NEW = 0
    USED = 1
    FULL = 2

# for lookup.access.replay to hold against its own
LAYOUT = (WAYS, UNTIL_BITS, TAG_BITS, MAX_SECONDS, JTI_BYTES, NEW, USED, FULL)

cdef extern from *:
    """
    #define flr_load_all(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
    static inline int flr_take(uint64_t *p, uint64_t before, uint64_t after) {
        return __atomic_compare_exchange_n(p, &before, after, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    """
    uint64_t flr_load_all(uint64_t* p) noexcept nogil
    bint flr_take(uint64_t* p, uint64_t before, uint64_t after) noexcept nogil


cdef class Seen:
    """What a process asks of the memory."""

    cdef object _view
    cdef uint64_t* _words
    cdef int _bits
    cdef uint8_t _secret[32]

    def __cinit__(self, memory):
        cdef uint64_t[::1] view = memory.words
        cdef bytes secret = memory.secret
        self._bits = memory.set_bits
        if len(secret) != 32 or not 0 <= self._bits <= 20 or view.shape[0] != <Py_ssize_t> WAYS << self._bits:
            raise ValueError("words, and a secret of 32 octets")
        self._view, self._words = view, &view[0]
        memcpy(self._secret, <const uint8_t*> secret, 32)

    def first(self, bytes owner not None, bytes jti not None, int64_t until, int64_t now):
        """NEW, and remembered; USED; or FULL."""
        cdef uint8_t both[OWNER_BYTES + JTI_BYTES]
        cdef size_t owner_size = len(owner), jti_size = len(jti)
        cdef uint64_t number
        if not 0 <= until - now <= MAX_SECONDS or jti_size > JTI_BYTES or owner_size > OWNER_BYTES:
            raise ValueError("neither remembered for so long, nor anything so long")
        memcpy(both, <const uint8_t*> owner, owner_size)
        memcpy(both + owner_size, <const uint8_t*> jti, jti_size)
        c_blake2b(<uint8_t*> &number, 8, self._secret, 32, both, owner_size + jti_size)
        return remember(self._words, self._bits, number, until, now)


cdef int remember(uint64_t* words, int bits, uint64_t number, int64_t until, int64_t now) noexcept nogil:
    cdef uint64_t* first = words + (number >> (64 - bits) if bits else 0) * WAYS
    cdef uint64_t tag = number & ((<uint64_t> 1 << TAG_BITS) - 1) | 1
    cdef uint64_t mine = tag << UNTIL_BITS | <uint64_t> until & ((1 << UNTIL_BITS) - 1)
    cdef uint64_t word, before
    cdef int way, place
    while True:
        place = -1
        before = 0
        for way in range(WAYS):
            word = flr_load_all(first + way)
            if not counts(word, now):
                if place < 0:
                    place, before = way, word
            elif word >> UNTIL_BITS == tag:
                return USED
        if place < 0:
            return FULL
        if flr_take(first + place, before, mine):
            break
    for way in range(WAYS):
        word = flr_load_all(first + way)
        if way != place and word >> UNTIL_BITS == tag and counts(word, now):
            return USED
    return NEW


cdef inline bint counts(uint64_t word, int64_t now) noexcept nogil:
    """Whether what a word says still counts."""
    return word != 0 and (word - <uint64_t> now & ((1 << UNTIL_BITS) - 1)) <= MAX_SECONDS
