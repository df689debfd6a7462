"""A person record, and a membership, as bytes: the writing half of the compiled twin of lookup/record.py.

Writes into areas of memory that grow. What it writes is checked when it is read (record.pyx); here only memory can
fail.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from lookup._fast.record cimport (
    ALIAS, FLR_FOREVER, FROM_TIME, PROTECTED, TO_DAY, TO_NEXT, TO_TIME, UPDATED_TIME, WIDE_CODES, membership_t,
)

cdef extern from *:
    """
    static inline int flr_millis_between(int64_t updated, int64_t base, uint64_t *zigzag) {
        __int128 difference = (__int128)updated - base;
        if (difference % 1000 != 0) return 0;
        int64_t millis = (int64_t)(difference / 1000);
        *zigzag = millis >= 0 ? (uint64_t)millis << 1 : ~((uint64_t)millis << 1);
        return 1;
    }
    static inline int flr_is_day(int64_t time, uint16_t *day) {
        int64_t days = time / FLR_DAY_MICROS;
        if (days * FLR_DAY_MICROS != time || days < FLR_FIRST_DAY || days > FLR_FIRST_DAY + 0xFFFF) return 0;
        *day = (uint16_t)(days - FLR_FIRST_DAY);
        return 1;
    }
    """
    bint flr_millis_between(int64_t updated, int64_t base, uint64_t* zigzag) noexcept nogil
    bint flr_is_day(int64_t time, uint16_t* day) noexcept nogil


cdef extern from *:
    """
    /* In a build that looks for faults a small area has the room that was asked for and no more (setup.py), so that
       what is written past that is seen. */
    #ifndef FLR_EXACT_BELOW
    #define FLR_EXACT_BELOW 0
    #endif
    """
    const size_t FLR_EXACT_BELOW


cdef int area_reserve(area_t* area, size_t more) except -1 nogil:
    cdef size_t wanted = area.size + more, room = area.room
    cdef uint8_t* data
    if 0 < wanted < FLR_EXACT_BELOW:
        room = wanted
    elif wanted <= room:
        return 0
    while room < wanted:
        room = room * 2 if room else 4096
    data = <uint8_t*> realloc(area.data, room)
    if data == NULL:
        with gil:
            raise MemoryError()
    area.data = data
    area.room = room
    return 0


cdef int area_append(area_t* area, const void* data, size_t size) except -1 nogil:
    area_reserve(area, size)
    memcpy(area.data + area.size, data, size)
    area.size += size
    return 0


cdef inline void put_varint(area_t* area, uint64_t value) noexcept nogil:
    while value > 0x7F:
        area.data[area.size] = <uint8_t> (value & 0x7F | 0x80)
        area.size += 1
        value >>= 7
    area.data[area.size] = <uint8_t> value
    area.size += 1


cdef inline void put(area_t* area, const void* data, size_t size) noexcept nogil:
    memcpy(area.data + area.size, data, size)
    area.size += size


cdef inline bint put_time(area_t* area, int64_t time) noexcept nogil:
    """Two bytes and False for a day, eight bytes and True for another time."""
    cdef uint16_t day
    if flr_is_day(time, &day):
        put(area, &day, 2)
        return False
    put(area, &time, 8)
    return True


cdef int c_encode_membership(area_t* area, const membership_t* m, bint has_newer, int64_t newer_from) except -1 nogil:
    cdef size_t start = area.size
    cdef uint8_t flags = 0
    cdef uint64_t zigzag
    area_reserve(area, 64)
    area.size += 1
    if m.begin < 16 and m.end < 16:
        area.data[area.size] = m.begin | m.end << 4
        area.size += 1
    else:
        flags |= WIDE_CODES
        put(area, &m.begin, 1)
        put(area, &m.end, 1)
    put_varint(area, m.slot)
    if put_time(area, m.valid_from):
        flags |= FROM_TIME
    if m.to != FLR_FOREVER:
        if has_newer and m.to == newer_from:
            flags |= TO_NEXT
        else:
            flags |= TO_TIME if put_time(area, m.to) else TO_DAY
    if flr_millis_between(m.updated, m.valid_from if m.to == FLR_FOREVER else m.to, &zigzag):
        put_varint(area, zigzag)
    else:
        flags |= UPDATED_TIME
        put(area, &m.updated, 8)
    put_varint(area, m.id)
    area.data[start] = flags
    return 0


cdef int c_encode_head(area_t* area, uint32_t rest, bint protected) except -1 nogil:
    area_reserve(area, 2)
    area.data[area.size] = <uint8_t> (rest >> 16)
    area.data[area.size + 1] = PROTECTED if protected else 0
    area.size += 2
    return 0


cdef int c_encode_alias(area_t* area, uint32_t rest, uint64_t newest) except -1 nogil:
    area_reserve(area, 7)
    area.data[area.size] = <uint8_t> (rest >> 16)
    area.data[area.size + 1] = ALIAS
    area.size += 2
    put(area, &newest, 5)
    return 0


def encode_record(uint32_t rest, record):
    """The bytes of one record, from the high bits of its rest on."""
    cdef area_t area
    cdef membership_t m
    cdef bint has_newer = False
    cdef int64_t newer_from = 0
    area.data, area.size, area.room = NULL, 0, 0
    try:
        if record.alias_of is not None:
            c_encode_alias(&area, rest, record.alias_of)
        else:
            c_encode_head(&area, rest, record.protected)
            for m.slot, m.valid_from, m.to, m.begin, m.end, m.updated, m.id in record.memberships:
                c_encode_membership(&area, &m, has_newer, newer_from)
                has_newer, newer_from = True, m.valid_from
        return area.data[:area.size]
    finally:
        free(area.data)
