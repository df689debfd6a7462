from libc.stdint cimport uint8_t, uint32_t, uint64_t

# What a reader of what has arrived can say. Below zero: for the ordinary server.
cdef enum:
    CANONICAL = 1
    MORE = 0
    OTHER = -1

# Who asks, as places in head_t.who.
cdef enum:
    BY_CREDENTIAL = 0
    BY_PROOF = 1
    BY_CLIENT_CERT = 2
    BY_SSL_CLIENT_CERT = 3

# Where a field's value stands; `at` is 0 where there is no such field.
cdef struct span_t:
    size_t at
    size_t size

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
    span_t who[4]
    span_t action

cdef void c_begin_head(head_t* head) noexcept nogil
cdef int c_read_head(const uint8_t* data, size_t size, head_t* head) noexcept nogil
