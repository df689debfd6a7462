from libc.stdint cimport int64_t, uint8_t
from libc.stddef cimport size_t

# The shared part of an answer at a time: its JSON, which is empty when the contract is not in force, and who confirms.
cdef struct fragment_t:
    const uint8_t* json
    size_t json_size
    const uint8_t* confirmers
    size_t confirmer_count

cdef int c_read_fragment(const uint8_t* data, size_t size, int64_t at, fragment_t* out) noexcept nogil
cdef bint c_confirms(const fragment_t* fragment, unsigned int hpr_number) noexcept nogil
