from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

# The shared part of an association at a time: what stands before and behind the person's own. Both are empty where the
# contract is not in force.
cdef struct part_t:
    const uint8_t* before
    size_t before_size
    const uint8_t* behind
    size_t behind_size
    uint32_t her_id
    bint vacant

cdef class SoapParts:
    cdef const uint8_t[::1] _view
    cdef const uint8_t* _data
    cdef readonly uint64_t table
    cdef readonly uint32_t slots
    cdef readonly str digest

    cdef int c_value(self, uint32_t slot, const uint8_t** data, size_t* size) noexcept nogil
    cdef int c_part(self, uint32_t slot, int64_t at, part_t* out) noexcept nogil
