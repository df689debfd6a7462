"""The shared parts of associations, read from `soap.bin`. Compiled twin of lookup/soap_parts.py.

Works on a block of memory held through a buffer view; what `c_part` points at stays while the object lives. Needs
neither the GIL nor Python objects.
"""

from array import array

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from lookup._fast.fragment cimport c_read_fragment, fragment_t
from lookup._fast.record cimport FOUND, NOT_FOUND

from lookup import index as plain_index
from lookup import soap_parts as plain
from lookup._fast.fragment import read_fragment
from lookup.record import Damaged
from lookup.soap_parts import encode_parts  # no-cython-lint: part of this module to Python
from lookup.soap_parts import Part

cdef enum:
    MAGIC = 8
    TRAILER = 32
    PART_HEAD = 9
    LENGTH_BITS = 24

if (MAGIC, TRAILER, PART_HEAD, LENGTH_BITS) != (
    len(plain.MAGIC), plain.TRAILER.size, plain.PART_HEAD.size, plain_index.LENGTH_BITS
):
    raise ImportError("lookup._fast.soap_parts was built from other constants than lookup.soap_parts")

cdef enum:
    RANGE = -401
    OUTSIDE = -402
    OTHER_SLOT = -403
    PART_SHORT = -404
    PART_WRONG = -405

cdef dict MESSAGES = {
    RANGE: "a slot is out of range",
    OUTSIDE: "a pointer leads outside",
    OTHER_SLOT: "a slot's value is of another slot",
    PART_SHORT: "a shared part is too short",
    PART_WRONG: "a shared part's head is wrong",
}


cdef class SoapParts:
    """The parts of one generation. `data` must stay unchanged while the object lives."""

    def __cinit__(self, data):
        cdef uint32_t zero
        cdef const uint8_t* trailer
        self._view = memoryview(data).cast("B")
        cdef uint64_t size = self._view.shape[0]
        if size < MAGIC + TRAILER or memcmp(&self._view[0], <const char*> plain.MAGIC, MAGIC) != 0:
            raise Damaged("not a file of shared parts")
        self._data = &self._view[0]
        trailer = self._data + size - TRAILER
        memcpy(&self.table, trailer, 8)
        memcpy(&self.slots, trailer + 8, 4)
        memcpy(&zero, trailer + 12, 4)
        self.digest = (<const char*> trailer)[16:TRAILER].hex()
        size -= TRAILER
        if zero or not MAGIC <= self.table <= size or size - self.table != 8 * <uint64_t> self.slots:
            raise Damaged("a file of shared parts of the wrong size")

    def close(self):
        """Let go of the block: nothing may be asked any more."""
        self.slots = 0
        self._view = None

    cdef int c_value(self, uint32_t slot, const uint8_t** data, size_t* size) noexcept nogil:
        """The octets of a slot: FOUND, NOT_FOUND or damaged."""
        cdef uint64_t pointer, offset, length
        cdef uint32_t whose
        if slot >= self.slots:
            return RANGE
        memcpy(&pointer, self._data + self.table + 8 * <uint64_t> slot, 8)
        if not pointer:
            return NOT_FOUND
        offset, length = pointer >> LENGTH_BITS, pointer & ((1 << LENGTH_BITS) - 1)
        if offset + length > self.table:
            return OUTSIDE
        if length < 4:
            return OTHER_SLOT
        memcpy(&whose, self._data + offset, 4)
        if whose != slot:
            return OTHER_SLOT
        data[0], size[0] = self._data + offset, length
        return FOUND

    cdef int c_part(self, uint32_t slot, int64_t at, part_t* out) noexcept nogil:
        """The part of a slot at `at`: FOUND, NOT_FOUND outside what was rendered, or damaged."""
        cdef const uint8_t* data
        cdef size_t size
        cdef fragment_t fragment
        cdef int status = self.c_value(slot, &data, &size)
        if status == FOUND:
            status = c_read_fragment(data, size, at, &fragment)
        return status if status != FOUND else take_apart(&fragment, out)

    def pointers(self):
        """The pointer of every slot."""
        return array("Q", bytes(self._view[self.table:self.table + 8 * <uint64_t> self.slots]))

    def value(self, slot):
        """The octets of a slot, or None where it has none."""
        cdef const uint8_t* data
        cdef size_t size
        cdef int status = RANGE if not 0 <= slot < self.slots else self.c_value(slot, &data, &size)
        if status < 0:
            raise Damaged(MESSAGES[status])
        return data[:size] if status == FOUND else None

    def part(self, slot, int64_t at):
        """The part of a slot at `at`, or None when `at` is outside what was rendered."""
        cdef fragment_t fragment
        cdef part_t part
        cdef int status
        value = self.value(slot)
        found = None if value is None else read_fragment(value, at)
        if found is None:
            return None
        c_read_fragment(value, len(value), at, &fragment)
        status = take_apart(&fragment, &part)
        if status < 0:
            raise Damaged(MESSAGES[status])
        return Part(
            found.valid_from, found.to, part.her_id or None, part.vacant, part.before[:part.before_size],
            part.behind[:part.behind_size],
        )


cdef int take_apart(const fragment_t* fragment, part_t* out) noexcept nogil:
    """FOUND with the two texts of a fragment, or damaged."""
    cdef uint32_t size
    cdef uint8_t vacant
    if fragment.confirmer_count:
        return PART_WRONG
    out.before = out.behind = fragment.json
    out.before_size = out.behind_size = out.her_id = 0
    out.vacant = True
    if not fragment.json_size:
        return FOUND
    if fragment.json_size < PART_HEAD:
        return PART_SHORT
    memcpy(&size, fragment.json, 4)
    memcpy(&out.her_id, fragment.json + 4, 4)
    vacant = fragment.json[8]
    if vacant > 1 or not size or PART_HEAD + <size_t> size > fragment.json_size:
        return PART_WRONG
    out.vacant = vacant
    out.before, out.before_size = fragment.json + PART_HEAD, size
    out.behind, out.behind_size = out.before + size, fragment.json_size - PART_HEAD - size
    return FOUND
