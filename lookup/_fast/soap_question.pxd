from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

from lookup._fast.question cimport text_t

# What an envelope asks: places in the body. `at.data` is NULL without a time, `message_id.size` 0 without an id.
cdef struct soap_question_t:
    int operation
    text_t nin
    text_t at
    text_t message_id
    uint32_t hpr_number
    bint addressed

cdef int c_read_soap_question(
    int version, const text_t* action, const uint8_t* data, size_t size, soap_question_t* out
) noexcept nogil
