"""Packing persons, old numbers and memberships into rows. Compiled twin of loader/pack.py, which draws the row.

Runs once for every record of a nation, which is why it is compiled (bench/results tells what it bought). Does no
input or output.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    PyDateTime_DATE_GET_HOUR, PyDateTime_DATE_GET_MICROSECOND, PyDateTime_DATE_GET_MINUTE, PyDateTime_DATE_GET_SECOND,
    PyDateTime_GET_DAY, PyDateTime_GET_MONTH, PyDateTime_GET_YEAR, import_datetime,
)
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memset

from loader._fast.canonical cimport days_from_civil
from lookup._fast.encode cimport area_append, area_reserve, area_t
from lookup._fast.key cimport c_mix, c_parse_str
from lookup._fast.record cimport FLR_FOREVER

from loader import pack as plain
from loader.pack import DANGLING_CONTRACT, EMPTY_PERIOD, NOT_VALID, UNKNOWN_CODE
from lookup import key as plain_key
from register import codes

import_datetime()

if (
    (sizeof(row_t), sizeof(id_row_t), KEY_BITS) != (plain.ROW.size, plain.ID_ROW.size, plain_key.KEY_BITS)
    or (PERSON, ALIAS, MEMBERSHIP) != (plain.PERSON, plain.ALIAS, plain.MEMBERSHIP)
):
    raise ImportError("loader._fast.pack was built from other constants than loader.pack")

cdef object SEX = codes.SEX
cdef object ADDRESS_TYPE = codes.ADDRESS_TYPE
cdef object MUNICIPALITY = codes.MUNICIPALITY
cdef object COUNTRY = codes.COUNTRY


cdef int64_t micros(object time) except? -1:
    """Microseconds since 1970-01-01 of a wall-clock datetime; FLR_FOREVER for None."""
    if time is None:
        return FLR_FOREVER
    return (
        (
            (days_from_civil(PyDateTime_GET_YEAR(time), PyDateTime_GET_MONTH(time), PyDateTime_GET_DAY(time)) * 24
             + PyDateTime_DATE_GET_HOUR(time)) * 60 + PyDateTime_DATE_GET_MINUTE(time)
        ) * 60 + PyDateTime_DATE_GET_SECOND(time)
    ) * 1000000 + PyDateTime_DATE_GET_MICROSECOND(time)


cdef class Parts:
    """Growing areas of bytes, one for each part of the keys."""

    def __cinit__(self, int count):
        self.count = count
        self.areas = <area_t*> malloc(count * sizeof(area_t))
        if self.areas == NULL:
            raise MemoryError()
        memset(self.areas, 0, count * sizeof(area_t))

    def __dealloc__(self):
        cdef int i
        if self.areas != NULL:
            for i in range(self.count):
                free(self.areas[i].data)
            free(self.areas)

    def drain(self):
        """(all areas end to end, the size of each); the areas are empty afterwards."""
        cdef int i
        cdef size_t total = 0
        cdef list sizes = []
        cdef area_t whole
        whole.data, whole.size, whole.room = NULL, 0, 0
        for i in range(self.count):
            total += self.areas[i].size
        try:
            area_reserve(&whole, total + 1)
            for i in range(self.count):
                if self.areas[i].size:
                    area_append(&whole, self.areas[i].data, self.areas[i].size)
                sizes.append(self.areas[i].size)
                self.areas[i].size = 0
            return PyBytes_FromStringAndSize(<char*> whole.data, whole.size), sizes
        finally:
            free(whole.data)


cdef inline check_code(object known, object oid, object value, list faults, line):
    if value is not None and value not in known[oid]:
        faults.append((UNKNOWN_CODE.format(oid), line))


cdef check_person(object item, dict known, list faults, line):
    check_code(known, SEX, item.sex, faults, line)
    for address in item.physical_addresses:
        check_code(known, ADDRESS_TYPE, address.type, faults, line)
        check_code(known, MUNICIPALITY, address.municipality, faults, line)
        check_code(known, COUNTRY, address.country, faults, line)
    for status in item.status:
        if status.to is not None and status.to <= status.valid_from:
            faults.append((EMPTY_PERIOD, line))
        if status.code.value not in known.get(status.code.oid, ()):
            faults.append((UNKNOWN_CODE.format(status.code.oid), line))


def pack_persons(list items not None, bytes lines not None, dict known not None, Parts rows not None,
                 Parts texts not None, int part_bits, int file, uint32_t first_line, uint32_t reader):
    """Pack persons: a row each, and its canonical line beside it. Returns faults as (what, line).

    `lines` are the canonical lines of `items`; `known` is oid -> set of values. The row's id is the line's place in
    what `texts` holds of its part now; the reader, the number of this batch, tells later where that stands.
    """
    cdef row_t row
    cdef const char* at = PyBytes_AS_STRING(lines)
    cdef const char* stop = at + PyBytes_GET_SIZE(lines)
    cdef const char* newline
    cdef int64_t number
    cdef int part
    cdef uint32_t line = first_line
    cdef list faults = []
    memset(&row, 0, sizeof(row))
    row.kind, row.file, row.slot = PERSON, file, reader
    for item in items:
        newline = <const char*> memchr(at, 10, stop - at)
        if newline == NULL:
            raise ValueError("fewer lines than items")
        number = c_parse_str(item.nin)
        if number < 0:
            faults.append((NOT_VALID, line))
        else:
            check_person(item, known, faults, line)
            row.key = c_mix(number)
            row.line = line
            row.protected = item.protection is not None
            part = part_of(row.key, part_bits)
            row.id = texts.areas[part].size
            row.updated = newline - at + 1
            area_append(&texts.areas[part], at, newline - at + 1)
            area_append(&rows.areas[part], &row, sizeof(row))
        at = newline + 1
        line += 1
    return faults


def pack_memberships(list items not None, dict slots not None, dict begin_codes not None, dict end_codes not None,
                     Parts rows not None, Parts ids not None, int part_bits, int file, uint32_t first_line):
    """Pack memberships: a row each, and its id dealt out by its low bits. Returns faults as (what, line)."""
    cdef row_t row
    cdef id_row_t id_row
    cdef int64_t number
    cdef uint32_t line = first_line
    cdef list faults = []
    memset(&row, 0, sizeof(row))
    row.kind, row.file = MEMBERSHIP, file
    id_row.file = file
    for item in items:
        number = c_parse_str(item.nin)
        slot = slots.get(item.contract_id)
        begin = begin_codes.get(item.begin_code)
        end = end_codes.get(item.end_code)
        row.valid_from = micros(item.valid_from)
        row.to = micros(item.to)
        if number < 0:
            faults.append((NOT_VALID, line))
        elif slot is None:
            faults.append((DANGLING_CONTRACT, line))
        elif begin is None:
            faults.append((UNKNOWN_CODE.format(codes.BEGIN_REASON), line))
        elif end is None:
            faults.append((UNKNOWN_CODE.format(codes.END_REASON), line))
        elif row.to <= row.valid_from:
            faults.append((EMPTY_PERIOD, line))
        else:
            row.key = c_mix(number)
            row.updated = micros(item.updated)
            row.id = item.id
            row.slot = slot
            row.line = line
            row.begin = begin
            row.end = end
            area_append(&rows.areas[part_of(row.key, part_bits)], &row, sizeof(row))
            id_row.id, id_row.line = row.id, line
            area_append(&ids.areas[row.id & ((1 << part_bits) - 1)], &id_row, sizeof(id_row))
        line += 1
    return faults


def pack_aliases(list changes not None, Parts rows not None, int part_bits):
    """Pack old numbers: `changes` are (old number, newest number, file, line)."""
    cdef row_t row
    memset(&row, 0, sizeof(row))
    row.kind = ALIAS
    for old, newest, file, line in changes:
        row.key = c_mix(old)
        row.id, row.file, row.line = newest, file, line
        area_append(&rows.areas[part_of(row.key, part_bits)], &row, sizeof(row))
