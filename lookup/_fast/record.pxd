from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

# The layout's numbers, held against lookup/record.py when record.pyx is imported.
cdef extern from *:
    """
    #include <stdint.h>
    #define FLR_FOREVER INT64_MAX
    #define FLR_DAY_MICROS 86400000000LL
    #define FLR_FIRST_DAY (-25567LL)
    #define FLR_HEADER 8
    """
    const int64_t FLR_FOREVER
    const int64_t FLR_DAY_MICROS
    const int64_t FLR_FIRST_DAY
    const size_t FLR_HEADER

cdef enum:
    ALIAS = 1
    PROTECTED = 2
    TO_OPEN = 0
    TO_NEXT = 1
    TO_DAY = 2
    TO_TIME = 3
    FROM_TIME = 4
    UPDATED_TIME = 8
    WIDE_CODES = 16
    KNOWN_FLAGS = 31

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

cdef int c_find(const uint8_t* data, size_t size, uint32_t bucket, uint32_t rest, record_t* out) noexcept nogil
cdef int c_nth(
    const uint8_t* data, size_t size, uint32_t bucket, int bits, uint32_t i, uint32_t* rest, record_t* out
) noexcept nogil
cdef int c_open(const uint8_t* at, size_t size, record_t* out) noexcept nogil
cdef int c_alias(record_t* record, uint64_t* newest) noexcept nogil
cdef int c_next(record_t* record, membership_t* out) noexcept nogil
cdef object damaged(int code)
cdef object membership_tuple(const membership_t* m)
cdef object record_tuple(record_t* record)
