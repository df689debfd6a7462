"""How much a client has asked, and how much it may: the compiled twin of lookup/access/quota.py's Account.

Many processes count in one slot at the same time, so what decides is changed by compare-and-swap or by atomic
addition: no request is let through twice on the same allowance, and no person is counted twice.
"""

from libc.math cimport INFINITY, log
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from lookup._fast.blake2b cimport c_blake2b

cdef enum:
    NAME_WORDS = 8
    DUE = NAME_WORDS
    DAY = NAME_WORDS + 1
    REQUESTS = NAME_WORDS + 2
    NUMBERS = NAME_WORDS + 3
    UNKNOWN = NAME_WORDS + 4
    SUM = NAME_WORDS + 5
    EMPTY = NAME_WORDS + 6
    TOO_FAST = NAME_WORDS + 7
    REGISTERS_AT = 24
    REGISTERS = 4096
    SLOT_WORDS = 536
    RANK_BITS = 52
    MAX_RANK = 32
    ENOUGH_NUMBERS = 500
    SECOND = 1000000000

cdef uint64_t ONE = <uint64_t> 1 << 32
cdef tuple WHY = (None, "requests", "persons", "unknown")

# for lookup.access.quota to hold against its own
LAYOUT = (
    DUE, DAY, REQUESTS, NUMBERS, UNKNOWN, SUM, EMPTY, TOO_FAST, REGISTERS_AT, REGISTERS, SLOT_WORDS, ENOUGH_NUMBERS,
)

cdef extern from *:
    """
    #define flr_load(p) __atomic_load_n(p, __ATOMIC_RELAXED)
    #define flr_add(p, n) ((void)__atomic_fetch_add(p, n, __ATOMIC_RELAXED))
    static inline int flr_swap64(uint64_t *p, uint64_t before, uint64_t after) {
        return __atomic_compare_exchange_n(p, &before, after, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
    static inline int flr_swap8(uint8_t *p, uint8_t before, uint8_t after) {
        return __atomic_compare_exchange_n(p, &before, after, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
    """
    uint64_t flr_load(uint64_t* p) noexcept nogil
    uint8_t flr_load8 "flr_load"(uint8_t* p) noexcept nogil
    void flr_add(uint64_t* p, uint64_t n) noexcept nogil
    bint flr_swap64(uint64_t* p, uint64_t before, uint64_t after) noexcept nogil
    bint flr_swap8(uint8_t* p, uint8_t before, uint8_t after) noexcept nogil
    int __builtin_clzll(unsigned long long x) noexcept nogil


cdef class Account:
    """One client's slot, and what it may. `words` is the slot; `secret` the key of the persons' hashes."""

    def __cinit__(self, words, bytes secret not None, limits):
        cdef uint64_t[::1] view = words
        if view.shape[0] != SLOT_WORDS or len(secret) != 32:
            raise ValueError("a slot, and a secret of 32 octets")
        self._view, self._words = words, &view[0]
        self._registers = <uint8_t*> (self._words + REGISTERS_AT)
        memcpy(self._secret, <const uint8_t*> secret, 32)
        self._interval = SECOND // <uint64_t> limits.requests_per_second if limits.requests_per_second else 0
        self._persons, self._share = limits.persons_per_day, limits.unknown_share

    def request(self, int64_t now_ns, int64_t day):
        """Count one request; None, or the reason why it may not be answered."""
        return WHY[self.c_request(now_ns, day)]

    def person(self, int64_t nin, *, bint unknown):
        """Count a number that was asked about."""
        self.c_person(nin, unknown)

    cdef int c_request(self, int64_t now, int64_t day) noexcept nogil:
        cdef uint64_t* words = self._words
        cdef uint64_t due
        cdef int why = MAY
        if flr_load(words + DAY) != <uint64_t> day:
            begin_day(self, day)
        flr_add(words + REQUESTS, 1)
        while self._interval:
            due = flr_load(words + DUE)
            if max(due, <uint64_t> now) + self._interval - now > SECOND:
                why = BY_REQUESTS
                break
            if flr_swap64(words + DUE, due, max(due, <uint64_t> now) + self._interval):
                break
        if not why and self._persons and persons_of(words) >= self._persons:
            why = BY_PERSONS
        if not why and self._share and flr_load(words + NUMBERS) >= ENOUGH_NUMBERS:
            if flr_load(words + UNKNOWN) > self._share * flr_load(words + NUMBERS):
                why = BY_UNKNOWN
        if why:
            flr_add(words + TOO_FAST + why - 1, 1)
        return why

    cdef void c_undo(self) noexcept nogil:
        """A request that was let through is met again, on the ordinary path: count it there."""
        flr_add(self._words + REQUESTS, <uint64_t> -1)
        flr_add(self._words + DUE, -self._interval)

    cdef void c_undo_refusal(self, int why) noexcept nogil:
        """The same, of one that was refused."""
        flr_add(self._words + REQUESTS, <uint64_t> -1)
        flr_add(self._words + TOO_FAST + why - 1, <uint64_t> -1)
        if why != BY_REQUESTS:
            flr_add(self._words + DUE, -self._interval)

    cdef void c_person(self, int64_t nin, bint unknown) noexcept nogil:
        cdef uint64_t* words = self._words
        cdef uint64_t number
        cdef uint8_t* register
        cdef uint8_t rank, before
        flr_add(words + NUMBERS, 1)
        flr_add(words + UNKNOWN, unknown)
        if not self._persons:
            return
        c_blake2b(<uint8_t*> &number, 8, self._secret, 32, <const uint8_t*> &nin, 8)
        register = self._registers + (number >> RANK_BITS)
        number <<= 64 - RANK_BITS
        rank = min(<int> MAX_RANK, __builtin_clzll(number) + 1 if number else RANK_BITS + 1)
        while True:
            before = flr_load8(register)
            if rank <= before:
                return
            if flr_swap8(register, before, rank):
                break
        flr_add(words + SUM, (ONE >> rank) - (ONE >> before))
        if not before:
            flr_add(words + EMPTY, <uint64_t> -1)


cdef inline double persons_of(uint64_t* words) noexcept nogil:
    """How many different persons, about."""
    cdef uint64_t total = flr_load(words + SUM), empty = flr_load(words + EMPTY)
    cdef double size = REGISTERS
    cdef double raw = 0.7213 / (1 + 1.079 / size) * size * size * ONE / total if total else INFINITY
    return size * log(size / empty) if raw <= 2.5 * size and empty else raw


cdef void begin_day(Account account, int64_t day) noexcept nogil:
    """Whoever sees the new day first clears the old one's counts."""
    cdef uint64_t* words = account._words
    cdef uint64_t before = flr_load(words + DAY)
    if before == <uint64_t> day or not flr_swap64(words + DAY, before, day):
        return
    words[NUMBERS], words[UNKNOWN] = 0, 0
    memset(account._registers, 0, REGISTERS)
    words[SUM], words[EMPTY] = REGISTERS * ONE, REGISTERS
