"""The packed rows of one part, sorted and assembled into values. Compiled twin of loader/buckets.py.

Runs once for every record of a nation, which is why it is compiled (bench/results tells what it bought). Does no
input or output.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort

from loader._fast.pack cimport ALIAS, KEY_BITS, MEMBERSHIP, PERSON, id_row_t, row_t
from lookup._fast.encode cimport (
    area_append, area_reserve, area_t, c_encode_alias, c_encode_head, c_encode_membership,
)
from lookup._fast.record cimport membership_t

import loader._fast.pack  # no-cython-lint: its import holds the layout of a row against the specification
from loader.buckets import (
    ALIAS_HAS_MEMBERSHIP, ALIAS_IS_PERSON, DANGLING_PERSON, DUPLICATE_CHANGE, DUPLICATE_ID, DUPLICATE_PERSON,
    MAX_FAULTS, OVERLAP,
)
from lookup.record import MAX_RECORD_AREA, MAX_RECORDS, TooLarge

cdef struct entry_t:  # a record of the bucket that is open, in the work area
    uint32_t rest
    uint32_t begin
    uint32_t end

cdef size_t most_faults = MAX_FAULTS
cdef size_t most_records = MAX_RECORDS
cdef size_t most_bytes = MAX_RECORD_AREA
cdef size_t shares = 1 << 16  # that the rows of a part are dealt out to, to be sorted
cdef size_t few = 24  # rows, that are sorted soonest by putting each in its place


cdef int by_key(const void* a, const void* b) noexcept nogil:
    """Key, then kind, then newest membership first, then as they came."""
    cdef const row_t* x = (<const row_t**> a)[0]
    cdef const row_t* y = (<const row_t**> b)[0]
    if x.key != y.key:
        return -1 if x.key < y.key else 1
    if x.kind != y.kind:
        return -1 if x.kind < y.kind else 1
    if x.valid_from != y.valid_from:
        return -1 if x.valid_from > y.valid_from else 1
    return is_before(y, x) - is_before(x, y)


cdef inline bint is_before(const row_t* x, const row_t* y) noexcept nogil:
    """Whether a row stands before another in the feed."""
    return x.file < y.file or (x.file == y.file and x.line < y.line)


cdef int sort_rows(row_t* rows, size_t n, row_t** order) except -1:
    """Put the rows in order, by_key; `order` has room for n, from 1 up.

    Keys are spread evenly over a part, so dealing them out by their upper bits does most of it.
    """
    cdef uint64_t least = rows[0].key, most = rows[0].key
    cdef size_t i, start
    cdef int shift = 0
    cdef uint32_t* ends
    for i in range(n):
        least = min(least, rows[i].key)
        most = max(most, rows[i].key)
    while (most - least) >> shift >= shares:
        shift += 1
    ends = <uint32_t*> calloc(shares + 1, sizeof(uint32_t))
    if ends == NULL:
        raise MemoryError()
    for i in range(n):
        ends[((rows[i].key - least) >> shift) + 1] += 1
    for i in range(shares):
        ends[i + 1] += ends[i]
    for i in range(n):
        order[ends[(rows[i].key - least) >> shift]] = &rows[i]
        ends[(rows[i].key - least) >> shift] += 1
    start = 0
    for i in range(shares):
        sort_share(order + start, ends[i] - start)
        start = ends[i]
    free(ends)
    return 0


cdef void sort_share(row_t** order, size_t n) noexcept nogil:
    """Sort a share: nearly always a few rows, a person's."""
    cdef size_t i, j
    cdef row_t* row
    if n > few:
        qsort(order, n, sizeof(row_t*), by_key)
        return
    for i in range(1, n):
        row = order[i]
        j = i
        while j > 0 and by_key(&row, &order[j - 1]) < 0:
            order[j] = order[j - 1]
            j -= 1
        order[j] = row


cdef int by_number(const void* a, const void* b) noexcept nogil:
    cdef uint64_t x = (<const uint64_t*> a)[0]
    cdef uint64_t y = (<const uint64_t*> b)[0]
    return (x > y) - (x < y)


cdef int by_id(const void* a, const void* b) noexcept nogil:
    cdef const id_row_t* x = <const id_row_t*> a
    cdef const id_row_t* y = <const id_row_t*> b
    if x.id != y.id:
        return -1 if x.id < y.id else 1
    if x.file != y.file:
        return -1 if x.file < y.file else 1
    return (x.line > y.line) - (x.line < y.line)


cdef int by_low_bits(const void* a, const void* b) noexcept nogil:
    cdef uint32_t x = (<const entry_t*> a).rest
    cdef uint32_t y = (<const entry_t*> b).rest
    if x & 0xFFFF != y & 0xFFFF:
        return -1 if (x & 0xFFFF) < (y & 0xFFFF) else 1
    return (x > y) - (x < y)


def duplicate_ids(bytearray ids not None):
    """Faults (what, file, line) of the ids that occur twice in packed id rows: all but the first of the same.

    Sorts the rows in place.
    """
    cdef uint8_t[::1] view = ids
    cdef size_t n = len(ids) // sizeof(id_row_t), i
    cdef id_row_t* rows = <id_row_t*> &view[0] if n else NULL
    faults = []
    if n:
        qsort(rows, n, sizeof(id_row_t), by_id)
    for i in range(1, n):
        if rows[i].id == rows[i - 1].id and <size_t> len(faults) < most_faults:
            faults.append((DUPLICATE_ID, rows[i].file, rows[i].line))
    return faults


cdef class Assembly:
    """One part of the register, assembled: bucket values, and what else the build takes from the rows.

    `counts` has persons, aliases, memberships, and unplaced: the persons without a membership in force. With `faults`
    nothing else is to be used.
    """

    cdef area_t values, buckets, lines, pairs, work, entries
    cdef readonly list faults
    cdef uint64_t persons, aliases, memberships, unplaced
    cdef int rest_bits
    cdef uint32_t bucket

    def __cinit__(self, int bits):
        self.faults = []  # every other member is zero at birth
        self.rest_bits = KEY_BITS - bits

    def __dealloc__(self):
        free(self.values.data)
        free(self.buckets.data)
        free(self.lines.data)
        free(self.pairs.data)
        free(self.work.data)
        free(self.entries.data)

    @property
    def counts(self):
        return {
            "persons": self.persons,
            "aliases": self.aliases,
            "memberships": self.memberships,
            "unplaced": self.unplaced,
        }

    def bucket_values(self):
        """(bucket, value) of every bucket that holds a record, ascending. The value is `encode_bucket`'s."""
        cdef size_t i, start, n = self.buckets.size // 24
        cdef const uint64_t* entries = <const uint64_t*> self.buckets.data
        for i in range(n):
            start = entries[3 * i + 1]
            yield entries[3 * i], (<const char*> self.values.data)[start : start + entries[3 * i + 2]]

    def person_lines(self):
        """(bucket, reader, place, size) of every person's canonical line, in the order of their keys."""
        cdef size_t i, n = self.lines.size // 32
        cdef const uint64_t* entries = <const uint64_t*> self.lines.data
        for i in range(n):
            yield entries[4 * i], entries[4 * i + 1], entries[4 * i + 2], entries[4 * i + 3]

    def member_buckets(self):
        """(slot, first bucket, last bucket, the others) of every contract with members here, by slot.

        The others are varints, each the difference from the bucket before it: what `encode_buckets` writes after the
        first.
        """
        cdef size_t i = 0, n = self.pairs.size // 8
        cdef const uint64_t* pairs = <const uint64_t*> self.pairs.data
        cdef uint64_t first, last
        while i < n:
            first = last = pairs[i]
            self.work.size = 0
            i += 1
            while i < n and pairs[i] >> 32 == first >> 32:
                if pairs[i] != last:
                    put_difference(&self.work, pairs[i] - last)
                last = pairs[i]
                i += 1
            yield (
                first >> 32, first & 0xFFFFFFFFU, last & 0xFFFFFFFFU, (<const char*> self.work.data)[: self.work.size]
            )

    cdef fault(self, what, const row_t* row):
        if <size_t> len(self.faults) < most_faults:
            self.faults.append((what, row.file, row.line))


cdef int put_difference(area_t* area, uint64_t difference) except -1:
    area_reserve(area, 8)
    while difference > 0x7F:
        area.data[area.size] = <uint8_t> (difference & 0x7F | 0x80)
        area.size += 1
        difference >>= 7
    area.data[area.size] = <uint8_t> difference
    area.size += 1
    return 0


cdef int check_group(Assembly out, row_t** group, size_t n) except -1:
    """Tell what is wrong with the rows of one number."""
    cdef size_t i
    cdef bint known = group[0].kind == PERSON
    cdef bint alias = False
    for i in range(n):
        if group[i].kind == PERSON:
            if i:
                out.fault(DUPLICATE_PERSON, group[i])
        elif group[i].kind == ALIAS:
            if known:
                out.fault(ALIAS_IS_PERSON, group[i])
            elif alias:
                out.fault(DUPLICATE_CHANGE, group[i])
            alias = True
        elif alias:
            out.fault(ALIAS_HAS_MEMBERSHIP, group[i])
        elif not known:
            out.fault(DANGLING_PERSON, group[i])
        elif group[i - 1].kind == MEMBERSHIP and group[i].to > group[i - 1].valid_from:
            out.fault(OVERLAP, group[i - 1] if is_before(group[i], group[i - 1]) else group[i])
    return 0


cdef int add_group(Assembly out, row_t** group, size_t n, int64_t at, uint32_t[::1] listed) except -1:
    """Encode the record of one number, and count it. Its bucket becomes the open one."""
    cdef entry_t entry
    cdef uint64_t line[4]
    cdef uint32_t bucket = <uint32_t> (group[0].key >> out.rest_bits)
    if out.entries.size and bucket != out.bucket:
        close_bucket(out)
    out.bucket = bucket
    entry.rest = <uint32_t> (group[0].key & ((<uint64_t> 1 << out.rest_bits) - 1))
    entry.begin = <uint32_t> out.work.size
    if group[0].kind == ALIAS:
        out.aliases += 1
        c_encode_alias(&out.work, entry.rest, group[0].id)
    else:
        out.persons += 1
        out.memberships += n - 1
        out.unplaced += not add_memberships(out, group, n, entry.rest, at, listed)
        line[0], line[1], line[2], line[3] = bucket, group[0].slot, group[0].id, group[0].updated
        area_append(&out.lines, line, sizeof(line))
    entry.end = <uint32_t> out.work.size
    area_append(&out.entries, &entry, sizeof(entry))
    return 0


cdef int add_memberships(
    Assembly out, row_t** group, size_t n, uint32_t rest, int64_t at, uint32_t[::1] listed
) except -1:
    """Encode a person; returns whether one of the memberships is in force at `at`."""
    cdef membership_t m
    cdef size_t i
    cdef uint64_t pair
    cdef bint placed = False
    c_encode_head(&out.work, rest, group[0].protected)
    for i in range(1, n):
        m.slot, m.valid_from, m.to = group[i].slot, group[i].valid_from, group[i].to
        m.begin, m.end, m.updated, m.id = group[i].begin, group[i].end, group[i].updated, group[i].id
        c_encode_membership(&out.work, &m, i > 1, group[i - 1].valid_from)
        pair = <uint64_t> m.slot << 32 | out.bucket
        area_append(&out.pairs, &pair, sizeof(pair))
        if m.valid_from <= at < m.to:
            placed = True
            if m.slot >= <uint64_t> listed.shape[0]:
                raise IndexError("a slot is out of range")
            listed[m.slot] += 1
    return placed


cdef int close_bucket(Assembly out) except -1:
    """Write the value of the open bucket from the records in the work area."""
    cdef entry_t* entries = <entry_t*> out.entries.data
    cdef size_t i, n = out.entries.size // sizeof(entry_t)
    cdef uint64_t place[3]
    cdef uint16_t number = <uint16_t> n, zero = 0
    cdef uint32_t end = 0
    if n > most_records or out.work.size > most_bytes:
        raise TooLarge("a bucket is too large")
    qsort(entries, n, sizeof(entry_t), by_low_bits)
    place[0], place[1] = out.bucket, out.values.size
    area_append(&out.values, &out.bucket, 4)
    area_append(&out.values, &number, 2)
    area_append(&out.values, &zero, 2)
    for i in range(n):
        number = entries[i].rest & 0xFFFF
        area_append(&out.values, &number, 2)
    for i in range(n):
        end += entries[i].end - entries[i].begin
        number = <uint16_t> end
        area_append(&out.values, &number, 2)
    for i in range(n):
        area_append(&out.values, out.work.data + entries[i].begin, entries[i].end - entries[i].begin)
    place[2] = out.values.size - place[1]
    area_append(&out.buckets, place, sizeof(place))
    out.work.size = out.entries.size = 0
    return 0


def assemble(bytearray rows not None, int bits, int64_t at, uint32_t[::1] listed not None):
    """Sort the rows of one part and assemble its buckets; adds to `listed` each slot's memberships in force at `at`.

    `at` is local microseconds. Raises TooLarge for more than a bucket's format holds.
    """
    cdef uint8_t[::1] view = rows
    cdef size_t n = len(rows) // sizeof(row_t), i, j
    cdef row_t* base = <row_t*> &view[0] if n else NULL
    cdef Assembly out = Assembly(bits)
    cdef row_t** order = <row_t**> malloc((n + 1) * sizeof(row_t*))
    if order == NULL:
        raise MemoryError()
    try:
        if n:
            sort_rows(base, n, order)
        i = 0
        while i < n:
            j = i + 1
            while j < n and order[j].key == order[i].key:
                j += 1
            check_group(out, order + i, j - i)
            if not out.faults:
                add_group(out, order + i, j - i, at, listed)
            i = j
    finally:
        free(order)
    if out.entries.size:
        close_bucket(out)
    if out.pairs.size:
        qsort(out.pairs.data, out.pairs.size // 8, 8, by_number)
    return out
