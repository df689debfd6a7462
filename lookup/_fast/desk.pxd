from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from lookup._fast.book cimport Book, piece_t
from lookup._fast.canonical cimport head_t
from lookup._fast.encode cimport area_t
from lookup._fast.question cimport text_t
from lookup._fast.tally cimport MAX_ROUTES, Tally

# The problems that are answered here, as places in desk.PROBLEMS.
cdef enum:
    INVALID_NIN = 0
    UNKNOWN_PERSON = 1
    UNKNOWN_HER_ID = 2
    FORBIDDEN = 3
    UNREADY = 4
    PROBLEM_COUNT = 5

cdef enum:
    MAX_ANSWERS = 64  # answers counted at a time

cdef class Desk:
    cdef readonly object control
    cdef readonly Book book
    cdef readonly Tally tally
    cdef public bint draining
    cdef public bint too_old
    cdef public size_t buffered
    cdef readonly size_t max_buffered
    cdef readonly bint withhold
    cdef double patience[4]
    cdef readonly object members
    cdef uint32_t limits[MAX_ROUTES]
    cdef dict hers
    cdef size_t hers_size
    cdef area_t out
    cdef text_t* nins
    cdef int64_t now
    cdef bint closing
    # of this file
    cdef int _residue
    cdef int64_t _clock_offset, _from_utc, _valid_from, _valid_until
    cdef object _heads
    cdef piece_t _ok_before, _ok_after, _her_after
    cdef piece_t _problem_heads[PROBLEM_COUNT]
    cdef piece_t _problem_bodies[PROBLEM_COUNT]
    cdef int _answered
    cdef uint8_t _routes[MAX_ANSWERS]
    cdef uint8_t _statuses[MAX_ANSWERS]

    cdef int read_clock(self) except -1
    cdef bint time_of(self, const text_t* text, int64_t* at) except *
    cdef int64_t nin_of(self, const text_t* text) noexcept nogil
    cdef uint8_t* begin_ok(self, const uint8_t* data, const head_t* head, size_t length) except NULL
    cdef uint8_t* begin_her(self, const uint8_t* data, const head_t* head, size_t length, bytes fields) except NULL
    cdef int end(self, uint8_t* end) noexcept nogil
    cdef int problem(self, int which, const uint8_t* data, const head_t* head) except -1
    cdef void settle(self, int64_t nanoseconds) noexcept nogil

cdef uint8_t* put(uint8_t* out, const void* data, size_t size) noexcept nogil
cdef uint8_t* put_number(uint8_t* out, uint64_t number) noexcept nogil
