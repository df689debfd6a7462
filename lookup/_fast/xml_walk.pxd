from libc.stddef cimport size_t
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from lookup._fast.question cimport text_t

cdef enum:
    MAX_DEPTH = 12
    MAX_BINDINGS = 24
    MAX_ATTRIBUTES = 8

# Kinds of tags.
cdef enum:
    BEGIN = 1
    EMPTY = 2
    END = 3

cdef struct binding_t:
    text_t prefix
    text_t uri

cdef struct open_t:
    text_t written
    int before  # bindings

# An attribute that binds nothing. `space` is its prefix, which is empty where it has none, and then what that means.
cdef struct attribute_t:
    text_t space
    text_t local
    text_t value
    bint prefixed

# A tag; of one that is END nothing but that.
cdef struct tag_t:
    int kind
    text_t space
    text_t local
    attribute_t attributes[MAX_ATTRIBUTES]
    int count

# A place in a body, the elements that it is in, and what prefixes mean there.
cdef struct walk_t:
    const uint8_t* at
    const uint8_t* stop
    open_t open[MAX_DEPTH]
    binding_t bound[MAX_BINDINGS]
    int depth
    int bindings

cdef inline bint same(const text_t* one, const text_t* other) noexcept nogil:
    return one.size == other.size and memcmp(one.data, other.data, one.size) == 0

cdef inline bint reads(const text_t* text, const char* word, size_t size) noexcept nogil:
    return text.size == size and memcmp(text.data, word, size) == 0

cdef inline bint is_of(const tag_t* tag, const text_t* space, const char* local, size_t size) noexcept nogil:
    """Whether a tag that is no end has this name."""
    return tag.kind != END and reads(&tag.local, local, size) and same(&tag.space, space)

cdef void begin_walk(walk_t* w, const uint8_t* data, size_t size) noexcept nogil
cdef bint skip_declaration(walk_t* w) noexcept nogil
cdef void skip_blanks(walk_t* w) noexcept nogil
cdef void take_text(walk_t* w, text_t* out) noexcept nogil
cdef bint take_tag(walk_t* w, tag_t* tag) noexcept nogil
cdef bint take_end(walk_t* w, tag_t* tag) noexcept nogil
cdef bint next_tag(walk_t* w, tag_t* tag) noexcept nogil
cdef bint next_begin(walk_t* w, tag_t* tag, const text_t* space, const char* local, size_t size) noexcept nogil
cdef bint next_end(walk_t* w, tag_t* tag) noexcept nogil
cdef bint skip_element(walk_t* w, tag_t* tag) noexcept nogil
cdef bint is_word(const text_t* text) noexcept nogil
cdef bint take_word_element(walk_t* w, tag_t* tag, text_t* out) noexcept nogil
