"""The envelopes that the compiled HTTP path reads itself: the two questions that are asked most. (Plain twin: the
specification.)

Canonical is an envelope in the part of XML that lookup/xml_walk.py walks through, whose header blocks say nothing but
how it is addressed, or need not be understood, and whose body asks one of OPERATIONS with each parameter once, in any
order, and without blanks around its value: as stacks write it, with any prefixes and any blanks between elements.
There lookup/soap/reading.py reads the same. Any other body, right or wrong, is None: for the ordinary server to judge.
Whether a text is a national id is not asked here. Times: lookup/question.py.
"""

import re
from typing import NamedTuple

from lookup.soap import operations
from lookup.xml_walk import BEGIN, EMPTY, END, WORD, Other, Walk
from register import flr_schema

OPERATIONS = ("GetPatientGPDetails", "ConfirmGP")
ACTIONS = tuple(operations.READ.action(name).encode() for name in OPERATIONS)
VERSIONS = (operations.SOAP11, operations.SOAP12)
NAMESPACES = tuple(operations.NAMESPACES[version].encode() for version in VERSIONS)
FLR, ADDRESSING, INSTANCE = (
    operations.READ.namespace.encode(),
    operations.ADDRESSING.encode(),
    flr_schema.INSTANCE.encode(),
)
WHERE = (operations.ANONYMOUS.encode(), operations.NONE.encode())  # what a reply is addressed to, so that we send it
MAX_HEADERS = 16

_MEMBERS = {
    "GetPatientGPDetails": (b"patientNin",),
    "ConfirmGP": (b"patientNin", b"hprNumber", b"atTime"),
}
_READ_HEADERS = (b"Action", b"MessageID", b"ReplyTo", b"FaultTo")
_PASSED_OVER = (b"To", b"From", b"RelatesTo", b"ReferenceParameters")
_REPLIES = (b"ReplyTo", b"FaultTo")

_NUMBER = re.compile(rb"[1-9][0-9]{0,8}")


class SoapQuestion(NamedTuple):
    """What an envelope asks: an operation (a place in OPERATIONS), the text that should be a national id, and for
    ConfirmGP an HPR number and the text of a time, or None. `addressed`: with headers of WS-Addressing; `message_id`
    is the one to relate the answer to, empty where there is none.
    """

    operation: int
    nin: bytes
    hpr_number: int
    at: bytes | None
    addressed: bool
    message_id: bytes

    def __repr__(self) -> str:
        """No content."""
        return "<SoapQuestion>"


def read_soap_question(version: str, action: bytes, body: bytes) -> SoapQuestion | None:
    """The question of a canonical envelope of a version of SOAP, or None.

    `action` is what the HTTP head says that is asked: empty, or in quotes, or bare.
    """
    try:
        return _read(Walk(body), NAMESPACES[VERSIONS.index(version)], action)
    except Other:
        return None


def _read(walk: Walk, soap: bytes, action: bytes) -> SoapQuestion:
    walk.declaration()
    walk.begin((soap, b"Envelope"))
    headers: dict[bytes, bytes] = {}
    part = walk.next()
    if part.name == (soap, b"Header") and part.kind != END:
        headers = {} if part.kind == EMPTY else _read_headers(walk, soap)
        part = walk.next()
    if part.name != (soap, b"Body") or part.kind != BEGIN:
        raise Other
    asked = walk.next()
    namespace, local = asked.name
    name = local.decode()
    if asked.kind != BEGIN or namespace != FLR or name not in OPERATIONS:
        raise Other
    ours = ACTIONS[OPERATIONS.index(name)]
    if action not in (b"", b'""', ours, b'"%b"' % ours) or headers.get(b"Action", ours) != ours:
        raise Other
    values = _read_parameters(walk, _MEMBERS[name])
    walk.end()
    walk.end()
    walk.blanks()
    if walk.at != len(walk.body):
        raise Other
    return SoapQuestion(
        OPERATIONS.index(name),
        values[b"patientNin"] or b"",
        int(values.get(b"hprNumber") or 0),
        values.get(b"atTime"),
        bool(headers),
        headers.get(b"MessageID", b""),
    )


def _read_headers(walk: Walk, soap: bytes) -> dict[bytes, bytes]:
    """What the header blocks say of how the envelope is addressed, up to the end of the header."""
    headers: dict[bytes, bytes] = {}
    for _ in range(MAX_HEADERS + 1):
        block = walk.next()
        if block.kind == END:
            return headers
        namespace, local = block.name
        known = namespace == ADDRESSING and local in (*_READ_HEADERS, *_PASSED_OVER)
        for (of, name), value in block.attributes.items():
            # for whom a block is, and what else SOAP says of it
            if of == soap and (name != b"mustUnderstand" or value not in (b"0", b"false", b"1", b"true")):
                raise Other
            if of == soap and value in (b"1", b"true") and not known:
                raise Other
        if known and local in _READ_HEADERS:
            if local in headers or block.kind == EMPTY:
                raise Other
            headers[local] = _read_reply(walk) if local in _REPLIES else walk.word()
        elif block.kind == BEGIN:
            walk.skip()
    raise Other


def _read_reply(walk: Walk) -> bytes:
    """The address of where to answer to, which is where the question came from; up to the end of the block."""
    walk.begin((ADDRESSING, b"Address"))
    where = walk.word()
    walk.end()
    if where not in WHERE:
        raise Other
    return where


def _read_parameters(walk: Walk, members: tuple[bytes, ...]) -> dict[bytes, bytes | None]:
    """The parameters, up to the end of the operation's element."""
    values: dict[bytes, bytes | None] = {}
    while True:
        tag = walk.next()
        if tag.kind == END:
            break
        namespace, name = tag.name
        if namespace != FLR or name not in members or name in values:
            raise Other
        if tag.attributes:
            nil = tag.attributes.get((INSTANCE, b"nil"))
            if name != b"atTime" or len(tag.attributes) > 1 or nil not in (b"true", b"1"):
                raise Other
            if tag.kind == BEGIN and walk.tag().kind != END:
                raise Other
            values[name] = None
            continue
        text = walk.text() if tag.kind == BEGIN else b""
        if not (_NUMBER if name == b"hprNumber" else WORD).fullmatch(text) or walk.tag().kind != END:
            raise Other
        values[name] = text
    if values.keys() | {b"atTime"} != {*members, b"atTime"}:
        raise Other
    return values
