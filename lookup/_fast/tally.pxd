from libc.stdint cimport int64_t, uint64_t
from libc.stddef cimport size_t

cdef enum:
    MAX_ROUTES = 16
    MAX_OUTCOMES = 8

# The statuses of the compiled HTTP path's answers, as places in tally.STATUSES.
cdef enum:
    S200 = 0
    S400 = 1
    S401 = 2
    S403 = 3
    S404 = 4
    S429 = 5
    S500 = 6
    S503 = 7
    STATUS_COUNT = 8

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
