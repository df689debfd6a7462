from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from lookup._fast.encode cimport area_t

cdef enum:
    PERSON = 0
    ALIAS = 1
    MEMBERSHIP = 2
    KEY_BITS = 37

# The layout is drawn in loader/pack.py and held against it when pack.pyx is imported.
cdef packed struct row_t:
    uint64_t key
    int64_t valid_from
    int64_t to
    int64_t updated
    uint64_t id
    uint32_t slot
    uint32_t line
    uint16_t file
    uint8_t kind
    uint8_t begin
    uint8_t end
    uint8_t protected
    uint16_t zero

cdef packed struct id_row_t:
    uint64_t id
    uint32_t line
    uint32_t file

cdef class Parts:
    cdef area_t* areas
    cdef readonly int count


cdef inline int part_of(uint64_t mixed, int part_bits) noexcept nogil:
    return <int> (mixed >> (KEY_BITS - part_bits))
