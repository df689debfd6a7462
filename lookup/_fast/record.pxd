from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

# What reading bytes can say. Below zero: damaged, an index into the messages of record.pyx.
cdef enum:
    FOUND = 1
    NOT_FOUND = 0

cdef struct membership_t:
    int64_t valid_from
    int64_t to
    int64_t updated
    uint64_t id
    uint32_t slot
    uint8_t begin
    uint8_t end

# The bytes not yet read of one record, and the start of the membership read last.
cdef struct record_t:
    const uint8_t* at
    const uint8_t* stop
    int64_t newer_from
    bint has_newer
    uint8_t flags

# A bytes area that grows.
cdef struct area_t:
    uint8_t* data
    size_t size
    size_t room

cdef int c_find(const uint8_t* data, size_t size, uint32_t bucket, uint32_t rest, record_t* out) noexcept nogil
cdef int c_open(const uint8_t* at, size_t size, record_t* out) noexcept nogil
cdef int c_alias(record_t* record, uint64_t* newest) noexcept nogil
cdef int c_next(record_t* record, membership_t* out) noexcept nogil
cdef object damaged(int code)

cdef int area_reserve(area_t* area, size_t more) except -1 nogil
cdef int area_append(area_t* area, const void* data, size_t size) except -1 nogil
cdef int c_encode_membership(area_t* area, const membership_t* m, bint has_newer, int64_t newer_from) except -1 nogil
cdef int c_encode_alias(area_t* area, uint32_t rest, uint64_t newest) except -1 nogil
cdef int c_encode_head(area_t* area, uint32_t rest, bint protected) except -1 nogil
cdef object membership_tuple(const membership_t* m)
cdef object record_tuple(record_t* record)
