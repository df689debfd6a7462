"""What the register says: one typed record for each table of the feed.

Members stand in the order of the canonical line (docs/feed-format.md); in JSON they are camelCase. Times are
Norwegian wall-clock time without a zone, to the microsecond. Periods are half-open: in force when
`valid_from <= t < to`, open-ended when `to` is None. Code values are strings of the system named in the
docstring; whether a value exists is checked by the loader, since most values come with the feed.

Source of the members: the real register's interface, types in the order of its WSDL; `her_id` on doctor cycles,
offices and contracts, and `protection`, are the feed's own.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

LocalTime = Annotated[datetime, Meta(tz=False)]
Nin = Annotated[str, Meta(min_length=11, max_length=11)]
Int = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
HerId = Annotated[int, Meta(ge=1, le=2**31 - 1)]
HprNumber = Annotated[int, Meta(ge=1, le=999_999_999)]
Id = Annotated[int, Meta(ge=1, le=2**53)]
Percentage = Annotated[int, Meta(ge=1, le=100)]
PostalCode = Annotated[str, Meta(pattern="^[0-9]{4}$")]
Day = Literal["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False, rename="camel"):
    """A record of the register. Its repr shows no content: most records are about a person."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class CodeRef(Record, frozen=True, kw_only=True):
    """A value of a code system that is named beside it, where a member admits several systems."""

    oid: Count
    value: str


class Code(Record, frozen=True, kw_only=True):
    """One value of an open code system (table `codes`), such as a municipality."""

    oid: Count
    value: str
    text: str
    active: bool = True


class PhysicalAddress(Record, frozen=True, kw_only=True):
    """An address: type of 3401, country of 9043, municipality of 3402."""

    type: str
    street_address: str | None = None
    postbox: str | None = None
    postal_code: PostalCode | None = None
    city: str | None = None
    municipality: str | None = None
    country: str | None = None
    description: str | None = None
    inherited: bool = False
    last_changed: LocalTime | None = None


class ElectronicAddress(Record, frozen=True, kw_only=True):
    """A phone number, e-mail, EDI address, ...: type of 9044."""

    type: str
    address: str
    inherited: bool = False
    last_changed: LocalTime | None = None


class OpenPeriod(Record, frozen=True, kw_only=True):
    """Opening hours: minutes from Monday 00:00, half-open."""

    from_minute: Annotated[int, Meta(ge=0, le=10_080)]
    to_minute: Annotated[int, Meta(ge=0, le=10_080)]


class OpeningHours(Record, frozen=True, kw_only=True):
    """When an office is open."""

    free_text: str | None = None
    open_at: tuple[OpenPeriod, ...] = ()


class PersonStatus(Record, frozen=True, kw_only=True):
    """A status of a person in the population register: code of 5510 or 5511."""

    id: Count
    code: CodeRef
    valid_from: LocalTime = field(name="from")
    to: LocalTime | None = None
    created: LocalTime | None = None
    changed: LocalTime | None = None


class Office(Record, frozen=True, kw_only=True):
    """A GP office (table `offices`): municipality of 3402, district of 3403. Historical ones have a negative number."""

    organization_number: Int
    her_id: HerId | None = None
    name: str
    display_name: str | None = None
    parent_organization_number: Int | None = None
    parent_organization_name: str | None = None
    valid_from: LocalTime = field(name="from")
    to: LocalTime | None = None
    municipality: str | None = None
    district: str | None = None
    is_group_office: bool = False
    is_government_company: bool | None = None
    sector: CodeRef | None = None
    industries: tuple[CodeRef, ...] = ()
    properties: tuple[CodeRef, ...] = ()
    responsible_person: str | None = None
    team_id: Id | None = None
    physical_addresses: tuple[PhysicalAddress, ...] = ()
    electronic_addresses: tuple[ElectronicAddress, ...] = ()
    opening_hours: OpeningHours | None = None
    latitude: float | None = None
    longitude: float | None = None
    last_changed: LocalTime | None = None
    updated: LocalTime


class Doctor(Record, frozen=True, kw_only=True):
    """A doctor (table `doctors`): sex of 3101, languages of 3303 or 3301."""

    hpr_number: HprNumber
    nin: Nin
    first_name: str
    middle_name: str | None = None
    last_name: str
    date_of_birth: date | None = None
    sex: str | None = None
    languages: tuple[CodeRef, ...] = ()


class Contract(Record, frozen=True, kw_only=True):
    """A GP contract, which is a list (table `contracts`).

    Municipalities of 3402, status of 7751, requires_membership of 7755, end_reason of 7753. `her_id` is the service
    "liste uten fast lege" where the list has one. `max_patients` is the list ceiling, which may be exceeded.
    """

    id: Id
    name: str | None = None
    her_id: HerId | None = None
    office_organization_number: Int
    municipality: str
    coop_municipalities: tuple[str, ...] = ()
    status: str
    max_patients: Count
    places_available: Count | None = None
    patients_on_waiting_list: Count = 0
    participates_on_common_list: bool = False
    is_fixed_salary: bool = False
    requires_membership: str | None = None
    agreement_date: LocalTime
    valid_from: LocalTime = field(name="from")
    to: LocalTime | None = None
    end_reason: str | None = None
    team_id: Id | None = None
    updated: LocalTime


class DoctorCycle(Record, frozen=True, kw_only=True):
    """One doctor on one contract for a period (table `doctor_cycles`): relationship of 7750."""

    id: Id
    contract_id: Id
    hpr_number: HprNumber
    her_id: HerId | None = None
    substitute_for_hpr_number: HprNumber | None = None
    relationship: str
    valid_from: LocalTime = field(name="from")
    to: LocalTime | None = None
    working_percentage: Percentage | None = None
    working_on_days: tuple[Day, ...] = ()
    updated: LocalTime


class Outpost(Record, frozen=True, kw_only=True):
    """A place outside the office where a contract's doctor also works (table `outposts`)."""

    id: Id
    contract_id: Id
    description: str | None = None
    physical_addresses: tuple[PhysicalAddress, ...] = ()
    electronic_addresses: tuple[ElectronicAddress, ...] = ()
    valid_from: LocalTime = field(name="from")
    to: LocalTime | None = None
    updated: LocalTime


class TeamPerson(Record, frozen=True, kw_only=True):
    """A member of a primary health care team: role of 9060."""

    id: Id
    hpr_number: HprNumber
    role: str
    is_substitute: bool = False
    working_percentage: Percentage | None = None
    valid_from: LocalTime = field(name="from")
    to: LocalTime | None = None


class TeamContract(Record, frozen=True, kw_only=True):
    """A contract that belongs to a primary health care team."""

    id: Id
    contract_id: Id
    valid_from: LocalTime = field(name="from")
    to: LocalTime | None = None


class Team(Record, frozen=True, kw_only=True):
    """A primary health care team (table `teams`)."""

    id: Id
    organization_number: Int
    leader_hpr_number: HprNumber
    people: tuple[TeamPerson, ...] = ()
    contracts: tuple[TeamContract, ...] = ()


class Person(Record, frozen=True, kw_only=True):
    """A person the register has seen (table `persons`): sex of 3101. `nin` is the newest number."""

    nin: Nin
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    date_of_birth: date | None = None
    date_of_death: date | None = None
    sex: str | None = None
    protection: Literal["fortrolig", "strengt-fortrolig"] | None = None
    status: tuple[PersonStatus, ...] = ()
    physical_addresses: tuple[PhysicalAddress, ...] = ()


class NinChange(Record, frozen=True, kw_only=True):
    """A person's number was replaced (table `nin_changes`). Changes may form chains, never cycles."""

    old_nin: Nin
    new_nin: Nin
    changed: LocalTime


class Membership(Record, frozen=True, kw_only=True):
    """One person on one contract for a period (table `memberships`): begin of 7754, end of 7753."""

    id: Id
    nin: Nin
    contract_id: Id
    valid_from: LocalTime = field(name="from")
    to: LocalTime | None = None
    begin_code: str | None = None
    end_code: str | None = None
    updated: LocalTime


TABLES: dict[str, type[Record]] = {
    "codes": Code,
    "offices": Office,
    "doctors": Doctor,
    "contracts": Contract,
    "doctor_cycles": DoctorCycle,
    "outposts": Outpost,
    "teams": Team,
    "persons": Person,
    "nin_changes": NinChange,
    "memberships": Membership,
}
