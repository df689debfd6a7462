"""What the compiled HTTP path answers: one function for each row of the table of routes, and batches in turns.

A message is canonical in its head, and wholly there, when it comes here. Its body is read in place; the answer is
written into the desk's area. The order in which things are found wrong is that of the ordinary path. What is not
canonical in its body, and what is damaged, is NOT_MINE: the ordinary path has the words for it.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc

from lookup._fast.admission cimport ADMITTED, ANSWERED, LATER, NOT_MINE, c_admit
from lookup._fast.book cimport CONFIRMED, INVALID, RENDER, UNKNOWN, WITHHELD, Book, item_t
from lookup._fast.canonical cimport CANONICAL, head_t
from lookup._fast.desk cimport AUDIT_UNAVAILABLE, FORBIDDEN, INVALID_NIN, UNKNOWN_PERSON, UNREADY, Desk
from lookup._fast.directory_replies cimport answer_contracts, answer_her
from lookup._fast.encode cimport area_reserve
from lookup._fast.question cimport c_read_question, question_t, text_t
from lookup._fast.recording cimport c_record_many, c_record_one, c_tell_outcome
from lookup._fast.soap_replies cimport answer_soap_confirm, answer_soap_details, read_soap
from lookup._fast.tally cimport MAX_ROUTES
from lookup._fast.tickets cimport Ticket
from lookup._fast.writing cimport put, put_number

from lookup.canonical import ROUTES
from lookup.question import MAX_NUMBERS as PLAIN_MAX_NUMBERS

cdef enum:
    MAX_NUMBERS = 1000
    TURN = 64  # numbers of a batch answered before other connections get their turn
    TURN_BYTES = 1 << 16  # of a batch's answer written before they do
    # lookups ahead of which a pointer and a bucket are brought near
    FAR = 24
    NEAR = 12

if MAX_NUMBERS != PLAIN_MAX_NUMBERS:
    raise ImportError("lookup._fast.replies was built from other constants than lookup.question")

ctypedef int (*answer_t)(Desk desk, const uint8_t* data, const head_t* head) except -1


cdef int find(Desk desk, Book book, const text_t* text, int64_t nin, int64_t at, item_t* item, list held) except? -1:
    """Find the answer for one number: 0, or below zero for damage. What `item` points into is kept in `held`."""
    cdef bytes body
    cdef int status
    item.text, item.text_size = text.data, text.size
    if nin < 0:
        item.own, item.protected, item.outcome = False, False, INVALID
        return 0
    status = book.find(nin, at, desk.withhold, item)
    if status < 0:
        return status
    if item.outcome == RENDER:
        item.outcome, item.nin, body = desk.control.render(book, nin, at)
        item.json, item.json_size, item.own = body, len(body), False
        held.append(body)
    return 0


cdef int answer_lookup(Desk desk, const uint8_t* data, const head_t* head) except -1:
    cdef question_t question
    cdef item_t item
    cdef int64_t at, nin
    cdef list held = []
    question.nins = desk.nins
    if c_read_question(head.route, data + head.at, head.length, &question) != CANONICAL:
        return NOT_MINE
    if not desk.time_of(&question.at, &at):
        return NOT_MINE
    nin = desk.nin_of(question.nins)
    if nin < 0:
        desk.tally.outcome(INVALID)
        desk.problem(INVALID_NIN, data, head)
    elif not desk.can_answer():
        desk.problem(UNREADY, data, head)
    elif find(desk, desk.book, question.nins, nin, at, &item, held) < 0:
        return NOT_MINE
    else:
        if not c_record_one(desk, data, head, nin, item.outcome, item.protected):
            desk.problem(AUDIT_UNAVAILABLE, data, head)
            return ANSWERED
        c_tell_outcome(desk, nin, item.outcome)
        if item.outcome == UNKNOWN:
            desk.problem(UNKNOWN_PERSON, data, head)
        else:
            desk.end(desk.book.write(&item, desk.begin_ok(data, head, desk.book.size_of(&item))))
    return ANSWERED


cdef int answer_confirm(Desk desk, const uint8_t* data, const head_t* head) except -1:
    cdef question_t question
    cdef int64_t at, nin
    cdef int outcome
    cdef bint protected = False
    question.nins = desk.nins
    if c_read_question(head.route, data + head.at, head.length, &question) != CANONICAL:
        return NOT_MINE
    if not desk.time_of(&question.at, &at):
        return NOT_MINE
    nin = desk.nin_of(question.nins)
    if nin < 0:
        desk.tally.outcome(INVALID)
        desk.problem(INVALID_NIN, data, head)
        return ANSWERED
    if not desk.can_answer():
        desk.problem(UNREADY, data, head)
        return ANSWERED
    outcome = desk.book.confirm(nin, at, question.hpr_number, desk.withhold, &protected)
    if outcome < 0:
        return NOT_MINE
    if outcome == RENDER:
        outcome = desk.control.confirm(desk.book, nin, at, question.hpr_number)
    if not c_record_one(desk, data, head, nin, outcome, protected):
        desk.problem(AUDIT_UNAVAILABLE, data, head)
        return ANSWERED
    c_tell_outcome(desk, nin, outcome)
    if outcome == UNKNOWN:
        desk.problem(UNKNOWN_PERSON, data, head)
    elif outcome == WITHHELD:
        desk.problem(FORBIDDEN, data, head)
    elif outcome == CONFIRMED:
        desk.end(put(desk.begin_ok(data, head, 18), b'{"confirmed":true}', 18))
    else:
        desk.end(put(desk.begin_ok(data, head, 19), b'{"confirmed":false}', 19))
    return ANSWERED


cdef int answer_batch(Desk desk, const uint8_t* data, const head_t* head) except -1:
    cdef question_t question
    cdef item_t items[TURN]
    cdef int64_t at
    cdef size_t size = 0
    cdef list held = []
    question.nins = desk.nins
    if c_read_question(head.route, data + head.at, head.length, &question) != CANONICAL:
        return NOT_MINE
    if not desk.time_of(&question.at, &at):
        return NOT_MINE
    if not desk.can_answer():
        desk.problem(UNREADY, data, head)
        return ANSWERED
    if question.count > TURN:
        return LATER
    if not find_some(desk, desk.book, question.nins, question.count, at, items, held, &size):
        return NOT_MINE
    if not c_record_many(desk, data, head, items, question.count):
        desk.problem(AUDIT_UNAVAILABLE, data, head)
        return ANSWERED
    tell_outcomes(desk, items, question.count)
    write_batch(desk, desk.book, data, head, items, question.count, size)
    return ANSWERED


cdef bint find_some(
    Desk desk, Book book, const text_t* texts, size_t count, int64_t at, item_t* items, list held, size_t* size
) except *:
    """Find the answers for at most TURN numbers, and add their octets to `size`. False when something is damaged."""
    cdef int64_t nins[TURN]
    cdef size_t i
    for i in range(count):
        nins[i] = desk.nin_of(&texts[i])
    # What the first ones need has to come from far: ask for it before anything else is done.
    for i in range(min(count, <size_t> FAR)):
        book.index.prefetch_pointer(nins[i])
    for i in range(min(count, <size_t> NEAR)):
        book.index.prefetch_bucket(nins[i])
    for i in range(count):
        if i + FAR < count:
            book.index.prefetch_pointer(nins[i + FAR])
        if i + NEAR < count:
            book.index.prefetch_bucket(nins[i + NEAR])
        if find(desk, book, &texts[i], nins[i], at, &items[i], held) < 0:
            return False
        size[0] += book.size_of_result(&items[i])
    return True


cdef inline void tell_outcomes(Desk desk, const item_t* items, size_t count) noexcept:
    cdef size_t i
    cdef text_t text
    for i in range(count):
        if items[i].outcome == INVALID:
            desk.tally.outcome(INVALID)
        else:
            text.data, text.size = items[i].text, items[i].text_size
            c_tell_outcome(desk, desk.nin_of(&text), items[i].outcome)


cdef uint8_t* begin_batch(
    Desk desk, Book book, const uint8_t* data, const head_t* head, size_t count, size_t size
) except NULL:
    """The head of an answer, and the beginning of its body: `size` are the octets of `count` results."""
    cdef uint8_t serial[20]
    cdef size_t digits = put_number(serial, book.serial) - serial
    cdef uint8_t* out = desk.begin_ok(data, head, 14 + digits + 12 + size + (count - 1 if count else 0) + 2)
    return put(put(put(out, b'{"generation":', 14), serial, digits), b',"results":[', 12)


cdef int write_batch(
    Desk desk, Book book, const uint8_t* data, const head_t* head, const item_t* items, size_t count, size_t size
) except -1:
    """All of an answer at once."""
    cdef uint8_t* out = begin_batch(desk, book, data, head, count, size)
    cdef size_t i
    for i in range(count):
        if i:
            out = put(out, b",", 1)
        out = book.write_result(&items[i], out)
    return desk.end(put(out, b"]}", 2))


cdef class Batch:
    """A batch too large for one turn: found, and then written, piece by piece, from one generation."""

    def __dealloc__(self):
        free(self._items)
        free(self._question.nins)

    cdef int turn(self, Desk desk) except -1:
        """Go on for one turn; `done` at the end. ANSWERED, or NOT_MINE when something is damaged, before any octet."""
        cdef const uint8_t* data = self.message
        desk.take_up(self._ticket)
        if self._book is not desk.book and not self._written:
            # The head names the generation in service when it is written, so what was found in another is found anew:
            # all of it in this turn, or where swaps follow one another quickly there would be no end to it.
            self._book, self._held, self._found, self._size = desk.book, [], 0, 0
            while self._found < self._question.count:
                if not find_more(self, desk):
                    return hand_over(self, desk)
        elif self._found < self._question.count:
            return ANSWERED if find_more(self, desk) else hand_over(self, desk)
        if not self._written:
            desk.read_clock()  # since a swap, nobody may have asked for what heads say now
            self.closing = desk.closing
            if not c_record_many(desk, data, &self._head, self._items, self._found):
                self.done = True
                desk.problem(AUDIT_UNAVAILABLE, data, &self._head)
                return ANSWERED
            tell_outcomes(desk, self._items, self._found)
            desk.end(begin_batch(desk, self._book, data, &self._head, self._found, self._size))
        write_some(self, desk)
        return ANSWERED


cdef int hand_over(Batch batch, Desk desk) except -1:
    if batch._ticket is not None:
        take_back(desk, batch._looked_at)
    return NOT_MINE


cdef bint find_more(Batch batch, Desk desk) noexcept:
    cdef size_t some = min(batch._question.count - batch._found, <size_t> TURN)
    cdef text_t* texts = batch._question.nins + batch._found
    cdef item_t* items = batch._items + batch._found
    try:
        if not find_some(desk, batch._book, texts, some, batch._at, items, batch._held, &batch._size):
            return False
    except Exception:  # as in c_answer
        return False
    batch._found += some
    return True


cdef int write_some(Batch batch, Desk desk) except -1:
    cdef const item_t* item
    cdef uint8_t* out
    while batch._written < batch._found and desk.out.size < TURN_BYTES:
        item = &batch._items[batch._written]
        area_reserve(&desk.out, batch._book.size_of_result(item) + 3)
        out = desk.out.data + desk.out.size
        if batch._written:
            out = put(out, b",", 1)
        out = batch._book.write_result(item, out)
        batch._written += 1
        if batch._written == batch._found:
            out = put(out, b"]}", 2)
            batch.done = True
        desk.end(out)
    return 0


cdef Batch c_begin_batch(Desk desk, bytes message, const head_t* head):
    """The batch that a message asks for, of which `c_answer` has said LATER."""
    cdef Batch batch = Batch.__new__(Batch)
    cdef const uint8_t* data = message
    batch.message, batch._head, batch._book, batch._held = message, head[0], desk.book, []
    batch._ticket = desk.ticket
    if batch._ticket is not None and batch._ticket.bound is not None:
        batch._looked_at = desk.control.looked_at()
    batch._question.nins = <text_t*> malloc(MAX_NUMBERS * sizeof(text_t))
    batch._items = <item_t*> malloc(MAX_NUMBERS * sizeof(item_t))
    if batch._question.nins == NULL or batch._items == NULL:
        raise MemoryError()
    c_read_question(head.route, data + head.at, head.length, &batch._question)
    desk.time_of(&batch._question.at, &batch._at)
    return batch


cdef int take_back(Desk desk, looked_at=None) except -1:
    """The ordinary path will ask of a message's caller once more what has been asked here."""
    if desk.ticket.account is not None:
        desk.ticket.account.c_undo()
    if desk.ticket.bound is not None:
        desk.control.ask_again(looked_at)
    return 0


cdef answer_t answerers[MAX_ROUTES]
cdef bint is_soap[MAX_ROUTES]

for _place, _row in enumerate(ROUTES):
    is_soap[<int> _place] = bool(_row.soap)
    if _row.name == "lookup":
        answerers[<int> _place] = answer_lookup
    elif _row.name == "batch":
        answerers[<int> _place] = answer_batch
    elif _row.name == "confirm":
        answerers[<int> _place] = answer_confirm
    elif _row.name == "her":
        answerers[<int> _place] = answer_her
    elif _row.name == "contracts":
        answerers[<int> _place] = answer_contracts
    elif _row.name == "soap details":
        answerers[<int> _place] = answer_soap_details
    elif _row.name == "soap confirm":
        answerers[<int> _place] = answer_soap_confirm
    else:
        raise ImportError(f"lookup._fast.replies cannot answer {_row.name}")


cdef int c_answer(
    Desk desk, const uint8_t* data, const head_t* head, bint closing, bint trusted, Ticket given
) except -1:
    """Answer the canonical message at `data`, which is wholly there: ANSWERED, LATER, NOT_MINE or UNVERIFIED.

    Of a message that is not ANSWERED nothing has been written, and nothing counted but the caller's requests.
    """
    cdef head_t asked
    cdef int status = NOT_MINE
    desk.closing = closing
    try:
        if is_soap[head.route]:  # which row it is, and so who may, the envelope says
            asked = head[0]
            head = &asked
            if not read_soap(desk, data, &asked):
                return NOT_MINE
        if desk.tickets is not None:
            status = c_admit(desk, data, head, trusted, given)
            if status != ADMITTED:
                return status
        status = answerers[head.route](desk, data, head)
        if status == NOT_MINE and desk.ticket is not None:
            take_back(desk)
        return status
    except Exception:
        # Something is damaged: the ordinary path meets it too, and has the words for it.
        if status == ADMITTED and desk.ticket is not None:
            take_back(desk)
        return NOT_MINE
