from libc.stdint cimport int64_t, uint8_t, uint32_t

# A text inside the body.
cdef struct text_t:
    const uint8_t* data
    size_t size

# What a body asks. `nins` is room for MAX_NUMBERS texts, of the caller.
cdef struct question_t:
    text_t* nins
    size_t count
    text_t at
    uint32_t hpr_number

cdef int c_read_question(int route, const uint8_t* data, size_t size, question_t* out) noexcept nogil
cdef bint c_read_at(const uint8_t* data, size_t size, int64_t* out) noexcept nogil
