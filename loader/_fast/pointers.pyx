"""Where LMDB values stand in their file: the address py-lmdb hands out, less the address the file is mapped at."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef enum:
    LENGTH_BITS = 24


def fill(values, uint64_t map_address, const uint8_t[::1] file not None, uint64_t[::1] table not None, uint64_t first):
    """Set `table[first + number]` to `offset << 24 | length` for every (key, value); the keys are u32 numbers.

    `values` gives buffers into LMDB's own map, which begins at `map_address`; `file` is the same file mapped by the
    caller. Every entry is checked: the bytes at its place in the file are the value, and begin with the key's number.
    Returns how many there were; raises ValueError when one is not where it should be.
    """
    cdef const uint8_t[::1] view
    cdef uint64_t offset, length, count = 0
    cdef uint64_t file_size = file.shape[0], entries = table.shape[0]
    cdef uint32_t number, inside
    cdef bytes key
    for raw, value in values:
        key = bytes(raw)
        number = int.from_bytes(key[:4], "big")
        view = value
        length = view.shape[0]
        if length < 4 or length >= (1 << LENGTH_BITS):
            raise ValueError("a value's length does not fit a pointer")
        offset = <uint64_t> &view[0] - map_address
        if len(key) != 4 or first + number >= entries or offset > file_size or length > file_size - offset:
            raise ValueError("a value is outside the file or the table")
        memcpy(&inside, &view[0], 4)
        if inside != number or memcmp(&file[offset], &view[0], length) != 0:
            raise ValueError("a value is not where its address says")
        table[first + number] = offset << LENGTH_BITS | length
        count += 1
    return count


def address_of(const uint8_t[::1] block not None):
    """The address of the first byte of a block of memory."""
    return <uint64_t> &block[0]
