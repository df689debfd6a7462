"""An LMDB file walked page by page, over a map of it. Compiled twin of py-lmdb's verifier, which is the specification.

Every page is reached once or free, every offset is held against the page and the file before it is followed, keys are
in order, and every count is what the walk has found. What a generation has not is not known here: duplicates, keys in
another order than that of their octets, databases in databases, free pages behind the end of the file. Of a file with
these nothing is said: `is_sound` is then False, and the plain one has the last word (loader/verify.py).
The walk runs over 800 MB in each load, however little has changed, which is why it is compiled.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, strlen

cdef enum:
    HEADER = 16
    NODE = 8
    META_PAGES = 2
    MAX_DEPTH = 32
    MIN_PAGE_BYTES = 256
    MAX_PAGE_BYTES = 32768
    VERSION = 1
    BRANCH_PAGE = 0x01
    LEAF_PAGE = 0x02
    OVERFLOW_PAGE = 0x04
    META_PAGE = 0x08
    LARGE_NODE = 0x01  # the value stands in pages of its own
    DATABASE_NODE = 0x02
    KINDS = 0x7E  # of a database; of that of the free pages the other flags are the environment's
    NUMBERS = 0x08  # keys are in the order of numbers, not of octets
    LIVE = 1
    FREE = 2

cdef uint32_t MAGIC = 0xBEEFC0DE
cdef uint64_t NOWHERE = 0xFFFFFFFFFFFFFFFF

cdef struct header_t:
    uint64_t number
    uint16_t pad
    uint16_t flags
    uint16_t lower  # of an overflow page the two are one number: its pages
    uint16_t upper

cdef struct node_t:
    uint16_t low
    uint16_t high
    uint16_t flags
    uint16_t key_size

cdef struct database_t:
    uint32_t pad
    uint16_t flags
    uint16_t depth
    uint64_t branch_pages
    uint64_t leaf_pages
    uint64_t overflow_pages
    uint64_t entries
    uint64_t root

cdef struct meta_t:
    uint32_t magic
    uint32_t version
    uint64_t address
    uint64_t map_bytes
    database_t free
    database_t main
    uint64_t last_page
    uint64_t transaction

if sizeof(header_t) != HEADER or sizeof(node_t) != NODE or sizeof(database_t) != 48 or sizeof(meta_t) != 136:
    raise ImportError("loader._fast.pages was built for another layout than LMDB's")

# The file, and what has been seen of it.
cdef struct file_t:
    const uint8_t* data
    uint64_t page_bytes
    uint64_t pages
    uint64_t transaction
    uint8_t* seen  # of each page: LIVE, FREE
    const telling_t* telling

# One database while it is walked.
cdef struct tree_t:
    bint is_free
    bint is_main
    int told  # which of those that are told; below zero none
    uint64_t branch_pages
    uint64_t leaf_pages
    uint64_t overflow_pages
    uint64_t entries
    int depth
    const uint8_t* key  # the last one
    size_t key_size


cdef inline bint follows(const uint8_t* key, size_t size, const uint8_t* before, size_t before_size) noexcept nogil:
    """Whether a key comes behind another."""
    cdef int order = memcmp(key, before, size if size < before_size else before_size)
    return order > 0 or (order == 0 and size > before_size)


cdef inline bint follows_number(const uint8_t* key, const uint8_t* before) noexcept nogil:
    """Whether a number of eight octets, the key of a list of free pages, is greater than another."""
    cdef uint64_t number, number_before
    memcpy(&number, key, 8)
    memcpy(&number_before, before, 8)
    return number > number_before


cdef inline bint mark_live(file_t* file, uint64_t page) noexcept nogil:
    """Whether a page may be reached: it is one of the file's, and nothing has led there before."""
    if page < META_PAGES or page >= file.pages or file.seen[page]:
        return False
    file.seen[page] = LIVE
    return True


cdef inline int keys_of(file_t* file, const header_t* header) noexcept nogil:
    """How many nodes a page says it has; below zero where it has no room for them."""
    if header.lower < HEADER or header.upper > file.page_bytes or header.lower > header.upper:
        return -1
    return (header.lower - HEADER) >> 1


cdef inline const uint8_t* node_of(
    file_t* file, const uint8_t* page, int i, const header_t* header, node_t* out
) noexcept nogil:
    """The place of a node's key, which is wholly in the page; NULL where it is not."""
    cdef uint16_t at
    memcpy(&at, page + HEADER + 2 * i, 2)
    if at < header.upper or at + NODE > file.page_bytes:
        return NULL
    memcpy(out, page + at, NODE)
    if at + NODE + out.key_size > file.page_bytes:
        return NULL
    return page + at + NODE


cdef int walk_page(file_t* file, tree_t* tree, uint64_t number, int depth) noexcept nogil:
    """A page and all below it."""
    cdef header_t header
    cdef const uint8_t* page
    cdef int keys
    if not mark_live(file, number):
        return NOT_SOUND
    page = file.data + number * file.page_bytes
    memcpy(&header, page, HEADER)
    keys = keys_of(file, &header)
    if header.number != number or keys < 0:
        return NOT_SOUND
    if depth > tree.depth:
        tree.depth = depth
    if header.flags == BRANCH_PAGE:
        tree.branch_pages += 1
        return walk_branch(file, tree, page, &header, keys, depth)
    if header.flags == LEAF_PAGE:
        tree.leaf_pages += 1
        return walk_leaf(file, tree, page, &header, keys)
    return NOT_SOUND


cdef int walk_branch(
    file_t* file, tree_t* tree, const uint8_t* page, const header_t* header, int keys, int depth
) noexcept nogil:
    cdef node_t node
    cdef const uint8_t* key
    cdef const uint8_t* before = NULL
    cdef size_t before_size = 0
    cdef int i, status
    if keys < 1 or depth >= MAX_DEPTH:
        return NOT_SOUND
    for i in range(keys):
        key = node_of(file, page, i, header, &node)
        if key == NULL:
            return NOT_SOUND
        if i and node.key_size:  # the first has none, and stands for all that is less
            if tree.is_free and node.key_size != 8:
                return NOT_SOUND
            if before != NULL and not (
                follows_number(key, before) if tree.is_free else follows(key, node.key_size, before, before_size)
            ):
                return NOT_SOUND
            before, before_size = key, node.key_size
        status = walk_page(
            file, tree, <uint64_t> node.low | <uint64_t> node.high << 16 | <uint64_t> node.flags << 32, depth + 1
        )
        if status < 0:
            return status
    return SOUND


cdef int walk_leaf(
    file_t* file, tree_t* tree, const uint8_t* page, const header_t* header, int keys
) noexcept nogil:
    cdef node_t node
    cdef const uint8_t* key
    cdef int i, status
    for i in range(keys):
        key = node_of(file, page, i, header, &node)
        if key == NULL or (tree.is_free and node.key_size != 8):
            return NOT_SOUND
        if tree.key != NULL and not (
            follows_number(key, tree.key) if tree.is_free else follows(key, node.key_size, tree.key, tree.key_size)
        ):
            return NOT_SOUND
        tree.key, tree.key_size = key, node.key_size
        tree.entries += 1
        status = value_of(file, tree, page, key, &node)
        if status < 0:
            return status
    return SOUND


cdef int value_of(
    file_t* file, tree_t* tree, const uint8_t* page, const uint8_t* key, const node_t* node
) noexcept nogil:
    """What stands under a key."""
    cdef const uint8_t* value = key + node.key_size
    cdef uint64_t size = <uint64_t> node.low | <uint64_t> node.high << 16
    cdef uint64_t room = page + file.page_bytes - value
    if node.flags == LARGE_NODE:
        if room < 8:
            return NOT_SOUND
        value = overflow_of(file, tree, value, size)
        if value == NULL:
            return NOT_SOUND
    elif size > room or node.flags & ~DATABASE_NODE:
        return NOT_SOUND
    if node.flags & DATABASE_NODE:
        if not tree.is_main or size != sizeof(database_t):
            return NOT_SOUND
        return walk_named(file, key, node.key_size, value)
    if tree.is_free:
        return free_pages(file, key, value, size)
    if tree.told >= 0:
        return file.telling.told(file.telling.task, tree.told, key, node.key_size, value, value - file.data, size)
    return SOUND


cdef const uint8_t* overflow_of(file_t* file, tree_t* tree, const uint8_t* place, uint64_t size) noexcept nogil:
    """The value in pages of its own, whose first has its number at `place`; NULL where they are not its own."""
    cdef header_t header
    cdef uint64_t first, i, pages = (HEADER - 1 + size) // file.page_bytes + 1
    cdef const uint8_t* page
    memcpy(&first, place, 8)
    if first >= file.pages or pages > file.pages - first:
        return NULL
    page = file.data + first * file.page_bytes
    memcpy(&header, page, HEADER)
    if header.number != first or header.flags != OVERFLOW_PAGE:
        return NULL
    if (<uint64_t> header.lower | <uint64_t> header.upper << 16) != pages:
        return NULL
    for i in range(pages):
        if not mark_live(file, first + i):
            return NULL
    tree.overflow_pages += pages
    return page + HEADER


cdef int walk_named(file_t* file, const uint8_t* name, size_t name_size, const uint8_t* record) noexcept nogil:
    """A named database, whose record stands in the main one."""
    cdef database_t database
    cdef const telling_t* telling = file.telling
    cdef int i, told = -1
    memcpy(&database, record, sizeof(database_t))
    for i in range(telling.n_names):
        if strlen(telling.names[i]) == name_size and memcmp(telling.names[i], name, name_size) == 0:
            told = i
    if database.flags or database.pad:
        return NOT_SOUND
    return walk_tree(file, &database, False, False, told)


cdef int walk_tree(file_t* file, const database_t* database, bint is_free, bint is_main, int told) noexcept nogil:
    """A database, held against what its record says of it."""
    cdef tree_t tree
    cdef int status
    tree.is_free, tree.is_main, tree.told = is_free, is_main, told
    tree.branch_pages = tree.leaf_pages = tree.overflow_pages = tree.entries = 0
    tree.depth = 0
    tree.key, tree.key_size = NULL, 0
    if database.root != NOWHERE:
        status = walk_page(file, &tree, database.root, 1)
        if status < 0:
            return status
    if (
        tree.branch_pages != database.branch_pages
        or tree.leaf_pages != database.leaf_pages
        or tree.overflow_pages != database.overflow_pages
        or tree.entries != database.entries
        or tree.depth != database.depth
    ):
        return NOT_SOUND
    return SOUND


cdef int free_pages(file_t* file, const uint8_t* key, const uint8_t* value, uint64_t size) noexcept nogil:
    """A list of pages that a transaction has set free: how many, then each, from the last to the first."""
    cdef uint64_t transaction, i, page, before = NOWHERE
    memcpy(&transaction, key, 8)
    if transaction < 1 or transaction > file.transaction or size < 8 or size % 8:
        return NOT_SOUND
    memcpy(&page, value, 8)
    if page != size // 8 - 1:
        return NOT_SOUND
    for i in range(1, size // 8):
        memcpy(&page, value + 8 * i, 8)
        if page >= before or page < META_PAGES or page >= file.pages or file.seen[page]:
            return NOT_SOUND
        file.seen[page] = FREE
        before = page
    return SOUND


cdef int read_meta(
    const uint8_t* data, uint64_t size, uint64_t number, uint64_t page_bytes, meta_t* out
) noexcept nogil:
    """One of the two pages that say where everything begins."""
    cdef header_t header
    if size < HEADER + sizeof(meta_t) or number * page_bytes > size - HEADER - sizeof(meta_t):
        return NOT_SOUND
    memcpy(&header, data + number * page_bytes, HEADER)
    memcpy(out, data + number * page_bytes + HEADER, sizeof(meta_t))
    if header.number != number or not header.flags & META_PAGE or out.magic != MAGIC or out.version != VERSION:
        return NOT_SOUND
    if out.transaction and (out.transaction & 1) != number:  # each transaction writes the one that is its turn
        return NOT_SOUND
    return SOUND


cdef int committed(const uint8_t* data, uint64_t size, meta_t* out) noexcept nogil:
    """The newer of the two, which LMDB takes."""
    cdef meta_t other
    cdef uint64_t page_bytes
    if read_meta(data, size, 0, 0, out) < 0:
        return NOT_SOUND
    page_bytes = out.free.pad
    if page_bytes < MIN_PAGE_BYTES or page_bytes > MAX_PAGE_BYTES or page_bytes & (page_bytes - 1):
        return NOT_SOUND
    if read_meta(data, size, 1, page_bytes, &other) < 0 or other.free.pad != page_bytes:
        return NOT_SOUND
    if out.transaction < other.transaction:
        out[0] = other
    if out.last_page < META_PAGES - 1 or out.last_page >= size // page_bytes or out.main.flags or out.main.pad:
        return NOT_SOUND
    if out.free.flags & KINDS & ~NUMBERS:
        return NOT_SOUND
    return SOUND


cdef int c_walk(const uint8_t* data, uint64_t size, const telling_t* telling) noexcept nogil:
    """Walk a file: SOUND, NOT_SOUND, NO_MEMORY, or what was returned by the one that is told of values."""
    cdef file_t file
    cdef meta_t meta
    cdef uint64_t page
    cdef int status
    if committed(data, size, &meta) < 0:
        return NOT_SOUND
    file.data, file.page_bytes, file.telling = data, meta.free.pad, telling
    file.pages, file.transaction = meta.last_page + 1, meta.transaction
    file.seen = <uint8_t*> calloc(file.pages, 1)
    if file.seen == NULL:
        return NO_MEMORY
    status = walk_tree(&file, &meta.free, True, False, -1)
    if status == SOUND:
        status = walk_tree(&file, &meta.main, False, True, -1)
    for page in range(META_PAGES, file.pages):
        if status == SOUND and not file.seen[page]:
            status = NOT_SOUND
    free(file.seen)
    return status


def is_sound(const uint8_t[::1] data not None):
    """Whether all of an LMDB file is as it should be; False also where it holds what is not known here."""
    cdef telling_t telling
    cdef int status
    telling.names, telling.n_names, telling.told, telling.task = NULL, 0, NULL, NULL
    if data.shape[0] == 0:
        return False
    with nogil:
        status = c_walk(&data[0], data.shape[0], &telling)
    if status == NO_MEMORY:
        raise MemoryError
    return status == SOUND
