"""What the compiled path writes over SOAP around what it looks up (lookup/_fast/soap_book.pyx): made once for each
generation, by the functions that the ordinary path writes with.
"""

from lookup._fast.soap_book import SoapBook
from lookup.flr_answers import element
from lookup.generation import Generation
from lookup.soap import envelope
from lookup.soap.call import wording_of
from lookup.soap.faults import rendered
from lookup.soap.operations import FAULT, READ, RESPONSE
from lookup.soap.texts import NO_GP, invalid, refused
from lookup.soap_question import OPERATIONS, VERSIONS
from register import codes

DETAILS, CONFIRM = (READ.operations[name] for name in OPERATIONS)
_RELATES = "relates"  # stands for what an answer relates to


def soap_book_of(generation: Generation) -> SoapBook | None:
    """A generation for the compiled path, or None where it has no file of what associations share."""
    if generation.soap is None:
        return None
    word, tables = wording_of(generation), generation.tables
    return SoapBook(
        generation.index,
        generation.soap,
        frames=[
            _frame(version, READ.action(name) + kind)
            for version in VERSIONS
            for name in OPERATIONS
            for kind in (RESPONSE, FAULT)
        ],
        contents=[_contents(version) for version in VERSIONS],
        begin=envelope.begin_result(READ, DETAILS).encode(),
        end=(envelope.end_result(DETAILS) + envelope.END).encode(),
        begin_codes=[element("BeginCode", word.code(codes.BEGIN_REASON, one)).encode() for one in tables.begin_codes],
        end_codes=[element("EndCode", word.code(codes.END_REASON, one)).encode() for one in tables.end_codes],
    )


def _frame(version: str, action: str) -> tuple[bytes, bytes, bytes]:
    """An envelope up to its body: without addressing, and with it before and behind what it relates to."""
    addressed = envelope.head(version, envelope.Addressed(_RELATES), action).encode()
    related = f"<a:RelatesTo>{_RELATES}</a:RelatesTo>".encode()
    before, _, after = addressed.partition(related)
    return envelope.head(version, None, action).encode(), before, after


def _contents(version: str) -> tuple[bytes, ...]:
    """In the order of lookup/_fast/soap_book.pxd: yes, no, no GP, no national id; each to the envelope's end."""
    begin, end = envelope.begin_result(READ, CONFIRM), envelope.end_result(CONFIRM)
    said = [f"{begin}{READ.writer.content('boolean', value)}{end}" for value in (True, False)]
    said += [rendered(fault, version) for fault in (refused(NO_GP), invalid("patientNin"))]
    return tuple(f"{one}{envelope.END}".encode() for one in said)
