from libc.stdint cimport uint8_t

from lookup._fast.canonical cimport head_t
from lookup._fast.desk cimport Desk
from lookup._fast.tickets cimport Ticket

# What becomes of a canonical message.
cdef enum:
    ANSWERED = 1
    LATER = 2  # a batch too large for one turn
    NOT_MINE = 3  # for the ordinary server
    UNVERIFIED = 4  # whoever asks is not known yet
    ADMITTED = 5

cdef int c_admit(Desk desk, const uint8_t* data, const head_t* head, bint trusted, Ticket given) except -1
