from libc.stdint cimport uint8_t

from lookup._fast.canonical cimport head_t
from lookup._fast.desk cimport Desk

cdef int answer_her(Desk desk, const uint8_t* data, const head_t* head) except -1
cdef int answer_contracts(Desk desk, const uint8_t* data, const head_t* head) except -1
