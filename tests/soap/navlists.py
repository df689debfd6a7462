"""Patient lists as NAV has them: asked for as a consumer does, and read back by the tables of docs/soap.md."""

import io
import unicodedata
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree
from zeep.exceptions import Fault

from tests.soap.consumers import generic
from tests.soap.stub import Stub

LIST = "{http://www.kith.no/xmlstds/nav/pasientliste/2010-02-01}"
MONTH = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=None)  # it has begun
TO_COME = (MONTH + timedelta(days=64)).replace(day=1)
# The columns, written out once more: first and last, from 1.
HEAD = {"KontraktId": (2, 20), "Organisasjonsnr": (21, 31), "KommuneNr": (32, 35), "FnrLege": (36, 46)}
HEAD |= {"Maned": (47, 53), "Antall": (54, 59)}
PATIENT = {"Fnr": (2, 12), "Etternavn": (13, 72), "Fornavn": (73, 132), "Mellomnavn": (133, 192)}
PATIENT |= {"Fodselsdato": (193, 202), "Kjonn": (203, 203), "Adresse": (204, 263), "PostNr": (264, 267)}
PATIENT |= {"Poststed": (268, 299), "BostedKommuneNr": (300, 303), "FraDato": (304, 313), "TilDato": (314, 323)}
PATIENT |= {"Startkode": (324, 331)}

Read = tuple[dict[str, str], list[dict[str, str]]]  # a list: its head, and its patients


def read_xml(octets: bytes) -> Read:
    root = etree.fromstring(octets)
    assert root.tag == f"{LIST}Pasientliste"
    values = [one for one in root if len(one) == 0]
    patients = [one for one in root if one.tag == f"{LIST}Pasient"]
    assert len(values) + len(patients) == len(root)
    return _texts(values), [_texts(one) for one in patients]


def _texts(elements: Any) -> dict[str, str]:
    return {one.tag.removeprefix(LIST): one.text or "" for one in elements}


def read_lines(octets: bytes) -> Read:
    first, *others = octets.decode("latin-1").removesuffix("\r\n").split("\r\n")
    assert {len(line) for line in (first, *others)} == {331}
    assert (first[0], {line[0] for line in others} - {"P"}) == ("H", set())
    return _columns(first, HEAD), [_columns(line, PATIENT) for line in others]


def _columns(line: str, columns: dict[str, tuple[int, int]]) -> dict[str, str]:
    assert line[max(last for _, last in columns.values()) :].strip() == ""
    return {name: line[first - 1 : last].rstrip() for name, (first, last) in columns.items()}


READERS = {"xml": read_xml, "txt": read_lines, "disk": read_lines}
ENDINGS = {"xml": "xml", "txt": "txt", "disk": "txt"}


def entries(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def ask(of: Stub, form: str | None, *wanted: int, month: datetime = MONTH) -> bytes:
    """The archive of these contracts' lists."""
    contracts = {"ContractWithMonth": [{"ContractId": one, "Month": month} for one in wanted]}
    found = of.ask("GetNavPatientLists", parameters={"Contracts": contracts, "FormatType": form})
    assert isinstance(found, bytes)
    return found


def read(of: Stub, form: str, contract: int) -> Read:
    """The list of a contract this month."""
    found = entries(ask(of, form, contract))
    assert list(found) == [f"{contract}-{MONTH:%Y-%m}.{ENDINGS[form]}"]
    return READERS[form](*found.values())


def as_told(association: Any) -> dict[str, str]:
    """What GetGPPatientList says of a patient, as one of a list for NAV."""
    person = association.Patient
    addresses = {one.Type.CodeValue: one for one in (person.PhysicalAddresses or {"PhysicalAddress": ()})[ADDRESSES]}
    told = {
        "Fnr": association.PatientNIN,
        "Etternavn": person.LastName or "",
        "Fornavn": person.FirstName or "",
        "Mellomnavn": person.MiddleName or "",
        "Fodselsdato": f"{person.DateOfBirth:%Y-%m-%d}" if person.DateOfBirth else "",
        "Kjonn": person.Sex.CodeValue if person.Sex else "",
        "FraDato": f"{association.Period.From:%Y-%m-%d}",
        "TilDato": f"{association.Period.To:%Y-%m-%d}" if association.Period.To else "",
        "Startkode": association.BeginCode.CodeValue if association.BeginCode else "",
        **dict.fromkeys(("Adresse", "PostNr", "Poststed", "BostedKommuneNr"), ""),
    }
    address = addresses.get("RES") or addresses.get("PST") or next(iter(addresses.values()), None)
    if address is not None:
        told["Adresse"] = address.StreetAddress or address.Postbox or ""
        told["PostNr"] = f"{address.PostalCode:04}" if address.PostalCode else ""
        told["Poststed"] = address.City or ""
        told["BostedKommuneNr"] = address.Municipality.CodeValue if address.Municipality else ""
    return told


ADDRESSES = "PhysicalAddress"


def in_latin_1(patient: dict[str, str]) -> dict[str, str]:
    """As lines have it: letters that ISO-8859-1 lacks, without their marks."""
    return {name: "".join(map(_letter, value)) for name, value in patient.items()}


def _letter(one: str) -> str:
    plain = unicodedata.normalize("NFKD", one).encode("ascii", "ignore").decode()
    return one if ord(one) < 256 else plain


def refusal(of: Stub, operation: str, **arguments: Any) -> tuple[int, str | None]:
    """(status, message) of a refusal; the message is that of a GenericFault."""
    with pytest.raises(Fault) as caught:
        of.ask(operation, **arguments)
    told = generic(caught.value)
    assert told is None or told[0] == "Feil"
    return of.transport.answer.status_code, told and told[1].removeprefix("ArgumentException: ")
