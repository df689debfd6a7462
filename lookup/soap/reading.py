"""Reading an envelope, strictly where it matters and leniently where stacks differ: what is asked, and how addressed.

Either version of SOAP, any prefixes, header blocks, comments, blanks and order of parameters. Refused with a fault, and
never with what was sent: a document type, processing instructions, what is too deep or too much, a header block that
must be understood and is not, an action that is not the body's, an address to reply to elsewhere, parameters that are
unknown, doubled or not of their type. A time with a zone becomes Norwegian time.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from lookup.soap.envelope import Addressed
from lookup.soap.faults import MUST_UNDERSTAND, VERSION_MISMATCH, Fault, Subcode
from lookup.soap.operations import (
    ADDRESSING,
    ANONYMOUS,
    NAMESPACES,
    NONE,
    SERVICES,
    SOAP11,
    SOAP12,
    Operation,
    Service,
)
from register.flr_reader import MAX_DEPTH, Elements, Kind, Refused, parse, prepared, refused, strict_parser
from register.flr_schema import Type
from register.flr_values import PARSERS, SPACE
from register.localtime import from_micros, parse_at

MAX_HEADERS = 64
UTF_16 = "utf-16"
ENCODINGS = ("utf-8", "us-ascii", UTF_16, "iso-8859-1")
MAX_HEADER_TEXT = 4096  # characters of one that is read
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?"
    r"(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
)
_END_OF_DAY = "24:00:00"
_TRUE = ("1", "true")
_ACTOR = {SOAP11: "actor", SOAP12: "role"}
# whom a header block may be for, so that it is for us
_OURS = {
    SOAP11: ("", "http://schemas.xmlsoap.org/soap/actor/next"),
    SOAP12: ("", f"{NAMESPACES[SOAP12]}/role/next", f"{NAMESPACES[SOAP12]}/role/ultimateReceiver"),
}
_READ_HEADERS = ("Action", "MessageID", "ReplyTo", "FaultTo")
_REPLIES = ("ReplyTo", "FaultTo")
_KNOWN_HEADERS = (*_READ_HEADERS, "To", "From", "RelatesTo", "ReferenceParameters")


def local_time(text: str) -> datetime:
    """A time as stacks write them: any many decimals, and with a zone, which makes it Norwegian time."""
    found = _TIME.fullmatch(text.strip(SPACE))
    if found is None:
        raise ValueError
    day, clock, decimals, zone = found.groups()
    fraction = (decimals or "").rstrip("0")
    if clock == _END_OF_DAY and fraction:
        raise ValueError
    try:
        time = datetime.fromisoformat(day if clock == _END_OF_DAY else f"{day}T{clock}")
        time += timedelta(days=clock == _END_OF_DAY)
    except OverflowError:
        raise ValueError from None
    if zone is not None:
        local = from_micros(parse_at(f"{time.isoformat()}{zone}"))
        assert local is not None
        time = local
    return time + timedelta(microseconds=int((fraction + "000000")[:6]))


def _kinds_of(service: Service) -> Mapping[str, Kind]:
    """What may stand in a body: each operation's element is as one more type, whose members are its parameters."""
    asked = {one.name: Type(one.name, service.namespace, one.parameters) for one in service.operations.values()}
    assert not asked.keys() & service.table.types.keys()
    table = service.table._replace(types={**service.table.types, **asked})
    return prepared(table, parsers={**PARSERS, "dateTime": local_time})


_KINDS = {service.name: _kinds_of(service) for service in SERVICES}


class EnvelopeReader:
    """Reads one envelope: `read`. What it has found by then stays, for a fault too: `addressed`, `operation`."""

    def __init__(self, service: Service, version: str, action: str | None) -> None:
        """`action` is the one that the HTTP head names, if it does."""
        self.service, self.version, self._action = service, version, action
        self.operation: Operation | None = None
        self.addressed: Addressed | None = None
        self._namespace = NAMESPACES[version]
        self._path: list[str] = []  # the elements that we are in, outside the body's own
        self._headers: dict[str, str] = {}  # of WS-Addressing, for us; of ReplyTo and FaultTo their addresses
        self._seen: set[str] = set()
        self._block = ""  # the header block that is read
        self._text: list[str] | None = None  # of it
        self._count = 0
        self._misunderstood = self._has_body = False
        self._elements: Elements | None = None

    def read(self, body: bytes, encoding: str | None) -> Mapping[str, Any]:
        """The operation's arguments, all of them. Raises Fault."""
        if b"\0" in body and encoding != UTF_16 and not body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            raise Fault("the encoding is not the one that is said")  # expat would read it as UTF-16 whatever is said
        self._parser = parser = strict_parser(encoding)
        parser.XmlDeclHandler = self._declared
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parse(parser, body, last=True)
        except Refused as error:
            raise Fault(f"{error.what} (line {error.place[0]}, column {error.place[1]})") from None
        except (ValueError, LookupError):  # an encoding that is none
            raise Fault("the encoding is not one that is read") from None
        if self._elements is None or self.operation is None:
            raise Fault("the body holds no element")
        value = self._elements.value or {}
        return {member.name: value.get(member.name) for member in self.operation.parameters}

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ENCODINGS:  # expat asks any codec of Python for it
            raise refused(self._parser, "an encoding that is not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        path = self._path
        depth = len(path)
        if depth >= MAX_DEPTH:
            raise refused(self._parser, "elements that are nested too deep")
        if self._text is not None:
            raise refused(self._parser, "an addressing header with elements in it")
        if depth == 0:
            self._start_envelope(name)
        elif depth == 1:
            self._start_part(name)
        elif path[1] == "Body":
            self._start_body(name)
            return
        elif depth == 2:
            self._start_header(name, attributes)
        elif depth == 3 and path[2] in _REPLIES and name == f"{ADDRESSING} Address":
            if path[2] in self._headers:
                raise self._misaddressed("InvalidCardinality", path[2])
            self._text = []
        path.append(name.rpartition(" ")[2] if depth < 2 else self._block if depth == 2 else "")

    def _start_envelope(self, name: str) -> None:
        namespace, _, local = name.rpartition(" ")
        if local != "Envelope":
            raise Fault("the document is not an envelope")
        if namespace != self._namespace:
            raise Fault(f"this address takes SOAP {self.version}", VERSION_MISMATCH)

    def _start_part(self, name: str) -> None:
        if self._has_body or name not in (f"{self._namespace} Header", f"{self._namespace} Body") or name in self._seen:
            raise Fault("an envelope holds a header, which may be absent, and a body")
        self._seen.add(name)
        self._has_body = name.endswith("Body")
        if self._has_body:
            self._check_headers()

    def _start_header(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_HEADERS:
            raise refused(self._parser, "more header blocks than are read")
        self._block = ""
        if attributes.get(f"{self._namespace} {_ACTOR[self.version]}", "").strip(SPACE) not in _OURS[self.version]:
            return
        namespace, _, local = name.rpartition(" ")
        known = namespace == ADDRESSING and local in _KNOWN_HEADERS
        must = attributes.get(f"{self._namespace} mustUnderstand", "").strip(SPACE) in _TRUE
        self._misunderstood |= must and not known
        if known and local in _READ_HEADERS:
            if name in self._seen:
                raise self._misaddressed("InvalidCardinality", local)
            self._seen.add(name)
            self._block = local
            if local not in _REPLIES:
                self._text = []

    def _check_headers(self) -> None:
        if self._headers:
            self.addressed = Addressed(self._headers.get("MessageID"))
        if self._misunderstood:
            raise Fault("a header block that must be understood is not", MUST_UNDERSTAND)
        for name in _REPLIES:
            if self._headers.get(name, ANONYMOUS) not in (ANONYMOUS, NONE):
                raise self._misaddressed("OnlyAnonymousAddressSupported", name)

    def _misaddressed(self, exact: str, name: str) -> Fault:
        if self.addressed is None:
            self.addressed = Addressed(self._headers.get("MessageID"))
        return Fault(
            f"the addressing header {name} is not one that is served",
            subcode=Subcode("InvalidAddressingHeader", exact, name),
        )

    def _start_body(self, name: str) -> None:
        if self._elements is not None:
            raise Fault("the body holds more than one element")
        namespace, _, local = name.rpartition(" ")
        operation = self.service.operations.get(local) if namespace == self.service.namespace else None
        if operation is None:
            raise Fault("the body is not an operation of this service", subcode=Subcode("ActionNotSupported"))
        self.operation = operation
        said = {self._action, self._headers.get("Action")} - {None, ""}
        if said - {self.service.action(local)}:
            raise Fault(
                "the action is not that of the body", subcode=Subcode("InvalidAddressingHeader", "ActionMismatch")
            )
        elements = Elements(self._parser, _KINDS[self.service.name], local, namespace)
        self._elements = elements
        # What attributes the operation's own element has is the sender's business; those inside it are read strictly.
        elements.start(name, {})
        self._parser.StartElementHandler = elements.start
        self._parser.EndElementHandler = self._end_inside
        self._parser.CharacterDataHandler = elements.characters

    def _end_inside(self, name: str) -> None:
        assert self._elements is not None
        self._elements.end(name)
        if self._elements.ended:
            self._parser.StartElementHandler = self._start
            self._parser.EndElementHandler = self._end
            self._parser.CharacterDataHandler = self._characters

    def _end(self, _: str) -> None:
        self._path.pop()
        if self._text is not None:
            # the address of a ReplyTo stands one deeper than the text of the others
            block = self._path[2] if len(self._path) > 2 else self._block
            self._headers[block] = "".join(self._text).strip(SPACE)
            self._text = None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)
            if sum(map(len, self._text)) > MAX_HEADER_TEXT:
                raise refused(self._parser, "a header block that is too long")
        elif len(self._path) < 3 and text.strip(SPACE):
            raise refused(self._parser, "text between elements")
