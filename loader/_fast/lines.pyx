"""Counting lines and summing their digests. Compiled twin of bytes.count and of register.feed.lines_digest.

Goes over every byte of a nation's feed, which is why it is compiled (bench/results tells what it bought). The hash
itself is the package's, called for each line.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcpy

from xxhash import xxh3_128_digest

cdef uint64_t big_endian(const uint8_t* at) noexcept nogil:
    cdef uint64_t value = 0
    cdef int i
    for i in range(8):
        value = value << 8 | at[i]
    return value


def count_lines(bytes data not None):
    """How many line feeds `data` has."""
    cdef const char* at = PyBytes_AS_STRING(data)
    cdef const char* stop = at + PyBytes_GET_SIZE(data)
    cdef Py_ssize_t count = 0
    while True:
        at = <const char*> memchr(at, 10, stop - at)
        if at == NULL:
            return count
        at += 1
        count += 1


def lines_digest(str table not None, bytes lines not None):
    """The sum modulo 2**128 of the record digests of canonical lines, each ended by a line feed."""
    cdef bytes prefix = table.encode() + b"\x1f", hashed, digest
    cdef Py_ssize_t head = len(prefix), size
    cdef const char* at = PyBytes_AS_STRING(lines)
    cdef const char* stop = at + PyBytes_GET_SIZE(lines)
    cdef const char* end
    cdef uint64_t high = 0, low = 0, more
    while at < stop:
        end = <const char*> memchr(at, 10, stop - at)
        size = (stop if end == NULL else end) - at
        hashed = PyBytes_FromStringAndSize(NULL, head + size)
        memcpy(PyBytes_AS_STRING(hashed), PyBytes_AS_STRING(prefix), head)
        memcpy(PyBytes_AS_STRING(hashed) + head, at, size)
        digest = xxh3_128_digest(hashed)
        if PyBytes_GET_SIZE(digest) != 16:
            raise ValueError("a digest is not of 16 bytes")
        more = big_endian(<const uint8_t*> PyBytes_AS_STRING(digest) + 8)
        low += more
        high += big_endian(<const uint8_t*> PyBytes_AS_STRING(digest)) + (low < more)
        at += size + 1
    return int(high) << 64 | int(low)
