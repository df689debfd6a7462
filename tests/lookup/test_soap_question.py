"""Envelopes that the compiled path reads itself: both twins, and what the ordinary path reads in the same."""

import random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lookup._fast.soap_question
import lookup.soap_question
from lookup.question import read_at
from lookup.soap.faults import Fault
from lookup.soap.operations import ADDRESSING, ANONYMOUS, NAMESPACES, NONE, READ, SOAP11, SOAP12
from lookup.soap.reading import EnvelopeReader
from lookup.soap_question import MAX_HEADERS, OPERATIONS, SoapQuestion
from lookup.xml_walk import MAX_ATTRIBUTES, MAX_BINDINGS, MAX_DEPTH, MAX_RUN_BYTES, MAX_WORD_BYTES
from register.localtime import to_micros
from tests.soap import hamlet
from tests.soap.writers import PEOPLE, WRITERS, played_with

TWINS = pytest.mark.parametrize("twin", [lookup.soap_question, lookup._fast.soap_question], ids=["plain", "compiled"])
NIN, FLR = hamlet.ON_ALONE, READ.namespace
DETAILS, CONFIRM = (READ.action(name) for name in OPERATIONS)
WSA = f'xmlns:a="{ADDRESSING}"'
NS = f'xmlns="{FLR}"'
XSI = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
ASKED = f"<GetPatientGPDetails {NS}><patientNin>{NIN}</patientNin></GetPatientGPDetails>"


def envelope(
    body: str = ASKED, header: str = "", version: str = SOAP11, attributes: str = "", before: str = ""
) -> bytes:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    text = f'<s:Envelope xmlns:s="{NAMESPACES[version]}" {attributes}>{head}<s:Body>{body}</s:Body></s:Envelope>'
    return (before + text).encode()


def confirm(parameters: str) -> bytes:
    return envelope(f"<ConfirmGP {NS} {XSI}>{parameters}</ConfirmGP>")


def addressed(*blocks: str) -> bytes:
    return envelope(header="".join(blocks), attributes=WSA)


def details(message_id: str = "", *, addressed: bool = False) -> SoapQuestion:
    return SoapQuestion(0, NIN.encode(), 0, None, addressed, message_id.encode())


def ordinary(version: str, action: str, body: bytes) -> SoapQuestion | None:
    """What the ordinary path reads in an envelope; None for one that it refuses, or that asks something else."""
    reader = EnvelopeReader(READ, version, action.strip('"') or None)
    try:
        given = reader.read(body, None)
    except Fault:
        return None
    assert reader.operation is not None
    if reader.operation.name not in OPERATIONS or given["patientNin"] is None:
        return None
    related = "" if reader.addressed is None else reader.addressed.message_id or ""
    return SoapQuestion(
        OPERATIONS.index(reader.operation.name),
        given["patientNin"].encode(),
        given.get("hprNumber") or 0,
        given.get("atTime"),
        reader.addressed is not None,
        related.encode(),
    )


def holds(version: str, action: str, body: bytes) -> SoapQuestion | None:
    """What both twins read in an envelope. What they do, the ordinary path reads too."""
    plain = lookup.soap_question.read_soap_question(version, action.encode(), body)
    assert lookup._fast.soap_question.read_soap_question(version, action.encode(), body) == plain
    if plain is not None:
        asked = ordinary(version, action, body)
        assert asked is not None
        assert plain._replace(at=None) == asked._replace(at=None)
        at = None if plain.at is None else read_at(plain.at)
        if at is not None:  # else it is for the ordinary path
            assert asked.at is not None
            assert at == to_micros(asked.at)  # type: ignore[arg-type]
    return plain


def attributes(many: int) -> list[str]:
    return [f'a{number}="b"' for number in range(many)]


def bindings(many: int) -> list[str]:
    """Elements within each other that bind so many prefixes, at most MAX_ATTRIBUTES each."""
    names = [f'xmlns:b{number}="urn:b"' for number in range(many)]
    rows = [names[first : first + MAX_ATTRIBUTES] for first in range(0, many, MAX_ATTRIBUTES)]
    return [*(f"<y {' '.join(row)}>" for row in rows), *("</y>" for _ in rows)]


ACTION, MESSAGE = f"<a:Action>{DETAILS}</a:Action>", "<a:MessageID>urn:uuid:1</a:MessageID>"
HERE = f"<a:ReplyTo><a:Address>{ANONYMOUS}</a:Address></a:ReplyTo>"
CANONICAL = {
    "bare": (envelope(), details()),
    "a declaration": (envelope(before='<?xml version="1.0" encoding="UTF-8"?>\n'), details()),
    "a declaration with all": (
        envelope(before="<?xml version = '1.0' encoding='utf-8' standalone='yes' ?>"),
        details(),
    ),
    "a declaration with nothing": (envelope(before='<?xml version="1.0"?>'), details()),
    "an empty header": (envelope().replace(b"<s:Body>", b"<s:Header/><s:Body>"), details()),
    "an action": (addressed(ACTION), details(addressed=True)),
    "an id": (addressed(MESSAGE), details("urn:uuid:1", addressed=True)),
    "an id with blanks": (
        addressed(MESSAGE.replace("urn:uuid:1", "\n urn:uuid:1\t")),
        details("urn:uuid:1", addressed=True),
    ),
    "to whom": (addressed("<a:To>http://x/y</a:To>"), details()),
    "a reply": (addressed(HERE, ACTION), details(addressed=True)),
    "faults to nobody": (
        addressed(f"<a:FaultTo> <a:Address> {NONE} </a:Address> </a:FaultTo>"),
        details(addressed=True),
    ),
    "what must be understood": (
        addressed(ACTION.replace("<a:Action", '<a:Action s:mustUnderstand="1"'), '<a:To s:mustUnderstand="true"/>'),
        details(addressed=True),
    ),
    "all that must be understood": (
        addressed(
            *(
                f'<a:{name} s:mustUnderstand="1"/>'
                for name in ("To", "From", "RelatesTo", "RelatesTo", "ReferenceParameters")
            ),
            HERE.replace("<a:ReplyTo", '<a:ReplyTo s:mustUnderstand="true"'),
            MESSAGE.replace("<a:MessageID", '<a:MessageID s:mustUnderstand="false"'),
        ),
        details("urn:uuid:1", addressed=True),
    ),
    "a foreign block": (
        addressed(
            '<o:S xmlns:o="urn:o" o:Id="1" Id="2"><o:T a="b">x<o:U/> y</o:T>z</o:S>', '<t s:mustUnderstand="0"/>'
        ),
        details(),
    ),
    "prefixes and blanks": (
        envelope(
            f"\n\t<q:GetPatientGPDetails xmlns:q='{FLR}' >\r\n<q:patientNin\n>{NIN}"
            "</q:patientNin >\n</q:GetPatientGPDetails> "
        ),
        details(),
    ),
    "a prefix bound anew": (
        envelope(f'<s:GetPatientGPDetails xmlns:s="{FLR}"><s:patientNin>{NIN}</s:patientNin></s:GetPatientGPDetails>'),
        details(),
    ),
    "no national id": (envelope(ASKED.replace(NIN, "x;'\"")), details()._replace(nin=b"x;'\"")),
    "an id for ever": (
        envelope(ASKED.replace(NIN, "1" * MAX_WORD_BYTES)),
        details()._replace(nin=b"1" * MAX_WORD_BYTES),
    ),
    "a confirmation": (
        confirm(f"<hprNumber>999999999</hprNumber> <patientNin>{NIN}</patientNin>"),
        SoapQuestion(1, NIN.encode(), 999_999_999, None, False, b""),
    ),
    "at a time": (
        confirm(f"<atTime>2026-11-24T12:00:00.5</atTime><hprNumber>1</hprNumber><patientNin>{NIN}</patientNin>"),
        SoapQuestion(1, NIN.encode(), 1, b"2026-11-24T12:00:00.5", False, b""),
    ),
    "at no time": (
        confirm(f'<patientNin>{NIN}</patientNin><atTime i:nil="1"></atTime><hprNumber>1</hprNumber>'),
        SoapQuestion(1, NIN.encode(), 1, None, False, b""),
    ),
}


@TWINS
class TestSoapQuestion:
    @pytest.mark.parametrize("name", CANONICAL)
    def test_what_a_canonical_envelope_asks(self, twin: ModuleType, name: str) -> None:
        body, expected = CANONICAL[name]
        assert twin.read_soap_question(SOAP11, b"", body) == expected
        for size in range(len(body.rstrip())):
            assert twin.read_soap_question(SOAP11, b"", body[:size]) is None
        assert holds(SOAP11, "", body) == expected

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"\xef\xbb\xbf" + envelope(),
            envelope(before=" <?xml version='1.0'?>"),
            envelope(before="<?xml version='1.1'?>"),
            envelope(before="<?xml encoding='utf-8'?>"),
            *(
                envelope(before=f"<?xml version='1.0' encoding='{encoding}'?>")
                for encoding in ("us-ascii", "utf8", "utf_8", "utf-7", "xtf-8", "uxf-8", "utx-8", "utf-88", "")
            ),
            envelope(before="<?xml version='1.0'encoding='utf-8'?>"),
            envelope(before="<?xml version='1.0' standalone='maybe'?>"),
            envelope(before="<!DOCTYPE e>"),
            envelope(before="<!-- x -->"),
            envelope() + b"<!-- x -->",
            envelope() + b"x",
            envelope() + envelope(),
            envelope(version=SOAP12),
            envelope(ASKED.replace(NIN, "&#48;")),
            envelope(ASKED.replace(NIN, f"<![CDATA[{NIN}]]>")),
            envelope(ASKED.replace(NIN, f"<!---->{NIN}")),
            envelope(ASKED.replace(NIN, f" {NIN}")),
            envelope(ASKED.replace(NIN, f"{NIN}\n")),
            envelope(ASKED.replace(NIN, "")),
            envelope(ASKED.replace(NIN, "1" * (MAX_WORD_BYTES + 1))),
            envelope(ASKED.replace(NIN, "\u00e6")),
            envelope(ASKED.replace(NIN, "<x/>")),
            envelope(ASKED.replace(f">{NIN}</patientNin>", "/>")),
            envelope(ASKED.replace("<patientNin", '<patientNin a="b"')),
            envelope(ASKED.replace("<patientNin", f'<patientNin {XSI} i:nil="false"')),
            envelope(ASKED.replace("<patientNin>", '<patientNin xmlns="">')),
            envelope(ASKED.replace("</patientNin>", "</patientNin><patientNin>1</patientNin>")),
            envelope(ASKED.replace("</patientNin>", "</patientNin><hprNumber>1</hprNumber>")),
            envelope(ASKED.replace("</patientNin>", "</patientNin>x")),
            envelope(ASKED.replace("patientNin", "patientNIN")),
            envelope(ASKED.replace(NS, "")),
            envelope(ASKED.replace(NS, 'xmlns="urn:x"')),
            envelope(ASKED.replace("GetPatientGPDetails", "GetGPContract")),
            envelope(ASKED + ASKED),
            envelope(ASKED + "x"),
            envelope(""),
            envelope(f"<GetPatientGPDetails {NS}/>"),
            envelope(f"<GetPatientGPDetails {NS}></GetPatientGPDetails>"),
            confirm(f"<patientNin>{NIN}</patientNin>"),
            confirm("<hprNumber>1</hprNumber>"),
            confirm('<patientNin i:nil="true"/><hprNumber>1</hprNumber>'),
            confirm(f'<patientNin>{NIN}</patientNin><hprNumber i:nil="true"/>'),
            *(
                confirm(f"<patientNin>{NIN}</patientNin><hprNumber>{number}</hprNumber>")
                for number in ("", "0", "01", "+1", "-1", "1.0", "1000000000", "1e3", " 1")
            ),
            *(
                confirm(f"<patientNin>{NIN}</patientNin><hprNumber>1</hprNumber>{time}")
                for time in (
                    "<atTime/>",
                    "<atTime></atTime>",
                    '<atTime i:nil="false">2026-11-24T12:00:00</atTime>',
                    '<atTime i:nil="true">x</atTime>',
                    '<atTime i:nil="true"> </atTime>',
                    '<atTime nil="true"/>',
                    '<atTime xmlns:i="urn:i" i:nil="true"/>',
                    '<atTime i:nill="true"/>',
                    '<atTime i:nil="false"/>',
                    '<atTime i:nil=""/>',
                    '<atTime i:nil="true" a="b"/>',
                    '<atTime i:nil="true"/><atTime i:nil="true"/>',
                )
            ),
            envelope().replace(b"<s:Body>", b"<s:Body></s:Body><s:Body>"),
            envelope().replace(b"<s:Body>", b"<s:Header/><s:Header/><s:Body>"),
            envelope().replace(b"</s:Body>", b"</s:Body><s:Header/>"),
            envelope().replace(b"<s:Body>", b"x<s:Body>"),
            envelope().replace(b"s:Body", b"Body"),
            envelope().replace(b"<s:Body", b"<s: Body"),
            envelope().replace(b"</s:Body>", b"</s:Body/>"),
            envelope().replace(b"</s:Body>", b"</s:Bodx>"),
            envelope(attributes="a"),
            envelope(attributes="a=b"),
            envelope(attributes='a="1" a="2"'),
            envelope(attributes='a="1"b="2"'),
            envelope(attributes='a="<"'),
            envelope(attributes='a="&amp;"'),
            envelope(attributes='a="\n"'),
            envelope(attributes='t:a="1"'),
            envelope(attributes='xmlns:t="urn:t" xmlns:u="urn:t" t:a="1" u:a="2"'),
            envelope(attributes='xmlns:t="urn:t" xmlns:t="urn:t"'),
            envelope(attributes='xmlns:t=""'),
            envelope(attributes='xmlns:t="urn: t"'),
            envelope(attributes='xmlns:xmlns="urn:t"'),
            *(envelope(attributes=f'xmlns:{prefix}="urn:t"') for prefix in ("Xml", "xMl", "xmL", "xmlt", "XMLNS")),
            envelope(attributes='xmlns:xml="http://www.w3.org/XML/1998/namespace"'),
            envelope(attributes='xmlns:t="http://www.w3.org/XML/1998/namespace"'),
            envelope(attributes='xmlns:t="http://www.w3.org/2000/xmlns/"'),
            envelope(attributes='xml:lang="nb"'),
            addressed("x"),
            addressed("<a:Action/>"),
            addressed("<a:Action></a:Action>"),
            addressed(ACTION, ACTION),
            addressed(ACTION.replace(DETAILS, CONFIRM)),
            addressed(MESSAGE.replace("urn:uuid:1", "a b")),
            addressed(MESSAGE.replace("urn:uuid:1", "<x/>")),
            addressed(MESSAGE.replace("urn:uuid:1", "")),
            addressed(HERE.replace(ANONYMOUS, "http://elsewhere")),
            addressed(HERE.replace("</a:ReplyTo>", "<a:ReferenceParameters/></a:ReplyTo>")),
            addressed("<a:ReplyTo></a:ReplyTo>"),
            addressed(HERE, HERE),
            addressed('<a:To s:mustUnderstand="yes"/>'),
            addressed('<a:To s:actor="x"/>'),
            addressed('<a:Faults s:mustUnderstand="1"/>'),
            addressed('<x s:mustUnderstand="1"/>'),
            addressed("<x>&amp;</x>"),
            addressed("<x><!-- --></x>"),
            addressed("<x><y></x></y>"),
            addressed('<x xmlns:q="urn:q"/>', "<q:y/>"),
            addressed('<x xmlns:q="urn:q"></x>', "<q:y/>"),
            addressed('<x q:a="b"><y xmlns:q="urn:q"/></x>'),
            envelope("<x/>" + ASKED),
        ],
    )
    def test_what_is_not_canonical(self, twin: ModuleType, body: bytes) -> None:
        assert twin.read_soap_question(SOAP11, b"", body) is None

    @pytest.mark.parametrize(
        ("most", "make"),
        [
            (MAX_HEADERS, lambda many: addressed("<x/>" * many)),
            (MAX_DEPTH - 2, lambda many: addressed("<x>" * many + "</x>" * many)),
            (MAX_DEPTH - 3, lambda many: addressed("<x>" * many + "<y/>" + "</x>" * many)),
            (MAX_ATTRIBUTES, lambda many: addressed(f"<x {' '.join(attributes(many))}/>")),
            (MAX_BINDINGS - 2, lambda many: addressed("<x>", *bindings(many), "</x>")),
            (MAX_RUN_BYTES, lambda many: envelope(" " * many + ASKED)),
            (MAX_RUN_BYTES, lambda many: envelope(ASKED.replace("</patientNin>", "</patientNin>" + "\n" * many))),
            (MAX_RUN_BYTES, lambda many: envelope() + b"\t" * many),
            (MAX_RUN_BYTES, lambda many: envelope(attributes=" " * (many - 1) + 'a="b"')),
            (MAX_RUN_BYTES, lambda many: envelope(before=f"<?xml{' ' * many}version='1.0'?>")),
            (MAX_RUN_BYTES - 2, lambda many: addressed(f"<a:MessageID>{' ' * many}id</a:MessageID>")),
            (MAX_RUN_BYTES - len(ANONYMOUS), lambda many: addressed(HERE.replace(ANONYMOUS, ANONYMOUS + " " * many))),
        ],
    )
    def test_as_many_as_there_may_be_and_no_more(self, twin: ModuleType, most: int, make: object) -> None:
        assert callable(make)
        assert holds(SOAP11, "", make(most)) is not None
        assert twin.read_soap_question(SOAP11, b"", make(most)) is not None
        assert twin.read_soap_question(SOAP11, b"", make(most + 1)) is None

    @pytest.mark.parametrize("version", [SOAP11, SOAP12])
    def test_an_action_in_the_head(self, twin: ModuleType, version: str) -> None:
        body = envelope(version=version)
        for action in (b"", b'""', DETAILS.encode(), f'"{DETAILS}"'.encode()):
            assert twin.read_soap_question(version, action, body) == details()
        others = (b'"', b'"""', CONFIRM.encode(), f'"{DETAILS}'.encode(), DETAILS.lower().encode(), b" ", b"'x'")
        for action in (*others, f'"{DETAILS.lower()}"'.encode(), f"'{DETAILS}'".encode()):
            assert twin.read_soap_question(version, action, body) is None


@given(st.integers(0, 2**32))
def test_whatever_somebody_does_to_an_envelope(seed: int) -> None:
    chance = random.Random(seed)
    version = chance.choice([SOAP11, SOAP12])
    text = chance.choice(WRITERS)(version, chance.choice(PEOPLE))
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        text = played_with(text, chance)
    holds(version, chance.choice(["", f'"{DETAILS}"', CONFIRM]), text.encode())


@given(st.sampled_from(sorted(CANONICAL)), st.integers(0, 4000), st.integers(0, 255))
def test_whatever_octet_is_changed(name: str, place: int, octet: int) -> None:
    body = bytearray(CANONICAL[name][0])
    body[place % len(body)] = octet
    holds(SOAP11, "", bytes(body))
