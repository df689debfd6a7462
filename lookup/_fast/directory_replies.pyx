"""What the compiled HTTP path answers about nobody: what a HER-ID is, and the public list of contracts."""

from libc.stddef cimport size_t
from libc.stdint cimport INT32_MAX, int64_t, uint8_t

from lookup._fast.admission cimport ANSWERED, NOT_MINE
from lookup._fast.canonical cimport head_t
from lookup._fast.desk cimport UNKNOWN_HER_ID, UNREADY, Desk, Tail
from lookup._fast.writing cimport put

cdef enum:
    HERS_MAX_BYTES = 16 << 20  # of rendered answers about HER-IDs, in each worker


cdef class HerAnswer:
    """What a HER-ID is while [since, until) lasts: JSON, and the fields of the head that are the answer's own."""

    cdef int64_t since, until
    cdef bytes fields, body

    def __init__(self, *, int64_t since, int64_t until, bytes fields not None, bytes body not None):
        self.since, self.until, self.fields, self.body = since, until, fields, body


cdef int answer_her(Desk desk, const uint8_t* data, const head_t* head) except -1:
    cdef HerAnswer answer
    cdef size_t size
    if not desk.can_answer():
        desk.problem(UNREADY, data, head)
        return ANSWERED
    answer = desk.hers.get(head.number)
    if answer is None or not answer.since <= desk.now < answer.until:
        answer = desk.control.her(desk.book, head.number, desk.now) if head.number <= INT32_MAX else None
        if answer is None:
            desk.problem(UNKNOWN_HER_ID, data, head)
            return ANSWERED
        if desk.hers_size > HERS_MAX_BYTES:
            desk.hers.clear()
            desk.hers_size = 0
        desk.hers[head.number] = answer
        desk.hers_size += len(answer.body)
    size = len(answer.body)
    desk.end(put(desk.begin_own(data, head, size, size, answer.fields), <const uint8_t*> answer.body, size))
    return ANSWERED


cdef int answer_contracts(Desk desk, const uint8_t* data, const head_t* head) except -1:
    """The public list, as it lies in its file: too much to be copied."""
    cdef object listed
    cdef Tail tail
    cdef bytes fields
    if not desk.can_answer():
        desk.problem(UNREADY, data, head)
        return ANSWERED
    listed = desk.control.contracts(desk.book, data[:head.at])
    if listed is None:
        return NOT_MINE
    fields, tail = listed
    desk.end(desk.begin_own(data, head, tail.size, 0, fields))
    desk.tail = tail
    return ANSWERED
