"""The identifier systems of this face, and what the register's numbers and codes are called in them."""

from lookup.fhir.shapes import CodeableConcept, Coding, Identifier, Reference
from register import codes
from register.ids import Kind, format_national_id, is_organization_number, kind

_OID = "urn:oid:2.16.578.1.12.4.1"
FNR, DNR, FHN = f"{_OID}.4.1", f"{_OID}.4.2", f"{_OID}.4.3"
HPR = f"{_OID}.4.4"
HER = f"{_OID}.2"
ORGANIZATION = f"{_OID}.4.101"
OF_KIND = {Kind.FNR: FNR, Kind.DNR: DNR, Kind.FHN: FHN}
NATIONAL_IDS = (FNR, DNR, FHN)
CODES = f"{_OID}.1"  # and behind it the number of a code system
_TEXTS = codes.closed_values()


def person(nin: int) -> Identifier:
    """A person's number in the system of its kind."""
    text = format_national_id(nin)
    return Identifier(system=OF_KIND[kind(text)], value=text)


def hpr(number: int) -> Identifier:
    """A doctor's number."""
    return Identifier(system=HPR, value=str(number))


def her(her_id: int | None) -> list[Identifier]:
    """A HER-ID, where there is one."""
    return [] if her_id is None else [Identifier(system=HER, value=str(her_id))]


def organization(number: int) -> list[Identifier]:
    """An organisation number; none of a historical office, whose number is the register's own."""
    if number < 0 or not is_organization_number(number):
        return []
    return [Identifier(system=ORGANIZATION, value=str(number))]


def relationship(value: str) -> CodeableConcept:
    """What a doctor is on a list: a value of 7750."""
    display = _TEXTS.get((codes.RELATIONSHIP, value))
    return CodeableConcept(coding=[Coding(system=f"{CODES}.{codes.RELATIONSHIP}", code=value, display=display)])


def by_number(numbers: list[Identifier], kind: str, display: str | None) -> Reference:
    """A reference to what the first of these numbers names, and which is not in the Bundle."""
    return Reference(type=kind, identifier=numbers[0] if numbers else None, display=display)
