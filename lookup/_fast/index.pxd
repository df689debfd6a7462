from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from lookup._fast.record cimport membership_t, record_t

# What the index says of a number at a time.
cdef struct found_t:
    uint64_t nin
    bint protected
    bint has_membership
    membership_t membership

# A piece of the data block.
cdef struct span_t:
    const uint8_t* data
    size_t size

cdef class Index:
    cdef const uint8_t[::1] _pointers_view, _data_view
    cdef const uint8_t* _pointers
    cdef const uint8_t* _data
    cdef size_t _size
    cdef readonly int bits
    cdef readonly uint32_t slots

    cdef int value(self, uint64_t entry, span_t* out) noexcept nogil
    cdef int record_of(self, uint64_t nin, record_t* out) noexcept nogil
    cdef int person_of(self, uint64_t* nin, record_t* out) noexcept nogil
    cdef int lookup(self, uint64_t nin, int64_t at, found_t* out) noexcept nogil
    cdef int slot_value(self, uint32_t slot, int table, span_t* out) noexcept nogil
    cdef void prefetch_pointer(self, uint64_t nin) noexcept nogil
    cdef void prefetch_bucket(self, uint64_t nin) noexcept nogil

cdef object damaged(int status)
