"""A walk through a document of a small part of XML, in place. Compiled twin of lookup/xml_walk.py.

Every function goes on from a place and says whether what it looks for stands there. The texts that are found are inside
the body that was given; nothing is copied. Needs neither the GIL nor Python objects.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from lookup._fast.question cimport text_t

from lookup import xml_walk as plain

cdef enum:
    MAX_WORD_BYTES = 256
    MAX_RUN_BYTES = 4096
    # kinds of octets, as bits
    IS_BLANK = 1
    IS_FIRST = 2  # of a name
    IS_NAME = 4
    IS_TEXT = 8
    IS_VISIBLE = 16  # text that is no blank

if (MAX_DEPTH, MAX_BINDINGS, MAX_ATTRIBUTES, MAX_WORD_BYTES, MAX_RUN_BYTES) != (
    plain.MAX_DEPTH, plain.MAX_BINDINGS, plain.MAX_ATTRIBUTES, plain.MAX_WORD_BYTES, plain.MAX_RUN_BYTES
):
    raise ImportError("lookup._fast.xml_walk was built from other constants than lookup.xml_walk")

cdef uint8_t kinds[256]


cdef void fill_kinds():
    cdef int octet
    for octet in range(256):
        kinds[octet] = 0
        if octet in b" \t\r\n":
            kinds[octet] |= IS_BLANK | IS_TEXT
        if chr(octet).isascii() and (chr(octet).isalpha() or octet in b"_"):
            kinds[octet] |= IS_FIRST
        if chr(octet).isascii() and (chr(octet).isalnum() or octet in b"_.-"):
            kinds[octet] |= IS_NAME
        if 0x20 <= octet <= 0x7E and octet not in b"&<>":
            kinds[octet] |= IS_TEXT
        if 0x21 <= octet <= 0x7E:
            kinds[octet] |= IS_VISIBLE


fill_kinds()


cdef const char* XML = b"http://www.w3.org/XML/1998/namespace"
cdef const char* XMLNS = b"http://www.w3.org/2000/xmlns/"


cdef void begin_walk(walk_t* w, const uint8_t* data, size_t size) noexcept nogil:
    """At the beginning of a body."""
    w.at, w.stop, w.depth, w.bindings = data, data + size, 0, 0


# -- octets and words


cdef void skip_blanks(walk_t* w) noexcept nogil:
    """Pass over blanks: as many as may be, and the rest of them is no tag."""
    cdef const uint8_t* stop = w.at + min(w.stop - w.at, MAX_RUN_BYTES)
    while w.at < stop and kinds[w.at[0]] & IS_BLANK:
        w.at += 1


cdef inline bint some_blanks(walk_t* w) noexcept nogil:
    cdef const uint8_t* start = w.at
    skip_blanks(w)
    return w.at > start


cdef inline bint take(walk_t* w, uint8_t octet) noexcept nogil:
    if w.at == w.stop or w.at[0] != octet:
        return False
    w.at += 1
    return True


cdef inline bint take_word(walk_t* w, const char* word, size_t size) noexcept nogil:
    if <size_t> (w.stop - w.at) < size or memcmp(w.at, word, size) != 0:
        return False
    w.at += size
    return True


cdef inline bint take_name(walk_t* w, text_t* out) noexcept nogil:
    if w.at == w.stop or not kinds[w.at[0]] & IS_FIRST:
        return False
    out.data = w.at
    while w.at < w.stop and kinds[w.at[0]] & IS_NAME:
        w.at += 1
    out.size = w.at - out.data
    return True


cdef inline bint take_qualified(walk_t* w, text_t* written, text_t* prefix, text_t* local) noexcept nogil:
    """A name; without a prefix `prefix.size` is 0."""
    if not take_name(w, local):
        return False
    written.data, prefix.data, prefix.size = local.data, local.data, 0
    if take(w, c":"):
        prefix[0] = local[0]
        if not take_name(w, local):
            return False
    written.size = w.at - written.data
    return True


cdef inline bint take_value(walk_t* w, text_t* out) noexcept nogil:
    """What stands in quotes of either kind: printable ASCII."""
    cdef uint8_t quote
    if w.at == w.stop or w.at[0] != c'"' and w.at[0] != c"'":
        return False
    quote = w.at[0]
    w.at += 1
    out.data = w.at
    while w.at < w.stop and w.at[0] != quote and kinds[w.at[0]] & IS_TEXT and w.at[0] >= c" ":
        w.at += 1
    out.size = w.at - out.data
    return take(w, quote)


cdef void take_text(walk_t* w, text_t* out) noexcept nogil:
    out.data = w.at
    while w.at < w.stop and kinds[w.at[0]] & IS_TEXT:
        w.at += 1
    out.size = w.at - out.data


cdef bint is_word(const text_t* text) noexcept nogil:
    cdef size_t i
    if not 1 <= text.size <= MAX_WORD_BYTES:
        return False
    for i in range(text.size):
        if not kinds[text.data[i]] & IS_VISIBLE:
            return False
    return True


cdef inline bint take_declared(walk_t* w, text_t* value) noexcept nogil:
    """An equals sign, and a value of an XML declaration."""
    skip_blanks(w)
    if not take(w, c"="):
        return False
    skip_blanks(w)
    return take_value(w, value)


cdef inline bint is_utf8(const text_t* value) noexcept nogil:
    """Whether an encoding is UTF-8, in any case."""
    return (
        value.size == 5 and value.data[0] | 0x20 == c"u" and value.data[1] | 0x20 == c"t"
        and value.data[2] | 0x20 == c"f" and memcmp(value.data + 3, b"-8", 2) == 0
    )


cdef bint skip_declaration(walk_t* w) noexcept nogil:
    """Pass over an XML declaration, where there is one."""
    cdef text_t value
    cdef bint blanks
    if not take_word(w, b"<?xml", 5):
        return True
    if not some_blanks(w) or not take_word(w, b"version", 7) or not take_declared(w, &value):
        return False
    if not reads(&value, b"1.0", 3):
        return False
    blanks = some_blanks(w)
    if blanks and take_word(w, b"encoding", 8):
        if not take_declared(w, &value) or not is_utf8(&value):
            return False
        blanks = some_blanks(w)
    if blanks and take_word(w, b"standalone", 10):
        if not take_declared(w, &value) or not (reads(&value, b"yes", 3) or reads(&value, b"no", 2)):
            return False
        skip_blanks(w)
    return take_word(w, b"?>", 2)


# -- tags


cdef inline bint is_reserved(const text_t* prefix) noexcept nogil:
    return (
        prefix.size >= 3 and prefix.data[0] | 0x20 == c"x" and prefix.data[1] | 0x20 == c"m"
        and prefix.data[2] | 0x20 == c"l"
    )


cdef bint bind(walk_t* w, const text_t* prefix, const text_t* uri) noexcept nogil:
    cdef size_t i
    if is_reserved(prefix) or (prefix.size and not uri.size) or w.bindings == MAX_BINDINGS:
        return False
    if reads(uri, XML, 36) or reads(uri, XMLNS, 29):
        return False
    for i in range(uri.size):
        if uri.data[i] == c" ":
            return False
    w.bound[w.bindings].prefix, w.bound[w.bindings].uri = prefix[0], uri[0]
    w.bindings += 1
    return True


cdef bint space_of(const walk_t* w, const text_t* prefix, text_t* out) noexcept nogil:
    """What an element's prefix means here."""
    cdef int i
    for i in range(w.bindings - 1, -1, -1):
        if same(&w.bound[i].prefix, prefix):
            out[0] = w.bound[i].uri
            return True
    if prefix.size:
        return False
    out.data, out.size = w.at, 0
    return True


cdef bint take_attributes(walk_t* w, tag_t* tag) noexcept nogil:
    """The attributes here; those that bind prefixes have done so. At most one of the others has a prefix."""
    cdef text_t seen[MAX_ATTRIBUTES]
    cdef text_t written, prefix, local, value, nothing
    cdef const uint8_t* start
    cdef int i, count = 0, prefixed = 0
    tag.count = 0
    while True:
        start = w.at
        if not some_blanks(w) or w.at == w.stop or not kinds[w.at[0]] & IS_FIRST:
            w.at = start
            return True
        if not take_qualified(w, &written, &prefix, &local):
            return False
        skip_blanks(w)
        if not take(w, c"="):
            return False
        skip_blanks(w)
        if count == MAX_ATTRIBUTES or not take_value(w, &value):
            return False
        for i in range(count):
            if same(&seen[i], &written):
                return False
        seen[count] = written
        count += 1
        if reads(&prefix, b"xmlns", 5):
            if not bind(w, &local, &value):
                return False
        elif reads(&written, b"xmlns", 5):
            nothing.data, nothing.size = w.at, 0
            if not bind(w, &nothing, &value):
                return False
        else:
            prefixed += prefix.size > 0
            if prefixed > 1:
                return False
            tag.attributes[tag.count].space, tag.attributes[tag.count].local = prefix, local
            tag.attributes[tag.count].value = value
            tag.count += 1


cdef bint resolve_attributes(walk_t* w, tag_t* tag) noexcept nogil:
    """Put what it means in the place of each attribute's prefix."""
    cdef int i
    for i in range(tag.count):
        tag.attributes[i].prefixed = tag.attributes[i].space.size > 0
        if tag.attributes[i].prefixed and not space_of(w, &tag.attributes[i].space, &tag.attributes[i].space):
            return False
    return True


cdef bint take_tag(walk_t* w, tag_t* tag) noexcept nogil:
    """The tag that stands here."""
    cdef text_t written, prefix
    cdef int before = w.bindings
    if not take(w, c"<"):
        return False
    if take(w, c"/"):
        tag.kind = END
        if not take_qualified(w, &written, &prefix, &tag.local):
            return False
        skip_blanks(w)
        if not take(w, c">") or not w.depth or not same(&written, &w.open[w.depth - 1].written):
            return False
        w.depth -= 1
        w.bindings = w.open[w.depth].before
        return True
    if not take_qualified(w, &written, &prefix, &tag.local) or not take_attributes(w, tag):
        return False
    skip_blanks(w)
    tag.kind = EMPTY if take(w, c"/") else BEGIN
    if not take(w, c">") or w.depth == MAX_DEPTH:
        return False
    if not space_of(w, &prefix, &tag.space) or not resolve_attributes(w, tag):
        return False
    if tag.kind == EMPTY:
        w.bindings = before
    else:
        w.open[w.depth].written, w.open[w.depth].before = written, before
        w.depth += 1
    return True


cdef bint next_tag(walk_t* w, tag_t* tag) noexcept nogil:
    skip_blanks(w)
    return take_tag(w, tag)


cdef bint take_end(walk_t* w, tag_t* tag) noexcept nogil:
    return take_tag(w, tag) and tag.kind == END


cdef bint next_end(walk_t* w, tag_t* tag) noexcept nogil:
    skip_blanks(w)
    return take_end(w, tag)


cdef bint next_begin(
    walk_t* w, tag_t* tag, const text_t* space, const char* local, size_t size
) noexcept nogil:
    return next_tag(w, tag) and tag.kind == BEGIN and is_of(tag, space, local, size)


cdef bint skip_element(walk_t* w, tag_t* tag) noexcept nogil:
    """Out of the innermost element, whatever is in it."""
    cdef int depth = w.depth - 1
    cdef text_t text
    while w.depth > depth:
        take_text(w, &text)
        if not take_tag(w, tag):
            return False
    return True


cdef bint take_word_element(walk_t* w, tag_t* tag, text_t* out) noexcept nogil:
    """The text of the element that was begun, without the blanks around it; up to its end."""
    take_text(w, out)
    if out.size > MAX_RUN_BYTES:
        return False
    while out.size and kinds[out.data[0]] & IS_BLANK:
        out.data += 1
        out.size -= 1
    while out.size and kinds[out.data[out.size - 1]] & IS_BLANK:
        out.size -= 1
    return is_word(out) and take_end(w, tag)
