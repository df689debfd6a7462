from libc.stdint cimport int64_t, uint64_t

cdef uint64_t c_mix(uint64_t nin) noexcept nogil
cdef uint64_t c_unmix(uint64_t mixed) noexcept nogil
cdef int64_t c_parse(const unsigned char* text, Py_ssize_t size) noexcept nogil
cdef int64_t c_parse_within(const unsigned char* text, Py_ssize_t size, int residue) noexcept nogil
cdef int64_t c_parse_str(str text) noexcept
