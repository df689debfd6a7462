"""Lines of fixed width whatever is in them, and the tables of docs/soap.md."""

from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lookup.record import Membership
from lookup.soap import nav_layout
from lookup.soap.nav_layout import LINES, XML, head_values, patient_values
from register.localtime import FOREVER, to_micros
from register.model import Person, PhysicalAddress
from tests.loader.feeds import number
from tests.soap.navlists import read_lines, read_xml

SOAP = Path(__file__).resolve().parents[2] / "docs" / "soap.md"
NIN = number(100)
TABLES: Any = SimpleNamespace(begin_codes=[None, "BGVA"])
CONTRACT: Any = SimpleNamespace(id=2**53, office_organization_number=-(2**31) + 1, municipality="0301")


def values(*addresses: PhysicalAddress, protected: bool = False, to: int = FOREVER, **members: Any) -> list[str]:
    person = Person(nin=NIN, physical_addresses=addresses, **members)
    membership = Membership(slot=0, id=1, valid_from=to_micros(datetime(2026, 1, 1)), to=to, begin=1, end=0, updated=0)
    return patient_values(int(NIN), person, membership, TABLES, protected=protected)


def written(patient: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """A patient, read back from XML and from lines."""
    head = head_values(CONTRACT, int(NIN), datetime(2026, 11, 1), 1)
    found = []
    for form, read in ((XML, read_xml), (LINES, read_lines)):
        octets = f"{form.declaration}{form.head(head)}{form.patient(patient)}{form.end}".encode(form.encoding)
        (told,) = read(octets)[1]
        assert read(octets)[0] == {
            "KontraktId": str(2**53),
            "Organisasjonsnr": "-2147483647",
            "KommuneNr": "0301",
            "FnrLege": NIN,
            "Maned": "2026-11",
            "Antall": "1",
        }
        found.append(told)
    return found[0], found[1]


@pytest.mark.parametrize(
    ("name", "in_a_line"),
    [
        ("Ærlig & Sønn <Å>", "Ærlig & Sønn <Å>"),
        ("Čáhppe Đorđe Ŋiŧŧe", "Cáhppe Dorde Nitte"),
        ("Łukasz Şimşek Kılıç", "Lukasz Simsek Kiliç"),
        ("A\u030a", "Å"),
        ("Ω ж 名", "? ? ?"),
        ("to\nlinjer\u2028\x85", "to linjer"),
        ("x" * 61, "x" * 60),
        ("€" * 70, "?" * 60),
    ],
)
def test_letters_of_all_kinds(name: str, in_a_line: str) -> None:
    as_xml, as_line = written(values(last_name=name))
    assert (as_xml["Etternavn"], as_line["Etternavn"]) == (name, in_a_line)
    assert {**as_xml, "Etternavn": ""} == {**as_line, "Etternavn": ""}


def test_nothing_known_but_the_number() -> None:
    told = {name: value for name, value in written(values())[1].items() if value}
    assert told == {"Fnr": NIN, "FraDato": "2026-01-01", "Startkode": "BGVA"}


def test_everything_known() -> None:
    home = PhysicalAddress(
        type="RES", street_address="Lillegata 2", postal_code="0159", city="OSLO", municipality="0301"
    )
    known = values(
        home,
        first_name="Kim",
        middle_name="Mellom",
        last_name="Lie",
        date_of_birth=date(1990, 1, 2),
        sex="2",
        to=to_micros(datetime(2027, 1, 1)),
    )
    as_xml, as_line = written(known)
    assert as_xml == as_line
    assert list(as_line.values()) == [
        *(NIN, "Lie", "Kim", "Mellom", "1990-01-02", "2"),
        *("Lillegata 2", "0159", "OSLO", "0301", "2026-01-01", "2027-01-01", "BGVA"),
    ]


def _at(kind: str) -> PhysicalAddress:
    return PhysicalAddress(type=kind, postbox=f"Postboks {kind}")


@pytest.mark.parametrize(
    ("kinds", "shown"), [(["PST", "RES", "X"], "RES"), (["X", "PST"], "PST"), (["X", "Y"], "X"), ([], "")]
)
def test_which_address(kinds: list[str], shown: str) -> None:
    told = written(values(*map(_at, kinds)))[0]["Adresse"]
    assert told == (shown and f"Postboks {shown}")


@pytest.mark.parametrize("members", [{"protected": True}, {"protection": "fortrolig"}])
def test_of_whom_no_address_is_told(members: dict[str, Any]) -> None:
    """The index says so, or the record."""
    assert written(values(_at("RES"), **members))[0]["Adresse"] == ""


def test_the_documentation_has_the_tables() -> None:
    assert nav_layout.as_markdown() in SOAP.read_text()
