"""What the compiled HTTP path answers over SOAP: GetPatientGPDetails and ConfirmGP, to callers whom it admits.

As in replies.pyx, of which these are rows. Whoever may not ask, what is withheld, and all that goes wrong otherwise, is
for the ordinary path, which has the faults for it; the faults that are answers (no GP, no national id) are written
here.
"""

from libc.stdint cimport int64_t, uint8_t

from lookup._fast.admission cimport ANSWERED, NOT_MINE
from lookup._fast.book cimport ASSIGNED, CONFIRMED, INVALID, RENDER, VACANT, WITHHELD, piece_t
from lookup._fast.canonical cimport CANONICAL, head_t
from lookup._fast.desk cimport Desk
from lookup._fast.question cimport c_read_at, text_t
from lookup._fast.recording cimport c_record_one, c_tell_outcome
from lookup._fast.soap_book cimport INVALID_NIN, NO, NO_GP, YES, SoapBook, told_t
from lookup._fast.soap_question cimport c_read_soap_question
from lookup._fast.tally cimport MAX_ROUTES
from lookup._fast.writing cimport put

from lookup.canonical import ROUTES
from lookup.soap_question import VERSIONS

cdef int versions[MAX_ROUTES]  # of SOAP, by place in ROUTES; 0 is 1.1

for _place, _row in enumerate(ROUTES):
    versions[<int> _place] = VERSIONS.index(_row.soap) if _row.soap else 0


cdef bint read_soap(Desk desk, const uint8_t* data, head_t* head) noexcept:
    """Read the envelope into `desk.asked`, and find its row: False when it is not canonical, or cannot be answered."""
    cdef text_t action
    if desk.soap is None or not desk.can_answer():
        return False
    action.data, action.size = data + head.action.at, head.action.size
    if c_read_soap_question(
        versions[head.route], &action, data + head.at, head.length, &desk.asked
    ) != CANONICAL:
        return False
    head.route += desk.asked.operation
    return True


cdef int give(Desk desk, const uint8_t* data, const head_t* head, int which, bint fault) except -1:
    """Answer with what is the same for all."""
    cdef int version = versions[head.route]
    cdef SoapBook soap = desk.soap
    cdef const piece_t* content = soap.content(version, which)
    cdef size_t size = soap.size_of_frame(version, fault, &desk.asked) + content.size
    cdef uint8_t* out = desk.begin_soap(data, head, version, fault, size)
    return desk.end(put(soap.write_frame(version, fault, &desk.asked, out), content.data, content.size))


cdef int answer_soap_details(Desk desk, const uint8_t* data, const head_t* head) except -1:
    cdef SoapBook soap = desk.soap
    cdef int version = versions[head.route]
    cdef int64_t nin = desk.nin_of(&desk.asked.nin)
    cdef uint8_t* out
    cdef told_t told
    if nin < 0:
        desk.tally.outcome(INVALID)
        give(desk, data, head, INVALID_NIN, True)
        return ANSWERED
    if soap.find(nin, desk.now, desk.withhold, &told) < 0 or told.outcome == RENDER or told.outcome == WITHHELD:
        return NOT_MINE
    if not c_record_one(desk, data, head, nin, told.outcome, told.protected):
        return NOT_MINE
    c_tell_outcome(desk, nin, told.outcome)
    if told.outcome != ASSIGNED and told.outcome != VACANT:
        give(desk, data, head, NO_GP, True)
        return ANSWERED
    out = desk.begin_soap(
        data, head, version, False, soap.size_of_frame(version, False, &desk.asked) + soap.size_of(&told)
    )
    desk.end(soap.write(&told, soap.write_frame(version, False, &desk.asked, out)))
    return ANSWERED


cdef int answer_soap_confirm(Desk desk, const uint8_t* data, const head_t* head) except -1:
    cdef int64_t at = desk.now, nin = desk.nin_of(&desk.asked.nin)
    cdef int outcome
    cdef bint protected = False
    if desk.asked.at.data != NULL and not c_read_at(desk.asked.at.data, desk.asked.at.size, &at):
        return NOT_MINE
    if nin < 0:
        desk.tally.outcome(INVALID)
        give(desk, data, head, INVALID_NIN, True)
        return ANSWERED
    outcome = desk.book.confirm(nin, at, desk.asked.hpr_number, desk.withhold, &protected)
    if outcome < 0 or outcome == WITHHELD or outcome == RENDER:
        return NOT_MINE
    if not c_record_one(desk, data, head, nin, outcome, protected):
        return NOT_MINE
    c_tell_outcome(desk, nin, outcome)
    give(desk, data, head, YES if outcome == CONFIRMED else NO, False)
    return ANSWERED
