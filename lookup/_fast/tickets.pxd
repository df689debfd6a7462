from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t

from lookup._fast.quota cimport Account

# What a ticket says of its credential.
cdef enum:
    TAKEN = 0
    NOT_TAKEN = 1
    BUSY = 2

cdef enum:
    DIGEST = 32

cdef class Ticket:
    cdef readonly object caller
    cdef readonly int verdict
    cdef readonly uint32_t routes
    cdef readonly bint protected
    cdef readonly object bound
    cdef readonly int64_t expires
    cdef readonly Account account
    cdef readonly bytes text  # who that is, for the audit
    cdef uint32_t who, epoch  # its number there, while the ledger's epoch is one less

cdef class Tickets:
    cdef uint8_t _key[DIGEST]
    cdef uint8_t* _digests
    cdef list _tickets
    cdef uint32_t _turn

    cdef Ticket find(self, const uint8_t* credential, size_t size, int64_t now)
    cdef int64_t place_for(self, const uint8_t* digest, bint taken) noexcept
    cdef void digest_of(self, uint8_t* out, const uint8_t* credential, size_t size) noexcept nogil
