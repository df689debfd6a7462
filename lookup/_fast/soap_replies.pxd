from libc.stdint cimport uint8_t

from lookup._fast.canonical cimport head_t
from lookup._fast.desk cimport Desk

cdef bint read_soap(Desk desk, const uint8_t* data, head_t* head) noexcept
cdef int answer_soap_details(Desk desk, const uint8_t* data, const head_t* head) except -1
cdef int answer_soap_confirm(Desk desk, const uint8_t* data, const head_t* head) except -1
