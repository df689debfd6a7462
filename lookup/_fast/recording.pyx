"""The audit's record of an answer, before the answer is written: who asked, about whom, what came of it.

False is that it could not be recorded: then nothing may be told. Where there is no audit, all is as if it were. Also
what is counted of an answer, once it is recorded.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from lookup._fast.book cimport INVALID, UNKNOWN, item_t
from lookup._fast.canonical cimport head_t
from lookup._fast.desk cimport Desk
from lookup._fast.question cimport text_t
from lookup._fast.tickets cimport Ticket


cdef uint32_t who_of(Desk desk, Ticket ticket) except? 0:
    """The number of a caller in the ledger; 0 is nobody that is known."""
    if ticket is None:
        return 0
    if ticket.epoch != desk.ledger.epoch + 1:
        ticket.who, ticket.epoch = desk.ledger.who(ticket.text), desk.ledger.epoch + 1
    return ticket.who


cdef inline bint begin(
    Desk desk, const uint8_t* data, const head_t* head, Ticket ticket, int outcome, size_t subjects
) except *:
    return desk.ledger.begin(
        desk.epoch, who_of(desk, ticket), desk.operations[head.route], outcome, desk.book.serial if desk.book else 0,
        data + head.event, head.event_size, subjects,
    )


cdef bint c_record_one(
    Desk desk, const uint8_t* data, const head_t* head, int64_t nin, int outcome, bint protected
) except *:
    """An answer about one person."""
    if desk.ledger is None:
        return True
    if not begin(desk, data, head, desk.ticket, outcome, 1):
        return False
    desk.ledger.subject(nin, outcome, IS_PROTECTED if protected else 0)
    return desk.ledger.commit()


cdef bint c_record_many(
    Desk desk, const uint8_t* data, const head_t* head, const item_t* items, size_t count
) except *:
    """An answer about many; what is no number is about nobody."""
    cdef size_t i, subjects = 0
    cdef text_t text
    if desk.ledger is None:
        return True
    for i in range(count):
        subjects += items[i].outcome != INVALID
    if not begin(desk, data, head, desk.ticket, SEVERAL, subjects):
        return False
    for i in range(count):
        if items[i].outcome != INVALID:
            text.data, text.size = items[i].text, items[i].text_size
            desk.ledger.subject(desk.nin_of(&text), items[i].outcome, IS_PROTECTED if items[i].protected else 0)
    return desk.ledger.commit()


cdef bint c_record_refusal(Desk desk, const uint8_t* data, const head_t* head, Ticket ticket, int outcome) except *:
    """A refusal. It is about nobody: the question has not been read."""
    if desk.ledger is None:
        return True
    return begin(desk, data, head, ticket, outcome, 0) and desk.ledger.commit()


cdef void c_tell_outcome(Desk desk, int64_t nin, int outcome) noexcept:
    """Count a person looked up: for everybody, and for whoever asks."""
    desk.tally.outcome(outcome)
    if desk.ticket is not None and desk.ticket.account is not None:
        desk.ticket.account.c_person(nin, outcome == UNKNOWN)
