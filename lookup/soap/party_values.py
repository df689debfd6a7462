"""What the register knows of a communication party, as values of Adresseregisteret's interface (register/ar_schema.py).

An office is an Organization, a doctor at an office an OrganizationPerson in it, and the service of a list without a GP
a Service of it. What a member of the interface holds that this register does not, such as authorisations, kinds of
business and the codes of services, is nil; what is a list there is empty. Addresses are the office's: persons and
services inherit them. Which HER-IDs there are is lookup/directory.py's to say; who may ask is not asked here.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from lookup import flr_wire
from lookup.directory import Holder, in_force, office_as_parent, parent_of_office, views_of_office
from lookup.flr_wire import Values, Wording
from lookup.shapes import Parent
from lookup.soap.operations import PARTIES
from lookup.tables import Tables, present
from lookup.views import in_order
from register import codes, ids
from register.flr_xml import Rendered
from register.model import Contract, Doctor, DoctorCycle, Office, PhysicalAddress

PERSON, ORGANIZATION, SERVICE = "OrganizationPerson", "Organization", "Service"
NONE = Rendered()  # no parties
NO_PARENT = -1  # the parent's numbers, of a party without one
FOREVER = datetime(9999, 12, 31, 23, 59, 59, 997_000)  # where a period ends that stays open: it may not be nil there
LIST_WITHOUT_GP = "Fastlege, liste uten fast lege"  # what the service of such a list is called
_ID_TYPES = {ids.Kind.FNR: "SSN", ids.Kind.DNR: "DN", ids.Kind.FHN: "FHN"}


class Sight(NamedTuple):
    """What a party is seen by: a generation's tables and code values, the local time in microseconds at which it is
    asked for, and the same moment with its offset, which each party carries.
    """

    tables: Tables
    word: Wording
    at: int
    server_time: datetime


def party(sight: Sight, holder: Holder) -> tuple[str, Values]:
    """(its type, the party) of who has a HER-ID, with those that belong to it or that it belongs to."""
    if isinstance(holder, Office):
        return ORGANIZATION, _organization(sight, holder, *_members(sight, holder))
    contract = holder if isinstance(holder, Contract) else present(sight.tables.contract(holder.contract_id))
    office = present(sight.tables.office(contract.office_organization_number))
    if isinstance(holder, Contract):
        return SERVICE, _service(sight, holder, office)
    above = [] if office.her_id is None else [_organization(sight, office)]
    return PERSON, _person(sight, holder, office, _listed(ORGANIZATION, above))


def _listed(kind: str, parties: list[Values]) -> Rendered:
    """The content of a list of parties, each of which says of which type it is: zeep does not always find that out of
    types that contain each other, as organisations and persons do.
    """
    each = (PARTIES.writer.content(kind, one) for one in parties)
    return Rendered("".join([f'<{kind} i:type="{kind}">{content}</{kind}>' for content in each]))


def _members(sight: Sight, office: Office) -> tuple[Rendered, list[Values]]:
    """(the doctors, the services) of an office now: one for each HER-ID."""
    views = [v for v in views_of_office(sight.tables, office.organization_number) if in_force(v.contract, sight.at)]
    cycles = in_order(cycle for view in views for cycle in view.cycles if in_force(cycle, sight.at))
    people = {cycle.her_id: cycle for cycle in reversed(cycles) if cycle.her_id is not None}
    services = [_service(sight, view.contract, office) for view in views if view.contract.her_id is not None]
    return _listed(PERSON, [_person(sight, people[her_id], office) for her_id in sorted(people)]), services


def _organization(sight: Sight, office: Office, people: Rendered = NONE, services: Iterable[Values] = ()) -> Values:
    parent = parent_of_office(sight.tables, office)
    return {
        **_common(sight, office, office, parent, inherited=False),
        "DisplayName": office.display_name,
        "IndustryCodes": sight.word.refs(office.industries),
        "LastChanged": office.last_changed or office.updated,
        "Name": office.name,
        "OrganizationNumber": office.organization_number,
        "People": people,
        "Properties": sight.word.refs(office.properties),
        "Services": services,
        "Type": "Organization",
    }


def _person(sight: Sight, cycle: DoctorCycle, office: Office, above: Rendered = NONE) -> Values:
    doctor = present(sight.tables.doctor(cycle.hpr_number))
    name = " ".join(filter(None, (doctor.first_name, doctor.middle_name, doctor.last_name)))
    return {
        **_common(sight, cycle, office, office_as_parent(office), inherited=True),
        "DisplayName": name,
        "LastChanged": cycle.updated,
        "Name": name,
        "Organizations": above,
        "Person": _professional(sight, doctor),
        "Properties": (),
        "Type": "Person",
    }


def _professional(sight: Sight, doctor: Doctor) -> Values:
    """A Person of the register of health personnel: clients take the number and the name for granted."""
    sex = sight.word.code(codes.SEX, doctor.sex)
    return {
        "BirthDate": flr_wire.midnight(doctor.date_of_birth),
        "CitizenId": {"CitizenIdType": _ID_TYPES[ids.kind(doctor.nin)], "Id": doctor.nin, "Sex": sex},
        "FirstName": doctor.first_name,
        "HPRInformation": {"HPRNo": str(doctor.hpr_number), "HPRNumber": doctor.hpr_number},
        "LastName": doctor.last_name,
        "MiddleName": doctor.middle_name,
        "Sex": sex,
    }


def _service(sight: Sight, contract: Contract, office: Office) -> Values:
    return {
        **_common(sight, contract, office, office_as_parent(office), inherited=True),
        "CoverageAreas": (),
        "DisplayName": contract.name,
        "LastChanged": contract.updated,
        "Name": LIST_WITHOUT_GP,
        "Properties": (),
        "Type": "Service",
    }


def _common(sight: Sight, holder: Holder, office: Office, parent: Parent | None, *, inherited: bool) -> dict[str, Any]:
    """What every kind of party has; a party is valid as long as it is in force. `inherited`: the addresses are."""
    number = NO_PARENT if parent is None else parent.organization_number
    her_id = None if parent is None else parent.her_id
    current = in_force(holder, sight.at)
    return {
        "Active": current,
        "ElectronicAddresses": [
            {**address, "Inherited": inherited or address["Inherited"]}
            for address in flr_wire.electronic(office.electronic_addresses, sight.word)
        ],
        "FutureElectronicAddresses": (),
        "HerId": holder.her_id,
        "IsValidCommunicationParty": current,
        "Municipality": sight.word.code(codes.MUNICIPALITY, office.municipality),
        "ParentHerId": NO_PARENT if her_id is None else her_id,
        "ParentName": None if parent is None else parent.name,
        "ParentOrganizationNumber": number,
        "PhysicalAddresses": _physical(office.physical_addresses, sight.word, inherited=inherited),
        "ServerTime": sight.server_time,
        "Valid": {"From": holder.valid_from, "To": holder.to or FOREVER},
    }


def _physical(addresses: tuple[PhysicalAddress, ...], word: Wording, *, inherited: bool) -> list[Values]:
    """An ArrayOfPhysicalAddress: unlike FLR's it has the type's value once more, and no municipality."""
    return [
        {**values, "Inherited": inherited or address.inherited, "TypeCodeValue": address.type}
        for address, values in zip(addresses, flr_wire.physical(addresses, word), strict=True)
    ]
