from loader._fast.lexicon cimport Lexicon

cdef class Scanner:
    cdef Lexicon slots
    cdef Lexicon known
    cdef Lexicon begin_codes
    cdef Lexicon end_codes
    cdef int part_bits
