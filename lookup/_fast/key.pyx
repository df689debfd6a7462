"""The key of a person in the index. Compiled twin of lookup/key.py."""

from libc.stdint cimport int64_t, uint64_t
from cpython.unicode cimport PyUnicode_AsUTF8AndSize

from lookup import key as plain

bits_for = plain.bits_for
split = plain.split
join = plain.join

cdef extern from *:
    """
    #define FLR_KEY_BITS 37
    #define FLR_KEY_MASK ((1ULL << FLR_KEY_BITS) - 1)
    #define FLR_MULTIPLIER_1 0x0B4E0EF37BULL
    #define FLR_MULTIPLIER_2 0x135CA6B7A1ULL
    #define FLR_SHIFT 19
    """
    const int FLR_KEY_BITS
    const uint64_t FLR_KEY_MASK
    const uint64_t FLR_MULTIPLIER_1
    const uint64_t FLR_MULTIPLIER_2
    const int FLR_SHIFT

cdef uint64_t INVERSE_1 = plain.INVERSE_1
cdef uint64_t INVERSE_2 = plain.INVERSE_2

if (FLR_KEY_BITS, FLR_KEY_MASK, FLR_MULTIPLIER_1, FLR_MULTIPLIER_2, FLR_SHIFT) != (
    plain.KEY_BITS, plain.KEY_MASK, plain.MULTIPLIER_1, plain.MULTIPLIER_2, plain.SHIFT
):
    raise ImportError("lookup._fast.key was built from other constants than lookup.key")


cdef uint64_t c_mix(uint64_t nin) noexcept nogil:
    cdef uint64_t mixed = nin * FLR_MULTIPLIER_1 & FLR_KEY_MASK
    mixed ^= mixed >> FLR_SHIFT
    mixed = mixed * FLR_MULTIPLIER_2 & FLR_KEY_MASK
    return mixed ^ (mixed >> FLR_SHIFT)


cdef uint64_t c_unmix(uint64_t mixed) noexcept nogil:
    mixed ^= mixed >> FLR_SHIFT
    mixed = mixed * INVERSE_2 & FLR_KEY_MASK
    mixed ^= mixed >> FLR_SHIFT
    return mixed * INVERSE_1 & FLR_KEY_MASK


cdef int64_t c_parse(const unsigned char* text, Py_ssize_t size) noexcept nogil:
    """The number of eleven ASCII digits with right control digits (rule of 2032), else -1."""
    return c_parse_within(text, size, 3)


cdef int64_t c_parse_within(const unsigned char* text, Py_ssize_t size, int residue) noexcept nogil:
    """The same, where the first control sum may leave at most `residue`: 3 from 2032 on, 0 today."""
    cdef int d[11]
    cdef int i
    cdef int64_t number = 0
    if size != 11:
        return -1
    for i in range(11):
        d[i] = text[i] - 48
        if d[i] < 0 or d[i] > 9:
            return -1
        number = number * 10 + d[i]
    cdef int first = 3*d[0] + 7*d[1] + 6*d[2] + d[3] + 8*d[4] + 9*d[5] + 4*d[6] + 5*d[7] + 2*d[8] + d[9]
    cdef int second = 5*d[0] + 4*d[1] + 3*d[2] + 2*d[3] + 7*d[4] + 6*d[5] + 5*d[6] + 4*d[7] + 3*d[8] + 2*d[9] + d[10]
    return number if second % 11 == 0 and first % 11 <= residue else -1


cdef int64_t c_parse_str(str text) noexcept:
    """`c_parse` of a str; -1 also when it has no UTF-8 form (a lone surrogate)."""
    cdef Py_ssize_t size
    cdef const char* data
    try:
        data = PyUnicode_AsUTF8AndSize(text, &size)
    except UnicodeEncodeError:
        return -1
    return c_parse(<const unsigned char*> data, size)


def mix(uint64_t nin):
    """The 37-bit mixed key of a national id below 2**37."""
    return c_mix(nin)


def unmix(uint64_t mixed):
    """The national id of a mixed key: the inverse of `mix`."""
    return c_unmix(mixed)


def parse(text):
    """The national id of eleven ASCII digits with right control digits (rule of 2032), else -1."""
    cdef bytes raw
    if isinstance(text, str):
        return c_parse_str(text)
    raw = text
    return c_parse(raw, len(raw))
