# Octets written one behind the other: what is there already, numbers, and local times. Each returns where it ended.

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    MAX_DIGITS = 20

cdef inline uint8_t* put(uint8_t* out, const void* data, size_t size) noexcept nogil:
    memcpy(out, data, size)
    return out + size

cdef inline uint8_t* put_number(uint8_t* out, uint64_t number) noexcept nogil:
    cdef uint8_t digits[MAX_DIGITS]
    cdef int i = MAX_DIGITS
    while True:
        i -= 1
        digits[i] = <uint8_t> (c"0" + number % 10)
        number //= 10
        if not number:
            return put(out, digits + i, MAX_DIGITS - i)

cdef inline size_t size_of_number(uint64_t number) noexcept nogil:
    cdef size_t size = 1
    while number >= 10:
        number //= 10
        size += 1
    return size

cdef inline uint8_t* put_nin(uint8_t* out, uint64_t nin) noexcept nogil:
    """A national id, in eleven digits."""
    cdef int i
    for i in range(10, -1, -1):
        out[i] = <uint8_t> (c"0" + nin % 10)
        nin //= 10
    return out + 11

cdef extern from *:
    """
    #define FLR_FIRST_MICRO (-62135596800000000LL) /* 0001-01-01T00:00:00 */
    #define FLR_END_MICRO 253402300800000000LL     /* the end of year 9999 */
    static inline void flr_two(uint8_t *out, unsigned n) { out[0] = '0' + n / 10; out[1] = '0' + n % 10; }
    /* A local time, which must be of the years 1 to 9999, as YYYY-MM-DDTHH:MM:SS[.ffffff]; returns its end. */
    static inline uint8_t *flr_write_time(uint8_t *out, int64_t micros) {
        int64_t day = micros / 86400000000LL, rest = micros % 86400000000LL;
        if (rest < 0) { day -= 1; rest += 86400000000LL; }
        int64_t shifted = day + 719468, era = shifted / 146097;
        if (shifted < 0 && era * 146097 != shifted) era -= 1;
        unsigned of_era = (unsigned)(shifted - era * 146097);
        unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        unsigned mp = (5 * of_year + 2) / 153, d = of_year - (153 * mp + 2) / 5 + 1, m = mp < 10 ? mp + 3 : mp - 9;
        unsigned year = (unsigned)(year_of_era + era * 400 + (m <= 2));
        unsigned second = (unsigned)(rest / 1000000), fraction = (unsigned)(rest % 1000000);
        flr_two(out, year / 100); flr_two(out + 2, year % 100); out[4] = '-';
        flr_two(out + 5, m); out[7] = '-'; flr_two(out + 8, d); out[10] = 'T';
        flr_two(out + 11, second / 3600); out[13] = ':'; flr_two(out + 14, second / 60 % 60); out[16] = ':';
        flr_two(out + 17, second % 60);
        if (!fraction) return out + 19;
        out[19] = '.';
        flr_two(out + 20, fraction / 10000); flr_two(out + 22, fraction / 100 % 100); flr_two(out + 24, fraction % 100);
        return out + 26;
    }
    """
    const int64_t FLR_FIRST_MICRO
    const int64_t FLR_END_MICRO
    uint8_t* flr_write_time(uint8_t* out, int64_t micros) noexcept nogil

cdef inline size_t size_of_time(int64_t micros) noexcept nogil:
    return 26 if micros % 1000000 else 19

cdef inline bint is_time(int64_t micros) noexcept nogil:
    return FLR_FIRST_MICRO <= micros < FLR_END_MICRO
