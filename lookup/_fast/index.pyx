"""The index of a generation over plain memory. Compiled twin of lookup/index.py.

The `cdef` methods take and give plain values and need neither the GIL nor Python objects; they answer FOUND,
NOT_FOUND, or below zero for damage. The two blocks are held through buffer views, so their memory outlives every
Index over it.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from lookup._fast.key cimport c_mix, c_unmix
from lookup._fast.record cimport (
    ALIAS, FOUND, NOT_FOUND, PROTECTED, c_alias, c_find, c_next, c_nth, damaged as record_damaged, membership_t,
    membership_tuple, record_t, record_tuple,
)

from lookup import index as plain
from lookup import key as plain_key
from lookup._fast.fragment import read_fragment
from lookup._fast.record import decode_bucket
from lookup.index import encode_buckets, encode_fragments  # no-cython-lint: part of this module to Python
from lookup.index import Found
from lookup.record import Damaged

cdef enum:
    KEY_BITS = 37
    MIN_BITS = 13
    MAX_BITS = 28
    HEADER = 32
    LENGTH_BITS = 24

if (KEY_BITS, MIN_BITS, MAX_BITS, HEADER, LENGTH_BITS) != (
    plain_key.KEY_BITS, plain_key.MIN_BITS, plain_key.MAX_BITS, plain.POINTERS_HEADER, plain.LENGTH_BITS
):
    raise ImportError("lookup._fast.index was built from other constants than lookup.index")

cdef enum:
    OUTSIDE = -101
    ALIAS_NOWHERE = -102
    SLOT_RANGE = -103
    OTHER_SLOT = -104

cdef dict MESSAGES = {
    OUTSIDE: "a pointer leads outside",
    ALIAS_NOWHERE: "an alias leads nowhere",
    SLOT_RANGE: "a slot is out of range",
    OTHER_SLOT: "a slot's value is of another slot",
}


cdef object damaged(int status):
    return Damaged(MESSAGES[status]) if status in MESSAGES else record_damaged(status)


cdef extern from *:
    """
    #define flr_prefetch(address) __builtin_prefetch(address)
    """
    void flr_prefetch(const void* address) noexcept nogil


cdef enum:
    FAR = 24  # lookups ahead of which the pointer is fetched
    NEAR = 12  # lookups ahead of which the bucket is fetched
    BUCKET_LINES = 9  # all of a usual bucket
    LINE = 64


def read_buckets(const uint8_t[::1] value not None, int bits):
    """The bucket numbers that `encode_buckets` wrote."""
    cdef uint64_t bucket = 0, difference = 0
    cdef int shift = 0
    cdef Py_ssize_t i
    cdef list out = []
    for i in range(4, value.shape[0]):
        difference |= <uint64_t> (value[i] & 0x7F) << shift
        shift += 7
        if value[i] < 0x80:
            bucket += difference
            if bucket >> bits or (out and not difference):
                raise Damaged("a bucket number is out of range")
            out.append(bucket)
            difference, shift = 0, 0
        elif shift > 28:
            raise Damaged("a bucket number is too long")
    if shift:
        raise Damaged("a bucket list ends too early")
    return out


cdef int add_members(Index index, uint32_t bucket, uint32_t slot, int64_t at, list out) except -1:
    """Add the members of a contract at `at` that are in one bucket."""
    cdef span_t span
    cdef record_t record
    cdef membership_t m
    cdef uint64_t newest, high = <uint64_t> bucket << (KEY_BITS - index.bits)
    cdef uint32_t rest, i = 0
    cdef int status = index.value(bucket, &span)
    while status == FOUND:
        status = c_nth(span.data, span.size, bucket, index.bits, i, &rest, &record)
        i += 1
        if status == FOUND and record.flags & ALIAS:
            status = c_alias(&record, &newest)
            continue
        while status == FOUND:
            status = c_next(&record, &m)
            if status == FOUND and m.slot == slot and m.valid_from <= at < m.to:
                out.append((c_unmix(high | rest), bool(record.flags & PROTECTED), membership_tuple(&m)))
            if status == NOT_FOUND:
                status = FOUND
                break
    if status < 0:
        raise damaged(status)
    return 0


cdef class Index:
    """Lookups in one generation. `pointers` and `data` must stay unchanged while the object lives."""

    def __cinit__(self, pointers, data):
        cdef uint64_t size, zero
        cdef uint32_t bits
        self._pointers_view = memoryview(pointers).cast("B")
        self._data_view = memoryview(data).cast("B")
        if self._pointers_view.shape[0] < HEADER:
            raise Damaged("not a pointer table")
        self._pointers = &self._pointers_view[0]
        self._size = self._data_view.shape[0]
        self._data = &self._data_view[0] if self._size else NULL
        if memcmp(self._pointers, b"FLRPTR1\0", 8) != 0:
            raise Damaged("not a pointer table")
        memcpy(&bits, self._pointers + 8, 4)
        memcpy(&self.slots, self._pointers + 12, 4)
        memcpy(&size, self._pointers + 16, 8)
        memcpy(&zero, self._pointers + 24, 8)
        if not MIN_BITS <= bits <= MAX_BITS or zero or size != self._size:
            raise Damaged("a pointer table of another index")
        self.bits = bits
        if <uint64_t> self._pointers_view.shape[0] != HEADER + 8 * ((<uint64_t> 1 << bits) + 2 * <uint64_t> self.slots):
            raise Damaged("a pointer table of the wrong size")

    cdef int value(self, uint64_t entry, span_t* out) noexcept nogil:
        """The bytes that a pointer table entry points at; `entry` must be inside the table."""
        cdef uint64_t pointer, offset
        memcpy(&pointer, self._pointers + HEADER + 8 * entry, 8)
        if pointer == 0:
            return NOT_FOUND
        offset = pointer >> LENGTH_BITS
        out.size = pointer & ((1 << LENGTH_BITS) - 1)
        if offset + out.size > self._size:
            return OUTSIDE
        out.data = self._data + offset
        return FOUND

    cdef int slot_value(self, uint32_t slot, int table, span_t* out) noexcept nogil:
        """The fragments (table 0) or patient list (table 1) of a slot."""
        cdef uint32_t number
        cdef int status
        if slot >= self.slots:
            return SLOT_RANGE
        status = self.value((<uint64_t> 1 << self.bits) + table * <uint64_t> self.slots + slot, out)
        if status == FOUND:
            if out.size < 4:
                return OTHER_SLOT
            memcpy(&number, out.data, 4)
            if number != slot:
                return OTHER_SLOT
        return status

    cdef int record_of(self, uint64_t nin, record_t* out) noexcept nogil:
        """Begin to read the record under exactly this number."""
        cdef uint64_t mixed
        cdef uint32_t bucket
        cdef span_t span
        cdef int status
        cdef int rest_bits = KEY_BITS - self.bits
        if nin >= 100000000000ULL:
            return NOT_FOUND
        mixed = c_mix(nin)
        status = self.value(mixed >> rest_bits, &span)
        if status != FOUND:
            return status
        bucket = <uint32_t> (mixed >> rest_bits)
        return c_find(span.data, span.size, bucket, <uint32_t> (mixed & ((1ULL << rest_bits) - 1)), out)

    cdef int person_of(self, uint64_t* nin, record_t* out) noexcept nogil:
        """Begin to read the record of the person behind a number; `nin` becomes the newest."""
        cdef uint64_t newest
        cdef int status = self.record_of(nin[0], out)
        if status != FOUND:
            return status
        status = c_alias(out, &newest)
        if status == NOT_FOUND:
            return FOUND
        if status < 0:
            return status
        status = self.record_of(newest, out)
        if status < 0:
            return status
        if status == FOUND:
            status = c_alias(out, nin)
            if status < 0:
                return status
            if status == NOT_FOUND:
                nin[0] = newest
                return FOUND
        return ALIAS_NOWHERE

    cdef int lookup(self, uint64_t nin, int64_t at, found_t* out) noexcept nogil:
        """The person behind a number and the membership whose period covers `at`."""
        cdef record_t record
        cdef int status
        out.nin = nin
        status = self.person_of(&out.nin, &record)
        if status != FOUND:
            return status
        out.protected = record.flags != 0
        while True:
            status = c_next(&record, &out.membership)
            if status < 0:
                return status
            out.has_membership = status == FOUND
            if status == NOT_FOUND or out.membership.valid_from <= at < out.membership.to:
                return FOUND

    def record(self, nin):
        """The record under exactly this number (an alias is not followed), or None."""
        cdef record_t record
        cdef int status
        if not 0 <= nin < 10**11:
            return None
        status = self.record_of(nin, &record)
        if status < 0:
            raise damaged(status)
        return record_tuple(&record) if status == FOUND else None

    def person(self, nin):
        """(newest number, record) of a person by any of their numbers, or None for a number never seen."""
        cdef record_t record
        cdef uint64_t number
        cdef int status
        if not 0 <= nin < 10**11:
            return None
        number = nin
        status = self.person_of(&number, &record)
        if status < 0:
            raise damaged(status)
        return (number, record_tuple(&record)) if status == FOUND else None

    def find(self, nin, int64_t at):
        """The person behind a number and the membership whose period covers `at`, or None for a number never seen."""
        cdef found_t found
        cdef int status
        if not 0 <= nin < 10**11:
            return None
        status = self.lookup(nin, at, &found)
        if status < 0:
            raise damaged(status)
        if status == NOT_FOUND:
            return None
        membership = membership_tuple(&found.membership) if found.has_membership else None
        return Found(found.nin, bool(found.protected), membership)

    def bucket(self, bucket):
        """All (number, record) of one bucket, 0 <= bucket < 2**bits."""
        cdef span_t span
        cdef int status
        cdef int rest_bits = KEY_BITS - self.bits
        if not 0 <= bucket < 1 << self.bits:
            raise IndexError("no such bucket")
        status = self.value(bucket, &span)
        if status < 0:
            raise damaged(status)
        if status == NOT_FOUND:
            return []
        records = decode_bucket(<const uint8_t[:span.size]> span.data if span.size else b"", bucket, self.bits)
        return [(c_unmix(<uint64_t> bucket << rest_bits | <uint64_t> rest), record) for rest, record in records]

    def member_buckets(self, slot):
        """The buckets that hold the members of a contract, past and present, ascending."""
        value = self._slot_bytes(slot, 1)
        return [] if value is None else read_buckets(value, self.bits)

    def members(self, slot, int64_t at, buckets=None):
        """(number, protected, membership) of every member of a contract at `at`, in bucket order, as a list.

        `buckets` are some of those of `member_buckets`; unless given, all.
        """
        cdef list out = []
        for bucket in self.member_buckets(slot) if buckets is None else buckets:
            if not 0 <= bucket < 1 << self.bits:
                raise IndexError("no such bucket")
            add_members(self, bucket, slot, at, out)
        return out

    def fragment(self, slot, int64_t at):
        """The fragment of a contract at `at`, or None when `at` is outside what was rendered."""
        value = self._slot_bytes(slot, 0)
        return None if value is None else read_fragment(value, at)

    def _slot_bytes(self, slot, int table):
        cdef span_t span
        cdef int status
        if not 0 <= slot < self.slots:
            raise damaged(SLOT_RANGE)
        status = self.slot_value(slot, table, &span)
        if status < 0:
            raise damaged(status)
        return (<const char*> span.data)[:span.size] if status == FOUND else None

    cdef void prefetch_pointer(self, uint64_t nin) noexcept nogil:
        """Have the pointer of a number's bucket brought near. Any number will do."""
        flr_prefetch(self._pointers + HEADER + 8 * (c_mix(nin) >> (KEY_BITS - self.bits)))

    cdef void prefetch_bucket(self, uint64_t nin) noexcept nogil:
        """Have the first lines of a number's bucket brought near; its pointer should be by now."""
        cdef span_t span
        cdef size_t line
        if self.value(c_mix(nin) >> (KEY_BITS - self.bits), &span) == FOUND:
            for line in range(min(span.size, <size_t> (BUCKET_LINES * LINE)) // LINE):
                flr_prefetch(span.data + line * LINE)

    def sweep(self, const uint64_t[::1] nins not None, int64_t at, bint dependent=False, bint ahead=False):
        """Look up every number without the GIL, for benchmarks: (how many are known, a sum over what was found).

        `dependent` makes each lookup wait for the answer of the one before it; `ahead` has what the next ones need
        brought near meanwhile, as a batch can.
        """
        cdef found_t found
        cdef Py_ssize_t i, n = nins.shape[0]
        cdef uint64_t total = 0, known = 0, chain = 0
        cdef uint64_t mask = 1 if dependent else 0
        cdef int status = 0
        with nogil:
            for i in range(n):
                if ahead:
                    if i + FAR < n:
                        self.prefetch_pointer(nins[i + FAR])
                    if i + NEAR < n:
                        self.prefetch_bucket(nins[i + NEAR])
                # an id's top bit is never set: the chain adds nothing, but the processor must wait to know
                status = self.lookup(nins[i] + chain, at, &found)
                if status < 0:
                    break
                known += status
                if status == FOUND and found.has_membership:
                    total += found.membership.id
                    chain = (found.membership.id >> 63) & mask
        if status < 0:
            raise damaged(status)
        return known, total
