"""What an operation is refused with: one table from kind to HTTP status, fault code and text, and the faults' octets.

GenericFault is for what the register has truly answered ("no GP", "no such contract"), because clients keep it as an
answer for a day. Everything else, from a body that cannot be read to a register that cannot answer now, is a fault
without it. Clients on CXF do not read a fault under HTTP 400, so what a caller is to read is HTTP 500. Texts that a
clinician may meet are Norwegian, those for developers English; none repeats what was asked.
"""

from typing import NamedTuple

from lookup.problems import PROBLEMS, Problem
from lookup.soap.operations import SOAP11
from register.flr_schema import COMMON
from register.flr_xml import escaped

CLIENT, SERVER, MUST_UNDERSTAND, VERSION_MISMATCH = "Client", "Server", "MustUnderstand", "VersionMismatch"
NO_CODE = "Feil"  # the register's own error code, of all that it refuses for a reason it has a text for
ERROR = 500
_SOAP12_CODES = {CLIENT: "Sender", SERVER: "Receiver"}
_NORWEGIAN, _ENGLISH = "nb-NO", "en"

WITHHELD = "Opplysningene kan ikke utleveres til denne klienten."
# problem word -> what is told, where the face answers with one; its status is in lookup/problems.py
PROBLEM_TEXTS = {
    "invalid-request": "Forespørselen er ikke gyldig.",
    "unauthenticated": "Avsenderen er ikke kjent.",
    "forbidden": "Avsenderen har ikke tilgang.",
    "not-found": "Tjenesten finnes ikke.",
    "too-large": "Forespørselen er for stor.",
    "unsupported-media-type": "Forespørselen er ikke i et format som leses her.",
    "quota": "Avsenderen har spurt så mye som avtalt.",
    "internal": "Det oppstod en uventet feil.",
    "unready": "Registeret kan ikke svare nå.",
    "audit-unavailable": "Svaret kunne ikke loggføres, og gis derfor ikke.",
    "not-served-here": "Dette kan ikke besvares herfra.",
}
_CLIENTS = frozenset({"invalid-request", "too-large", "unsupported-media-type"})


class Subcode(NamedTuple):
    """What WS-Addressing has for a fault: its own code, the more exact one, and the header that it is about."""

    code: str
    exact: str | None = None
    header: str | None = None


class Fault(Exception):
    """What a caller is answered with. `text` holds nothing that was asked for."""

    def __init__(
        self,
        text: str,
        code: str = CLIENT,
        *,
        status: int = ERROR,
        language: str = _ENGLISH,
        subcode: Subcode | None = None,
    ) -> None:
        super().__init__(code)
        self.text, self.code, self.status, self.language, self.subcode = text, code, status, language, subcode
        self.headers: dict[str, str] = {}

    @property
    def detail(self) -> str:
        """The content of the fault's detail."""
        return ""


class GenericFault(Fault):
    """The register's own answer that there is none: `message` as today's register has it, with its error code."""

    def __init__(self, message: str, code: str = NO_CODE) -> None:
        super().__init__(message, CLIENT, language=_NORWEGIAN)
        self.error_code = code

    @property
    def detail(self) -> str:
        """The GenericFault."""
        members = f"<ErrorCode>{escaped(self.error_code)}</ErrorCode><Message>{escaped(self.text)}</Message>"
        return f'<GenericFault xmlns="{COMMON}">{members}</GenericFault>'


class Withheld(Fault):
    """A protected person, and a caller without the right: neither that there is a GP nor that there is none."""

    def __init__(self) -> None:
        super().__init__(WITHHELD, SERVER, language=_NORWEGIAN)


def of_problem(problem: Problem) -> Fault:
    """A problem as a fault, with the problem's status and headers, and never GenericFault."""
    fault = Fault(
        PROBLEM_TEXTS.get(problem.word, PROBLEM_TEXTS["internal"]),
        CLIENT if problem.word in _CLIENTS else SERVER,
        status=PROBLEMS[problem.word][0],
        language=_NORWEGIAN,
    )
    fault.headers = problem.headers
    return fault


def rendered(fault: Fault, version: str) -> str:
    """The fault element, within an envelope that declares `s`, and `a` where there is a subcode."""
    text, detail = escaped(fault.text), fault.detail
    if version == SOAP11:
        code = f"s:{fault.code}" if fault.subcode is None else f"a:{fault.subcode.exact or fault.subcode.code}"
        reason = f'<faultcode>{code}</faultcode><faultstring xml:lang="{fault.language}">{text}</faultstring>'
        return f"<s:Fault>{reason}{detail and f'<detail>{detail}</detail>'}</s:Fault>"
    code = f"<s:Value>s:{_SOAP12_CODES.get(fault.code, fault.code)}</s:Value>"
    if fault.subcode is not None:
        exact = fault.subcode.exact and f"<s:Subcode><s:Value>a:{fault.subcode.exact}</s:Value></s:Subcode>"
        code += f"<s:Subcode><s:Value>a:{fault.subcode.code}</s:Value>{exact or ''}</s:Subcode>"
        header = fault.subcode.header
        detail += "" if header is None else f"<a:ProblemHeaderQName>a:{header}</a:ProblemHeaderQName>"
    reason = f'<s:Code>{code}</s:Code><s:Reason><s:Text xml:lang="{fault.language}">{text}</s:Text></s:Reason>'
    return f"<s:Fault>{reason}{detail and f'<s:Detail>{detail}</s:Detail>'}</s:Fault>"
