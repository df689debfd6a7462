from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t

from lookup._fast.book cimport item_t
from lookup._fast.canonical cimport head_t
from lookup._fast.desk cimport Desk
from lookup._fast.tickets cimport Ticket

# Of lookup.audit.record: places in OUTCOMES, and a flag.
cdef enum:
    SEVERAL = 9
    OF_FORBIDDEN = 12
    OF_TOO_MANY = 13
    IS_PROTECTED = 1

cdef bint c_record_one(
    Desk desk, const uint8_t* data, const head_t* head, int64_t nin, int outcome, bint protected
) except *
cdef bint c_record_many(
    Desk desk, const uint8_t* data, const head_t* head, const item_t* items, size_t count
) except *
cdef bint c_record_refusal(Desk desk, const uint8_t* data, const head_t* head, Ticket ticket, int outcome) except *
cdef void c_tell_outcome(Desk desk, int64_t nin, int outcome) noexcept
