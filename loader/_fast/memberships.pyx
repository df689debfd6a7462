"""The canonical lines of memberships, made again out of what an index holds. Compiled twin of loader/memberships.py.

Runs over every membership of a nation in each full load, which is why it is compiled. Does no input or output.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from lookup._fast.encode cimport area_reserve, area_t
from lookup._fast.index cimport Index, damaged, span_t
from lookup._fast.key cimport c_unmix
from lookup._fast.record cimport (
    ALIAS, FLR_DAY_MICROS, FLR_FOREVER, FOUND, NOT_FOUND, c_next, c_nth, membership_t, record_t,
)

from loader.memberships import CODE, NUMBER, SLOT, TIME
from lookup.key import KEY_BITS as PLAIN_KEY_BITS
from lookup.record import Damaged

cdef enum:
    KEY_BITS = 37
    BAD_SLOT = -1000
    BAD_CODE = -1001
    BAD_TIME = -1002
    BAD_NUMBER = -1003
    LINE = 400  # what a line takes at most, its two codes not counted
    CODE_BYTES = 100  # of a code's JSON, at most

cdef int64_t DAYS_BEFORE_1970 = 719162  # from 0001-01-01
cdef int64_t DAYS = 3652059  # from there to the end of 9999
cdef int* MONTHS = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]

cdef dict MESSAGES = {BAD_SLOT: SLOT, BAD_CODE: CODE, BAD_TIME: TIME, BAD_NUMBER: NUMBER}

if PLAIN_KEY_BITS != KEY_BITS:
    raise ImportError("loader._fast.memberships was built from other constants than lookup.key")

# A code as it stands in a line, with its quotes.
cdef struct code_t:
    size_t size
    char text[CODE_BYTES]

cdef struct names_t:
    const uint64_t* contracts
    size_t n_contracts
    code_t begin[256]
    code_t end[256]


cdef inline void put(area_t* out, const char* text, size_t size) noexcept nogil:
    memcpy(out.data + out.size, text, size)
    out.size += size


cdef inline void put_digits(area_t* out, uint64_t number, int width) noexcept nogil:
    """A number in so many digits, zeros in front."""
    cdef int i
    for i in range(width - 1, -1, -1):
        out.data[out.size + i] = <uint8_t> (48 + number % 10)
        number //= 10
    out.size += width


cdef inline void put_number(area_t* out, uint64_t number) noexcept nogil:
    cdef int width = 1
    cdef uint64_t rest = number // 10
    while rest:
        width += 1
        rest //= 10
    put_digits(out, number, width)


cdef inline int64_t days_before(int64_t year) noexcept nogil:
    """Days from 0001-01-01 to the first of a year."""
    year -= 1
    return year * 365 + year // 4 - year // 100 + year // 400


cdef int put_time(area_t* out, int64_t micros) noexcept nogil:
    """A time between quotes: FOUND or BAD_TIME."""
    cdef int64_t day = micros // FLR_DAY_MICROS, year
    cdef int64_t rest = micros - day * FLR_DAY_MICROS
    cdef int64_t seconds
    cdef int month = 1
    cdef bint leap
    if rest < 0:
        rest += FLR_DAY_MICROS
        day -= 1
    day += DAYS_BEFORE_1970
    if not 0 <= day < DAYS:
        return BAD_TIME
    year = day * 400 // 146097 + 1  # right, or one off
    if days_before(year) > day:
        year -= 1
    elif days_before(year + 1) <= day:
        year += 1
    day -= days_before(year)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    while day >= MONTHS[month] + (leap and month > 1):
        month += 1
    day -= MONTHS[month - 1] + (leap and month > 2)
    put(out, b'"', 1)
    put_digits(out, year, 4)
    put(out, b"-", 1)
    put_digits(out, month, 2)
    put(out, b"-", 1)
    put_digits(out, day + 1, 2)
    put(out, b"T", 1)
    seconds = rest // 1000000
    put_digits(out, seconds // 3600, 2)
    put(out, b":", 1)
    put_digits(out, seconds // 60 % 60, 2)
    put(out, b":", 1)
    put_digits(out, seconds % 60, 2)
    if rest % 1000000:
        put(out, b".", 1)
        put_digits(out, rest % 1000000, 6)
    put(out, b'"', 1)
    return FOUND


cdef int put_line(area_t* out, uint64_t nin, const membership_t* m, const names_t* names) noexcept nogil:
    """A membership's line and its end: FOUND or what is wrong. There is room for it."""
    if m.slot >= names.n_contracts:
        return BAD_SLOT
    if not names.begin[m.begin].size or not names.end[m.end].size:
        return BAD_CODE
    put(out, b'{"id":', 6)
    put_number(out, m.id)
    put(out, b',"nin":"', 8)
    put_digits(out, nin, 11)
    put(out, b'","contractId":', 15)
    put_number(out, names.contracts[m.slot])
    put(out, b',"from":', 8)
    if put_time(out, m.valid_from) < 0:
        return BAD_TIME
    put(out, b',"to":', 6)
    if m.to == FLR_FOREVER:
        put(out, b"null", 4)
    elif put_time(out, m.to) < 0:
        return BAD_TIME
    put(out, b',"beginCode":', 13)
    put(out, names.begin[m.begin].text, names.begin[m.begin].size)
    put(out, b',"endCode":', 11)
    put(out, names.end[m.end].text, names.end[m.end].size)
    put(out, b',"updated":', 11)
    if put_time(out, m.updated) < 0:
        return BAD_TIME
    put(out, b"}\n", 2)
    return FOUND


cdef int put_bucket(area_t* out, Index index, uint64_t bucket, const names_t* names) except? -1 nogil:
    """The lines of one bucket: FOUND, NOT_FOUND where it is empty, or what is wrong (below -1 only when it is told)."""
    cdef span_t span
    cdef record_t record
    cdef membership_t m
    cdef uint32_t i = 0, rest
    cdef uint64_t nin
    cdef int status = index.value(bucket, &span)
    if status != FOUND:
        return status
    while True:
        status = c_nth(span.data, span.size, <uint32_t> bucket, index.bits, i, &rest, &record)
        if status != FOUND:
            return status
        i += 1
        if record.flags == ALIAS:
            continue
        nin = c_unmix(bucket << (KEY_BITS - index.bits) | <uint64_t> rest)
        while True:
            status = c_next(&record, &m)
            if status < 0:
                return status
            if status == NOT_FOUND:
                break
            if nin >= 100000000000ULL:
                return BAD_NUMBER
            area_reserve(out, LINE + 2 * CODE_BYTES)
            status = put_line(out, nin, &m, names)
            if status < 0:
                return status


cdef int set_codes(code_t* out, codes) except -1:
    """The codes of one list; of the other ordinals the size is 0."""
    cdef int i
    cdef bytes text
    for i in range(256):
        out[i].size = 0
    for i, text in enumerate(codes):
        if i > 255 or len(text) > CODE_BYTES:
            raise ValueError("more codes, or a longer one, than there is room for")
        out[i].size = len(text)
        memcpy(out[i].text, <const char*> text, len(text))
    return 0


def membership_lines(Index index not None, names, uint64_t first, uint64_t last):
    """The lines of the memberships in buckets first..last-1, each ended by a line feed. Raises Damaged."""
    cdef const uint64_t[::1] contracts = names.contracts
    cdef names_t known
    cdef area_t out
    cdef uint64_t bucket
    cdef int status = FOUND
    if last > <uint64_t> 1 << index.bits:
        raise IndexError("no such bucket")
    out.data, out.size, out.room = NULL, 0, 0
    known.contracts, known.n_contracts = &contracts[0] if contracts.shape[0] else NULL, contracts.shape[0]
    set_codes(known.begin, names.begin)
    set_codes(known.end, names.end)
    try:
        with nogil:
            for bucket in range(first, last):
                status = put_bucket(&out, index, bucket, &known)
                if status < 0:
                    break
        if status < 0:
            raise Damaged(MESSAGES[status]) if status in MESSAGES else damaged(status)
        return (<const char*> out.data)[: out.size] if out.size else b""
    finally:
        free(out.data)
