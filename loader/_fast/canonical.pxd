from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, strlen

from lookup._fast.key cimport c_parse
from lookup._fast.record cimport FLR_FOREVER

# The tokens of a canonical line (docs/feed-format.md). Each reader takes its token at the cursor and moves behind it,
# or says False; then the line is not taken, so where the cursor stands no longer matters (but `word` never moves it).

cdef struct cursor_t:
    const uint8_t* at
    const uint8_t* stop

cdef struct text_t:
    const uint8_t* at
    size_t size


cdef inline bint word(cursor_t* c, const char* text) noexcept nogil:
    """Exactly `text`, a literal: names and punctuation."""
    cdef size_t size = strlen(text)
    if <size_t> (c.stop - c.at) < size or memcmp(c.at, text, size) != 0:
        return False
    c.at += size
    return True


cdef inline bint null(cursor_t* c) noexcept nogil:
    return word(c, b"null")


cdef inline bint number(cursor_t* c, uint64_t least, uint64_t most, uint64_t* out) noexcept nogil:
    """An integer of at most 18 digits, no sign, no leading zero, within the limits."""
    cdef const uint8_t* start = c.at
    cdef uint64_t value = 0
    while c.at < c.stop and 48 <= c.at[0] <= 57 and c.at - start < 18:
        value = value * 10 + (c.at[0] - 48)
        c.at += 1
    out[0] = value
    return c.at > start and (start[0] != 48 or c.at == start + 1) and least <= value <= most


cdef inline bint string(cursor_t* c, text_t* out) noexcept nogil:
    """A string whose text stands as it is: no escape, and UTF-8 of characters below U+0300, so in form C."""
    cdef const uint8_t* at = c.at
    if at >= c.stop or at[0] != 34:
        return False
    at += 1
    out.at = at
    while at < c.stop:
        if at[0] == 34:
            out.size = at - out.at
            c.at = at + 1
            return True
        if 0x20 <= at[0] <= 0x7F and at[0] != 92:
            at += 1
        elif 0xC2 <= at[0] <= 0xCB and c.stop - at > 1 and at[1] & 0xC0 == 0x80:
            at += 2
        else:
            return False
    return False


cdef inline bint string_or_null(cursor_t* c) noexcept nogil:
    cdef text_t text
    return string(c, &text) or null(c)


cdef inline bint boolean(cursor_t* c) noexcept nogil:
    return word(c, b"false") or word(c, b"true")


cdef inline bint nin(cursor_t* c, uint64_t* out) noexcept nogil:
    """A national id whose control digits hold, with its quotes."""
    cdef int64_t value
    if c.stop - c.at < 13 or c.at[0] != 34 or c.at[12] != 34:
        return False
    value = c_parse(c.at + 1, 11)
    c.at += 13
    out[0] = <uint64_t> value
    return value >= 0


cdef inline bint digits(const uint8_t* at, int count, int* out) noexcept nogil:
    """The number that `count` digits make, leading zeros and all."""
    cdef int i
    cdef bint good = True
    cdef uint8_t digit
    out[0] = 0
    for i in range(count):
        digit = <uint8_t> (at[i] - 48)
        good &= digit <= 9
        out[0] = out[0] * 10 + digit
    return good


cdef inline bint four_digits_or_null(cursor_t* c) noexcept nogil:
    """A string of four digits (a postal code), or null."""
    cdef int value
    if null(c):
        return True
    if c.stop - c.at < 6 or c.at[0] != 34 or c.at[5] != 34 or not digits(c.at + 1, 4, &value):
        return False
    c.at += 6
    return True


cdef inline int64_t days_from_civil(int64_t year, int month, int day) noexcept nogil:
    """Days since 1970-01-01 of a date of the proleptic Gregorian calendar."""
    cdef int64_t era, day_of_era
    year -= month <= 2
    era = year // 400
    day_of_era = (year - era * 400) * 365 + (year - era * 400) // 4 - (year - era * 400) // 100
    day_of_era += (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + day_of_era - 719468


cdef inline bint civil(const uint8_t* at, int64_t* days) noexcept nogil:
    """The ten bytes of a date that exists, YYYY-MM-DD from year 1 on, as days since 1970-01-01."""
    cdef int year, month, day, last
    cdef bint good = digits(at, 4, &year) & (at[4] == 45) & digits(at + 5, 2, &month) & (at[7] == 45)
    good &= digits(at + 8, 2, &day)
    if not (good and year >= 1 and 1 <= month <= 12 and day >= 1):
        return False
    if month == 2:
        last = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    else:
        last = 30 + ((month + (month >> 3)) & 1)
    if day > last:
        return False
    days[0] = days_from_civil(year, month, day)
    return True


cdef inline bint date_or_null(cursor_t* c) noexcept nogil:
    cdef int64_t days
    if null(c):
        return True
    if c.stop - c.at < 12 or c.at[0] != 34 or c.at[11] != 34 or not civil(c.at + 1, &days):
        return False
    c.at += 12
    return True


cdef inline bint time(cursor_t* c, int64_t* out) noexcept nogil:
    """A time in local microseconds; the decimals are six and not all zero, or are not there."""
    cdef const uint8_t* at = c.at + 1
    cdef int64_t days
    cdef int hour, minute, second, fraction = 0
    cdef bint good
    if c.stop - c.at < 21 or c.at[0] != 34 or not civil(at, &days):
        return False
    good = (at[10] == 84) & digits(at + 11, 2, &hour) & (at[13] == 58) & digits(at + 14, 2, &minute)
    good &= (at[16] == 58) & digits(at + 17, 2, &second)
    if not good or hour > 23 or minute > 59 or second > 59:
        return False
    c.at += 20
    if c.at[0] == 46:
        if c.stop - c.at < 8 or not digits(c.at + 1, 6, &fraction) or fraction == 0:
            return False
        c.at += 7
    if c.at[0] != 34:
        return False
    c.at += 1
    out[0] = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000000 + fraction
    return True


cdef inline bint time_or_null(cursor_t* c, int64_t* out) noexcept nogil:
    """As `time`; null is the open end, FLR_FOREVER."""
    if null(c):
        out[0] = FLR_FOREVER
        return True
    return time(c, out)
