"""What all connections of a worker share: its generation, clock, counters, the ready parts of heads, the area in which
answers are written.

One Desk for a worker, used by its loop alone. What an answer is, is for replies.pyx; here is how one is begun and
ended. `control` is Python's side (lookup/front.py): it sees to what holds for a second, and answers the rare questions.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec
from posix.types cimport off_t

from lookup._fast.book cimport Book, piece_t
from lookup._fast.canonical cimport BY_CLIENT_CERT, BY_SSL_CLIENT_CERT, head_t
from lookup._fast.encode cimport area_reserve
from lookup._fast.key cimport c_parse_within
from lookup._fast.ledger cimport Ledger
from lookup._fast.question cimport c_read_at, text_t
from lookup._fast.soap_book cimport SoapBook
from lookup._fast.tally cimport S200, S400, S401, S403, S404, S429, S500, S503, Tally
from lookup._fast.tickets cimport Ticket, Tickets
from lookup._fast.writing cimport MAX_DIGITS, put, put_number

from lookup.canonical import ROUTES
from lookup.question import MAX_NUMBERS

cdef extern from "<sys/sendfile.h>" nogil:
    ssize_t sendfile(int to, int file, off_t* at, size_t size)

PROBLEMS = (
    "invalid-nin", "unknown-person", "unknown-her-id", "forbidden", "unready", "unauthenticated", "quota",
    "quota of the day", "busy checking", "audit-unavailable",
)

cdef enum:
    TRACES = 256  # room for what is returned to the caller, and the end of a head

cdef int STATUS_OF[PROBLEM_COUNT]
STATUS_OF[INVALID_NIN] = S400
STATUS_OF[UNKNOWN_PERSON] = S404
STATUS_OF[UNKNOWN_HER_ID] = S404
STATUS_OF[FORBIDDEN] = S403
STATUS_OF[UNREADY] = S503
STATUS_OF[UNAUTHENTICATED] = S401
STATUS_OF[QUOTA] = S429
STATUS_OF[QUOTA_OF_THE_DAY] = S429
STATUS_OF[BUSY_CHECKING] = S503
STATUS_OF[AUDIT_UNAVAILABLE] = S503


cdef inline piece_t piece(bytes text):
    cdef piece_t out
    out.data, out.size = text, len(text)
    return out


cdef class Tail:
    """Octets of a file, from `begin` on, that are sent behind an answer from where they lie; `file` is its descriptor.
    `view` is of the same, for what the socket does not take at once.
    """

    def __init__(self, view not None, *, int file, off_t begin):
        self.view, self.size, self.file, self.begin = view, len(view), file, begin

    cdef ssize_t send(self, int socket) noexcept:
        """How many octets a socket has taken; below zero it is as `errno` says."""
        cdef off_t at = self.begin
        return sendfile(socket, self.file, &at, self.size)


cdef class Desk:
    """`control` answers `refresh(epoch_ns)`, `render(book, nin, at)`, `confirm(book, nin, at, hpr_number)`,
    `her(book, number, at)`, `parse_at(text)`, and what connection.pyx asks. `limits` are the largest bodies, by place
    in ROUTES; `max_buffered` is how many octets that were received all connections together may hold; `patience` how
    many seconds a head, a body, an idle connection and one that does not read may take. `tickets` and `certificates`
    are the credentials that have been verified, None where whoever reaches the service may ask; `certificate_field` is
    where a proxy shows the latter; `withhold` is whether
    protected persons are withheld from everybody. `ledger` is where it is recorded who asked about whom, as
    `operations`, by place in ROUTES.
    """

    def __cinit__(
        self, control, Tally tally not None, *, limits, withhold, strict, clock_offset_ns, max_buffered, patience,
        Tickets tickets=None, Tickets certificates=None, certificate_field="Client-Cert", Ledger ledger=None,
        operations=(),
    ):
        if len(limits) != len(ROUTES):
            raise ValueError("a limit for each route")
        self.control, self.tally, self.members = control, tally, control.members
        self.withhold, self.withhold_always = withhold, withhold
        self.tickets, self.certificates, self.ledger = tickets, certificates, ledger
        self.certificate_field = BY_CLIENT_CERT if certificate_field == "Client-Cert" else BY_SSL_CLIENT_CERT
        for place, operation in enumerate(operations):
            self.operations[place] = operation
        self.patience = patience
        self._residue = 0 if strict else 3
        self._clock_offset, self.max_buffered = clock_offset_ns, max_buffered
        for place, limit in enumerate(limits):
            self.limits[place] = limit
            self.refuses[place] = not ROUTES[place].soap
        self.hers = {}
        self.nins = <text_t*> malloc(<size_t> MAX_NUMBERS * sizeof(text_t))
        if self.nins == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.nins)
        free(self.out.data)

    def swap(self, Book book, SoapBook soap=None):
        """Answer from this generation from the next message on; None is no generation."""
        self.book, self.soap = book, soap
        self.hers.clear()
        self.hers_size = 0
        self._valid_until = self._valid_from = 0

    def record_in(self, Ledger ledger not None):
        """Record in this one from the next message on."""
        self.ledger = ledger

    def set_heads(
        self, *, valid_from, valid_until, from_utc, bytes ok_before, bytes ok_after, bytes her_after, soap_before,
        problems
    ):
        """What holds while the clock, in nanoseconds since 1970 in UTC, is in [valid_from, valid_until).

        `from_utc` is what makes a moment Norwegian time, in microseconds. Of a head: `ok_before` ends where the digits
        of Content-Length stand, `ok_after` and `her_after` begin behind them. `soap_before` are four, as `ok_before`:
        for an answer and a fault of SOAP 1.1, and of 1.2. `problems`: (head without its end, body), in the order of
        PROBLEMS.
        """
        if len(problems) != PROBLEM_COUNT:
            raise ValueError("not the problems that the compiled path knows")
        self._heads = (ok_before, ok_after, her_after, soap_before, problems)
        for which in range(4):
            self._soap_before[which] = piece(soap_before[which])
        self._ok_before, self._ok_after, self._her_after = piece(ok_before), piece(ok_after), piece(her_after)
        for which, (before, body) in enumerate(problems):
            self._problem_heads[which], self._problem_bodies[which] = piece(before), piece(body)
        self._valid_from, self._valid_until, self._from_utc = valid_from, valid_until, from_utc

    cdef bint can_answer(self) noexcept nogil:
        """Whether there is a register to answer from."""
        return self.book is not None and not self.too_old

    cdef void take_up(self, Ticket ticket):
        """What follows is for whoever has this ticket."""
        self.ticket = ticket
        self.withhold = self.withhold_always or not (ticket is None or ticket.protected)

    cdef int read_clock(self) except -1:
        """One reading of the clock, for all that a read brought: `now` is Norwegian time in microseconds, `epoch` UTC
        and `monotonic` a clock that never goes back, in nanoseconds.
        """
        cdef timespec time
        cdef int64_t epoch
        clock_gettime(CLOCK_REALTIME, &time)
        epoch = time.tv_sec * 1000000000 + time.tv_nsec + self._clock_offset
        if not self._valid_from <= epoch < self._valid_until:
            self.control.refresh(epoch)
        self.now, self.epoch = epoch // 1000 + self._from_utc, epoch
        clock_gettime(CLOCK_MONOTONIC, &time)
        self.monotonic = time.tv_sec * 1000000000 + time.tv_nsec
        return 0

    cdef bint time_of(self, const text_t* text, int64_t* at) except *:
        """The time asked about, now if there is no text; False when it is none."""
        if text.data == NULL:
            at[0] = self.now
            return True
        if c_read_at(text.data, text.size, at):
            return True
        try:
            at[0] = self.control.parse_at((<const char*> text.data)[:text.size].decode("ascii"))
        except ValueError:
            return False
        return True

    cdef int64_t nin_of(self, const text_t* text) noexcept nogil:
        """The national id, or below zero when the text is none."""
        return c_parse_within(text.data, text.size, self._residue)

    cdef uint8_t* begin_ok(self, const uint8_t* data, const head_t* head, size_t length) except NULL:
        """Begin an answer with `length` octets of body; returns where they are to be written. Then tell `end`."""
        cdef uint8_t* out
        area_reserve(&self.out, self._ok_before.size + MAX_DIGITS + self._ok_after.size + TRACES + length)
        out = put(self.out.data + self.out.size, self._ok_before.data, self._ok_before.size)
        out = put(put_number(out, length), self._ok_after.data, self._ok_after.size)
        count(self, head.route, S200)
        return end_head(self, out, data, head)

    cdef uint8_t* begin_own(
        self, const uint8_t* data, const head_t* head, size_t length, size_t room, bytes fields
    ) except NULL:
        """The same, with fields of the head that are the answer's own; `room` octets of the body are to be written."""
        cdef uint8_t* out
        cdef size_t size = len(fields)
        area_reserve(&self.out, self._ok_before.size + MAX_DIGITS + self._her_after.size + size + TRACES + room)
        out = put(self.out.data + self.out.size, self._ok_before.data, self._ok_before.size)
        out = put(put_number(out, length), self._her_after.data, self._her_after.size)
        count(self, head.route, S200)
        return end_head(self, put(out, <const uint8_t*> fields, size), data, head)

    cdef uint8_t* begin_soap(
        self, const uint8_t* data, const head_t* head, int version, bint fault, size_t length
    ) except NULL:
        """The same, for an envelope of a version of SOAP (0 is 1.1) that holds an answer, or a fault."""
        cdef const piece_t* before = &self._soap_before[2 * version + fault]
        cdef uint8_t* out
        area_reserve(&self.out, before.size + MAX_DIGITS + self._ok_after.size + TRACES + length)
        out = put(self.out.data + self.out.size, before.data, before.size)
        out = put(put_number(out, length), self._ok_after.data, self._ok_after.size)
        count(self, head.route, S500 if fault else S200)
        return end_head(self, out, data, head)

    cdef int end(self, uint8_t* end) noexcept nogil:
        """An answer that was begun has been written up to here."""
        self.out.size = end - self.out.data
        return 0

    cdef int problem(self, int which, const uint8_t* data, const head_t* head) except -1:
        """Answer with a problem."""
        cdef const piece_t* before = &self._problem_heads[which]
        cdef const piece_t* body = &self._problem_bodies[which]
        cdef uint8_t* out
        area_reserve(&self.out, before.size + TRACES + body.size)
        out = end_head(self, put(self.out.data + self.out.size, before.data, before.size), data, head)
        count(self, head.route, STATUS_OF[which])
        return self.end(put(out, body.data, body.size))

    cdef void settle(self, int64_t nanoseconds) noexcept nogil:
        """Count the answers that were given since the last time; each took this long."""
        cdef int i
        for i in range(self._answered):
            self.tally.request(self._routes[i], self._statuses[i], nanoseconds)
        self._answered = 0


cdef inline void count(Desk desk, int route, int status) noexcept nogil:
    """Note an answer. More than there is room for, in one read, are counted as if they had taken no time."""
    if desk._answered == MAX_ANSWERS:
        desk.settle(0)
    desk._routes[desk._answered] = <uint8_t> route
    desk._statuses[desk._answered] = <uint8_t> status
    desk._answered += 1


cdef inline uint8_t* end_head(Desk desk, uint8_t* out, const uint8_t* data, const head_t* head) noexcept nogil:
    """The end of a head: what is returned to the caller. At most TRACES octets."""
    if head.trace_size:
        out = put(put(put(out, b"traceparent: ", 13), data + head.trace, head.trace_size), b"\r\n", 2)
    if head.event_size:
        out = put(put(put(out, b"nhn-event-id: ", 14), data + head.event, head.event_size), b"\r\n", 2)
    if desk.closing:
        out = put(out, b"connection: close\r\n", 19)
    return put(out, b"\r\n", 2)
