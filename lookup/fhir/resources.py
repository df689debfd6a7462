"""From what the register says of contracts, doctors and offices to FHIR resources, and how they refer to each other.

A resource's id is worked out from the register's own number for it, so it is the same in every answer; a Patient's is
drawn anew for each answer, because nothing that comes of a national id may leave by another name.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4, uuid5

from lookup import shapes
from lookup.fhir import systems
from lookup.fhir.shapes import (
    AnyResource,
    ContactPoint,
    HumanName,
    Identifier,
    Meta,
    OrganizationResource,
    PatientResource,
    Period,
    PostalAddress,
    PractitionerResource,
    PractitionerRoleResource,
    Reference,
)
from register.localtime import OSLO

WITHOUT_GP = "Liste uten fastlege"
ONE_TIME = 1895
_PROFILES = "http://hl7.no/fhir/StructureDefinition/no-basis-"
_IDS = UUID("5f0f2c5e-6a0e-5d0c-9a55-0c8f5e2f7b41")  # drawn once, for this face
_MICROSECOND = timedelta(microseconds=1)
_TELECOM = {"E_TLF": "phone", "E_CEN": "phone", "E_FAX": "fax", "E_EPO": "email", "E_URL": "url"}


class OfContract(NamedTuple):
    """A contract at a time: its doctor cycles are those in force, in the order in which answers list them."""

    contract: shapes.OfficeContract
    office: shapes.Office


def profile(kind: str) -> Meta:
    """That a resource follows Norway's basic profile of its kind."""
    return Meta(profile=[_PROFILES + kind])


def _id(kind: str, number: int) -> str:
    return str(uuid5(_IDS, f"{kind}/{number}"))


def full_url(resource: AnyResource) -> str:
    """The `urn:uuid` of a resource, by which others in the same Bundle refer to it."""
    return f"urn:uuid:{getattr(resource, 'id')}"  # noqa: B009 - an OperationOutcome has none, and is not referred to


def text(value: str | None) -> str | None:
    """A string as FHIR has it: not empty, and with no blanks around it."""
    return None if value is None else value.strip() or None


def period(start: datetime, to: datetime | None) -> Period:
    """A half-open period of the register as FHIR has it: the end is the last moment inside."""
    return Period(start=_moment(start), end=None if to is None else _moment(to - _MICROSECOND))


def _moment(local: datetime) -> str:
    """A wall-clock time with its offset; before Norway had one time, by the day alone."""
    return (local.replace(tzinfo=OSLO) if local.year >= ONE_TIME else local.date()).isoformat()


def called(gp: shapes.DoctorCycle | shapes.DoctorName) -> str | None:
    """A doctor's name as one string."""
    return text(" ".join(part for part in map(text, (gp.first_name, gp.middle_name, gp.last_name)) if part))


def patient(nin: int, general_practitioner: list[Reference]) -> PatientResource:
    """A resident, by the newest number."""
    return PatientResource(
        id=str(uuid4()),
        meta=profile("Patient"),
        identifier=[systems.person(nin)],
        general_practitioner=general_practitioner,
    )


def practitioner(gp: shapes.DoctorCycle | shapes.DoctorName) -> PractitionerResource:
    """A doctor."""
    given = [part for part in map(text, (gp.first_name, gp.middle_name)) if part]
    family = text(gp.last_name)
    return PractitionerResource(
        id=_id("Practitioner", gp.hpr_number),
        meta=profile("Practitioner"),
        identifier=[systems.hpr(gp.hpr_number)],
        name=[HumanName(family=family, given=given)] if family or given else [],
    )


def role(cycle: shapes.DoctorCycle, office: shapes.Office) -> PractitionerRoleResource:
    """A doctor cycle in force."""
    doctor, place = practitioner(cycle), organization(office)
    return PractitionerRoleResource(
        id=_id("PractitionerRole", cycle.id),
        meta=profile("PractitionerRole"),
        identifier=systems.her(cycle.her_id),
        active=True,
        period=period(cycle.valid_from, cycle.to),
        practitioner=_within(doctor, "Practitioner", doctor.identifier, called(cycle)),
        organization=_within(place, "Organization", place.identifier, place.name),
        code=[systems.relationship(cycle.relationship)],
    )


def organization(office: shapes.Office, part_of: Reference | None = None) -> OrganizationResource:
    """An office, and what it is a part of where that is asked for."""
    return OrganizationResource(
        id=_id("Organization", office.organization_number),
        meta=profile("Organization"),
        identifier=[*systems.organization(office.organization_number), *systems.her(office.her_id)],
        name=text(office.name) or str(office.organization_number),
        telecom=[point for point in map(_telecom, office.electronic_addresses) if point is not None],
        address=[address for address in map(_address, office.addresses) if address is not None],
        part_of=part_of,
    )


def service(contract: shapes.OfficeContract, her_id: int, office: shapes.Office) -> OrganizationResource:
    """The service of a list without a GP: where messages about its patients go."""
    return OrganizationResource(
        id=_id("Service", contract.id),
        meta=profile("Organization"),
        identifier=systems.her(her_id),
        name=WITHOUT_GP,
        part_of=to_office(office),
    )


def to_role(cycle: shapes.DoctorCycle, office: shapes.Office) -> Reference:
    """A reference to a doctor cycle, with the HER-ID that messages go to."""
    return _within(role(cycle, office), "PractitionerRole", systems.her(cycle.her_id), called(cycle))


def to_office(office: shapes.Office, display: str | None = None) -> Reference:
    """A reference to an office, with the HER-ID that messages go to; else its organisation number."""
    place = organization(office)
    return _within(place, "Organization", place.identifier[::-1], display or place.name)


def to_service(contract: shapes.OfficeContract, her_id: int, office: shapes.Office) -> Reference:
    """A reference to the service of a list without a GP."""
    return _within(service(contract, her_id, office), "Organization", systems.her(her_id), WITHOUT_GP)


def to_parent(parent: shapes.Parent) -> Reference:
    """A reference to what an office is a part of, which is not in the Bundle."""
    numbers = [*systems.organization(parent.organization_number), *systems.her(parent.her_id)]
    return systems.by_number(numbers, "Organization", text(parent.name))


def _within(resource: AnyResource, kind: str, numbers: Iterable[Identifier], display: str | None) -> Reference:
    return Reference(
        reference=full_url(resource), type=kind, identifier=next(iter(numbers), None), display=text(display)
    )


def _telecom(address: shapes.ElectronicAddress) -> ContactPoint | None:
    value = text(address.address)
    return None if value is None else ContactPoint(system=_TELECOM.get(address.type, "other"), value=value)  # type: ignore[arg-type]


def _address(address: shapes.Address) -> PostalAddress | None:
    line = [part for part in (text(address.street_address), _postbox(address.postbox)) if part]
    shown = PostalAddress(
        type="postal" if address.type == "PST" else "physical",
        line=line,
        city=text(address.city),
        district=None if address.municipality is None else text(address.municipality.name),
        postal_code=address.postal_code,
        country=text(address.country),
    )
    return shown if line or shown.city or shown.postal_code else None


def _postbox(postbox: str | None) -> str | None:
    number = text(postbox)
    return number and (f"Postboks {number}" if number.isdigit() else number)
