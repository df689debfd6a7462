from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from lookup._fast.canonical cimport span_t

cdef enum:
    MAX_MEDIA = 4

# The media types that a route's body may have, in small letters; and which version of SOAP it is: 0 is none, 1 is 1.1.
cdef struct media_t:
    int count
    int soap
    uint8_t names[MAX_MEDIA][32]
    size_t sizes[MAX_MEDIA]

cdef inline bint same(const uint8_t* data, const uint8_t* lower, size_t size) noexcept nogil:
    """Whether the octets are those of a text in small letters, whatever the case of theirs."""
    cdef size_t i
    cdef uint8_t octet
    for i in range(size):
        octet = data[i]
        if c"A" <= octet <= c"Z":
            octet |= 0x20
        if octet != lower[i]:
            return False
    return True

cdef bint is_media(const media_t* media, const uint8_t* data, size_t size) noexcept nogil
cdef bint is_soap_media(
    const media_t* media, const uint8_t* data, size_t size, size_t start, span_t* action
) noexcept nogil
