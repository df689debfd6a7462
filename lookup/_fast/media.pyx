"""The reading of a canonical Content-Type. Compiled twin of the patterns in lookup/canonical.py."""

from libc.stdint cimport uint8_t

from lookup._fast.canonical cimport span_t


cdef bint is_media(const media_t* media, const uint8_t* data, size_t size) noexcept nogil:
    """One of the route's media types, and nothing behind it but charset=utf-8."""
    cdef const uint8_t* end = data + size
    cdef const uint8_t* at
    cdef int i
    for i in range(media.count):
        if size < media.sizes[i] or not same(data, media.names[i], media.sizes[i]):
            continue
        at = data + media.sizes[i]
        if at == end:
            return True
        while at < end and at[0] == c" ":
            at += 1
        if at == end or at[0] != c";":
            continue
        at += 1
        while at < end and at[0] == c" ":
            at += 1
        if end - at < 8 or not same(at, b"charset=", 8):
            continue
        at += 8
        if at < end and at[0] == c'"':
            at += 1
        if end - at < 5 or not same(at, b"utf-8", 5):
            continue
        at += 5
        if at < end and at[0] == c'"':
            at += 1
        if at == end:
            return True
    return False


cdef bint is_soap_media(
    const media_t* media, const uint8_t* data, size_t size, size_t start, span_t* action
) noexcept nogil:
    """Whether a content type is that of an envelope: with a charset, and in SOAP 1.2 an action, in any order.

    The value begins `start` octets into the head.
    """
    cdef size_t at = media.sizes[0], begin
    cdef bint has_charset = False, quoted
    if size < at or not same(data, media.names[0], at):
        return False
    while at < size:
        at = behind_blanks(data, size, at)
        if at == size or data[at] != c";":
            return False
        at = behind_blanks(data, size, at + 1)
        if size - at >= 13 and same(data + at, b"charset=", 8) and not has_charset:
            quoted = data[at + 8] == c'"'
            at += 8 + quoted
            if size - at < <size_t> (5 + quoted) or not same(data + at, b"utf-8", 5) or quoted and data[at + 5] != c'"':
                return False
            at += 5 + quoted
            has_charset = True
        elif media.soap == 2 and size - at >= 9 and same(data + at, b'action="', 8) and not action.at:
            begin = at = at + 8
            while at < size and is_of_action(data[at]):
                at += 1
            if at == size or data[at] != c'"':
                return False
            action.at, action.size = start + begin, at - begin
            at += 1
        else:
            return False
    return True


cdef inline bint is_of_action(uint8_t octet) noexcept nogil:
    return c"!" <= octet <= c"~" and octet != c'"' and octet != c";" and octet != c"\\"


cdef inline size_t behind_blanks(const uint8_t* data, size_t size, size_t at) noexcept nogil:
    while at < size and data[at] == c" ":
        at += 1
    return at
