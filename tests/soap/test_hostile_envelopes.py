"""Envelopes that nobody honest sends: bombs, other encodings, two questions in one, headers that must not be obeyed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from lookup.soap.faults import Fault
from lookup.soap.operations import READ, SOAP11, SOAP12
from lookup.soap.reading import EnvelopeReader
from tests.soap.clients import ENVELOPES, request
from tests.soap.envelopes import ADDRESSING, read, refused
from tests.soap.hamlet import INVALID

ASKING = f"<patientNin>{INVALID}</patientNin>"
PLAIN = request(READ, "GetPatientGPDetails", SOAP11, ASKING).decode()
BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE e>",
        '<!DOCTYPE e SYSTEM "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        f'<!DOCTYPE e [<!ENTITY l0 "lol">{BOMB}]>',
        '<!DOCTYPE e [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p"> %p;]>',
        '<!DOCTYPE e [<!ATTLIST patientNin x CDATA "y">]>',
        '<?xml-stylesheet href="http://127.0.0.1:1/x.xsl"?>',
        "<?xml version='1.0' standalone='maybe'?>",
        "\n<?xml version='1.0'?>",
        "x",
        "<e/>",
    ],
)
def test_what_does_not_stand_before_an_envelope(head: str) -> None:
    refused(head + PLAIN)


@pytest.mark.parametrize("tail", ["x", "<e/>", PLAIN, "<?x?>", "\x00", "<!DOCTYPE e>"])
def test_what_does_not_stand_behind_an_envelope(tail: str) -> None:
    refused(PLAIN + tail)
    assert read(PLAIN + "\n<!-- the end -->\n") == {"patientNin": INVALID}


@pytest.mark.parametrize(
    ("octets", "encoding"),
    [
        (PLAIN.encode(), None),
        (PLAIN.encode("utf-8-sig"), None),
        (PLAIN.encode("utf-8-sig"), "utf-8"),
        (f"<?xml version='1.0' encoding='utf-8'?>{PLAIN}".encode(), "utf-8"),
        (f"<?xml version='1.0' encoding='UTF-16'?>{PLAIN}".encode("utf-16"), None),
        (PLAIN.encode("utf-16"), "utf-16"),
        (f"<?xml version='1.0' encoding='iso-8859-1'?>{PLAIN}".encode("iso-8859-1"), None),
    ],
)
def test_an_encoding_that_is_read(octets: bytes, encoding: str | None) -> None:
    assert read(octets, encoding=encoding) == {"patientNin": INVALID}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "utf-7",
            "cp037",
            "cp1252",
            "koi8-r",
            "utf-32",
            "ucs-4",
            "idna",
            "punycode",
            "unicode_escape",
            "rot13",
            "hex",
            "x",
        ),
        *("raw_unicode_escape", "utf-8-sig", "mbcs", "undefined", "shift_jis", "iso-2022-jp", "hz"),
    ],
)
def test_a_declared_encoding_that_is_not_read(name: str) -> None:
    """A proxy and we must not read two different questions: what is not known well is not read."""
    refused(f"<?xml version='1.0' encoding='{name}'?>{PLAIN}")


def test_text_that_is_hidden_in_another_encoding() -> None:
    hidden = PLAIN.replace(INVALID, "+ADEAMgAz-")
    assert read(hidden) == {"patientNin": "+ADEAMgAz-"}
    refused(f"<?xml version='1.0' encoding='utf-7'?>{hidden}")


@pytest.mark.parametrize(
    "octets", [b"\xc0\xb1", b"\xe0\x80\xb1", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xc3", b"\xef\xbf\xbf"]
)
def test_octets_that_are_no_utf_8(octets: bytes) -> None:
    refused(PLAIN.encode().replace(INVALID.encode(), octets))


def test_octets_that_are_not_of_the_declared_encoding() -> None:
    for octets, encoding in (
        (PLAIN.encode(), "utf-16"),
        (PLAIN.encode("utf-16-le"), "utf-8"),
        (b"", None),
        (b" ", None),
    ):
        refused(octets, encoding=encoding)


def enveloped(inside: str, version: str = SOAP11) -> str:
    return f'<s:Envelope xmlns:s="{ENVELOPES[version]}">{inside}</s:Envelope>'


HISTORY = f'<GetPatientGPHistory xmlns="{READ.namespace}">{ASKING}</GetPatientGPHistory>'
DETAILS = f'<GetPatientGPDetails xmlns="{READ.namespace}">{ASKING}</GetPatientGPDetails>'
BODY = f"<s:Body>{DETAILS}</s:Body>"


@pytest.mark.parametrize(
    "inside",
    [
        f"<s:Body>{DETAILS}{HISTORY}</s:Body>",
        f"<s:Body>{DETAILS}</s:Body><s:Body>{HISTORY}</s:Body>",
        f"{BODY}<s:Header/>",
        f"<s:Header/><s:Header/>{BODY}",
        f"{BODY}<x/>",
        f"<x/>{BODY}",
        f"<Body>{DETAILS}</Body>",
        f"<s:Body>text{DETAILS}</s:Body>",
        f"<s:Body>{DETAILS}text</s:Body>",
        "<s:Body/>",
        "",
        f"<s:Body><x>{DETAILS}</x></s:Body>",
        f"<s:Body><s:Body>{DETAILS}</s:Body></s:Body>",
        '<s:Body><GetPatientGPDetails xmlns="urn:other"/></s:Body>',
        f'<s:Body><PatientToGPContractAssociation xmlns="{READ.namespace}"/></s:Body>',
        "<s:Body><s:Fault><faultcode>s:Client</faultcode></s:Fault></s:Body>",
        f"<s:Header>{'<a>' * 5000}{'</a>' * 5000}</s:Header>{BODY}",
        f"<s:Header>{'<a/>' * 5000}</s:Header>{BODY}",
        f"<s:Header><!DOCTYPE e></s:Header>{BODY}",
        f"<s:Header><?x y?></s:Header>{BODY}",
    ],
)
def test_an_envelope_that_holds_something_else(inside: str) -> None:
    refused(enveloped(inside), telling=INVALID)


def test_an_envelope_that_is_not_one() -> None:
    for body in (PLAIN.replace("Envelope", "Envelop"), PLAIN.replace(ENVELOPES[SOAP11], ENVELOPES[SOAP12]), DETAILS):
        refused(body)


SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
ANONYMOUS = f"<a:Address>{ADDRESSING}/anonymous</a:Address>"
ELSEWHERE = "<a:Address>http://127.0.0.1:1/</a:Address>"
DETAILS_ACTION = READ.action("GetPatientGPDetails")


def header(text: str, version: str = SOAP12) -> str:
    return enveloped(f'<s:Header xmlns:a="{ADDRESSING}" xmlns:w="{SECURITY}">{text}</s:Header>{BODY}', version)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('<w:Security s:mustUnderstand="1"/>', SOAP11),
        ('<w:Security s:mustUnderstand="true"/>', SOAP12),
        ('<w:Security s:mustUnderstand=" 1 "/>', SOAP12),
        (f'<w:Security s:mustUnderstand="1" s:role="{ENVELOPES[SOAP12]}/role/next"/>', SOAP12),
        ('<a:Unheard s:mustUnderstand="1"/>', SOAP12),
        (f"<a:ReplyTo>{ELSEWHERE}</a:ReplyTo>", SOAP12),
        ("<a:FaultTo><a:Address>mailto:nobody@example.com</a:Address></a:FaultTo>", SOAP12),
        (
            f"<a:ReplyTo><a:Address>{ADDRESSING}/anonymous</a:Address><a:Address>http://127.0.0.1:1/</a:Address></a:ReplyTo>",
            SOAP12,
        ),
        (
            f"<a:ReplyTo><a:Address>http://127.0.0.1:1/</a:Address><a:Address>{ADDRESSING}/anonymous</a:Address></a:ReplyTo>",
            SOAP12,
        ),
        ("<a:MessageID>1</a:MessageID><a:MessageID>2</a:MessageID>", SOAP12),
        ("<a:Action>urn:other</a:Action>", SOAP12),
        (f"<a:Action>{READ.action('GetPatientGPHistory')}</a:Action>", SOAP12),
        (f"<a:MessageID>{'1' * 100_000}</a:MessageID>", SOAP12),
        ("<a:MessageID><x/></a:MessageID>", SOAP12),
    ],
)
def test_a_header_that_is_not_served(text: str, version: str) -> None:
    refused(header(text, version), version=version, telling="127.0.0.1")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("<w:Security><w:UsernameToken><w:Password>x</w:Password></w:UsernameToken></w:Security>", SOAP11),
        ('<w:Security s:mustUnderstand="0"/>', SOAP11),
        ('<w:Security s:mustUnderstand="1" s:actor="urn:somebody-else"/>', SOAP11),
        ('<w:Security s:mustUnderstand="1" s:role="urn:somebody-else"/>', SOAP12),
        (f'<w:Security s:mustUnderstand="1" s:role="{ENVELOPES[SOAP12]}/role/none"/>', SOAP12),
        (
            f'<a:To s:mustUnderstand="1">urn:x</a:To><a:Action s:mustUnderstand="1">{DETAILS_ACTION}</a:Action>',
            SOAP12,
        ),
        (f"<a:ReplyTo>{ANONYMOUS}</a:ReplyTo>", SOAP11),
    ],
)
def test_a_header_that_is_passed_over(text: str, version: str) -> None:
    assert read(header(text, version), version=version) == {"patientNin": INVALID}


def test_many_namespaces_and_attributes_cost_what_they_weigh() -> None:
    """A question of the largest size that is read, made of nothing but those: it is read, or refused."""
    names = "".join(f' xmlns:n{n}="urn:{n}"' for n in range(3000))
    attributes = "".join(f' a{n}="{n}"' for n in range(3000))
    for where in ("<s:Envelope", "<s:Body", "<GetPatientGPDetails"):
        for flood in (names, attributes):
            flooded = enveloped(BODY).replace(where, f"{where}{flood}", 1)
            try:
                assert read(flooded) == {"patientNin": INVALID}
            except Fault:
                refused(flooded)


PIECES = st.sampled_from(
    [
        *(
            b"",
            b" ",
            b"<",
            b">",
            b"/",
            b'"',
            b"&amp;",
            b"&#49;",
            b"&",
            b"<!--x-->",
            b"<![CDATA[1]]>",
            b"]]>",
            b"<x/>",
            b"\0",
        ),
        *(
            b"\xc3\xa6",
            b"\xff",
            b"\xef\xbb\xbf",
            b"<?x?>",
            b"<!DOCTYPE e>",
            b"xmlns=''",
            b" xmlns:e='urn:x'",
            b"e:",
            b"1",
        ),
        *(
            b"<patientNin>2</patientNin>",
            b"</e:Body>",
            b"<e:Body>",
            b"</e:Envelope>",
            b' i:nil="true"',
            b" a='1'",
            b"\r\n",
        ),
    ]
)
# anywhere, but mostly where something may stand: between elements, at the end of a name, around and within the value
EDGES = [
    place for place in range(len(PLAIN) + 1) if PLAIN[place - 1 : place] == ">" or PLAIN[place : place + 1] in "<> "
]
PLACES = st.sampled_from(EDGES + [PLAIN.index(INVALID) + place for place in range(12)]) | st.integers(0, len(PLAIN))
MUTATIONS = st.lists(st.tuples(PLACES, st.sampled_from([0, 0, 0, 1, 11]), PIECES), min_size=1, max_size=3)


@settings(max_examples=600)
@given(MUTATIONS)
def test_a_question_that_is_read_means_what_another_reader_reads(mutations: list[tuple[int, int, bytes]]) -> None:
    """Whatever is done to a question: it is refused, or is XML of which libxml2 reads the same operation and number."""
    octets = PLAIN.encode()
    for place, length, piece in mutations:
        octets = octets[:place] + piece + octets[place + length :]
    reader = EnvelopeReader(READ, SOAP11, None)
    try:
        arguments = reader.read(octets, None)
    except Fault:
        refused(octets)
        return
    envelope = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, remove_comments=True))
    (body,) = envelope.findall(f"{{{ENVELOPES[SOAP11]}}}Body")
    (operation,) = body
    assert reader.operation is not None
    assert operation.tag == f"{{{READ.namespace}}}{reader.operation.name}"
    told = {etree.QName(one).localname: "".join(one.itertext()) for one in operation}
    assert {name: value for name, value in arguments.items() if value is not None} == told
