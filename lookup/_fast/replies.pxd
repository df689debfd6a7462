from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t

from lookup._fast.book cimport Book, item_t
from lookup._fast.canonical cimport head_t
from lookup._fast.desk cimport Desk
from lookup._fast.question cimport question_t
from lookup._fast.tickets cimport Ticket

cdef class Batch:
    cdef Book _book
    cdef head_t _head
    cdef question_t _question
    cdef int64_t _at
    cdef item_t* _items
    cdef list _held
    cdef Ticket _ticket
    cdef object _looked_at  # its caller's proof, where one signs
    cdef size_t _found, _written, _size

    cdef bint done, closing  # `closing`: the head has said that this answer is the connection's last
    cdef bytes message

    cdef int turn(self, Desk desk) except -1

cdef Batch c_begin_batch(Desk desk, bytes message, const head_t* head)
cdef int c_answer(
    Desk desk, const uint8_t* data, const head_t* head, bint closing, bint trusted, Ticket given
) except -1
