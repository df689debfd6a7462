from libc.stdint cimport int64_t, uint8_t, uint64_t

# Why a request may not be answered.
cdef enum:
    MAY = 0
    BY_REQUESTS = 1
    BY_PERSONS = 2
    BY_UNKNOWN = 3

cdef class Account:
    cdef object _view
    cdef uint64_t* _words
    cdef uint8_t* _registers
    cdef uint8_t _secret[32]
    cdef uint64_t _interval, _persons
    cdef double _share

    cdef int c_request(self, int64_t now, int64_t day) noexcept nogil
    cdef void c_undo(self) noexcept nogil
    cdef void c_undo_refusal(self, int why) noexcept nogil
    cdef void c_person(self, int64_t nin, bint unknown) noexcept nogil
