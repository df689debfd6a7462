"""The reading of a canonical JSON body, in place. Compiled twin of lookup/question.py.

`c_read_question` gives texts inside the body that it was given; nothing is copied. Needs neither the GIL nor Python
objects.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp

from lookup._fast.canonical cimport CANONICAL, OTHER

from lookup import question as plain
from lookup.canonical import ROUTES
from lookup.question import Question

cdef enum:
    MAX_NUMBERS = 1000
    FIRST_YEAR = 1982
    LAST_YEAR = 2100
    # the members, as bits
    NIN = 1
    NINS = 2
    HPR_NUMBER = 4
    AT = 8
    MAX_ROUTES = 16

if (MAX_NUMBERS, FIRST_YEAR, LAST_YEAR) != (plain.MAX_NUMBERS, plain.FIRST_YEAR, plain.LAST_YEAR):
    raise ImportError("lookup._fast.question was built from other constants than lookup.question")

cdef int members_of[MAX_ROUTES]  # the members of a route's body; 0 where it has none

for _place, _row in enumerate(ROUTES):
    members_of[<int> _place] = sum(
        {"nin": NIN, "nins": NINS, "hprNumber": HPR_NUMBER, "at": AT}[member]
        for member in plain.MEMBERS.get(_row.name, ())
    )

cdef extern from *:
    """
    /* Days since 1970-01-01 of a date of the years from 1 on. */
    static inline int64_t flr_days_of(int64_t year, int month, int day) {
        year -= month <= 2;
        int64_t era = year / 400, of_era = year - era * 400;
        int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    }
    """
    int64_t flr_days_of(int64_t year, int month, int day) noexcept nogil

# Where reading has come to.
cdef struct place_t:
    const uint8_t* at
    const uint8_t* stop


cdef inline void skip_blanks(place_t* p) noexcept nogil:
    while p.at < p.stop and (p.at[0] == c" " or p.at[0] == c"\n" or p.at[0] == c"\t" or p.at[0] == c"\r"):
        p.at += 1


cdef inline bint take(place_t* p, uint8_t octet) noexcept nogil:
    if p.at == p.stop or p.at[0] != octet:
        return False
    p.at += 1
    return True


cdef inline bint take_text(place_t* p, text_t* out) noexcept nogil:
    """A string of printable ASCII without escapes."""
    if not take(p, c'"'):
        return False
    out.data = p.at
    while p.at < p.stop and c" " <= p.at[0] <= c"~" and p.at[0] != c'"' and p.at[0] != c"\\":
        p.at += 1
    out.size = p.at - out.data
    return take(p, c'"')


cdef inline bint take_texts(place_t* p, question_t* out) noexcept nogil:
    if not take(p, c"["):
        return False
    skip_blanks(p)
    if take(p, c"]"):
        return True
    while True:
        if out.count == MAX_NUMBERS or not take_text(p, &out.nins[out.count]):
            return False
        out.count += 1
        skip_blanks(p)
        if take(p, c"]"):
            return True
        if not take(p, c","):
            return False
        skip_blanks(p)


cdef inline bint take_number(place_t* p, uint32_t* out) noexcept nogil:
    """Nine digits at most, without a zero in front. What follows them is looked at by whoever reads on."""
    cdef const uint8_t* start = p.at
    out[0] = 0
    while p.at < p.stop and c"0" <= p.at[0] <= c"9":
        if p.at - start == 9:
            return False
        out[0] = out[0] * 10 + p.at[0] - c"0"
        p.at += 1
    return p.at > start and start[0] != c"0"


cdef inline int member_of(const text_t* name) noexcept nogil:
    if name.size == 3 and memcmp(name.data, b"nin", 3) == 0:
        return NIN
    if name.size == 2 and memcmp(name.data, b"at", 2) == 0:
        return AT
    if name.size == 4 and memcmp(name.data, b"nins", 4) == 0:
        return NINS
    if name.size == 9 and memcmp(name.data, b"hprNumber", 9) == 0:
        return HPR_NUMBER
    return 0


cdef inline bint take_value(place_t* p, int member, question_t* out) noexcept nogil:
    if member == NINS:
        return take_texts(p, out)
    if member == HPR_NUMBER:
        return take_number(p, &out.hpr_number)
    if member == NIN:
        out.count = 1
        return take_text(p, out.nins)
    if p.stop - p.at >= 4 and memcmp(p.at, b"null", 4) == 0:
        p.at += 4
        return True
    return take_text(p, &out.at)


cdef int c_read_question(int route, const uint8_t* data, size_t size, question_t* out) noexcept nogil:
    """Read the body of a route (its place in ROUTES): CANONICAL or OTHER. `out.at.data` is NULL without a time."""
    cdef place_t p
    cdef text_t name
    cdef int member, seen = 0
    p.at, p.stop = data, data + size
    out.count = out.hpr_number = out.at.size = 0
    out.at.data = NULL
    skip_blanks(&p)
    if not take(&p, c"{"):
        return OTHER
    while True:
        skip_blanks(&p)
        if not take_text(&p, &name):
            return OTHER
        member = member_of(&name)
        if not member & members_of[route] or member & seen:
            return OTHER
        seen |= member
        skip_blanks(&p)
        if not take(&p, c":"):
            return OTHER
        skip_blanks(&p)
        if not take_value(&p, member, out):
            return OTHER
        skip_blanks(&p)
        if take(&p, c"}"):
            break
        if not take(&p, c","):
            return OTHER
    skip_blanks(&p)
    return CANONICAL if p.at == p.stop and seen | AT == members_of[route] else OTHER


cdef inline bint digits(const uint8_t* data, int size, int* out) noexcept nogil:
    cdef int i
    out[0] = 0
    for i in range(size):
        if not c"0" <= data[i] <= c"9":
            return False
        out[0] = out[0] * 10 + data[i] - c"0"
    return True


cdef inline int days_in(int year, int month) noexcept nogil:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef bint c_read_at(const uint8_t* data, size_t size, int64_t* out) noexcept nogil:
    """The local time that a text means, in microseconds; False when it takes the calendar to say, or is no time."""
    cdef int year, month, day, hour, minute, second, fraction = 0
    if size < 19 or size == 20 or size > 26:
        return False
    if data[4] != c"-" or data[7] != c"-" or data[10] != c"T" or data[13] != c":" or data[16] != c":":
        return False
    if not (
        digits(data, 4, &year) and digits(data + 5, 2, &month) and digits(data + 8, 2, &day)
        and digits(data + 11, 2, &hour) and digits(data + 14, 2, &minute) and digits(data + 17, 2, &second)
    ):
        return False
    if size > 20 and (data[19] != c"." or not digits(data + 20, <int> size - 20, &fraction)):
        return False
    while size > 20 and size < 26:
        fraction *= 10
        size += 1
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12 and 1 <= day <= days_in(year, month)):
        return False
    if hour > 23 or minute > 59 or second > 59 or (month == 3 and day >= 25 and hour == 2):
        return False
    out[0] = (flr_days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1000000 + fraction
    return True


def read_question(int route, const uint8_t[::1] body not None):
    """The question of a canonical body on the route with this place in ROUTES, or None."""
    cdef question_t question
    cdef const uint8_t* data = &body[0] if body.shape[0] else NULL
    cdef size_t i
    if not 0 <= route < len(ROUTES):
        raise IndexError("no such route")
    question.nins = <text_t*> malloc(MAX_NUMBERS * sizeof(text_t))
    if question.nins == NULL:
        raise MemoryError()
    try:
        if c_read_question(route, data, body.shape[0], &question) != CANONICAL:
            return None
        return Question(
            tuple([question.nins[i].data[:question.nins[i].size] for i in range(question.count)]),
            question.at.data[:question.at.size] if question.at.data != NULL else None,
            question.hpr_number,
        )
    finally:
        free(question.nins)


def read_at(const uint8_t[::1] text not None):
    """The local time that a text means, in microseconds, or None when it takes the calendar to say, or is no time."""
    cdef int64_t micros
    return micros if text.shape[0] and c_read_at(&text[0], text.shape[0], &micros) else None
