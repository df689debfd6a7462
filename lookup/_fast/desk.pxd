from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t
from posix.types cimport off_t

from lookup._fast.book cimport Book, piece_t
from lookup._fast.canonical cimport head_t
from lookup._fast.encode cimport area_t
from lookup._fast.ledger cimport Ledger
from lookup._fast.question cimport text_t
from lookup._fast.soap_book cimport SoapBook
from lookup._fast.soap_question cimport soap_question_t
from lookup._fast.tally cimport MAX_ROUTES, Tally
from lookup._fast.tickets cimport Ticket, Tickets

# The problems that are answered here, as places in desk.PROBLEMS.
cdef enum:
    INVALID_NIN = 0
    UNKNOWN_PERSON = 1
    UNKNOWN_HER_ID = 2
    FORBIDDEN = 3
    UNREADY = 4
    UNAUTHENTICATED = 5
    QUOTA = 6
    QUOTA_OF_THE_DAY = 7
    BUSY_CHECKING = 8
    AUDIT_UNAVAILABLE = 9
    PROBLEM_COUNT = 10

cdef enum:
    MAX_ANSWERS = 64  # answers counted at a time

cdef class Tail:
    cdef int file
    cdef off_t begin
    cdef size_t size
    cdef object view

    cdef ssize_t send(self, int socket) noexcept

cdef class Desk:
    cdef readonly object control
    cdef readonly Book book
    cdef readonly SoapBook soap  # the same generation; None where it has no file of what SOAP's answers share
    cdef soap_question_t asked  # of the envelope at hand
    cdef readonly Tally tally
    cdef public bint draining
    cdef public bint too_old
    cdef public size_t buffered
    cdef readonly size_t max_buffered
    cdef readonly bint withhold  # from whoever asks now
    cdef readonly bint withhold_always
    cdef readonly Tickets tickets  # None is no access control
    cdef readonly Tickets certificates
    cdef int certificate_field  # which of head_t.who a proxy shows them in
    cdef Ticket ticket  # of whoever asks now
    cdef readonly Ledger ledger  # None is no audit
    cdef uint8_t operations[MAX_ROUTES]  # in the audit
    cdef bint refuses[MAX_ROUTES]  # itself: has the words for who may not ask
    cdef double patience[4]
    cdef readonly object members
    cdef uint32_t limits[MAX_ROUTES]
    cdef dict hers
    cdef size_t hers_size
    cdef area_t out
    cdef Tail tail  # of what is in `out`; None is none
    cdef text_t* nins
    cdef int64_t now, epoch, monotonic
    cdef bint closing
    # of this file
    cdef int _residue
    cdef int64_t _clock_offset, _from_utc, _valid_from, _valid_until
    cdef object _heads
    cdef piece_t _ok_before, _ok_after, _her_after
    cdef piece_t _soap_before[4]
    cdef piece_t _problem_heads[PROBLEM_COUNT]
    cdef piece_t _problem_bodies[PROBLEM_COUNT]
    cdef int _answered
    cdef uint8_t _routes[MAX_ANSWERS]
    cdef uint8_t _statuses[MAX_ANSWERS]

    cdef bint can_answer(self) noexcept nogil
    cdef void take_up(self, Ticket ticket)
    cdef int read_clock(self) except -1
    cdef bint time_of(self, const text_t* text, int64_t* at) except *
    cdef int64_t nin_of(self, const text_t* text) noexcept nogil
    cdef uint8_t* begin_ok(self, const uint8_t* data, const head_t* head, size_t length) except NULL
    cdef uint8_t* begin_own(
        self, const uint8_t* data, const head_t* head, size_t length, size_t room, bytes fields
    ) except NULL
    cdef uint8_t* begin_soap(
        self, const uint8_t* data, const head_t* head, int version, bint fault, size_t length
    ) except NULL
    cdef int end(self, uint8_t* end) noexcept nogil
    cdef int problem(self, int which, const uint8_t* data, const head_t* head) except -1
    cdef void settle(self, int64_t nanoseconds) noexcept nogil
