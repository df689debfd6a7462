"""A patient list with buckets added to it and taken out of it. Compiled twin of loader/patients.py.

A day's increment touches the lists of most contracts, of a thousand buckets each, which is why it is compiled.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from lookup.record import Damaged

cdef enum:
    SLOT_BYTES = 4
    LONGEST = 5  # octets of a bucket's number
    MOST_BITS = 32
    OUT_OF_RANGE = -1000
    TOO_LONG = -1001
    TOO_SHORT = -1002

cdef dict MESSAGES = {
    OUT_OF_RANGE: "a bucket number is out of range",
    TOO_LONG: "a bucket number is too long",
    TOO_SHORT: "a bucket list ends too early",
}

cdef struct change_t:
    uint64_t bucket
    bint belongs

cdef struct list_t:
    uint8_t* data
    size_t size
    uint64_t last


cdef inline void put(list_t* out, uint64_t bucket) noexcept nogil:
    """Append a bucket, as its difference to the one before."""
    cdef uint64_t difference = bucket - out.last
    while difference >= 0x80:
        out.data[out.size] = <uint8_t> (difference & 0x7F | 0x80)
        out.size += 1
        difference >>= 7
    out.data[out.size] = <uint8_t> difference
    out.size += 1
    out.last = bucket


cdef int merge(
    const uint8_t* value, size_t size, int bits, const change_t* changes, size_t n_changes, list_t* out
) noexcept nogil:
    """Write the list as it is to be: 0, or what is wrong with it as it was."""
    cdef size_t at, next_change = 0
    cdef uint64_t bucket = 0, difference = 0
    cdef int shift = 0
    for at in range(SLOT_BYTES, size):
        difference |= <uint64_t> (value[at] & 0x7F) << shift
        shift += 7
        if value[at] >= 0x80:
            if shift > 28:
                return TOO_LONG
            continue
        if bucket + difference >> bits or (bucket_is_there(at, shift) and not difference):
            return OUT_OF_RANGE
        bucket += difference
        difference = shift = 0
        while next_change < n_changes and changes[next_change].bucket < bucket:
            if changes[next_change].belongs:
                put(out, changes[next_change].bucket)
            next_change += 1
        if next_change < n_changes and changes[next_change].bucket == bucket:
            if changes[next_change].belongs:
                put(out, bucket)
            next_change += 1
        else:
            put(out, bucket)
    if shift:
        return TOO_SHORT
    while next_change < n_changes:
        if changes[next_change].belongs:
            put(out, changes[next_change].bucket)
        next_change += 1
    return 0


cdef inline bint bucket_is_there(size_t at, int shift) noexcept nogil:
    """Whether the number that ends at this place is not the list's first."""
    return at + 1 > <size_t> (SLOT_BYTES + shift // 7)


def edited(value, uint32_t slot, int bits, dict changes not None):
    """The value of database `patients` for a slot; None for one that has no bucket. Raises Damaged.

    `value` is what it was, `changes` are bucket -> whether it is in the list now.
    """
    cdef bytes before = b"" if value is None else value
    cdef size_t size = len(before), i, n_changes = len(changes)
    cdef change_t* sorted_changes = NULL
    cdef list_t out
    cdef int status
    if not 0 < bits <= MOST_BITS:
        raise ValueError("as many buckets there cannot be")
    out.data = <uint8_t*> malloc(SLOT_BYTES + size + LONGEST * n_changes * 2)
    sorted_changes = <change_t*> malloc(sizeof(change_t) * (n_changes + 1))
    try:
        if out.data == NULL or sorted_changes == NULL:
            raise MemoryError
        for i, bucket in enumerate(sorted(changes)):
            if bucket >> bits:
                raise ValueError("there is no such bucket")
            sorted_changes[i].bucket, sorted_changes[i].belongs = bucket, changes[bucket]
        memcpy(out.data, &slot, SLOT_BYTES)
        out.size, out.last = SLOT_BYTES, 0
        status = merge(<const uint8_t*> before, size, bits, sorted_changes, n_changes, &out)
        if status:
            raise Damaged(MESSAGES[status])
        return None if out.size == SLOT_BYTES else (<const char*> out.data)[: out.size]
    finally:
        free(out.data)
        free(sorted_changes)
