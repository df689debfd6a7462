"""One generation as the compiled HTTP path sees it for questions over SOAP: from a number to an envelope's octets.

Compiled twin of `told_of` in lookup/soap/patient.py, of `association` in lookup/flr_answers.py, and of what
lookup/soap/envelope.py writes around it. Two steps, as in book.pyx: `find` points at what there is, `write` copies;
what is written around it is ready (lookup/soap/compiled.py). Neither needs the GIL.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from lookup._fast.book cimport ASSIGNED, NONE, RENDER, UNKNOWN, VACANT, WITHHELD, piece_t
from lookup._fast.index cimport Index, found_t
from lookup._fast.record cimport FLR_FOREVER, FOUND, NOT_FOUND
from lookup._fast.soap_parts cimport SoapParts
from lookup._fast.soap_question cimport soap_question_t
from lookup._fast.writing cimport flr_write_time, is_time, put, put_nin, put_number, size_of_number, size_of_time

cdef enum:
    TIME = -501
    CODE = -502
    RELATES = 27  # octets around what an answer relates to
    OWN = 145  # octets that are written around what is the person's own, where the membership has no end
    WITHOUT_END = 20
    WITH_END = 13


cdef inline piece_t piece(bytes text):
    cdef piece_t out
    out.data, out.size = text, len(text)
    return out


cdef inline uint8_t* put_piece(uint8_t* out, const piece_t* text) noexcept nogil:
    return put(out, text.data, text.size)


cdef inline size_t size_of_short_time(int64_t micros) noexcept nogil:
    """Of a time with no more decimals than there are."""
    cdef size_t size = size_of_time(micros)
    cdef int64_t fraction = micros % 1000000
    while size > 19 and fraction % 10 == 0:
        fraction //= 10
        size -= 1
    return size


cdef inline uint8_t* put_short_time(uint8_t* out, int64_t micros) noexcept nogil:
    flr_write_time(out, micros)
    return out + size_of_short_time(micros)


cdef class SoapBook:
    """A generation, opened. `frames` are, for each version of SOAP, operation, and answer or fault, (an envelope up to
    its body, the same with addressing up to what it relates to, and from there on); `contents` for each version what
    stands in it when that is the same for all; `begin` and `end` are around an association; the codes are elements, by
    ordinal.
    """

    def __cinit__(
        self, Index index not None, SoapParts parts not None, *, frames, contents, bytes begin, bytes end, begin_codes,
        end_codes
    ):
        self.index, self.parts = index, parts
        self._held = (list(frames), [list(some) for some in contents], begin, end, list(begin_codes), list(end_codes))
        if len(frames) != 8 or [len(some) for some in contents] != [CONTENT_COUNT] * 2:
            raise ValueError("not what the compiled path writes")
        for i, (bare, before, after) in enumerate(frames):
            self._frames[i].bare = piece(bare)
            self._frames[i].before, self._frames[i].after = piece(before), piece(after)
        for version in range(2):
            for i in range(CONTENT_COUNT):
                self._contents[version][i] = piece(self._held[1][version][i])
        self._begin, self._end = piece(begin), piece(end)
        self._begin_count, self._end_count = min(256, len(begin_codes)), min(256, len(end_codes))
        for i in range(self._begin_count):
            self._begin_codes[i] = piece(self._held[4][i])
        for i in range(self._end_count):
            self._end_codes[i] = piece(self._held[5][i])

    cdef int find(self, uint64_t nin, int64_t at, bint withhold, told_t* out) noexcept nogil:
        """Look a number up: FOUND with `out.outcome`, or below zero for damage. UNKNOWN is found, too."""
        cdef found_t found
        cdef int status = self.index.lookup(nin, at, &found)
        if status < 0:
            return status
        out.protected = status == FOUND and found.protected
        out.outcome = UNKNOWN
        if status == NOT_FOUND:
            return FOUND
        out.nin, out.membership = found.nin, found.membership
        out.outcome = WITHHELD if withhold and found.protected else NONE
        if out.outcome == WITHHELD or not found.has_membership:
            return FOUND
        status = self.parts.c_part(found.membership.slot, at, &out.part)
        if status == NOT_FOUND:
            out.outcome = RENDER
        if status != FOUND or not out.part.before_size:
            return status if status < 0 else FOUND
        out.outcome = VACANT if out.part.vacant else ASSIGNED
        if not is_time(found.membership.valid_from) or not is_time(found.membership.updated):
            return TIME
        if found.membership.to != FLR_FOREVER and not is_time(found.membership.to):
            return TIME
        if found.membership.begin >= self._begin_count or found.membership.end >= self._end_count:
            return CODE
        return FOUND

    cdef size_t size_of_frame(self, int version, bint fault, const soap_question_t* asked) noexcept nogil:
        """The octets that `write_frame` writes."""
        cdef const frame_t* frame = &self._frames[4 * version + 2 * asked.operation + fault]
        if not asked.addressed:
            return frame.bare.size
        return frame.before.size + (asked.message_id.size + RELATES if asked.message_id.size else 0) + frame.after.size

    cdef uint8_t* write_frame(
        self, int version, bint fault, const soap_question_t* asked, uint8_t* out
    ) noexcept nogil:
        """Write the envelope up to its body; returns its end."""
        cdef const frame_t* frame = &self._frames[4 * version + 2 * asked.operation + fault]
        if not asked.addressed:
            return put_piece(out, &frame.bare)
        out = put_piece(out, &frame.before)
        if asked.message_id.size:
            out = put(put(out, b"<a:RelatesTo>", 13), asked.message_id.data, asked.message_id.size)
            out = put(out, b"</a:RelatesTo>", 14)
        return put_piece(out, &frame.after)

    cdef const piece_t* content(self, int version, int which) noexcept nogil:
        """The body and what closes it, where it is the same for all."""
        return &self._contents[version][which]

    cdef size_t size_of(self, const told_t* told) noexcept nogil:
        """The octets that `write` writes."""
        cdef const membership_t* own = &told.membership
        cdef size_t size = self._begin.size + self._end.size + told.part.before_size + told.part.behind_size + OWN
        size += self._begin_codes[own.begin].size + self._end_codes[own.end].size + size_of_number(own.id)
        size += size_of_short_time(own.valid_from) + size_of_short_time(own.updated)
        if own.to != FLR_FOREVER:
            size += WITH_END + size_of_short_time(own.to) - WITHOUT_END
        return size

    cdef uint8_t* write(self, const told_t* told, uint8_t* out) noexcept nogil:
        """Write the body with an association, and what closes it; returns its end."""
        cdef const membership_t* own = &told.membership
        out = put_piece(put_piece(out, &self._begin), &self._begin_codes[own.begin])
        out = put(out, told.part.before, told.part.before_size)
        out = put_piece(out, &self._end_codes[own.end])
        out = put(out, told.part.behind, told.part.behind_size)
        out = put(put_number(put(out, b"<Id>", 4), own.id), b"</Id>", 5)
        out = put(put_nin(put(out, b'<Patient i:nil="true"/><PatientNIN>', 35), told.nin), b"</PatientNIN>", 13)
        out = put(put_short_time(put(out, b"<Period><p:From>", 16), own.valid_from), b"</p:From>", 9)
        if own.to == FLR_FOREVER:
            out = put(out, b'<p:To i:nil="true"/>', 20)
        else:
            out = put(put_short_time(put(out, b"<p:To>", 6), own.to), b"</p:To>", 7)
        out = put_short_time(put(out, b"</Period><UpdatedOn>", 20), own.updated)
        return put_piece(put(out, b"</UpdatedOn>", 12), &self._end)
