from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from lookup._fast.index cimport Index
from lookup._fast.record cimport membership_t

# What came of one person. The order is that of book.OUTCOMES.
cdef enum:
    ASSIGNED = 0
    VACANT = 1
    NONE = 2
    WITHHELD = 3
    UNKNOWN = 4
    INVALID = 5
    CONFIRMED = 6
    NOT_CONFIRMED = 7
    RENDER = 8  # outside the window of the fragments: for Python to render

# The answer for one number: its JSON, and where `own` the membership that is written behind it.
cdef struct item_t:
    uint64_t nin
    const uint8_t* json
    size_t json_size
    membership_t membership
    bint own
    bint protected
    int outcome
    # the number as it was asked
    const uint8_t* text
    size_t text_size

cdef struct piece_t:
    const uint8_t* data
    size_t size

cdef class Book:
    cdef readonly Index index
    cdef readonly object generation
    cdef readonly uint64_t serial
    cdef object _held
    cdef piece_t _none, _withheld, _vacant
    cdef piece_t _begin_codes[256]
    cdef int _begin_count

    cdef int find(self, uint64_t nin, int64_t at, bint withhold, item_t* out) noexcept nogil
    cdef int confirm(
        self, uint64_t nin, int64_t at, uint32_t hpr_number, bint withhold, bint* protected
    ) noexcept nogil
    cdef size_t size_of(self, const item_t* item) noexcept nogil
    cdef uint8_t* write(self, const item_t* item, uint8_t* out) noexcept nogil
    cdef size_t size_of_result(self, const item_t* item) noexcept nogil
    cdef uint8_t* write_result(self, const item_t* item, uint8_t* out) noexcept nogil
