from libc.stdint cimport int64_t, uint64_t
from libc.stddef cimport size_t

cdef enum:
    MAX_ROUTES = 16
    MAX_OUTCOMES = 8

# The statuses of the compiled HTTP path's answers, as places in tally.STATUSES.
cdef enum:
    S200 = 0
    S400 = 1
    S403 = 2
    S404 = 3
    S503 = 4
    STATUS_COUNT = 5

cdef class Tally:
    cdef uint64_t[::1] _view
    cdef uint64_t* _words
    cdef size_t _size
    cdef size_t _routes[MAX_ROUTES]
    cdef size_t _statuses[STATUS_COUNT]
    cdef size_t _outcomes[MAX_OUTCOMES]
    cdef size_t _buckets, _sum, _received, _sent

    cdef void request(self, int route, int status, int64_t nanoseconds) noexcept nogil
    cdef void outcome(self, int outcome) noexcept nogil
    cdef void received(self, size_t octets) noexcept nogil
    cdef void sent(self, size_t octets) noexcept nogil
