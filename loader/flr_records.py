"""Records of the register out of elements of the real register's interface, as register/flr_reader.py gives them.

The other direction is lookup/flr_wire.py. What an element says that a record cannot hold is refused with its place,
never dropped; what the register does not keep at all (docs/flr-export.md) is not asked for here. Code values are
noted on the way, since their texts come with them.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

import msgspec

from loader.read import told
from register import codes
from register.feed import canonical_line
from register.flr_reader import Element, Refused
from register.flr_xml import NEVER
from register.model import Code, Contract, Doctor, DoctorCycle, Membership, Office, Outpost, Person, Record

MAX_CODES = 200_000  # that are held; the real register has some thousand
R = TypeVar("R", bound=Record)


class Codes:
    """The values of open code systems that have been read, and where each stood first."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, str], Code] = {}
        self.new: list[tuple[Code, tuple[int, int]]] = []
        self._seen: dict[tuple[object, ...], tuple[int, str]] = {}

    def value(self, element: Element | None, oid: int) -> str | None:
        """The value of a Code of the system `oid`; None for none."""
        return None if element is None else self._take(element, oid)[1]

    def ref(self, element: Element | None) -> dict[str, Any] | None:
        """A Code that names its system."""
        if element is None:
            return None
        oid, value = self._take(element, None)
        return {"oid": oid, "value": value}

    def refs(self, elements: Iterable[Element] | None) -> list[dict[str, Any] | None]:
        """An ArrayOfCode whose values name their systems."""
        return [self.ref(element) for element in elements or ()]

    def values(self, elements: Iterable[Element] | None, oid: int) -> list[str | None]:
        """An ArrayOfCode of one system."""
        return [self.value(element, oid) for element in elements or ()]

    def _take(self, element: Element, wanted: int | None) -> tuple[int, str]:
        said = (wanted, *map(element.get, ("OID", "CodeValue", "CodeText", "Active")))
        if said not in self._seen:
            if len(self._seen) == MAX_CODES:
                raise Refused(f"more than {MAX_CODES} code values", element.place)
            self._seen[said] = self._note(element, wanted)
        return self._seen[said]

    def _note(self, element: Element, wanted: int | None) -> tuple[int, str]:
        oid, value = element.get("OID") or wanted, element.get("CodeValue")
        if oid is None or value is None:
            raise Refused("a Code without OID or CodeValue", element.place)
        if wanted is not None and oid != wanted:
            raise Refused(f"a value of code system {oid} where {wanted} is meant", element.place)
        if oid in codes.SYSTEMS and not codes.SYSTEMS[oid].open:
            return oid, value
        code = converted(
            Code,
            element,
            oid=oid,
            value=value,
            text=value if element.get("CodeText") is None else element["CodeText"],
            active=element.get("Active", True),
        )
        before = self.known.setdefault((code.oid, code.value), code)
        if before is code:
            self.new.append((code, element.place))
        elif before != code:
            raise Refused(f"a value of code system {oid} that is described otherwise elsewhere", element.place)
        return code.oid, code.value


def converted(kind: type[R], element: Element, **members: Any) -> R:
    """A record of these members, which are named as in a feed, with its strings in NFC. Raises Refused."""
    try:
        record = msgspec.convert(members, kind)
        line = canonical_line(record)
        return record if line.isascii() else msgspec.json.decode(line, type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise Refused(f"{kind.__name__}: {told(error)}", element.place) from None


def office(element: Element, word: Codes) -> Office:
    """A GPOffice."""
    place = element.get("GeographicalCoordinates") or {}
    return converted(
        Office,
        element,
        organizationNumber=element.get("OrganizationNumber"),
        name=element.get("Name"),
        displayName=element.get("DisplayName"),
        parentOrganizationNumber=element.get("ParentOrganizationNumber"),
        parentOrganizationName=element.get("ParentOrganizationName"),
        **_period(element, "Valid"),
        municipality=word.value(element.get("Municipality"), codes.MUNICIPALITY),
        district=word.value(element.get("District"), codes.DISTRICT),
        isGroupOffice=element.get("IsGroupOffice", False),
        isGovernmentCompany=element.get("IsGovernmentCompany"),
        sector=word.ref(element.get("SectorCode")),
        industries=word.refs(element.get("IndustryCodes")),
        properties=word.refs(element.get("Properties")),
        responsiblePerson=element.get("ResponsiblePerson"),
        teamId=element.get("PrimaryHealthCareTeamId"),
        physicalAddresses=_physical(element, word),
        electronicAddresses=_electronic(element, word),
        openingHours=_opening_hours(element.get("OpeningHours")),
        latitude=place.get("Latitude"),
        longitude=place.get("Longitude"),
        lastChanged=_time(element.get("LastChanged")),
        updated=element.get("UpdatedOn"),
    )


def contract(element: Element, word: Codes) -> Contract:
    """A GPContract, without what it lists."""
    return converted(
        Contract,
        element,
        id=element.get("Id"),
        name=element.get("Name"),
        officeOrganizationNumber=element.get("GPOfficeOrganizationNumber"),
        municipality=word.value(element.get("Municipality"), codes.MUNICIPALITY),
        coopMunicipalities=word.values(element.get("CoopMunicipalities"), codes.MUNICIPALITY),
        status=word.value(element.get("Status"), codes.CONTRACT_STATUS),
        maxPatients=element.get("MaxPatients"),
        placesAvailable=element.get("PlacesAvailable"),
        patientsOnWaitingList=element.get("PatientsOnWaitingList", 0),
        participatesOnCommonList=element.get("ParticipatesOnCommonList", False),
        isFixedSalary=element.get("IsFixedSalary", False),
        requiresMembership=word.value(element.get("RequiresMembership"), codes.MEMBERSHIP_REQUIRED),
        agreementDate=element.get("AgreementDate"),
        **_period(element, "Valid"),
        endReason=word.value(element.get("EndReason"), codes.END_REASON),
        teamId=element.get("PrimaryHealthCareTeamId"),
        updated=element.get("UpdatedOn"),
    )


def cycle(element: Element, word: Codes) -> DoctorCycle:
    """A GPOnContractAssociation, without its doctor's particulars."""
    return converted(
        DoctorCycle,
        element,
        id=element.get("Id"),
        contractId=element.get("GPContractId"),
        hprNumber=element.get("HprNumber"),
        substituteForHprNumber=element.get("SubstituteForHprNumber"),
        relationship=word.value(element.get("Relationship"), codes.RELATIONSHIP),
        **_period(element, "Valid"),
        workingPercentage=element.get("WorkingPercentage"),
        workingOnDays=element.get("WorkingOnDays") or (),
        updated=element.get("UpdatedOn"),
    )


def doctor(element: Element, hpr_number: int, word: Codes) -> Doctor:
    """The GP of a doctor cycle."""
    return converted(
        Doctor,
        element,
        hprNumber=hpr_number,
        nin=element.get("NIN"),
        firstName=element.get("FirstName"),
        middleName=element.get("MiddleName"),
        lastName=element.get("LastName"),
        dateOfBirth=_date(element, "DateOfBirth"),
        sex=word.value(element.get("Sex"), codes.SEX),
    )


def outpost(element: Element, word: Codes) -> Outpost:
    """An OutOfOfficeLocation."""
    return converted(
        Outpost,
        element,
        id=element.get("Id"),
        contractId=element.get("GPContractId"),
        description=element.get("Description"),
        physicalAddresses=_physical(element, word),
        electronicAddresses=_electronic(element, word),
        **_period(element, "Valid"),
        updated=element.get("UpdatedOn"),
    )


def membership(element: Element, word: Codes) -> Membership:
    """A PatientToGPContractAssociation, without its person's particulars."""
    return converted(
        Membership,
        element,
        id=element.get("Id"),
        nin=element.get("PatientNIN"),
        contractId=element.get("GPContractId"),
        **_period(element, "Period"),
        beginCode=word.value(element.get("BeginCode"), codes.BEGIN_REASON),
        endCode=word.value(element.get("EndCode"), codes.END_REASON),
        updated=element.get("UpdatedOn"),
    )


def person(element: Element, word: Codes) -> Person:
    """A Person."""
    return converted(
        Person,
        element,
        nin=element.get("NIN"),
        firstName=element.get("FirstName"),
        middleName=element.get("MiddleName"),
        lastName=element.get("LastName"),
        dateOfBirth=_date(element, "DateOfBirth"),
        dateOfDeath=_date(element, "DateOfDeath"),
        sex=word.value(element.get("Sex"), codes.SEX),
        status=[
            {
                "id": status.get("Id"),
                "code": word.ref(status.get("Code")),
                **_period(status, "Period"),
                "created": _time(status.get("Created")),
                "changed": _time(status.get("Changed")),
            }
            for status in element.get("Status") or ()
        ],
        physicalAddresses=_physical(element, word),
    )


def _period(element: Element, member: str) -> dict[str, Any]:
    period = element.get(member) or {}
    return {"from": period.get("From"), "to": period.get("To")}


def _physical(element: Element, word: Codes) -> list[dict[str, Any]]:
    return [
        {
            "type": word.value(address.get("Type"), codes.ADDRESS_TYPE),
            "streetAddress": address.get("StreetAddress"),
            "postbox": address.get("Postbox"),
            "postalCode": f"{address['PostalCode']:04d}" if address.get("PostalCode") else None,
            "city": address.get("City"),
            "municipality": word.value(address.get("Municipality"), codes.MUNICIPALITY),
            "country": word.value(address.get("Country"), codes.COUNTRY),
            "description": address.get("Description"),
            "inherited": address.get("Inherited", False),
            "lastChanged": _time(address.get("LastChanged")),
        }
        for address in element.get("PhysicalAddresses") or ()
    ]


def _electronic(element: Element, word: Codes) -> list[dict[str, Any]]:
    return [
        {
            "type": word.value(address.get("Type"), codes.ADDRESS_COMPONENT),
            "address": address.get("Address"),
            "inherited": address.get("Inherited", False),
            "lastChanged": _time(address.get("LastChanged")),
        }
        for address in element.get("ElectronicAddresses") or ()
    ]


def _opening_hours(element: Element | None) -> dict[str, Any] | None:
    if element is None:
        return None
    open_at = [
        {"fromMinute": _minute(one, "From"), "toMinute": _minute(one, "To")} for one in element.get("OpenAt") or ()
    ]
    return {"freeText": element.get("FreeText"), "openAt": open_at}


def _minute(element: Element, member: str) -> int:
    minutes, rest = divmod(element.get(member, timedelta()), timedelta(minutes=1))
    if rest:
        raise Refused(f"{member} is not a whole minute", element.place)
    return int(minutes)


def _time(value: datetime | None) -> datetime | None:
    """A time that .NET writes where there is none is none."""
    return None if value == NEVER else value


def _date(element: Element, member: str) -> date | None:
    value: datetime | None = element.get(member)
    if value is not None and value.time() != time():
        raise Refused(f"{member} is not a day", element.place)
    return None if value is None else value.date()
