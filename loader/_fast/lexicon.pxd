from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

# A table of (number, text) -> value that is filled once and then asked without a Python object: code values by the
# number of their system, slots by the number of the contract (and no text). Places are taken in turn from where the
# hash points; at least half of them are free, and the mask is their number less one.

cdef struct entry_t:
    uint64_t number
    const uint8_t* text
    uint32_t size
    uint32_t value
    bint used

cdef class Lexicon:
    cdef entry_t* entries
    cdef uint64_t mask
    cdef list texts
    cdef int add(self, uint64_t number, bytes text, uint32_t value) except -1


cdef inline entry_t* place_of(
    entry_t* entries, uint64_t mask, uint64_t number, const uint8_t* text, size_t size
) noexcept nogil:
    """Where the value of (number, text) stands, or would stand."""
    cdef uint64_t mixed = number * 0x9E3779B97F4A7C15U
    cdef size_t i
    for i in range(size):
        mixed = (mixed ^ text[i]) * 0x9E3779B97F4A7C15U
    mixed ^= mixed >> 32
    while True:
        mixed &= mask
        if not entries[mixed].used or (
            entries[mixed].number == number
            and entries[mixed].size == size
            and (size == 0 or memcmp(entries[mixed].text, text, size) == 0)
        ):
            return &entries[mixed]
        mixed += 1


cdef inline bint find(
    Lexicon lexicon, uint64_t number, const uint8_t* text, size_t size, uint32_t* value
) noexcept nogil:
    """Whether (number, text) has a value, and which."""
    cdef entry_t* entry = place_of(lexicon.entries, lexicon.mask, number, text, size)
    value[0] = entry.value
    return entry.used
