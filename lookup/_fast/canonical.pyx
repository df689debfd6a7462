"""The reading of a canonical request's head. Compiled twin of lookup/canonical.py.

`c_read_head` goes on where it stopped: a head that arrives octet by octet is read once. It works on a pointer and a
size, needs neither the GIL nor Python objects, and keeps offsets, never pointers, so the octets may move between calls.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset

from lookup._fast.media cimport MAX_MEDIA, is_media, is_soap_media, media_t, same

from lookup import canonical as plain
from lookup.canonical import Head

cdef extern from *:
    """
    /* Whether every octet is one of a field value: HTAB, SP to ~. Written so that the compiler can use vectors. */
    static inline int flr_is_text(const uint8_t *data, size_t size) {
        unsigned bad = 0;
        for (size_t i = 0; i < size; i++) bad |= ((uint8_t)(data[i] - 0x20) > 0x5E) & (data[i] != 9);
        return !bad;
    }
    """
    bint flr_is_text(const uint8_t* data, size_t size) noexcept nogil

cdef enum:
    MAX_HEAD_BYTES = 8192
    MAX_FIELDS = 64
    MAX_LENGTH_DIGITS = 7
    MAX_NUMBER_DIGITS = 10
    HOST = 1
    LENGTH = 2
    TYPE = 3
    CONNECTION = 4
    TRACE = 5
    EVENT = 6
    CREDENTIAL = 7
    PROOF = 8
    CLIENT_CERT = 9
    SSL_CLIENT_CERT = 10
    ACTION = 11
    ONCE = 12
    FOREIGN = 13
    # of this file
    MAX_ROUTES = 16
    MAX_NAME = 23
    MAX_KNOWN = 32
    VERSION_SIZE = 11

if (MAX_HEAD_BYTES, MAX_FIELDS, MAX_LENGTH_DIGITS, MAX_NUMBER_DIGITS) != (
    plain.MAX_HEAD_BYTES, plain.MAX_FIELDS, plain.MAX_LENGTH_DIGITS, plain.MAX_NUMBER_DIGITS,
) or plain.KINDS != (
    HOST, LENGTH, TYPE, CONNECTION, TRACE, EVENT, CREDENTIAL, PROOF, CLIENT_CERT, SSL_CLIENT_CERT, ACTION, ONCE, FOREIGN
):
    raise ImportError("lookup._fast.canonical was built from other constants than lookup.canonical")

cdef const uint8_t* VERSION = b" HTTP/1.1\r\n"

# A row of plain.ROUTES: what the request line begins with (all of it, where no number follows), and the media types.
cdef struct route_t:
    uint8_t start[64]
    size_t size
    bint numbered
    media_t media

# A row of plain.FIELDS. Each has a bit of its own in `seen`.
cdef struct known_t:
    uint8_t name[MAX_NAME + 1]
    uint8_t size
    uint8_t kind
    uint32_t bit

cdef route_t routes[MAX_ROUTES]
cdef int route_count = 0
cdef known_t known[MAX_KNOWN]
cdef uint8_t known_of_size[MAX_NAME + 2]  # the first in `known` of this size or longer
cdef uint8_t is_token[256]
cdef uint32_t kind_bits[14]


cdef void copy_in(uint8_t* place, size_t room, bytes text) except *:
    if <size_t> len(text) > room:
        raise ImportError("lookup._fast.canonical has no room for the table of routes")
    memcpy(place, <const char*> text, len(text))


cdef void fill_tables() except *:
    global route_count
    cdef route_t* route
    cdef int i, n
    if len(plain.ROUTES) > MAX_ROUTES or len(plain.FIELDS) > MAX_KNOWN:
        raise ImportError("lookup._fast.canonical has no room for the table of routes")
    for row in plain.ROUTES:
        route = &routes[route_count]
        start = f"{row.method} {row.target}".encode()
        start += b"" if row.numbered else b" HTTP/1.1\r\n"
        copy_in(route.start, sizeof(route.start), start)
        route.size, route.numbered, route.media.count = len(start), row.numbered, len(row.media)
        route.media.soap = ("", "1.1", "1.2").index(row.soap)
        if route.media.count > MAX_MEDIA:
            raise ImportError("lookup._fast.canonical has no room for the table of routes")
        for i, media in enumerate(row.media):
            copy_in(route.media.names[i], sizeof(route.media.names[i]), media.encode())
            route.media.sizes[i] = len(media)
        route_count += 1
    for n, (name, kind) in enumerate(sorted(plain.FIELDS.items(), key=lambda item: len(item[0]))):
        copy_in(known[n].name, MAX_NAME, name)
        known[n].size, known[n].kind, known[n].bit = len(name), kind, <uint32_t> 1 << n
        kind_bits[<int> kind] |= known[n].bit
    for i in range(MAX_NAME + 2):
        known_of_size[i] = sum(1 for name in plain.FIELDS if len(name) < i)
    memset(is_token, 0, sizeof(is_token))
    for octet in b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
        is_token[<int> octet] = 1


fill_tables()


cdef inline bint is_hex(uint8_t octet) noexcept nogil:
    return c"0" <= octet <= c"9" or c"a" <= octet <= c"f"


cdef inline int begins(const uint8_t* data, size_t size, const uint8_t* text, size_t length) noexcept nogil:
    """CANONICAL when the octets begin with a text, MORE when they may yet, else OTHER."""
    if memcmp(data, text, min(size, length)) != 0:
        return OTHER
    return CANONICAL if size >= length else MORE


cdef int request_line(const uint8_t* data, size_t size, head_t* head) noexcept nogil:
    cdef route_t* route
    cdef size_t at
    cdef int place, status, answer = OTHER
    for place in range(route_count):
        route = &routes[place]
        status = begins(data, size, route.start, route.size)
        at = route.size
        if status == CANONICAL and route.numbered:
            status = target_number(data, size, &at, head)
        if status == CANONICAL:
            head.route, head.at = place, at
            return CANONICAL
        if status == MORE:
            answer = MORE
    return answer


cdef int target_number(const uint8_t* data, size_t size, size_t* at, head_t* head) noexcept nogil:
    """The digits and the version behind a target that ends in a number."""
    cdef size_t start = at[0], end = start
    cdef uint64_t number = 0
    cdef int status
    while end < size and c"0" <= data[end] <= c"9":
        if end == start + MAX_NUMBER_DIGITS or data[start] == c"0":
            return OTHER
        number = number * 10 + data[end] - c"0"
        end += 1
    if end == start:
        return MORE if end == size else OTHER
    status = begins(data + end, size - end, VERSION, VERSION_SIZE)
    if status == CANONICAL:
        head.number = number
        at[0] = end + VERSION_SIZE
    return status


cdef inline bint is_host(const uint8_t* data, size_t size) noexcept nogil:
    cdef size_t i
    if not 1 <= size <= 255:
        return False
    for i in range(size):
        if not (
            c"a" <= data[i] <= c"z" or c"0" <= data[i] <= c":" or data[i] == c"." or data[i] == c"-"
            or c"A" <= data[i] <= c"Z" or data[i] == c"_" or data[i] == c"[" or data[i] == c"]"
        ):
            return False
    return True


cdef inline bint is_trace(const uint8_t* data, size_t size) noexcept nogil:
    cdef size_t i
    if size != 55:
        return False
    for i in range(size):
        if i == 2 or i == 35 or i == 52:
            if data[i] != c"-":
                return False
        elif not is_hex(data[i]):
            return False
    return True


cdef inline bint is_event(const uint8_t* data, size_t size) noexcept nogil:
    return 1 <= size <= 128 and memchr(data, c" ", size) == NULL and memchr(data, c"\t", size) == NULL


cdef inline bint read_length(const uint8_t* data, size_t size, uint32_t* out) noexcept nogil:
    cdef size_t i
    out[0] = 0
    if not 1 <= size <= MAX_LENGTH_DIGITS or (data[0] == c"0" and size > 1):
        return False
    for i in range(size):
        if not c"0" <= data[i] <= c"9":
            return False
        out[0] = out[0] * 10 + data[i] - c"0"
    return True


cdef const known_t* known_name(const uint8_t* name, size_t size) noexcept nogil:
    cdef int i
    if size > MAX_NAME:
        return NULL
    for i in range(known_of_size[size], known_of_size[size + 1]):
        if same(name, known[i].name, size):
            return &known[i]
    return NULL


cdef bint take_field(const uint8_t* data, size_t size, size_t start, head_t* head) noexcept nogil:
    """Take one more field, the `size` octets of its line beginning at `data`, `start` octets into the head."""
    cdef size_t name = 0, at
    cdef const known_t* field
    cdef const uint8_t* value
    head.fields += 1
    if head.fields > MAX_FIELDS:
        return False
    while name < size and is_token[data[name]]:
        name += 1
    if not name or name == size or data[name] != c":" or not flr_is_text(data + name, size - name):
        return False
    field = known_name(data, name)
    if field == NULL:
        return True
    if field.kind == FOREIGN or head.seen & field.bit:
        return False
    head.seen |= field.bit
    at = name + 1
    while at < size and (data[at] == c" " or data[at] == c"\t"):
        at += 1
    value = data + at
    size -= at
    if size and (value[size - 1] == c" " or value[size - 1] == c"\t"):
        return False
    if field.kind == HOST:
        return is_host(value, size)
    if field.kind == LENGTH:
        return read_length(value, size, &head.length)
    if field.kind == TYPE:
        if routes[head.route].media.soap:
            return is_soap_media(&routes[head.route].media, value, size, start + at, &head.action)
        return is_media(&routes[head.route].media, value, size)
    if field.kind == CONNECTION:
        return size == 10 and same(value, b"keep-alive", 10)
    if field.kind == TRACE and is_trace(value, size):
        head.trace, head.trace_size = start + at, <uint8_t> size
    if field.kind == EVENT and is_event(value, size):
        head.event, head.event_size = start + at, <uint8_t> size
    if field.kind == ACTION and routes[head.route].media.soap == 1:
        head.action.at, head.action.size = start + at, size
    if CREDENTIAL <= field.kind <= SSL_CLIENT_CERT:
        head.who[field.kind - CREDENTIAL].at = start + at
        head.who[field.kind - CREDENTIAL].size = size
    return True


cdef inline bint is_whole(const head_t* head) noexcept nogil:
    """Whether a head that has ended has all that its route wants, and nothing that it must not have."""
    cdef uint32_t body = kind_bits[LENGTH] | kind_bits[TYPE]
    if not head.seen & kind_bits[HOST]:
        return False
    return head.seen & body == (body if routes[head.route].media.count else 0)


cdef void c_begin_head(head_t* head) noexcept nogil:
    """Make ready to read a head from its first octet."""
    memset(head, 0, sizeof(head_t))
    head.route = -1


cdef int c_read_head(const uint8_t* data, size_t size, head_t* head) noexcept nogil:
    """Read on in a head that begins at `data`: CANONICAL when it is whole (`head.at` is its size), MORE, or OTHER."""
    cdef const uint8_t* line
    cdef const uint8_t* end
    cdef int status
    if head.route < 0:
        status = request_line(data, size, head)
        if status != CANONICAL:
            return status
    while True:
        line = data + head.at
        end = <const uint8_t*> memchr(line, c"\r", size - head.at)
        if end == NULL or end + 1 == data + size:
            if size > MAX_HEAD_BYTES or memchr(line, c"\n", size - head.at) != NULL:
                return OTHER
            return MORE
        if end[1] != c"\n" or <size_t> (end + 2 - data) > MAX_HEAD_BYTES:
            return OTHER
        if end == line:
            head.at += 2
            return CANONICAL if is_whole(head) else OTHER
        if not take_field(line, end - line, head.at, head):
            return OTHER
        head.at = end + 2 - data


cdef object told(int status, const uint8_t* data, const head_t* head):
    """What the plain twin says."""
    if status != CANONICAL:
        return plain.MORE if status == MORE else plain.OTHER
    return Head(
        head.route,
        head.at,
        head.length,
        head.number,
        data[head.trace:head.trace + head.trace_size] if head.trace_size else b"",
        data[head.event:head.event + head.event_size] if head.event_size else b"",
        *[data[head.who[i].at:head.who[i].at + head.who[i].size] if head.who[i].at else None for i in range(4)],
        data[head.action.at:head.action.at + head.action.size] if head.action.at else b"",
    )


def read_head(const uint8_t[::1] data not None):
    """The canonical head that `data` begins with, MORE or OTHER. `data` begins where a message begins."""
    cdef const uint8_t* base = &data[0] if data.shape[0] else VERSION
    cdef head_t head
    c_begin_head(&head)
    return told(c_read_head(base, data.shape[0], &head), base, &head)


def read_in_pieces(pieces):
    """What `read_head` says when the octets come in pieces, and stand in another block of memory each time, of exactly
    their size. (For the tests: it shows that a head that is read on from where reading stopped is the same head. The
    plain twin begins anew.)
    """
    cdef const uint8_t* base = VERSION
    cdef uint8_t* block
    cdef bytes data = b""
    cdef size_t size
    cdef head_t head
    cdef int status = MORE
    c_begin_head(&head)
    for piece in pieces:
        data = data + piece
        base, size = data, len(data)
        block = <uint8_t*> malloc(size)
        if block == NULL:
            raise MemoryError()
        memcpy(block, base, size)
        status = c_read_head(block, size, &head)
        free(block)
        if status != MORE:
            break
    return told(status, base, &head)
