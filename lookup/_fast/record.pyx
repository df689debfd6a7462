"""A bucket of person records, and a membership, read from bytes. Compiled twin of lookup/record.py.

Writing is in encode.pyx.

Reading works on a pointer and a size, checks both before every load, and loads through memcpy: values in the map are
not aligned. It needs neither the GIL nor Python objects; errors are numbers that `damaged` turns into `Damaged`.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from lookup import record as plain
from lookup._fast.encode import encode_record  # no-cython-lint: part of this module to Python
from lookup.key import KEY_BITS as PLAIN_KEY_BITS
from lookup.record import Damaged, Membership, Record

cdef extern from *:
    """
    static inline int flr_shift_millis(int64_t base, uint64_t zigzag, int64_t *out) {
        int64_t millis = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
        __int128 sum = (__int128)base + (__int128)millis * 1000;
        if (sum < INT64_MIN || sum > INT64_MAX) return 0;
        *out = (int64_t)sum;
        return 1;
    }
    """
    bint flr_shift_millis(int64_t base, uint64_t zigzag, int64_t* out) noexcept nogil

if (
    (FLR_FOREVER, FLR_DAY_MICROS, FLR_FIRST_DAY, FLR_HEADER)
    != (plain.FOREVER, plain.DAY_MICROS, plain.FIRST_DAY, plain.HEADER)
    or (ALIAS, PROTECTED, TO_OPEN, TO_NEXT, TO_DAY, TO_TIME)
    != (plain.ALIAS, plain.PROTECTED, plain.TO_OPEN, plain.TO_NEXT, plain.TO_DAY, plain.TO_TIME)
    or (FROM_TIME, UPDATED_TIME, WIDE_CODES, KNOWN_FLAGS)
    != (plain.FROM_TIME, plain.UPDATED_TIME, plain.WIDE_CODES, plain.KNOWN_FLAGS)
    or PLAIN_KEY_BITS != 37
):
    raise ImportError("lookup._fast.record was built from other constants than lookup.record")

cdef enum:
    EARLY = -1
    LONG_NUMBER = -2
    FLAGS = -3
    SLOT = -4
    NONE_BEFORE = -5
    TIME = -6
    LONG_ALIAS = -7
    RECORD_FLAGS = -8
    SHORT = -9
    HEAD = -10
    PLACE = -11
    KEY = -12
    KEY_BITS = 37

MESSAGES = {
    EARLY: "a record ends too early",
    LONG_NUMBER: "a number is too long",
    FLAGS: "unknown flags in a membership",
    SLOT: "a slot is out of range",
    NONE_BEFORE: "the first membership has none before it",
    TIME: "a time is out of range",
    LONG_ALIAS: "an alias is too long",
    RECORD_FLAGS: "unknown flags in a record",
    SHORT: "a bucket is too short",
    HEAD: "a bucket's head is wrong",
    PLACE: "a record's place is wrong",
    KEY: "a record's key is out of range",
}


cdef object damaged(int code):
    return Damaged(MESSAGES[code])


cdef inline int take(record_t* r, void* out, size_t size) noexcept nogil:
    if <size_t> (r.stop - r.at) < size:
        return EARLY
    memcpy(out, r.at, size)
    r.at += size
    return FOUND


cdef inline int take_varint(record_t* r, uint64_t* out) noexcept nogil:
    cdef uint64_t value = 0
    cdef int shift = 0
    cdef uint8_t byte
    while True:
        if r.at == r.stop:
            return EARLY
        byte = r.at[0]
        r.at += 1
        if shift == 63 and byte > 1:
            return LONG_NUMBER
        value |= <uint64_t> (byte & 0x7F) << shift
        if byte < 0x80:
            out[0] = value
            return FOUND
        shift += 7


cdef inline int take_day(record_t* r, int64_t* out) noexcept nogil:
    cdef uint16_t day
    if take(r, &day, 2) < 0:
        return EARLY
    out[0] = (day + FLR_FIRST_DAY) * FLR_DAY_MICROS
    return FOUND


cdef int c_next(record_t* r, membership_t* m) noexcept nogil:
    """The next membership of a record: FOUND, NOT_FOUND at its end, or damaged."""
    cdef uint8_t flags, codes
    cdef uint64_t number
    cdef int kind, status
    if r.at == r.stop:
        return NOT_FOUND
    flags = r.at[0]
    r.at += 1
    if flags & ~KNOWN_FLAGS:
        return FLAGS
    if take(r, &codes, 1) < 0:
        return EARLY
    if flags & WIDE_CODES:
        m.begin = codes
        if take(r, &m.end, 1) < 0:
            return EARLY
    else:
        m.begin = codes & 15
        m.end = codes >> 4
    status = take_varint(r, &number)
    if status < 0:
        return status
    if number > 0xFFFFFFFFU:
        return SLOT
    m.slot = <uint32_t> number
    status = take(r, &m.valid_from, 8) if flags & FROM_TIME else take_day(r, &m.valid_from)
    if status < 0:
        return status
    kind = flags & 3
    if kind == TO_OPEN:
        m.to = FLR_FOREVER
    elif kind == TO_NEXT:
        if not r.has_newer:
            return NONE_BEFORE
        m.to = r.newer_from
    else:
        status = take_day(r, &m.to) if kind == TO_DAY else take(r, &m.to, 8)
        if status < 0:
            return status
    if flags & UPDATED_TIME:
        if take(r, &m.updated, 8) < 0:
            return EARLY
    else:
        status = take_varint(r, &number)
        if status < 0:
            return status
        if not flr_shift_millis(m.valid_from if kind == TO_OPEN else m.to, number, &m.updated):
            return TIME
    status = take_varint(r, &m.id)
    if status < 0:
        return status
    r.newer_from = m.valid_from
    r.has_newer = True
    return FOUND


cdef int c_open(const uint8_t* at, size_t size, record_t* out) noexcept nogil:
    """Begin to read the bytes of one record: FOUND or damaged."""
    if size < 2:
        return EARLY
    out.flags = at[1]
    out.at = at + 2
    out.stop = at + size
    out.has_newer = False
    out.newer_from = 0
    if out.flags != ALIAS and out.flags & ~PROTECTED:
        return RECORD_FLAGS
    return FOUND


cdef int c_alias(record_t* record, uint64_t* newest) noexcept nogil:
    """The newest number of an alias record: FOUND, NOT_FOUND when it is no alias, or damaged."""
    if record.flags != ALIAS:
        return NOT_FOUND
    newest[0] = 0
    if take(record, newest, 5) < 0:
        return EARLY
    return FOUND if record.at == record.stop else LONG_ALIAS


cdef inline int directory(const uint8_t* data, size_t size, uint32_t bucket, uint16_t* n) noexcept nogil:
    cdef uint32_t number
    cdef uint16_t zero
    if size < FLR_HEADER:
        return SHORT
    memcpy(&number, data, 4)
    memcpy(n, data + 4, 2)
    memcpy(&zero, data + 6, 2)
    if number != bucket or zero or size < FLR_HEADER + 4 * <size_t> n[0]:
        return HEAD
    return FOUND


cdef inline int place(
    const uint8_t* data, size_t size, uint16_t n, uint16_t i, const uint8_t** at, size_t* length
) noexcept nogil:
    """Where record `i` stands: at least two bytes inside the bucket."""
    cdef const uint8_t* ends = data + FLR_HEADER + 2 * <size_t> n
    cdef size_t start = FLR_HEADER + 4 * <size_t> n
    cdef uint16_t begin = 0, end
    if i:
        memcpy(&begin, ends + 2 * (<size_t> i - 1), 2)
    memcpy(&end, ends + 2 * <size_t> i, 2)
    if <size_t> begin + 2 > end or start + end > size:
        return PLACE
    at[0] = data + start + begin
    length[0] = end - begin
    return FOUND


cdef int c_find(const uint8_t* data, size_t size, uint32_t bucket, uint32_t rest, record_t* out) noexcept nogil:
    """Begin to read the record with `rest`: FOUND, NOT_FOUND or damaged."""
    cdef uint16_t n, low, i
    cdef uint16_t wanted = rest & 0xFFFF
    cdef const uint8_t* at
    cdef size_t length
    cdef int status = directory(data, size, bucket, &n)
    if status < 0:
        return status
    for i in range(n):
        memcpy(&low, data + FLR_HEADER + 2 * <size_t> i, 2)
        if low == wanted:
            status = place(data, size, n, i, &at, &length)
            if status < 0:
                return status
            if at[0] == rest >> 16:
                return c_open(at, length, out)
    return NOT_FOUND


cdef int c_nth(
    const uint8_t* data, size_t size, uint32_t bucket, int bits, uint32_t i, uint32_t* rest, record_t* out
) noexcept nogil:
    """Begin to read record `i` of a bucket, in stored order: FOUND, NOT_FOUND behind the last, or damaged."""
    cdef uint16_t n, low
    cdef const uint8_t* at
    cdef size_t length
    cdef int high_bits = KEY_BITS - bits - 16
    cdef int status = directory(data, size, bucket, &n)
    if status < 0:
        return status
    if i >= n:
        return NOT_FOUND
    status = place(data, size, n, <uint16_t> i, &at, &length)
    if status < 0:
        return status
    if at[0] >> (high_bits if high_bits > 0 else 0):
        return KEY
    memcpy(&low, data + FLR_HEADER + 2 * <size_t> i, 2)
    rest[0] = <uint32_t> at[0] << 16 | low
    return c_open(at, length, out)


cdef object membership_tuple(const membership_t* m):
    return Membership(m.slot, m.valid_from, m.to, m.begin, m.end, m.updated, m.id)


cdef object record_tuple(record_t* record):
    cdef membership_t m
    cdef uint64_t newest
    cdef int status = c_alias(record, &newest)
    cdef list memberships
    if status < 0:
        raise damaged(status)
    if status == FOUND:
        return Record(newest)
    memberships = []
    while True:
        status = c_next(record, &m)
        if status < 0:
            raise damaged(status)
        if status == NOT_FOUND:
            return Record(None, bool(record.flags & PROTECTED), tuple(memberships))
        memberships.append(membership_tuple(&m))


def decode_record(const uint8_t[::1] data not None):
    """The record of the bytes that `encode_record` made (the high bits of the rest are skipped)."""
    cdef record_t record
    cdef int status = c_open(&data[0] if data.shape[0] else NULL, data.shape[0], &record)
    if status < 0:
        raise damaged(status)
    return record_tuple(&record)


def find(const uint8_t[::1] data not None, uint32_t bucket, uint32_t rest):
    """The record with `rest` in a bucket, or None."""
    cdef record_t record
    cdef int status = c_find(&data[0] if data.shape[0] else NULL, data.shape[0], bucket, rest, &record)
    if status < 0:
        raise damaged(status)
    return record_tuple(&record) if status == FOUND else None


def decode_bucket(const uint8_t[::1] data not None, uint32_t bucket, int bits):
    """All (rest, record) of a bucket, in stored order."""
    cdef const uint8_t* base = &data[0] if data.shape[0] else NULL
    cdef uint32_t i = 0, rest
    cdef record_t record
    cdef int status
    out = []
    while True:
        status = c_nth(base, data.shape[0], bucket, bits, i, &rest, &record)
        if status < 0:
            raise damaged(status)
        if status == NOT_FOUND:
            return out
        out.append((rest, record_tuple(&record)))
        i += 1
