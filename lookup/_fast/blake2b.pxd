from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

cdef void c_blake2b(
    uint8_t* out, size_t out_size, const uint8_t* key, size_t key_size, const uint8_t* data, size_t size
) noexcept nogil
cdef void c_blake2b_key(uint64_t* state, size_t out_size, const uint8_t* key, size_t key_size) noexcept nogil
cdef void c_blake2b_number(uint8_t* out, size_t out_size, const uint64_t* state, uint64_t number) noexcept nogil
