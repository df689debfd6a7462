"""Base64url, and signatures as OpenSSL takes them: the compiled twin of lookup/access/encodings.py."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int8_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

cdef enum:
    MAX_HALF = 66
    INTEGER = 0x02
    SEQUENCE = 0x30

cdef bytes LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
cdef int8_t VALUES[256]
memset(VALUES, -1, sizeof(VALUES))
cdef int _value
for _value in range(64):
    VALUES[<uint8_t> LETTERS[_value]] = _value


def decoded(bytes text not None):
    """The octets that base64url stands for. Raises ValueError where there is anything else in it."""
    cdef const uint8_t* letters = text
    cdef size_t size = len(text), whole = size // 4, rest = size % 4
    cdef uint8_t* out
    cdef uint32_t group
    cdef int wrong = 0
    if rest == 1:
        raise ValueError("no base64url")
    cdef bytes octets = PyBytes_FromStringAndSize(NULL, whole * 3 + (rest - 1 if rest else 0))
    out = <uint8_t*> PyBytes_AS_STRING(octets)
    for _ in range(whole):
        wrong |= VALUES[letters[0]] | VALUES[letters[1]] | VALUES[letters[2]] | VALUES[letters[3]]
        group = (
            <uint32_t> <uint8_t> VALUES[letters[0]] << 18 | <uint32_t> <uint8_t> VALUES[letters[1]] << 12
            | <uint32_t> <uint8_t> VALUES[letters[2]] << 6 | <uint8_t> VALUES[letters[3]]
        )
        out[0], out[1], out[2] = group >> 16 & 255, group >> 8 & 255, group & 255
        letters += 4
        out += 3
    if rest:
        wrong |= VALUES[letters[0]] | VALUES[letters[1]]
        group = <uint32_t> <uint8_t> VALUES[letters[0]] << 18 | <uint32_t> <uint8_t> VALUES[letters[1]] << 12
        if rest == 3:
            wrong |= VALUES[letters[2]]
            group |= <uint32_t> <uint8_t> VALUES[letters[2]] << 6
            out[1] = group >> 8 & 255
        out[0] = group >> 16 & 255
    if wrong < 0:
        raise ValueError("no base64url")
    return octets


def der(bytes signature not None):
    """A signature of two numbers side by side (of 1 to MAX_HALF octets each), as OpenSSL takes it."""
    cdef const uint8_t* raw = signature
    cdef size_t size = len(signature), half = size // 2, body
    cdef uint8_t out[3 + 2 * (3 + MAX_HALF)]
    cdef uint8_t* end
    if size % 2 or not 0 < half <= MAX_HALF:
        raise ValueError("no two numbers")
    end = integer(integer(out + 3, raw, half), raw + half, half)
    body = end - (out + 3)
    if body < 128:
        out[1], out[2] = SEQUENCE, body
        return PyBytes_FromStringAndSize(<char*> out + 1, body + 2)
    out[0], out[1], out[2] = SEQUENCE, 0x81, body
    return PyBytes_FromStringAndSize(<char*> out, body + 3)


cdef uint8_t* integer(uint8_t* out, const uint8_t* number, size_t size) noexcept nogil:
    """Write a number without needless zeros, and with one in front where it would be negative; where it ends."""
    while size > 1 and not number[0]:
        number += 1
        size -= 1
    cdef bint zero = number[0] >> 7
    out[0], out[1], out[2] = INTEGER, size + zero, 0
    memcpy(out + 2 + zero, number, size)
    return out + 2 + zero + size
