"""Comparing two indexes, a part of the keys at a time. Compiled twin of loader/compare.py.

Runs over every record of two generations in each full load, which is why it is compiled. Buckets whose octets are the
same, where both generations number contracts and codes alike, are not opened. Does no input or output.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp

from lookup._fast.index cimport Index, damaged, span_t
from lookup._fast.key cimport c_unmix
from lookup._fast.record cimport ALIAS, FOUND, NOT_FOUND, c_next, c_nth, membership_t, record_t

from loader.compare import Compared
from lookup.key import KEY_BITS as PLAIN_KEY_BITS
from lookup.record import Damaged

cdef enum:
    KEY_BITS = 37
    MOST = 16384  # memberships of one record: its 64 KiB hold 9,362 of the seven octets that the least takes
    TOO_MANY = -1000
    SLOT = -1001

if PLAIN_KEY_BITS != KEY_BITS:
    raise ImportError("loader._fast.compare was built from other constants than lookup.key")

cdef dict MESSAGES = {TOO_MANY: "more memberships than a record holds", SLOT: "a slot is out of range"}

cdef struct counts_t:
    uint64_t persons_created
    uint64_t persons_deleted
    uint64_t created
    uint64_t updated
    uint64_t deleted
    uint64_t protections  # persons who have come to be protected, or not to be

cdef struct work_t:
    const uint32_t* slots  # old slot -> new slot
    size_t n_slots
    const uint8_t* begin  # old ordinal -> new ordinal, 256 of them
    const uint8_t* end
    bint alike  # whether every one of them is itself
    membership_t* before
    membership_t* after
    int bits  # the fewer of the two
    uint32_t* touched  # buckets, of as many as these bits make
    size_t n_touched


cdef inline int read_all(record_t* record, membership_t* out) noexcept nogil:
    """How many memberships the rest of a record has, read into `out`; below zero, damaged."""
    cdef int n = 0, status
    while True:
        if n == MOST:
            return TOO_MANY
        status = c_next(record, &out[n])
        if status < 0:
            return status
        if status == NOT_FOUND:
            return n
        n += 1


cdef inline int person_of(Index index, uint64_t nin, record_t* out) noexcept nogil:
    """Begin to read the person under exactly this number: FOUND, NOT_FOUND (an alias is none) or damaged."""
    cdef int status = index.record_of(nin, out)
    if status == FOUND and out.flags == ALIAS:
        return NOT_FOUND
    return status


cdef inline bint is_same(const work_t* work, const membership_t* old, const membership_t* new) noexcept nogil:
    return (
        work.slots[old.slot] == new.slot
        and old.valid_from == new.valid_from
        and old.to == new.to
        and old.updated == new.updated
        and work.begin[old.begin] == new.begin
        and work.end[old.end] == new.end
    )


cdef int compare_person(Index new, uint64_t nin, record_t* record, work_t* work, counts_t* counts) noexcept nogil:
    """Count what has become of an old person, whose record is open: FOUND or damaged."""
    cdef record_t other
    cdef int n, m = 0, i, j, shared = 0
    cdef int status = person_of(new, nin, &other)
    if status < 0:
        return status
    n = read_all(record, work.before)
    if n < 0:
        return n
    if status == NOT_FOUND:
        counts.persons_deleted += 1
    else:
        counts.protections += record.flags != other.flags
        m = read_all(&other, work.after)
        if m < 0:
            return m
    for i in range(n):
        if work.before[i].slot >= work.n_slots:
            return SLOT
        for j in range(m):
            if work.before[i].id == work.after[j].id:
                shared += 1
                counts.updated += not is_same(work, &work.before[i], &work.after[j])
                break
    counts.deleted += n - shared
    counts.created += m - shared
    return FOUND


cdef inline uint64_t total(const counts_t* counts) noexcept nogil:
    """Changes with every change that is counted. Persons who are deleted are gone from their bucket in any case."""
    return (
        counts.persons_created
        + counts.persons_deleted
        + counts.created
        + counts.updated
        + counts.deleted
        + counts.protections
    )


cdef int walk(
    Index of, Index other, uint64_t bucket, bint forwards, work_t* work, counts_t* counts
) noexcept nogil:
    """Count the persons of one bucket: what became of old ones (forwards), or which new ones there were not."""
    cdef span_t span, beside
    cdef record_t record, found
    cdef uint32_t i = 0, rest
    cdef uint64_t nin
    cdef int n
    cdef int status = of.value(bucket, &span)
    if status != FOUND:
        return status
    if work.alike and of.bits == other.bits:
        status = other.value(bucket, &beside)
        if status < 0:
            return status
        if status == FOUND and span.size == beside.size and memcmp(span.data, beside.data, span.size) == 0:
            return FOUND
    while True:
        status = c_nth(span.data, span.size, <uint32_t> bucket, of.bits, i, &rest, &record)
        if status != FOUND:
            return status
        i += 1
        if record.flags == ALIAS:
            continue
        nin = c_unmix(bucket << (KEY_BITS - of.bits) | <uint64_t> rest)
        if forwards:
            status = compare_person(other, nin, &record, work, counts)
            if status < 0:
                return status
            continue
        status = person_of(other, nin, &found)
        if status < 0:
            return status
        if status == NOT_FOUND:
            n = read_all(&record, work.after)
            if n < 0:
                return n
            counts.persons_created += 1
            counts.created += n


cdef int walk_side(
    Index of, Index other, uint64_t part, int part_bits, bint forwards, work_t* work, counts_t* counts
) noexcept nogil:
    """Walk a part of one index, and note the buckets in which something was counted."""
    cdef uint64_t bucket, before
    cdef int status
    for bucket in range(part << (of.bits - part_bits), (part + 1) << (of.bits - part_bits)):
        before = total(counts)
        status = walk(of, other, bucket, forwards, work, counts)
        if status < 0:
            return status
        if total(counts) != before:
            work.touched[work.n_touched] = <uint32_t> (bucket >> (of.bits - work.bits))
            work.n_touched += 1
    return FOUND


cdef int walk_part(Index old, Index new, uint64_t part, int part_bits, work_t* work, counts_t* counts) noexcept nogil:
    cdef int status = walk_side(old, new, part, part_bits, True, work, counts)
    return status if status < 0 else walk_side(new, old, part, part_bits, False, work, counts)


cdef bint is_alike(const uint32_t[::1] slots, const uint8_t[::1] begin, const uint8_t[::1] end) noexcept:
    cdef Py_ssize_t i
    for i in range(slots.shape[0]):
        if slots[i] != i:
            return False
    for i in range(256):
        if begin[i] != i or end[i] != i:
            return False
    return True


def compare(Index old not None, Index new not None, recoding, uint64_t part, int part_bits):
    """Compare one of the 2**part_bits parts of the keys; `recoding` is from old to new. Raises Damaged."""
    cdef const uint32_t[::1] slots = recoding.slots
    cdef const uint8_t[::1] begin = recoding.begin, end = recoding.end
    cdef counts_t counts = counts_t(0, 0, 0, 0, 0, 0)
    cdef work_t work
    cdef size_t i, most
    cdef int status
    if not 0 <= part_bits <= min(old.bits, new.bits) or part >> part_bits:
        raise ValueError("no such part")
    if begin.shape[0] != 256 or end.shape[0] != 256:
        raise ValueError("a recoding has 256 ordinals")
    work.slots, work.n_slots = &slots[0] if slots.shape[0] else NULL, slots.shape[0]
    work.begin, work.end, work.alike = &begin[0], &end[0], is_alike(slots, begin, end)
    work.before = <membership_t*> malloc(2 * MOST * sizeof(membership_t))
    work.after = work.before + MOST
    work.bits, work.n_touched = min(old.bits, new.bits), 0
    most = ((<size_t> 1) << (old.bits - part_bits)) + ((<size_t> 1) << (new.bits - part_bits))
    work.touched = <uint32_t*> malloc(most * sizeof(uint32_t))
    try:
        if work.before == NULL or work.touched == NULL:
            raise MemoryError()
        with nogil:
            status = walk_part(old, new, part, part_bits, &work, &counts)
        touched = {work.touched[i] for i in range(work.n_touched)}
    finally:
        free(work.before)
        free(work.touched)
    if status < 0:
        raise Damaged(MESSAGES[status]) if status in MESSAGES else damaged(status)
    return Compared(
        counts.persons_created,
        counts.persons_deleted,
        counts.created,
        counts.updated,
        counts.deleted,
        tuple(sorted(touched)),
    )
