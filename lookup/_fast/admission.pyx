"""Who asks, and whether they may: settled from a canonical head alone, before its body is looked at.

So whoever is answered 401, 403 or 429 gets the same octets, in the same time, whatever number they ask about.
"""

from libc.stdint cimport uint8_t

from lookup._fast.canonical cimport BY_CREDENTIAL, BY_PROOF, head_t, span_t
from lookup._fast.desk cimport BUSY_CHECKING, FORBIDDEN, QUOTA, QUOTA_OF_THE_DAY, UNAUTHENTICATED, Desk
from lookup._fast.quota cimport BY_REQUESTS, MAY
from lookup._fast.recording cimport OF_FORBIDDEN, OF_TOO_MANY, c_record_refusal
from lookup._fast.tickets cimport BUSY, TAKEN, Ticket, Tickets

cdef enum:
    DAY_MICROS = 86400000000


cdef int c_admit(Desk desk, const uint8_t* data, const head_t* head, bint trusted, Ticket given) except -1:
    """ADMITTED, ANSWERED with a refusal, or UNVERIFIED: then the credential is for Python to look at, and `given` what
    came of that when the message is met again. `trusted`: what the connection's client says of certificates counts.
    """
    cdef const span_t* who = &head.who[BY_CREDENTIAL]
    cdef Tickets tickets = desk.tickets
    cdef Ticket ticket = given
    if not who.at:
        who = &head.who[desk.certificate_field]
        tickets = desk.certificates
        if not who.at or not trusted:
            return refuse(desk, UNAUTHENTICATED, data, head, None)
    if ticket is None:
        ticket = tickets.find(data + who.at, who.size, desk.epoch)
    if ticket is None:
        return UNVERIFIED
    if ticket.verdict != TAKEN:
        return refuse(desk, BUSY_CHECKING if ticket.verdict == BUSY else UNAUTHENTICATED, data, head, None)
    if ticket.bound is not None and not is_signed(desk, ticket, data, head):
        return refuse(desk, UNAUTHENTICATED, data, head, None)
    if not ticket.routes >> head.route & 1:
        return refuse(desk, FORBIDDEN, data, head, ticket)
    if ticket.account is not None:
        why = ticket.account.c_request(desk.monotonic, desk.now // DAY_MICROS)
        if why != MAY:
            if not desk.refuses[head.route]:
                ticket.account.c_undo_refusal(why)
            return refuse(desk, QUOTA if why == BY_REQUESTS else QUOTA_OF_THE_DAY, data, head, ticket)
    desk.take_up(ticket)
    return ADMITTED


cdef int refuse(Desk desk, int why, const uint8_t* data, const head_t* head, Ticket ticket) except -1:
    """Refuse whoever asks, with their ticket where it is known; or let the ordinary path find it out and say so."""
    if not desk.refuses[head.route]:
        if ticket is not None and ticket.bound is not None:
            desk.control.ask_again()
        return NOT_MINE
    if ticket is not None:
        c_record_refusal(desk, data, head, ticket, OF_FORBIDDEN if why == FORBIDDEN else OF_TOO_MANY)
    elif why == UNAUTHENTICATED:
        desk.control.refused(desk.operations[head.route], data[head.event:head.event + head.event_size])
    desk.problem(why, data, head)
    return ANSWERED


cdef bint is_signed(Desk desk, Ticket ticket, const uint8_t* data, const head_t* head) except *:
    """Whether the request carries a proof of the ticket's key. Where it does not, and the ordinary path is to say so,
    that path is not to look at the proof once more: what is wrong with it has been counted and logged.
    """
    cdef const span_t* proof = &head.who[BY_PROOF]
    if not proof.at:
        return False
    if desk.control.is_signed(ticket, data[proof.at:proof.at + proof.size], head.route, head.number):
        return True
    if not desk.refuses[head.route]:
        desk.control.ask_again()
    return False
