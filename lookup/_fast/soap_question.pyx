"""The reading of a canonical envelope, in place. Compiled twin of lookup/soap_question.py.

The texts that are found are inside the body that was given. Needs neither the GIL nor Python objects.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from lookup._fast.canonical cimport CANONICAL, OTHER
from lookup._fast.question cimport text_t
from lookup._fast.xml_walk cimport (
    BEGIN, EMPTY, END, attribute_t, begin_walk, is_of, is_word, next_begin, next_end, next_tag, reads, same,
    skip_blanks, skip_declaration, skip_element, tag_t, take_end, take_text, take_word_element, walk_t,
)

from lookup import soap_question as plain
from lookup.soap_question import SoapQuestion

cdef enum:
    MAX_HEADERS = 16
    # places in OPERATIONS
    DETAILS = 0
    CONFIRM = 1
    # what has been seen, as bits
    ACTION = 1
    MESSAGE_ID = 2
    REPLY_TO = 4
    FAULT_TO = 8
    NIN = 1
    HPR_NUMBER = 2
    AT = 4

if MAX_HEADERS != plain.MAX_HEADERS or plain.OPERATIONS != ("GetPatientGPDetails", "ConfirmGP"):
    raise ImportError("lookup._fast.soap_question was built from other constants than lookup.soap_question")


cdef text_t constant(bytes octets):
    """A text that stays: it is the plain twin's."""
    cdef text_t out
    out.data, out.size = octets, len(octets)
    return out


cdef text_t SOAP[2]
cdef text_t ACTIONS[2]
cdef text_t WHERE[2]
for _place in range(2):
    SOAP[_place], ACTIONS[_place] = constant(plain.NAMESPACES[_place]), constant(plain.ACTIONS[_place])
    WHERE[_place] = constant(plain.WHERE[_place])
cdef text_t FLR = constant(plain.FLR)
cdef text_t WSA = constant(plain.ADDRESSING)
cdef text_t XSI = constant(plain.INSTANCE)


cdef bint is_for_us(const tag_t* block, const text_t* soap, bint known) noexcept nogil:
    """Whether nothing stands at a header block that makes it another's, or one that must be understood and is not."""
    cdef const attribute_t* attribute
    cdef bint must
    cdef int i
    for i in range(block.count):
        attribute = &block.attributes[i]
        if not attribute.prefixed or not same(&attribute.space, soap):
            continue
        must = reads(&attribute.value, b"1", 1) or reads(&attribute.value, b"true", 4)
        if not reads(&attribute.local, b"mustUnderstand", 14):
            return False
        if not must and not reads(&attribute.value, b"0", 1) and not reads(&attribute.value, b"false", 5):
            return False
        if must and not known:
            return False
    return True


cdef inline int header_of(const tag_t* block) noexcept nogil:
    """Which of the headers that are read a block of WS-Addressing is, or 0."""
    if reads(&block.local, b"Action", 6):
        return ACTION
    if reads(&block.local, b"MessageID", 9):
        return MESSAGE_ID
    if reads(&block.local, b"ReplyTo", 7):
        return REPLY_TO
    return FAULT_TO if reads(&block.local, b"FaultTo", 7) else 0


cdef inline bint is_passed_over(const tag_t* block) noexcept nogil:
    return (
        reads(&block.local, b"To", 2) or reads(&block.local, b"From", 4) or reads(&block.local, b"RelatesTo", 9)
        or reads(&block.local, b"ReferenceParameters", 19)
    )


cdef bint read_reply(walk_t* w, tag_t* tag) noexcept nogil:
    """Where to answer to, which is where the question came from; up to the end of the block."""
    cdef text_t where
    if not next_begin(w, tag, &WSA, b"Address", 7) or not take_word_element(w, tag, &where):
        return False
    return next_end(w, tag) and (same(&where, &WHERE[0]) or same(&where, &WHERE[1]))


cdef bint read_headers(walk_t* w, const text_t* soap, text_t* action, soap_question_t* out) noexcept nogil:
    """What the header blocks say of how the envelope is addressed, up to the end of the header."""
    cdef tag_t block
    cdef int _i, header, seen = 0
    cdef bint addressing
    for _i in range(MAX_HEADERS + 1):
        if not next_tag(w, &block):
            return False
        if block.kind == END:
            out.addressed = seen != 0
            return True
        addressing = same(&block.space, &WSA)
        header = header_of(&block) if addressing else 0
        if not is_for_us(&block, soap, header != 0 or addressing and is_passed_over(&block)):
            return False
        if header:
            if header & seen or block.kind == EMPTY:
                return False
            seen |= header
            if header == ACTION or header == MESSAGE_ID:
                if not take_word_element(w, &block, action if header == ACTION else &out.message_id):
                    return False
            elif not read_reply(w, &block):
                return False
        elif block.kind == BEGIN and not skip_element(w, &block):
            return False
    return False


cdef bint read_nil(walk_t* w, tag_t* tag, int parameter) noexcept nogil:
    """A parameter with attributes: a time that is nil."""
    cdef const attribute_t* nil = &tag.attributes[0]
    if parameter != AT or tag.count != 1 or not nil.prefixed or not same(&nil.space, &XSI):
        return False
    if not reads(&nil.local, b"nil", 3) or not (reads(&nil.value, b"true", 4) or reads(&nil.value, b"1", 1)):
        return False
    return tag.kind == EMPTY or take_end(w, tag)


cdef bint read_number(const text_t* text, uint32_t* out) noexcept nogil:
    """Nine digits at most, without a zero in front."""
    cdef size_t i
    out[0] = 0
    if not 1 <= text.size <= 9 or text.data[0] == c"0":
        return False
    for i in range(text.size):
        if not c"0" <= text.data[i] <= c"9":
            return False
        out[0] = out[0] * 10 + text.data[i] - c"0"
    return True


cdef bint read_parameter(walk_t* w, tag_t* tag, int parameter, soap_question_t* out) noexcept nogil:
    cdef text_t text
    if tag.count:
        return read_nil(w, tag, parameter)
    if tag.kind == EMPTY:
        return False
    take_text(w, &text)
    if not is_word(&text) or not take_end(w, tag):
        return False
    if parameter == HPR_NUMBER:
        return read_number(&text, &out.hpr_number)
    if parameter == NIN:
        out.nin = text
    else:
        out.at = text
    return True


cdef inline int parameter_of(const tag_t* tag) noexcept nogil:
    if not same(&tag.space, &FLR):
        return 0
    if reads(&tag.local, b"patientNin", 10):
        return NIN
    if reads(&tag.local, b"hprNumber", 9):
        return HPR_NUMBER
    return AT if reads(&tag.local, b"atTime", 6) else 0


cdef bint read_parameters(walk_t* w, soap_question_t* out) noexcept nogil:
    """The parameters, up to the end of the operation's element."""
    cdef tag_t tag
    cdef int parameter, seen = 0, members = NIN if out.operation == DETAILS else NIN | HPR_NUMBER | AT
    while next_tag(w, &tag):
        if tag.kind == END:
            return seen | AT == members | AT
        parameter = parameter_of(&tag)
        if not parameter & members or parameter & seen:
            return False
        seen |= parameter
        if not read_parameter(w, &tag, parameter, out):
            return False
    return False


cdef inline bint is_action(const text_t* said, const text_t* ours) noexcept nogil:
    """Whether what the HTTP head says is nothing, or ours, in quotes or bare."""
    if not said.size or reads(said, b'""', 2) or same(said, ours):
        return True
    return (
        said.size == ours.size + 2 and said.data[0] == c'"' and said.data[said.size - 1] == c'"'
        and memcmp(said.data + 1, ours.data, ours.size) == 0
    )


cdef bint read_envelope(
    walk_t* w, const text_t* soap, const text_t* said, soap_question_t* out
) noexcept nogil:
    cdef tag_t tag
    cdef text_t action
    action.data, action.size = w.at, 0
    if not skip_declaration(w) or not next_begin(w, &tag, soap, b"Envelope", 8) or not next_tag(w, &tag):
        return False
    if is_of(&tag, soap, b"Header", 6):
        if tag.kind == BEGIN and not read_headers(w, soap, &action, out):
            return False
        if not next_tag(w, &tag):
            return False
    if not is_of(&tag, soap, b"Body", 4) or tag.kind != BEGIN:
        return False
    if not next_tag(w, &tag) or tag.kind != BEGIN or not same(&tag.space, &FLR):
        return False
    out.operation = DETAILS if reads(&tag.local, b"GetPatientGPDetails", 19) else CONFIRM
    if out.operation == CONFIRM and not reads(&tag.local, b"ConfirmGP", 9):
        return False
    if not is_action(said, &ACTIONS[out.operation]):
        return False
    if action.size and not same(&action, &ACTIONS[out.operation]):
        return False
    if not read_parameters(w, out) or not next_end(w, &tag) or not next_end(w, &tag):
        return False
    skip_blanks(w)
    return w.at == w.stop


cdef int c_read_soap_question(
    int version, const text_t* action, const uint8_t* data, size_t size, soap_question_t* out
) noexcept nogil:
    """Read an envelope of a version of SOAP (0 is 1.1, 1 is 1.2): CANONICAL or OTHER."""
    cdef walk_t w
    begin_walk(&w, data, size)
    out.hpr_number, out.addressed = 0, False
    out.at.data, out.at.size, out.message_id.data, out.message_id.size = NULL, 0, data, 0
    return CANONICAL if read_envelope(&w, &SOAP[version], action, out) else OTHER


def read_soap_question(version, bytes action not None, const uint8_t[::1] body not None):
    """The question of a canonical envelope of a version of SOAP, or None."""
    cdef soap_question_t out
    cdef text_t said
    cdef const uint8_t* data = action
    said.data, said.size = action, len(action)
    if body.shape[0]:
        data = &body[0]
    if c_read_soap_question(plain.VERSIONS.index(version), &said, data, body.shape[0], &out) != CANONICAL:
        return None
    return SoapQuestion(
        out.operation,
        out.nin.data[:out.nin.size],
        out.hpr_number,
        out.at.data[:out.at.size] if out.at.data != NULL else None,
        out.addressed,
        out.message_id.data[:out.message_id.size],
    )
