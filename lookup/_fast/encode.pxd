from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from lookup._fast.record cimport membership_t

# A bytes area that grows.
cdef struct area_t:
    uint8_t* data
    size_t size
    size_t room

cdef int area_reserve(area_t* area, size_t more) except -1 nogil
cdef int area_append(area_t* area, const void* data, size_t size) except -1 nogil
cdef int c_encode_membership(area_t* area, const membership_t* m, bint has_newer, int64_t newer_from) except -1 nogil
cdef int c_encode_alias(area_t* area, uint32_t rest, uint64_t newest) except -1 nogil
cdef int c_encode_head(area_t* area, uint32_t rest, bint protected) except -1 nogil
