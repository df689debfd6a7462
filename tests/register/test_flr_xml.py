"""Elements written from plain values: every member, in order, and read again the same; what is refused when reading."""

import contextlib
import random
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from register import flr_reader, flr_xml
from register.flr_reader import Element, Reader, Refused
from register.flr_schema import DAYS, ENTRY, FLR, INSTANCE, SIMPLE, TYPES
from tests import tiny

TEXTS = ["", " ", "Ødegård & sønn", "<![CDATA[x]]>", "a\r\n\tb", "]]>", "\u0085\u2028", "👩‍⚕️", "&amp;", "'\"", "0" * 11]


def made(chance: random.Random, kind: str, depth: int = 0) -> Any:
    """Anything of a type; the deeper, the more often what may be nil is nil."""
    days = timedelta(days=chance.randrange(8), minutes=chance.randrange(1440))
    simple = {
        "string": lambda: chance.choice(TEXTS),
        "DayOfWeek": lambda: chance.choice(DAYS),
        "int": lambda: chance.choice([0, -1, 2**31 - 1, -(2**31), chance.randrange(10**6)]),
        "long": lambda: chance.choice([0, 2**63 - 1, -(2**63), chance.randrange(10**15)]),
        "boolean": lambda: chance.random() < 0.5,
        "dateTime": lambda: datetime(chance.randint(1, 9950), 1, 1) + timedelta(microseconds=chance.randrange(10**15)),
        "double": lambda: chance.choice([0.0, 59.9139, -1e-7, 1e22, chance.random()]),
        "duration": lambda: days,
        "base64Binary": lambda: chance.randbytes(chance.randrange(9)),
    }
    if kind in SIMPLE:
        return simple[kind]()
    declared = TYPES[kind]
    if declared.item is not None:
        return [made(chance, declared.item.type, depth + 1) for _ in range(chance.randrange(3))]
    return {
        member.name: made(chance, member.type, depth + 1)
        if not member.nillable or chance.random() < 0.9 - depth / 6
        else None
        for member in declared.members
    }


def document(kind: str, value: Any) -> bytes:
    prefix = flr_xml.PREFIXES[TYPES[kind].namespace]
    name = f"{prefix}:{kind}" if prefix else kind
    declared = f' xmlns="{FLR}"{flr_xml.FLR_WRITER.declarations(kind)}'
    return f"<{name}{declared}>{flr_xml.content(kind, value)}</{name}>".encode()


def read(root: str, text: bytes, piece: int = 1 << 16) -> Any:
    reader = Reader(root, {})
    for start in range(0, len(text), piece):
        reader.feed(text[start : start + piece])
    reader.close()
    return reader.value


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "DayOfWeek"])
def test_what_is_written_reads_the_same(kind: str, chance: random.Random) -> None:
    for _ in range(10):
        value = made(chance, kind)
        text = document(kind, value)
        assert read(kind, text) == read(kind, text, piece=chance.randint(1, 50)) == value
        assert_whole(etree.fromstring(text), kind)


def assert_whole(node: etree._Element, kind: str) -> None:
    """Every member, once, in the order and the namespaces of the table; nil only where it may be."""
    if node.get(f"{{{INSTANCE}}}nil"):
        assert len(node) == 0
        assert not node.text
        return
    if kind in SIMPLE:
        assert len(node) == 0
        return
    declared = TYPES[kind]
    if declared.item is None:
        # What has parts and may not be nil, which only questions have, is left out where there is none.
        names = {child.tag for child in node}
        never = {member for member in declared.members if not member.nillable and member.type in TYPES}
        members = [one for one in declared.members if one not in never or f"{{{one.namespace}}}{one.name}" in names]
        assert [child.tag for child in node] == [f"{{{member.namespace}}}{member.name}" for member in members]
    else:
        members = [declared.item] * len(node)
    for child, member in zip(node, members, strict=True):
        assert not child.get(f"{{{INSTANCE}}}nil") or (member.nillable and not member.many)
        assert_whole(child, member.type)


@pytest.mark.parametrize("kind", [kind for kind, one in TYPES.items() if one.item is None])
def test_what_is_not_given_is_nil_or_what_dotnet_takes_for_none(kind: str) -> None:
    node = etree.fromstring(document(kind, {}))
    assert_whole(node, kind)
    texts = {child.text for child in node if not child.get(f"{{{INSTANCE}}}nil")}
    assert texts <= {"false", "0", "0.0", "0001-01-01T00:00:00", "PT0S", None}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("string", "a<b>&\"'\r\n\t]]>", "a&lt;b&gt;&amp;\"'&#13;\n\t]]&gt;"),
        ("string", "\0\x1f\ud800\ufffe\x7f\x85", "\ufffd\ufffd\ufffd\ufffd\x7f\x85"),
        ("boolean", True, "true"),
        ("boolean", False, "false"),
        ("long", -7, "-7"),
        ("double", 59.9139, "59.9139"),
        ("dateTime", datetime(2018, 2, 14, 10, 25, 2, 450_000), "2018-02-14T10:25:02.45"),
        ("dateTime", datetime(2018, 2, 14), "2018-02-14T00:00:00"),
        ("dateTime", datetime(1, 1, 1), "0001-01-01T00:00:00"),
        ("duration", timedelta(), "PT0S"),
        ("duration", timedelta(hours=8), "PT8H"),
        ("duration", timedelta(days=4, hours=15, minutes=30), "P4DT15H30M"),
        ("duration", timedelta(days=7), "P7D"),
        ("duration", timedelta(seconds=61, microseconds=500_000), "PT1M1.5S"),
    ],
)
def test_values_are_written_as_the_real_register_writes_them(kind: str, value: Any, text: str) -> None:
    assert flr_xml.content(kind, value) == text


# -- reading

HEAD = f"<{ENTRY}{flr_xml.declarations()}>"


def refused(body: str, *, head: str = HEAD, tail: str = f"</{ENTRY}>", skipped: Any = ()) -> Refused:
    reader = Reader(ENTRY, {"GPContract": lambda _: None}, skipped)
    text = f"{head}{body}{tail}".encode()
    with pytest.raises(Refused) as caught:  # noqa: PT012 -- it may be refused in any piece, or at the end
        for start in range(0, len(text), 1 << 16):
            reader.feed(text[start : start + (1 << 16)])
        reader.close()
    return caught.value


def contract(inner: str) -> str:
    return f"<GPContract>{inner}</GPContract>"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (contract("<Id>1</Id><Id>2</Id>"), "Id stands twice"),
        (contract("<Unheard>1</Unheard>"), "GPContract has no element Unheard"),
        (contract("<c:Id>1</c:Id>"), "GPContract has no element Id"),
        (contract("<Id><Id>1</Id></Id>"), "Id has no element Id"),
        (contract("<N1_x>1</N1_x>"), "an unknown element"),
        (contract("<Id>one</Id>"), "Id is not of type long"),
        (contract("<Id></Id>"), "Id is not of type long"),
        (contract("<Id>9223372036854775808</Id>"), "Id is not of type long"),
        (contract("<Id>1_0</Id>"), "Id is not of type long"),
        (contract("<MaxPatients>2147483648</MaxPatients>"), "MaxPatients is not of type int"),
        (contract("<IsFixedSalary>yes</IsFixedSalary>"), "IsFixedSalary is not of type boolean"),
        (contract("<UpdatedOn>2020-01-01</UpdatedOn>"), "UpdatedOn is not of type dateTime"),
        (contract("<UpdatedOn>2020-01-01T00:00:00+01:00</UpdatedOn>"), "UpdatedOn is not of type dateTime"),
        (contract("<UpdatedOn>2020-02-30T00:00:00</UpdatedOn>"), "UpdatedOn is not of type dateTime"),
        (contract('<Id i:nil="true"/>'), "Id may not be nil"),
        (contract('<Name i:nil="true">x</Name>'), "Name is nil and has content"),
        (contract('<Status i:nil="true"><c:OID>1</c:OID></Status>'), "Status is nil and has content"),
        (contract('<Name i:nil="perhaps"/>'), "Name has an attribute that is not read"),
        (contract('<Name lang="no"/>'), "Name has an attribute that is not read"),
        (contract('<GPOffice i:type="b:Business"/>'), "GPOffice is of another type than GPOffice"),
        (contract('<CoopMunicipalities><c:Code i:nil="true"/></CoopMunicipalities>'), "Code may not be nil"),
        (contract("text"), "GPContract has text between its elements"),
        (contract("<Id>1</Id>text"), "GPContract has text between its elements"),
        (contract("text<Id>1</Id>"), "GPContract has text between its elements"),
        ("<?php x?>", "a processing instruction"),
        (contract(f"<Name>{'x' * (flr_reader.MAX_TEXT + 1)}</Name>"), "a text that is too long"),
        (contract("<Name>&undeclared;</Name>"), "not well-formed XML: undefined entity"),
        (contract("<Id>1</Id"), "not well-formed XML: not well-formed (invalid token)"),
        (contract("<Name>\x01</Name>"), "not well-formed XML: not well-formed (invalid token)"),
        (contract("<Id>1</Name>"), "not well-formed XML: mismatched tag"),
    ],
)
def test_what_is_not_a_document_of_the_interface_is_refused(body: str, what: str) -> None:
    assert refused(body).what == what


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE x>",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/hostname">',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>',
    ],
)
def test_a_document_type_is_refused_whatever_is_in_it(head: str) -> None:
    assert refused("<x/>", head=head + HEAD).what == "a document type declaration: neither it nor entities are read"


@pytest.mark.parametrize("head", ["<GPContract>", f"<{ENTRY}>", f'<{ENTRY} xmlns="http://elsewhere.example">'])
def test_another_root_is_refused(head: str) -> None:
    assert refused("", head=head, tail="").what == f"the document is not {ENTRY} of the interface's namespace"


def test_the_place_is_that_of_what_is_wrong() -> None:
    fault = refused("\n\n" + contract("<Name>åå</Name>\n  <Id>x</Id>"))
    assert fault.place == (4, 8)
    assert refused("\n<a>").place[0] == 2


def test_what_is_nested_too_deep_is_refused() -> None:
    deep = flr_reader.MAX_DEPTH
    body = contract("<PatientList>" + "<x>" * deep)
    assert refused(body, skipped={("GPContract", "PatientList")}).what == "elements that are nested too deep"
    again = "<GPContract><PatientList><PatientToGPContractAssociation>" * deep  # as the types allow for ever
    assert refused(again).what == "elements that are nested too deep"


def test_a_tag_that_never_ends_is_refused_before_it_is_kept() -> None:
    fault = refused("<x " + " " * (3 * flr_reader.MAX_TOKEN_BYTES))
    assert fault.what == "a tag or comment that is too long"


def test_more_than_can_be_held_of_one_record_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flr_reader, "MAX_HELD", 2000)
    day = "<s:DayOfWeek>Monday</s:DayOfWeek>"
    cycle = f"<GPOnContractAssociation><WorkingOnDays>{day * 40}</WorkingOnDays></GPOnContractAssociation>"
    assert refused(contract(f"<DoctorCycles>{cycle}</DoctorCycles>")).what == "more than can be held of one record"


def test_what_is_handed_out_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flr_reader, "MAX_HELD", 2000)
    got: list[Element] = []
    reader = Reader(ENTRY, {"GPContract": got.append})
    reader.feed((HEAD + contract("<Name>Ås</Name>\n<Id> 7 </Id>") * 1000).encode())
    reader.feed(f"</{ENTRY}>".encode())
    reader.close()
    assert len(got) == 1000
    assert got[0] == {"Name": "Ås", "Id": 7}
    assert [one.place[0] for one in got[:3]] == [1, 2, 3]
    assert "Ås" not in repr(got)


def test_what_is_passed_over_is_not_read() -> None:
    got: list[Element] = []
    reader = Reader(ENTRY, {"GPContract": got.append}, {("GPContract", "GPOffice")})
    inner = "<GPOffice><anything><at/>all</anything></GPOffice><Id>7</Id>"
    reader.feed(f"{HEAD}<!-- a word -->{contract(inner)}</{ENTRY}>".encode())
    reader.close()
    assert got == [{"Id": 7}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_document_says_its_encoding(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>{HEAD}{contract("<Name>Ås</Name>")}</{ENTRY}>'
    got: list[Element] = []
    reader = Reader(ENTRY, {"GPContract": got.append})
    reader.feed(text.encode(encoding))
    reader.close()
    assert got == [{"Name": "Ås"}]


@given(st.text("<>/&;!?ab \"'=\x00", max_size=60))
def test_whatever_comes_is_read_or_refused_and_not_told(text: str) -> None:
    reader = Reader(ENTRY, {})
    with contextlib.suppress(Refused):
        reader.feed((HEAD + text).encode())
        reader.close()


def test_nothing_of_the_content_is_told() -> None:
    number = tiny.ASSIGNED
    for inner in (f"<N{number}/>", f"<Id>{number}x</Id>", f'<Name i:nil="{number}"/>', f"{number}", f"<Id>{number}<"):
        fault = refused(contract(inner))
        assert not re.search("[0-9]{6}", fault.what + str(fault) + repr(fault))
