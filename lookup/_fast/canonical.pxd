from libc.stdint cimport uint8_t, uint32_t, uint64_t

# What a reader of what has arrived can say. Below zero: for the ordinary server.
cdef enum:
    CANONICAL = 1
    MORE = 0
    OTHER = -1

# A head as far as it has been read. `at` is the octets read; everything else is an offset from its first octet.
cdef struct head_t:
    size_t at
    int route
    uint32_t fields
    uint32_t seen
    uint32_t length
    uint64_t number
    size_t trace
    size_t event
    uint8_t trace_size
    uint8_t event_size

cdef void c_begin_head(head_t* head) noexcept nogil
cdef int c_read_head(const uint8_t* data, size_t size, head_t* head) noexcept nogil
