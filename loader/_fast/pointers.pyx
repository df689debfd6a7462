"""Where values stand in their LMDB file: found while the file is walked page by page (pages.pyx)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from loader._fast.pages cimport NO_MEMORY, SOUND, c_walk, telling_t

cdef enum:
    LENGTH_BITS = 24
    MOST_DATABASES = 8
    BAD_LENGTH = -1000
    BAD_KEY = -1001
    OTHER_NUMBER = -1002

cdef dict MESSAGES = {
    BAD_LENGTH: "a value's length does not fit a pointer",
    BAD_KEY: "a key is no number of the table",
    OTHER_NUMBER: "a value is of another number than its key",
}

cdef struct table_t:
    uint64_t* entries
    uint64_t n_entries
    uint64_t firsts[MOST_DATABASES]
    uint64_t count


cdef int place(
    void* task, int database, const uint8_t* key, size_t key_size, const uint8_t* value, uint64_t offset, uint64_t size
) noexcept nogil:
    """Note where a value stands. `offset` is within the file, and so is its end."""
    cdef table_t* table = <table_t*> task
    cdef uint64_t entry
    cdef uint32_t inside
    if size < 4 or size >= (<uint64_t> 1 << LENGTH_BITS):
        return BAD_LENGTH
    if key_size != 4:
        return BAD_KEY
    entry = <uint64_t> key[0] << 24 | <uint64_t> key[1] << 16 | <uint64_t> key[2] << 8 | key[3]
    if table.firsts[database] + entry >= table.n_entries:
        return BAD_KEY
    memcpy(&inside, value, 4)
    if inside != entry:
        return OTHER_NUMBER
    table.entries[table.firsts[database] + entry] = offset << LENGTH_BITS | size
    table.count += 1
    return SOUND


def fill(const uint8_t[::1] file not None, names, uint64_t[::1] table not None, firsts):
    """Set `table[first + number]` to `offset << 24 | length` for every value of the databases `names`.

    Their keys are u32 numbers, and each value begins with its own. `firsts` are the databases' places in the table.
    Returns how many there were. Raises ValueError when one does not fit, or the file is not sound.
    """
    cdef const char* texts[MOST_DATABASES]
    cdef telling_t telling
    cdef table_t out
    cdef int n, status
    if len(names) > MOST_DATABASES or len(names) != len(firsts) or file.shape[0] == 0 or table.shape[0] == 0:
        raise ValueError("there is nothing to be filled, or of nothing")
    for n in range(len(names)):
        texts[n] = names[n]
        out.firsts[n] = firsts[n]
    out.entries, out.n_entries, out.count = &table[0], table.shape[0], 0
    telling.names, telling.n_names, telling.told, telling.task = texts, len(names), place, &out
    with nogil:
        status = c_walk(&file[0], file.shape[0], &telling)
    if status == NO_MEMORY:
        raise MemoryError
    if status != SOUND:
        raise ValueError(MESSAGES.get(status, "it is not sound"))
    return out.count
