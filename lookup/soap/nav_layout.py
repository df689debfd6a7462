"""How a list for NAV is written: as XML, or as lines of fixed width ("diskettformat"). Placeholders, all of them.

The standard (HIS 1023:2010, Pasientliste) names both formats and the namespace, and no public source has their fields:
names, widths, order and entries' names are ours. They stand here alone; docs/soap.md has the tables, made from these.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from lookup.record import Membership
from lookup.tables import Tables, present
from register.flr_xml import escaped
from register.ids import format_national_id
from register.localtime import from_micros
from register.model import Contract, Person, PhysicalAddress

NAMESPACE = "http://www.kith.no/xmlstds/nav/pasientliste/2010-02-01"
ROOT, ITEM = "Pasientliste", "Pasient"
LINE_END = "\r\n"
ENCODING = "iso-8859-1"  # of lines
PREFERRED = {"RES": 0, "PST": 1}  # types of address, before whichever there is
# Letters of Sami and other names that are not one of ISO-8859-1 with a mark.
_LETTERS = str.maketrans("ĐđŊŋŦŧŁłı", "DdNnTtLli")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Field(NamedTuple):
    """One value: the name of its element, the width of its column in characters, and what it is."""

    name: str
    width: int
    what: str


HEAD_KIND, PATIENT_KIND = "H", "P"  # the first character of a line
HEAD = (
    Field("KontraktId", 19, "the contract"),
    Field("Organisasjonsnr", 11, "its office"),
    Field("KommuneNr", 4, "its municipality"),
    Field("FnrLege", 11, "the doctor who was asked for, by national id; GetNavPatientLists: empty"),
    Field("Maned", 7, "the month, as 2026-11"),
    Field("Antall", 6, "how many patients follow"),
)
PATIENT = (
    Field("Fnr", 11, "national id, the newest"),
    Field("Etternavn", 60, "last name"),
    Field("Fornavn", 60, "first name"),
    Field("Mellomnavn", 60, "middle name"),
    Field("Fodselsdato", 10, "date of birth, as 2026-11-26"),
    Field("Kjonn", 1, "sex, of 3101"),
    Field("Adresse", 60, "street address, or else postbox: of type RES, or else PST, or else the first there is"),
    Field("PostNr", 4, "postal code of that address"),
    Field("Poststed", 32, "its city"),
    Field("BostedKommuneNr", 4, "its municipality"),
    Field("FraDato", 10, "first day on the list"),
    Field("TilDato", 10, "the day the membership ends, where that is known"),
    Field("Startkode", 8, "why it began, of 7754"),
)
WIDTH = 1 + max(sum(field.width for field in fields) for fields in (HEAD, PATIENT))  # of every line, without its end


class Form(NamedTuple):
    """A format: what ends an entry's name, what stands before a list of its own, and what head, patient and end are."""

    ending: str
    encoding: str
    declaration: str
    head: Callable[[Sequence[str]], str]
    patient: Callable[[Sequence[str]], str]
    end: str


def head_values(contract: Contract, doctor: int | None, month: datetime, count: int) -> Sequence[str]:
    """The values of HEAD."""
    return (
        str(contract.id),
        str(contract.office_organization_number),
        contract.municipality,
        "" if doctor is None else format_national_id(doctor),
        f"{month:%Y-%m}",
        str(count),
    )


def patient_values(nin: int, person: Person, membership: Membership, tables: Tables, *, protected: bool) -> list[str]:
    """The values of PATIENT. Of a protected person no address is told, nor a municipality."""
    # Index and record must both say that it is safe.
    address = None if protected or person.protection is not None else _address(person.physical_addresses)
    return [
        format_national_id(nin),
        person.last_name or "",
        person.first_name or "",
        person.middle_name or "",
        _day(person.date_of_birth),
        person.sex or "",
        *_place(address),
        _day(present(from_micros(membership.valid_from))),
        _day(from_micros(membership.to)),
        tables.begin_codes[membership.begin] or "",
    ]


def entry_name(contract_id: int, month: datetime, form: Form) -> str:
    """What the entry of a list is called in an archive."""
    return f"{contract_id}-{month:%Y-%m}.{form.ending}"


def _address(addresses: Sequence[PhysicalAddress]) -> PhysicalAddress | None:
    return min(addresses, key=lambda one: PREFERRED.get(one.type, len(PREFERRED)), default=None)


def _place(address: PhysicalAddress | None) -> tuple[str, str, str, str]:
    if address is None:
        return "", "", "", ""
    where = address.street_address or address.postbox or ""
    return where, address.postal_code or "", address.city or "", address.municipality or ""


def _day(day: date | None) -> str:
    return "" if day is None else f"{day:%Y-%m-%d}"


def _elements(fields: Iterable[Field], values: Iterable[str]) -> str:
    pairs = zip(fields, values, strict=True)
    return "".join(f"<{field.name}>{escaped(value)}</{field.name}>" for field, value in pairs)


def _line(kind: str, fields: Iterable[Field], values: Iterable[str]) -> str:
    columns = "".join(
        _plain(value)[: field.width].ljust(field.width) for field, value in zip(fields, values, strict=True)
    )
    return f"{kind}{columns}".ljust(WIDTH) + LINE_END


def _plain(text: str) -> str:
    """Text in the letters that lines have: of others the letter without its marks, or a question mark."""
    text = _CONTROL.sub(" ", unicodedata.normalize("NFC", text)).translate(_LETTERS)
    return "".join(one if ord(one) < 256 else _nearest(one) for one in text)


def _nearest(letter: str) -> str:
    first = unicodedata.normalize("NFD", letter)[0]
    return first if ord(first) < 256 else "?"


XML = Form(
    "xml",
    "utf-8",
    '<?xml version="1.0" encoding="utf-8"?>\n',
    lambda values: f'<{ROOT} xmlns="{NAMESPACE}">{_elements(HEAD, values)}',
    lambda values: f"\n<{ITEM}>{_elements(PATIENT, values)}</{ITEM}>",
    f"\n</{ROOT}>",
)
LINES = Form(
    "txt",
    ENCODING,
    "",
    lambda values: _line(HEAD_KIND, HEAD, values),
    lambda values: _line(PATIENT_KIND, PATIENT, values),
    "",
)
# Of the real register's words for the second one, one description has "disk", and another, newer one, "txt".
FORMS: Mapping[str, Form] = {"xml": XML, "txt": LINES, "disk": LINES}


def as_markdown() -> str:
    """The tables for the documentation."""
    return "\n".join(
        f"| element of {of} | columns | what |\n|---|---|---|\n" + "".join(_rows(fields))
        for of, fields in ((f"`{ROOT}`; line `{HEAD_KIND}`", HEAD), (f"`{ITEM}`; line `{PATIENT_KIND}`", PATIENT))
    )


def _rows(fields: Iterable[Field]) -> Iterable[str]:
    first = 2
    for field in fields:
        yield f"| `{field.name}` | {first} to {first + field.width - 1} | {field.what} |\n"
        first += field.width
