"""Rows of columns in memory as JSON lines, without an object for each value. Compiled twin of loader/columns.py.

Runs once for every record of a nation that comes as Parquet. Knows the layout of Arrow arrays, given as buffers, and
nothing of Parquet or of what the columns mean: whether a line is a good record is for those to say who read lines. No
index or offset that is in the buffers is followed without being held against their sizes.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from lookup._fast.encode cimport area_reserve, area_t
from lookup._fast.record cimport FLR_DAY_MICROS

cdef enum:
    TEXT = 0
    WORD = 1  # an index into a column of texts
    INT32 = 2
    INT64 = 3
    FLAG = 4
    DAY = 5  # days since 1970-01-01
    TIME = 6  # microseconds since then, of a clock without a zone
    STRUCT = 7
    LIST = 8

KINDS = {
    "text": TEXT, "word": WORD, "int32": INT32, "int64": INT64, "flag": FLAG, "day": DAY, "time": TIME,
    "struct": STRUCT, "list": LIST,
}
cdef int64_t FIRST_DAY = -719162  # 0001-01-01
cdef int64_t LAST_DAY = 2932896  # 9999-12-31
cdef const char* HEX = b"0123456789abcdef"
WIDTHS = {TEXT: 4, WORD: 4, INT32: 4, INT64: 8, DAY: 4, TIME: 8, LIST: 4}


cdef struct civil_t:
    int year, month, day


cdef inline civil_t civil_from_days(int64_t days) noexcept nogil:
    """The date of the proleptic Gregorian calendar, of a day from FIRST_DAY to LAST_DAY."""
    cdef civil_t date
    cdef int64_t era, day_of_era, year_of_era, day_of_year, shifted
    days += 719468
    era = days // 146097
    day_of_era = days - era * 146097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    date.day = <int> (day_of_year - (153 * shifted + 2) // 5 + 1)
    date.month = <int> (shifted + 3 if shifted < 10 else shifted - 9)
    date.year = <int> (year_of_era + era * 400 + (date.month <= 2))
    return date


cdef inline void two_digits(uint8_t* at, int value) noexcept nogil:
    at[0], at[1] = <uint8_t> (48 + value // 10), <uint8_t> (48 + value % 10)


cdef inline int put(area_t* area, const void* data, size_t size) except -1 nogil:
    if size == 0:  # then there may be no data either
        return 0
    if area.room - area.size < size:
        area_reserve(area, size)
    memcpy(area.data + area.size, data, size)
    area.size += size
    return 0


cdef inline int put_date(area_t* area, int64_t days) except -1 nogil:
    """Ten bytes. A day that no date has is day zero of year zero, which whoever reads the line refuses."""
    cdef civil_t date
    cdef uint8_t* at
    date.year = date.month = date.day = 0
    if FIRST_DAY <= days <= LAST_DAY:
        date = civil_from_days(days)
    area_reserve(area, 10)
    at = area.data + area.size
    two_digits(at, date.year // 100)
    two_digits(at + 2, date.year % 100)
    at[4] = at[7] = 45
    two_digits(at + 5, date.month)
    two_digits(at + 8, date.day)
    area.size += 10
    return 0


cdef inline int put_time(area_t* area, int64_t micros) except -1 nogil:
    """Date, T and time; six decimals, or none when all are zero."""
    cdef int64_t days = micros // FLR_DAY_MICROS
    cdef int64_t rest = micros % FLR_DAY_MICROS
    cdef int second, fraction, i
    cdef uint8_t* at
    if rest < 0:  # as C divides: towards zero
        rest += FLR_DAY_MICROS
        days -= 1
    second, fraction = <int> (rest // 1_000_000), <int> (rest % 1_000_000)
    put_date(area, days)
    area_reserve(area, 16)
    at = area.data + area.size
    at[0], at[3], at[6], at[9] = 84, 58, 58, 46
    two_digits(at + 1, second // 3600)
    two_digits(at + 4, second // 60 % 60)
    two_digits(at + 7, second % 60)
    for i in range(15, 9, -1):
        at[i] = <uint8_t> (48 + fraction % 10)
        fraction //= 10
    area.size += 16 if rest % 1_000_000 else 9
    return 0


cdef inline int put_number(area_t* area, int64_t value) except -1 nogil:
    cdef uint8_t digits[20]
    cdef int at = 20
    cdef uint64_t rest = 0 - <uint64_t> value if value < 0 else <uint64_t> value
    while at == 20 or rest:
        at -= 1
        digits[at] = <uint8_t> (48 + rest % 10)
        rest //= 10
    if value < 0:
        put(area, b"-", 1)
    return put(area, digits + at, 20 - at)


cdef int put_string(area_t* area, const uint8_t* text, size_t size) except -1 nogil:
    """A JSON string: quotes, backslashes and control characters escaped, all else as it stands."""
    cdef size_t i, start = 0
    cdef uint8_t escape[6]
    put(area, b'"', 1)
    for i in range(size):
        if text[i] >= 0x20 and text[i] != 34 and text[i] != 92:
            continue
        put(area, text + start, i - start)
        memcpy(escape, b"\\u00", 4)
        escape[4], escape[5] = HEX[text[i] >> 4], HEX[text[i] & 15]
        put(area, escape, 6)
        start = i + 1
    put(area, text + start, size - start)
    return put(area, b'"', 1)


cdef class Column:
    """A column, or what stands inside one: writes the JSON of any of its rows.

    `buffers` are those of an Arrow array: what is there (or None), and values, or offsets and characters. `parts` are
    the dictionary of words, the elements of a list, or the members of a struct, whose `names` then are given.
    """

    cdef int kind
    cdef readonly Py_ssize_t rows
    cdef Py_ssize_t offset, characters
    cdef const uint8_t* there
    cdef const uint8_t* values
    cdef const uint8_t* texts
    cdef tuple held
    cdef list parts, names
    cdef area_t words  # the JSON of every word of a dictionary, end to end
    cdef size_t* ends  # where each ends; 0 in front
    cdef Py_ssize_t n_words

    def __cinit__(self, str kind not None, Py_ssize_t rows, Py_ssize_t offset, list buffers not None,
                  list parts=None, list names=None):
        parts, names = parts or [], names or []
        if rows < 0 or offset < 0:
            raise ValueError("a column of less than nothing")
        self.kind, self.rows, self.offset = KINDS[kind], rows, offset
        self.parts, self.names, self.held = parts, names, ()
        self.texts = <const uint8_t*> b""
        self.there = self.buffer(buffers[0], (offset + rows + 7) // 8) if rows and buffers[0] is not None else NULL
        if self.kind != STRUCT and rows:
            self.values = self.buffer(buffers[1], self.needed())
        if self.kind == TEXT and rows and buffers[2] is not None and len(memoryview(buffers[2])):
            self.characters = len(memoryview(buffers[2]))
            self.texts = self.buffer(buffers[2], self.characters)
        for part in parts:
            if not isinstance(part, Column) or (self.kind == STRUCT and (<Column> part).rows < rows):
                raise ValueError("a part is shorter than the whole")
        if self.kind in (WORD, LIST) and len(parts) != 1 or len(names) != (len(parts) if self.kind == STRUCT else 0):
            raise ValueError("parts and names are not those of this kind of column")
        if self.kind == WORD:
            self.write_words(<Column> parts[0])

    def __dealloc__(self):
        free(self.words.data)
        free(self.ends)

    cdef int write_words(self, Column dictionary) except -1:
        cdef Py_ssize_t i
        self.ends = <size_t*> calloc(dictionary.rows + 1, sizeof(size_t))
        if self.ends == NULL:
            raise MemoryError()
        for i in range(dictionary.rows):
            dictionary.write(&self.words, i)
            self.ends[i + 1] = self.words.size
        self.n_words = dictionary.rows
        return 0

    cdef Py_ssize_t needed(self):
        """How many bytes the values, or the offsets, take at least."""
        if self.kind == FLAG:
            return (self.offset + self.rows + 7) // 8
        return (self.offset + self.rows + (self.kind in (TEXT, LIST))) * WIDTHS[self.kind]

    cdef const uint8_t* buffer(self, data, Py_ssize_t size) except NULL:
        """Where the bytes of a buffer are; it is held as long as this is."""
        cdef const uint8_t[::1] view = memoryview(data).cast("B")
        if view.shape[0] < size or size == 0:
            raise ValueError("a buffer is shorter than its column")
        self.held = (*self.held, view)
        return &view[0]

    cdef int write(self, area_t* area, Py_ssize_t row) except -1:
        """Write a row, which the caller knows to be one."""
        cdef Py_ssize_t at = self.offset + row
        cdef int32_t index
        if self.there != NULL and not self.there[at >> 3] >> (at & 7) & 1:
            return put(area, b"null", 4)
        if self.kind == TEXT:
            return self.put_text(area, at)
        elif self.kind == WORD:
            index = (<const int32_t*> self.values)[at]
            if not 0 <= index < self.n_words:
                raise ValueError("a word that is not in its dictionary")
            return put(area, self.words.data + self.ends[index], self.ends[index + 1] - self.ends[index])
        elif self.kind == TIME:
            put(area, b'"', 1)
            put_time(area, (<const int64_t*> self.values)[at])
            return put(area, b'"', 1)
        elif self.kind == DAY:
            put(area, b'"', 1)
            put_date(area, (<const int32_t*> self.values)[at])
            return put(area, b'"', 1)
        elif self.kind == INT64:
            return put_number(area, (<const int64_t*> self.values)[at])
        elif self.kind == INT32:
            return put_number(area, (<const int32_t*> self.values)[at])
        elif self.kind == FLAG:
            if self.values[at >> 3] >> (at & 7) & 1:
                return put(area, b"true", 4)
            return put(area, b"false", 5)
        elif self.kind == STRUCT:
            return self.put_struct(area, row)
        return self.put_list(area, at)

    cdef int put_text(self, area_t* area, Py_ssize_t at) except -1:
        cdef const int32_t* ends = <const int32_t*> self.values
        cdef int32_t start = ends[at], end = ends[at + 1]
        if not 0 <= start <= end <= self.characters:
            raise ValueError("a text outside its buffer")
        return put_string(area, self.texts + start, end - start)

    cdef int put_struct(self, area_t* area, Py_ssize_t row) except -1:
        cdef Py_ssize_t i
        cdef bytes name
        for i in range(len(self.parts)):
            name = <bytes> self.names[i]
            put(area, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
            (<Column> self.parts[i]).write(area, row)
        return put(area, b"}", 1)

    cdef int put_list(self, area_t* area, Py_ssize_t at) except -1:
        cdef Column elements = <Column> self.parts[0]
        cdef const int32_t* ends = <const int32_t*> self.values
        cdef int32_t i, start = ends[at], end = ends[at + 1]
        if not 0 <= start <= end <= elements.rows:
            raise ValueError("a list outside its elements")
        put(area, b"[", 1)
        for i in range(start, end):
            if i > start:
                put(area, b",", 1)
            elements.write(area, i)
        return put(area, b"]", 1)


def json_lines(Column column not None, Py_ssize_t first, Py_ssize_t most_line_bytes, Py_ssize_t enough_bytes):
    """(a line for each row from `first` on, the row after the last of them): as many as it takes to be enough.

    No line, and the row that would have been it, when that is longer than a line may be.
    """
    cdef area_t area
    cdef size_t start
    cdef Py_ssize_t row = first
    if first < 0:
        raise ValueError("there is no such row")
    area.data, area.size, area.room = NULL, 0, 0
    try:
        area_reserve(&area, enough_bytes)
        while row < column.rows and <Py_ssize_t> area.size < enough_bytes:
            start = area.size
            column.write(&area, row)
            if <Py_ssize_t> (area.size - start) > most_line_bytes:
                area.size = start
                break
            put(&area, b"\n", 1)
            row += 1
        return PyBytes_FromStringAndSize(<const char*> area.data, area.size), row
    finally:
        free(area.data)
