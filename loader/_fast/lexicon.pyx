"""Code values and slots, to be looked up without a Python object.

The compiled scanner's own (loader/_fast/scan.pyx); it has no plain twin, which uses dictionaries. Layout and look-up
are in lexicon.pxd.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free


cdef class Lexicon:
    """(number, text, value) of every item, found by number and text."""

    def __cinit__(self, list items not None):
        cdef uint64_t places = 2
        while places < 2 * <uint64_t> len(items) + 2:
            places *= 2
        self.mask = places - 1
        self.texts = []
        self.entries = <entry_t*> calloc(places, sizeof(entry_t))
        if self.entries == NULL:
            raise MemoryError()
        for number, text, value in items:
            self.add(number, text, value)

    def __dealloc__(self):
        free(self.entries)

    cdef int add(self, uint64_t number, bytes text, uint32_t value) except -1:
        cdef const uint8_t* start = text
        cdef entry_t* entry = place_of(self.entries, self.mask, number, start, len(text))
        self.texts.append(text)  # its bytes must stay where they are
        entry.number, entry.text, entry.size, entry.value, entry.used = number, start, len(text), value, True
        return 0
