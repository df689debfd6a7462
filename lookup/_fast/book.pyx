"""One generation as the compiled HTTP path sees it: from a number to the bytes of an answer.

Compiled twin of `reply` and `confirmed` in lookup/resident.py, and of what lookup/answers.py and lookup/rest/persons.py
write around a fragment. Two steps, so that an answer's size is known before its first octet: `find` looks up and
points at what there is, `write` copies. Neither needs the GIL.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from lookup._fast.fragment cimport c_confirms, c_read_fragment, fragment_t
from lookup._fast.index cimport Index, found_t, span_t
from lookup._fast.record cimport FLR_FOREVER, FOUND, NOT_FOUND
from lookup._fast.writing cimport flr_write_time, is_time, put, put_nin, size_of_time

OUTCOMES = ("assigned", "vacant", "none", "withheld", "unknown", "invalid", "confirmed", "not-confirmed")

cdef enum:
    TIME = -301
    CODE = -302


cdef inline piece_t piece(bytes text):
    cdef piece_t out
    out.data, out.size = text, len(text)
    return out


cdef class Book:
    """A generation, opened, with what is written around its fragments.

    `begin_codes` are the JSON of the codes by ordinal; `none` and `withheld` whole answers; `vacant` what the JSON of a
    vacant list begins with. `generation` is kept, and never looked at.
    """

    def __cinit__(
        self, Index index not None, *, begin_codes, bytes none, bytes withheld, bytes vacant, serial=0, generation=None
    ):
        self.index, self.serial = index, serial
        self.generation = generation
        self._held = (list(begin_codes), none, withheld, vacant)
        self._none, self._withheld, self._vacant = piece(none), piece(withheld), piece(vacant)
        self._begin_count = min(256, len(self._held[0]))
        for i in range(self._begin_count):
            self._begin_codes[i] = piece(self._held[0][i])

    cdef int find(self, uint64_t nin, int64_t at, bint withhold, item_t* out) noexcept nogil:
        """Look a number up: FOUND with `out.outcome`, or below zero for damage. UNKNOWN is found, too."""
        cdef found_t found
        cdef span_t span
        cdef fragment_t fragment
        cdef int status = self.index.lookup(nin, at, &found)
        if status < 0:
            return status
        out.own, out.protected = False, False
        if status == NOT_FOUND:
            out.outcome = UNKNOWN
            return FOUND
        out.nin, out.protected = found.nin, found.protected
        if withhold and found.protected:
            out.outcome, out.json, out.json_size = WITHHELD, self._withheld.data, self._withheld.size
            return FOUND
        out.outcome, out.json, out.json_size = NONE, self._none.data, self._none.size
        if not found.has_membership:
            return FOUND
        status = self.index.slot_value(found.membership.slot, 0, &span)
        if status == FOUND:
            status = c_read_fragment(span.data, span.size, at, &fragment)
        if status == NOT_FOUND:
            out.outcome = RENDER
            return FOUND
        if status < 0:
            return status
        if not fragment.json_size:
            return FOUND
        if not is_time(found.membership.valid_from):
            return TIME
        if found.membership.to != FLR_FOREVER and not is_time(found.membership.to):
            return TIME
        if found.membership.begin >= self._begin_count:
            return CODE
        out.own, out.membership = True, found.membership
        out.json, out.json_size = fragment.json, fragment.json_size
        out.outcome = ASSIGNED
        if out.json_size >= self._vacant.size and memcmp(out.json, self._vacant.data, self._vacant.size) == 0:
            out.outcome = VACANT
        return FOUND

    cdef int confirm(
        self, uint64_t nin, int64_t at, uint32_t hpr_number, bint withhold, bint* protected
    ) noexcept nogil:
        """CONFIRMED, NOT_CONFIRMED, UNKNOWN, WITHHELD or RENDER; below zero for damage. `protected`: of the person."""
        cdef found_t found
        cdef span_t span
        cdef fragment_t fragment
        cdef int status = self.index.lookup(nin, at, &found)
        if status < 0:
            return status
        protected[0] = status != NOT_FOUND and found.protected
        if status == NOT_FOUND:
            return UNKNOWN
        if withhold and found.protected:
            return WITHHELD
        if not found.has_membership:
            return NOT_CONFIRMED
        status = self.index.slot_value(found.membership.slot, 0, &span)
        if status == FOUND:
            status = c_read_fragment(span.data, span.size, at, &fragment)
        if status == NOT_FOUND:
            return RENDER
        if status < 0:
            return status
        return CONFIRMED if fragment.json_size and c_confirms(&fragment, hpr_number) else NOT_CONFIRMED

    cdef size_t size_of(self, const item_t* item) noexcept nogil:
        """The octets that `write` writes."""
        cdef size_t size = item.json_size
        if item.own:
            size += 9 + size_of_time(item.membership.valid_from) + 7 + 13 + 2
            size += 4 if item.membership.to == FLR_FOREVER else 2 + size_of_time(item.membership.to)
            size += self._begin_codes[item.membership.begin].size
        return size

    cdef uint8_t* write(self, const item_t* item, uint8_t* out) noexcept nogil:
        """Write the answer of a single lookup; returns its end."""
        cdef const piece_t* begin_code
        out = put(out, item.json, item.json_size)
        if not item.own:
            return out
        out = flr_write_time(put(out, b'{"from":"', 9), item.membership.valid_from)
        out = put(out, b'","to":', 7)
        if item.membership.to == FLR_FOREVER:
            out = put(out, b"null", 4)
        else:
            out = put(flr_write_time(put(out, b'"', 1), item.membership.to), b'"', 1)
        begin_code = &self._begin_codes[item.membership.begin]
        out = put(put(out, b',"beginCode":', 13), begin_code.data, begin_code.size)
        return put(out, b"}}", 2)

    cdef size_t size_of_result(self, const item_t* item) noexcept nogil:
        """The octets that `write_result` writes."""
        if item.outcome == UNKNOWN or item.outcome == INVALID:
            return 8 + item.text_size + 12 + 7 + 2
        return 8 + 11 + 2 + self.size_of(item) - 1

    cdef uint8_t* write_result(self, const item_t* item, uint8_t* out) noexcept nogil:
        """Write one result of a batch: the number, and the single answer's members; returns its end."""
        cdef uint8_t* after
        out = put(out, b'{"nin":"', 8)
        if item.outcome == UNKNOWN or item.outcome == INVALID:
            out = put(put(out, item.text, item.text_size), b'","status":"', 12)
            return put(put(out, b"unknown" if item.outcome == UNKNOWN else b"invalid", 7), b'"}', 2)
        out = put(put_nin(out, item.nin), b'"', 1)
        # The answer's opening brace becomes the comma behind the number.
        after = self.write(item, out)
        out[0] = c","
        return after

    def single(self, nin, int64_t at, bint withhold=False):
        """(outcome, the number answered for, body) as the HTTP path answers; None for RENDER. Raises ValueError."""
        cdef item_t item
        cdef int status = self.find(nin, at, withhold, &item)
        if status < 0:
            raise ValueError(f"damaged: {status}")
        if item.outcome == RENDER:
            return None
        if item.outcome == UNKNOWN:
            return "unknown", None, None
        return OUTCOMES[item.outcome], item.nin, written(self, &item, False)

    def result(self, nin, bytes text not None, int64_t at, bint withhold=False):
        """One result of a batch as the HTTP path answers; None for RENDER. Raises ValueError."""
        cdef item_t item
        cdef int status = self.find(nin, at, withhold, &item)
        item.text, item.text_size = text, len(text)
        if status < 0:
            raise ValueError(f"damaged: {status}")
        return None if item.outcome == RENDER else written(self, &item, True)

    def confirms(self, nin, int64_t at, uint32_t hpr_number, bint withhold=False):
        """The outcome of a confirmation; None for RENDER. Raises ValueError."""
        cdef bint protected
        cdef int status = self.confirm(nin, at, hpr_number, withhold, &protected)
        if status < 0:
            raise ValueError(f"damaged: {status}")
        return None if status == RENDER else OUTCOMES[status]


cdef bytes written(Book book, const item_t* item, bint result):
    """What is written for an item, which must be exactly what was said it would be."""
    cdef size_t size = book.size_of_result(item) if result else book.size_of(item)
    cdef bytearray out = bytearray(size)
    cdef uint8_t* start = out
    cdef uint8_t* end = book.write_result(item, start) if result else book.write(item, start)
    if end != start + size:
        raise AssertionError("an answer is not of the size that was said")
    return bytes(out)
