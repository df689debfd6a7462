from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

from lookup._fast.book cimport piece_t
from lookup._fast.index cimport Index
from lookup._fast.record cimport membership_t
from lookup._fast.soap_parts cimport SoapParts, part_t
from lookup._fast.soap_question cimport soap_question_t

# What an envelope holds that is the same for all, as places in lookup.soap.compiled.CONTENTS.
cdef enum:
    YES = 0
    NO = 1
    NO_GP = 2
    INVALID_NIN = 3
    CONTENT_COUNT = 4

# What there is to tell of a person: the outcome, and where there is a list, its part and the person's own membership.
cdef struct told_t:
    int outcome
    bint protected
    uint64_t nin
    membership_t membership
    part_t part

# An envelope up to its body, for one version and action: without addressing, and with it around what it relates to.
cdef struct frame_t:
    piece_t bare
    piece_t before
    piece_t after

cdef class SoapBook:
    cdef readonly Index index
    cdef readonly SoapParts parts
    cdef object _held
    cdef frame_t _frames[8]
    cdef piece_t _contents[2][CONTENT_COUNT]
    cdef piece_t _begin, _end
    cdef piece_t _begin_codes[256]
    cdef piece_t _end_codes[256]
    cdef int _begin_count, _end_count

    cdef int find(self, uint64_t nin, int64_t at, bint withhold, told_t* out) noexcept nogil
    cdef size_t size_of_frame(self, int version, bint fault, const soap_question_t* asked) noexcept nogil
    cdef uint8_t* write_frame(self, int version, bint fault, const soap_question_t* asked, uint8_t* out) noexcept nogil
    cdef const piece_t* content(self, int version, int which) noexcept nogil
    cdef size_t size_of(self, const told_t* told) noexcept nogil
    cdef uint8_t* write(self, const told_t* told, uint8_t* out) noexcept nogil
