"""Records of the register as values of the real register's interface, which register/flr_xml.py writes.

The other direction is loader/flr_records.py; what the interface has no place for is listed in docs/flr-export.md.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from lookup.record import Membership as Stored
from lookup.tables import Tables, present
from register import codes, flr_xml
from register.flr_xml import Rendered
from register.ids import format_national_id
from register.localtime import from_micros
from register.model import (
    Code,
    CodeRef,
    Contract,
    Doctor,
    DoctorCycle,
    ElectronicAddress,
    Office,
    Outpost,
    Person,
    PhysicalAddress,
)

Values = Mapping[str, Any]
_CLOSED = codes.closed_values()


class Wording:
    """Code values as an interface shows them, with their text. Each is rendered once."""

    def __init__(self, known: Iterable[Code], content: Callable[[str, Any], str] = flr_xml.content) -> None:
        """`known` are the values that came with feeds; `content` writes elements of the interface's types."""
        self._content = content
        self._codes = {(code.oid, code.value): code for code in known}
        self._rendered: dict[tuple[int, str], Rendered] = {}

    def code(self, oid: int, value: str | None) -> Rendered | None:
        """A Code; None for no value."""
        if value is None:
            return None
        rendered = self._rendered.get((oid, value))
        if rendered is None:
            code, system = self._codes.get((oid, value)), codes.SYSTEMS.get(oid)
            values = {
                "Active": code is None or code.active,
                "CodeText": _CLOSED.get((oid, value)) if code is None else code.text,
                "CodeValue": value,
                "OID": oid,
                "SimpleType": system and system.simple_type,
            }
            rendered = self._rendered[oid, value] = Rendered(self._content("Code", values))
        return rendered

    def refs(self, refs: Iterable[CodeRef]) -> list[Rendered | None]:
        """An ArrayOfCode of values that name their system."""
        return [self.code(ref.oid, ref.value) for ref in refs]


def period(valid_from: datetime, to: datetime | None) -> Values:
    """A Period."""
    return {"From": valid_from, "To": to}


def membership_period(membership: Stored) -> Values:
    """The Period of a membership of the index."""
    return period(present(from_micros(membership.valid_from)), from_micros(membership.to))


def office_values(office: Office, word: Wording) -> Values:
    """A GPOffice."""
    return {
        "Children": (),
        "DisplayName": office.display_name,
        "ElectronicAddresses": electronic(office.electronic_addresses, word),
        "GeographicalCoordinates": _coordinates(office.latitude, office.longitude),
        "IndustryCodes": word.refs(office.industries),
        "IsGovernmentCompany": office.is_government_company,
        "LastChanged": office.last_changed,
        "Municipality": word.code(codes.MUNICIPALITY, office.municipality),
        "Name": office.name,
        "OpeningHours": _opening_hours(office),
        "OrganizationNumber": office.organization_number,
        "ParentOrganizationName": office.parent_organization_name,
        "ParentOrganizationNumber": office.parent_organization_number,
        "PhysicalAddresses": physical(office.physical_addresses, word),
        "Properties": word.refs(office.properties),
        "ResponsiblePerson": office.responsible_person,
        "SectorCode": office.sector and word.code(office.sector.oid, office.sector.value),
        "UpdatedOn": office.updated,
        "Valid": period(office.valid_from, office.to),
        "District": word.code(codes.DISTRICT, office.district),
        "IsGroupOffice": office.is_group_office,
        "PrimaryHealthCareTeamId": office.team_id,
    }


def contract_values(contract: Contract, word: Wording, **lists: Any) -> Values:
    """A GPContract; `lists` are its office, doctor cycles, outposts and patients, by member."""
    return {
        "AgreementDate": contract.agreement_date,
        "CoopMunicipalities": [word.code(codes.MUNICIPALITY, value) for value in contract.coop_municipalities],
        "EndReason": word.code(codes.END_REASON, contract.end_reason),
        "GPOfficeOrganizationNumber": contract.office_organization_number,
        "Id": contract.id,
        "IsFixedSalary": contract.is_fixed_salary,
        "MaxPatients": contract.max_patients,
        "Municipality": word.code(codes.MUNICIPALITY, contract.municipality),
        "Name": contract.name,
        "ParticipatesOnCommonList": contract.participates_on_common_list,
        "PatientsOnWaitingList": contract.patients_on_waiting_list,
        "PlacesAvailable": contract.places_available,
        "PrimaryHealthCareTeamId": contract.team_id,
        "RequiresMembership": word.code(codes.MEMBERSHIP_REQUIRED, contract.requires_membership),
        "Status": word.code(codes.CONTRACT_STATUS, contract.status),
        "UpdatedOn": contract.updated,
        "Valid": period(contract.valid_from, contract.to),
        **lists,
    }


def doctor_values(doctor: Doctor, word: Wording) -> Values:
    """A doctor as a Person: what belongs to the profession, not the address."""
    return {
        "DateOfBirth": midnight(doctor.date_of_birth),
        "FirstName": doctor.first_name,
        "LastName": doctor.last_name,
        "MiddleName": doctor.middle_name,
        "NIN": doctor.nin,
        "PhysicalAddresses": (),
        "Sex": word.code(codes.SEX, doctor.sex),
        "Status": (),
    }


def cycle_values(cycle: DoctorCycle, doctor: Doctor, word: Wording) -> Values:
    """A GPOnContractAssociation."""
    return {
        "GP": doctor_values(doctor, word),
        "GPContractId": cycle.contract_id,
        "HprNumber": cycle.hpr_number,
        "Id": cycle.id,
        "Relationship": word.code(codes.RELATIONSHIP, cycle.relationship),
        "SubstituteForHprNumber": cycle.substitute_for_hpr_number,
        "UpdatedOn": cycle.updated,
        "Valid": period(cycle.valid_from, cycle.to),
        "WorkingOnDays": cycle.working_on_days,
        "WorkingPercentage": cycle.working_percentage,
    }


def outpost_values(outpost: Outpost, word: Wording) -> Values:
    """An OutOfOfficeLocation."""
    return {
        "Description": outpost.description,
        "ElectronicAddresses": electronic(outpost.electronic_addresses, word),
        "GPContractId": outpost.contract_id,
        "Id": outpost.id,
        "PhysicalAddresses": physical(outpost.physical_addresses, word),
        "UpdatedOn": outpost.updated,
        "Valid": period(outpost.valid_from, outpost.to),
    }


def person_values(person: Person, word: Wording) -> Values:
    """A Person. The interface cannot say that an address is protected, so a protected person goes without one."""
    return {
        "DateOfBirth": midnight(person.date_of_birth),
        "DateOfDeath": midnight(person.date_of_death),
        "FirstName": person.first_name,
        "LastName": person.last_name,
        "MiddleName": person.middle_name,
        "NIN": person.nin,
        "PhysicalAddresses": () if person.protection else physical(person.physical_addresses, word),
        "Sex": word.code(codes.SEX, person.sex),
        "Status": [
            {
                "Changed": status.changed,
                "Code": word.code(status.code.oid, status.code.value),
                "Created": status.created,
                "Id": status.id,
                "Period": period(status.valid_from, status.to),
            }
            for status in person.status
        ],
    }


def membership_values(
    nin: int,
    membership: Stored,
    contract_id: int,
    tables: Tables,
    person: Rendered | None,
    her_id: int | None,
    word: Wording,
) -> Values:
    """A PatientToGPContractAssociation without contract and doctors; `her_id` is where to send messages to the GP."""
    return {
        "BeginCode": word.code(codes.BEGIN_REASON, tables.begin_codes[membership.begin]),
        "EndCode": word.code(codes.END_REASON, tables.end_codes[membership.end]),
        "GPContractId": contract_id,
        "GPHerId": her_id,
        "Id": membership.id,
        "Patient": person,
        "PatientNIN": format_national_id(nin),
        "Period": membership_period(membership),
        "UpdatedOn": present(from_micros(membership.updated)),
    }


def physical(addresses: Iterable[PhysicalAddress], word: Wording) -> list[Values]:
    """An ArrayOfPhysicalAddress. A postal code is a number there, 0 where there is none."""
    return [
        {
            "City": address.city,
            "Country": word.code(codes.COUNTRY, address.country),
            "Description": address.description,
            "Inherited": address.inherited,
            "LastChanged": address.last_changed,
            "Municipality": word.code(codes.MUNICIPALITY, address.municipality),
            "PostalCode": int(address.postal_code or 0),
            "Postbox": address.postbox,
            "StreetAddress": address.street_address,
            "Type": word.code(codes.ADDRESS_TYPE, address.type),
        }
        for address in addresses
    ]


def electronic(addresses: Iterable[ElectronicAddress], word: Wording) -> list[Values]:
    """An ArrayOfElectronicAddress."""
    return [
        {
            "Address": address.address,
            "Inherited": address.inherited,
            "LastChanged": address.last_changed,
            "Type": word.code(codes.ADDRESS_COMPONENT, address.type),
            "TypeCodeValue": address.type,
        }
        for address in addresses
    ]


def _coordinates(latitude: float | None, longitude: float | None) -> Values | None:
    """A place has both or none there."""
    return None if latitude is None or longitude is None else {"Latitude": latitude, "Longitude": longitude}


def _opening_hours(office: Office) -> Values | None:
    hours = office.opening_hours
    if hours is None:
        return None
    open_at = [
        {"From": timedelta(minutes=one.from_minute), "To": timedelta(minutes=one.to_minute)} for one in hours.open_at
    ]
    return {"FreeText": hours.free_text, "OpenAt": open_at}


def midnight(day: date | None) -> datetime | None:
    """A day, as the interface has one: a time, its first."""
    return None if day is None else datetime.combine(day, time())
