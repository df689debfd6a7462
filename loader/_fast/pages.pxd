from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    SOUND = 0
    NOT_SOUND = -1
    NO_MEMORY = -2

# Called with each value of the named databases that are told, while a file is walked: `offset` is its place in the
# file. Whatever it returns below zero ends the walk.
ctypedef int (*told_t)(
    void* task, int database, const uint8_t* key, size_t key_size, const uint8_t* value, uint64_t offset, uint64_t size
) noexcept nogil

# Which databases are told, by name; `told` may be NULL.
cdef struct telling_t:
    const char** names
    int n_names
    told_t told
    void* task

cdef int c_walk(const uint8_t* data, uint64_t size, const telling_t* telling) noexcept nogil
