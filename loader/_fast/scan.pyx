"""Canonical lines straight into rows, without an object for each record. Compiled twin of loader/scan.py.

Runs once for every record of a nation, which is why it is compiled (bench/results tells what it bought). Does no
input or output. The members stand as in register/model.py; a line is read whole before anything of it is packed.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memset

from loader._fast.canonical cimport (
    boolean, cursor_t, date_or_null, four_digits_or_null, nin, null, number, string, string_or_null, text_t, time,
    time_or_null, word,
)
from loader._fast.lexicon cimport Lexicon, find
from loader._fast.pack cimport MEMBERSHIP, PERSON, Parts, id_row_t, part_of, row_t
from lookup._fast.encode cimport area_append
from lookup._fast.key cimport c_mix

from loader.scan import Odd
from register import codes, model

cdef uint64_t MAX_ID = model.Id.__metadata__[0].le
cdef uint64_t MAX_COUNT = model.Count.__metadata__[0].le
cdef uint64_t SEX = codes.SEX
cdef uint64_t ADDRESS_TYPE = codes.ADDRESS_TYPE
cdef uint64_t MUNICIPALITY = codes.MUNICIPALITY
cdef uint64_t COUNTRY = codes.COUNTRY

cdef enum:  # under which number a lexicon of begin or end codes holds its texts, and null
    TEXT = 0
    NULL_CODE = 1


cdef inline bint code(cursor_t* c, Lexicon known, uint64_t oid) noexcept nogil:
    """A value of a code system."""
    cdef text_t text
    cdef uint32_t value
    return string(c, &text) and find(known, oid, text.at, text.size, &value)


cdef inline bint code_or_null(cursor_t* c, Lexicon known, uint64_t oid) noexcept nogil:
    return null(c) or code(c, known, oid)


cdef inline bint ordinal(cursor_t* c, Lexicon ordinals, uint32_t* out) noexcept nogil:
    """The ordinal of a code value, or that of null."""
    cdef text_t text
    if null(c):
        return find(ordinals, NULL_CODE, NULL, 0, out)
    return string(c, &text) and find(ordinals, TEXT, text.at, text.size, out)


cdef bint membership(cursor_t* c, Scanner scanner, row_t* row) noexcept nogil:
    """All of a line of `memberships`, into the row but for file, line and kind."""
    cdef uint64_t id, own, contract
    cdef int64_t valid_from, to, updated
    cdef uint32_t slot, begin, end
    if not (
        word(c, b'{"id":') and number(c, 1, MAX_ID, &id)
        and word(c, b',"nin":') and nin(c, &own)
        and word(c, b',"contractId":') and number(c, 1, MAX_ID, &contract)
        and word(c, b',"from":') and time(c, &valid_from)
        and word(c, b',"to":') and time_or_null(c, &to)
        and word(c, b',"beginCode":') and ordinal(c, scanner.begin_codes, &begin)
        and word(c, b',"endCode":') and ordinal(c, scanner.end_codes, &end)
        and word(c, b',"updated":') and time(c, &updated)
        and word(c, b"}") and c.at == c.stop
        and to > valid_from
        and find(scanner.slots, contract, NULL, 0, &slot)
    ):
        return False
    row.key, row.id, row.slot = c_mix(own), id, slot
    row.valid_from, row.to, row.updated = valid_from, to, updated
    row.begin, row.end = begin, end
    return True


cdef bint status(cursor_t* c, Lexicon known) noexcept nogil:
    cdef uint64_t id, oid
    cdef int64_t valid_from, to, other
    return (
        word(c, b'{"id":') and number(c, 0, MAX_COUNT, &id)
        and word(c, b',"code":{"oid":') and number(c, 0, MAX_COUNT, &oid)
        and word(c, b',"value":') and code(c, known, oid)
        and word(c, b'},"from":') and time(c, &valid_from)
        and word(c, b',"to":') and time_or_null(c, &to)
        and word(c, b',"created":') and time_or_null(c, &other)
        and word(c, b',"changed":') and time_or_null(c, &other)
        and word(c, b"}") and to > valid_from
    )


cdef bint statuses(cursor_t* c, Lexicon known) noexcept nogil:
    if word(c, b"[]"):
        return True
    if not word(c, b"["):
        return False
    while status(c, known):
        if word(c, b"]"):
            return True
        if not word(c, b","):
            return False
    return False


cdef bint address(cursor_t* c, Lexicon known) noexcept nogil:
    cdef int64_t last_changed
    return (
        word(c, b'{"type":') and code(c, known, ADDRESS_TYPE)
        and word(c, b',"streetAddress":') and string_or_null(c)
        and word(c, b',"postbox":') and string_or_null(c)
        and word(c, b',"postalCode":') and four_digits_or_null(c)
        and word(c, b',"city":') and string_or_null(c)
        and word(c, b',"municipality":') and code_or_null(c, known, MUNICIPALITY)
        and word(c, b',"country":') and code_or_null(c, known, COUNTRY)
        and word(c, b',"description":') and string_or_null(c)
        and word(c, b',"inherited":') and boolean(c)
        and word(c, b',"lastChanged":') and time_or_null(c, &last_changed)
        and word(c, b"}")
    )


cdef bint addresses(cursor_t* c, Lexicon known) noexcept nogil:
    if word(c, b"[]"):
        return True
    if not word(c, b"["):
        return False
    while address(c, known):
        if word(c, b"]"):
            return True
        if not word(c, b","):
            return False
    return False


cdef inline bint protection(cursor_t* c, uint8_t* out) noexcept nogil:
    out[0] = not null(c)
    return not out[0] or word(c, b'"fortrolig"') or word(c, b'"strengt-fortrolig"')


cdef bint person(cursor_t* c, Scanner scanner, row_t* row) noexcept nogil:
    """All of a line of `persons`; of the row, key and protected."""
    cdef uint64_t own
    if not (
        word(c, b'{"nin":') and nin(c, &own)
        and word(c, b',"firstName":') and string_or_null(c)
        and word(c, b',"middleName":') and string_or_null(c)
        and word(c, b',"lastName":') and string_or_null(c)
        and word(c, b',"dateOfBirth":') and date_or_null(c)
        and word(c, b',"dateOfDeath":') and date_or_null(c)
        and word(c, b',"sex":') and code_or_null(c, scanner.known, SEX)
        and word(c, b',"protection":') and protection(c, &row.protected)
        and word(c, b',"status":') and statuses(c, scanner.known)
        and word(c, b',"physicalAddresses":') and addresses(c, scanner.known)
        and word(c, b"}") and c.at == c.stop
    ):
        return False
    row.key = c_mix(own)
    return True


cdef inline const uint8_t* end_of_line(const uint8_t* at, const uint8_t* stop) except NULL:
    cdef const uint8_t* end = <const uint8_t*> memchr(at, 10, stop - at)
    if end == NULL:
        raise ValueError("the last line has no end")
    return end


cdef Lexicon ordinals_of(dict values):
    return Lexicon([
        (NULL_CODE, b"", value) if text is None else (TEXT, text.encode(), value) for text, value in values.items()
    ])


cdef class Scanner:
    """Recognises lines that are canonical and without fault, and packs their records.

    `slots`, `known` and the codes are as in loader/pack.py; parts are told apart by `part_bits`. Every method packs
    the lines of `data` that it recognises and returns the others.
    """

    def __cinit__(self, dict slots not None, dict known not None, dict begin_codes not None, dict end_codes not None,
                  int part_bits):
        self.slots = Lexicon([(contract, b"", slot) for contract, slot in slots.items()])
        self.known = Lexicon([(oid, text.encode(), 0) for oid, texts in known.items() for text in texts])
        self.begin_codes, self.end_codes = ordinals_of(begin_codes), ordinals_of(end_codes)
        self.part_bits = part_bits

    def memberships(self, bytes data not None, Parts rows not None, Parts ids not None, int file, uint32_t first_line):
        """Packs a row each, and its id dealt out by its low bits."""
        cdef row_t row
        cdef id_row_t id_row
        cdef cursor_t c
        cdef const uint8_t* start = <const uint8_t*> PyBytes_AS_STRING(data)
        cdef const uint8_t* at = start
        cdef const uint8_t* stop = start + PyBytes_GET_SIZE(data)
        cdef uint32_t line = first_line
        cdef list odd = []
        memset(&row, 0, sizeof(row))
        row.kind, row.file, id_row.file = MEMBERSHIP, file, file
        while at < stop:
            c.at, c.stop = at, end_of_line(at, stop)
            if membership(&c, self, &row):
                row.line = id_row.line = line
                id_row.id = row.id
                area_append(&rows.areas[part_of(row.key, self.part_bits)], &row, sizeof(row))
                area_append(&ids.areas[row.id & ((1 << self.part_bits) - 1)], &id_row, sizeof(id_row))
            else:
                odd.append(Odd(line - first_line, at - start, c.stop - start))
            at = c.stop + 1
            line += 1
        return odd

    def persons(self, bytes data not None, Parts rows not None, Parts texts not None, int file, uint32_t first_line,
                uint32_t reader):
        """Packs a row each, and the line beside it; the row's id is the line's place in its part of `texts` now."""
        cdef row_t row
        cdef cursor_t c
        cdef const uint8_t* start = <const uint8_t*> PyBytes_AS_STRING(data)
        cdef const uint8_t* at = start
        cdef const uint8_t* stop = start + PyBytes_GET_SIZE(data)
        cdef uint32_t line = first_line
        cdef int part
        cdef list odd = []
        memset(&row, 0, sizeof(row))
        row.kind, row.file, row.slot = PERSON, file, reader
        while at < stop:
            c.at, c.stop = at, end_of_line(at, stop)
            if person(&c, self, &row):
                part = part_of(row.key, self.part_bits)
                row.line = line
                row.id = texts.areas[part].size
                row.updated = c.stop + 1 - at
                area_append(&texts.areas[part], at, row.updated)
                area_append(&rows.areas[part], &row, sizeof(row))
            else:
                odd.append(Odd(line - first_line, at - start, c.stop - start))
            at = c.stop + 1
            line += 1
        return odd
