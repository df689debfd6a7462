"""The fragment of a contract at a time, read from a slot's bytes. Compiled twin of `read_fragment` in lookup/index.py.

Works on a pointer and a size, both checked before every load; needs neither the GIL nor Python objects.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from lookup._fast.record cimport FOUND, NOT_FOUND

from lookup import index as plain
from lookup.index import Fragment
from lookup.record import Damaged

cdef enum:
    FRAGMENT_HEADER = 8
    SHORT = -201
    HEAD = -202
    PLACE = -203
    PIECE = -204

if FRAGMENT_HEADER != plain.FRAGMENT_HEADER:
    raise ImportError("lookup._fast.fragment was built from other constants than lookup.index")

cdef dict MESSAGES = {
    SHORT: "a fragment list is too short",
    HEAD: "a fragment list's head is wrong",
    PLACE: "a fragment's place is wrong",
    PIECE: "a fragment's head is wrong",
}


cdef inline int64_t boundary(const uint8_t* data, size_t i) noexcept nogil:
    cdef int64_t time
    memcpy(&time, data + FRAGMENT_HEADER + 8 * i, 8)
    return time


cdef int c_place(
    const uint8_t* data, size_t size, int64_t at, size_t* which, size_t* begin, size_t* end
) noexcept nogil:
    """Where the piece of a time stands: FOUND, NOT_FOUND outside what was rendered, or damaged."""
    cdef uint16_t n, zero
    cdef uint32_t before = 0, after
    cdef size_t i, start, ends
    if size < FRAGMENT_HEADER:
        return SHORT
    memcpy(&n, data + 4, 2)
    memcpy(&zero, data + 6, 2)
    ends = FRAGMENT_HEADER + 8 * (<size_t> n + 1)
    start = ends + 4 * <size_t> n
    if zero or not n or start > size:
        return HEAD
    for i in range(n):
        if not boundary(data, i) <= at < boundary(data, i + 1):
            continue
        if i:
            memcpy(&before, data + ends + 4 * (i - 1), 4)
        memcpy(&after, data + ends + 4 * i, 4)
        if before >= after or start + after > size:
            return PLACE
        which[0], begin[0], end[0] = i, start + before, start + after
        return FOUND
    return NOT_FOUND


cdef int c_read_fragment(const uint8_t* data, size_t size, int64_t at, fragment_t* out) noexcept nogil:
    """The fragment whose period covers `at`: FOUND, NOT_FOUND outside all of them, or damaged."""
    cdef size_t which, begin, end, json
    cdef int status = c_place(data, size, at, &which, &begin, &end)
    if status != FOUND:
        return status
    out.confirmer_count = data[begin]
    json = begin + 1 + 4 * out.confirmer_count
    if json > end:
        return PIECE
    out.confirmers = data + begin + 1
    out.json = data + json
    out.json_size = end - json
    return FOUND


cdef bint c_confirms(const fragment_t* fragment, unsigned int hpr_number) noexcept nogil:
    """Whether the doctor is among those who confirm."""
    cdef uint32_t number
    cdef size_t i
    for i in range(fragment.confirmer_count):
        memcpy(&number, fragment.confirmers + 4 * i, 4)
        if number == hpr_number:
            return True
    return False


def read_fragment(const uint8_t[::1] value not None, int64_t at):
    """The fragment whose period covers `at`, or None outside all of them."""
    cdef const uint8_t* data = &value[0] if value.shape[0] else NULL
    cdef fragment_t fragment
    cdef size_t which, begin, end, i
    cdef uint32_t number
    cdef int status = c_read_fragment(data, value.shape[0], at, &fragment)
    if status < 0:
        raise Damaged(MESSAGES[status])
    if status == NOT_FOUND:
        return None
    c_place(data, value.shape[0], at, &which, &begin, &end)
    confirmers = []
    for i in range(fragment.confirmer_count):
        memcpy(&number, fragment.confirmers + 4 * i, 4)
        confirmers.append(number)
    json = (<const char*> fragment.json)[:fragment.json_size]
    return Fragment(boundary(data, which), boundary(data, which + 1), tuple(confirmers), json)
