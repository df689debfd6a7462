"""The shapes of the REST answers, as types: what msgspec encodes and the OpenAPI page shows.

Members stand in the order they have on the wire, in camelCase. Times are Norwegian wall-clock time without a zone. A
member that has nothing to say is null or an empty list, never left out.
"""

from datetime import date, datetime
from typing import Any, Literal

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """A shape of an answer. Its repr shows no content: some are about a person."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Municipality(Shape, frozen=True, kw_only=True):
    """A municipality: code of system 3402 and its name (null where the feed names none)."""

    code: str
    name: str | None


class Address(Shape, frozen=True, kw_only=True):
    """An address of an office or person: type of 3401, country of 9043; the postal code is four digits."""

    type: str
    street_address: str | None
    postbox: str | None
    postal_code: str | None
    city: str | None
    municipality: Municipality | None
    country: str | None


class ElectronicAddress(Shape, frozen=True, kw_only=True):
    """A phone number, e-mail, EDI address, ...: type of 9044."""

    type: str
    address: str


class Office(Shape, frozen=True, kw_only=True):
    """An office; `name` is the display name where it has one."""

    organization_number: int
    her_id: int | None
    name: str
    addresses: list[Address]
    electronic_addresses: list[ElectronicAddress]


class Contract(Shape, frozen=True, kw_only=True):
    """A contract as it stands in an answer about a person: status of 7751."""

    id: int
    name: str | None
    status: str
    municipality: Municipality


class Gp(Shape, frozen=True, kw_only=True):
    """A doctor on a list for a period, half-open; `herId` is where messages go for this doctor at this office."""

    hpr_number: int
    her_id: int | None
    first_name: str
    middle_name: str | None
    last_name: str
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None


class Substitute(Shape, frozen=True, kw_only=True):
    """A substitute on a list for a period."""

    hpr_number: int
    her_id: int | None
    first_name: str
    middle_name: str | None
    last_name: str
    substitute_for_hpr_number: int | None
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None


class SharedPart(Shape, frozen=True, kw_only=True):
    """The part of an answer that everybody on a list shares: all but the membership."""

    status: Literal["assigned", "vacant", "none", "withheld"]
    her_id: int | None
    gp: Gp | None
    shared_with: list[Gp]
    substitutes: list[Substitute]
    contract: Contract | None
    office: Office | None


class Membership(Shape, frozen=True, kw_only=True):
    """A person's place on a list: begin code of 7754."""

    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None
    begin_code: str | None


class DoctorCycle(Shape, frozen=True, kw_only=True):
    """A doctor cycle with its doctor: relationship of 7750 (LPFL the GP, LPDL shares the list, LPVI substitutes)."""

    id: int
    relationship: str
    hpr_number: int
    her_id: int | None
    first_name: str
    middle_name: str | None
    last_name: str
    substitute_for_hpr_number: int | None
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None


class OfficeContract(Shape, frozen=True, kw_only=True):
    """A contract with what the register says of the list: ceiling, free places, waiting list. Codes as in the feed."""

    id: int
    her_id: int | None
    name: str | None
    status: str
    municipality: Municipality
    coop_municipalities: list[Municipality]
    max_patients: int
    places_available: int | None
    patients_on_waiting_list: int
    participates_on_common_list: bool
    is_fixed_salary: bool
    requires_membership: str | None
    agreement_date: datetime
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None
    end_reason: str | None
    team_id: int | None
    updated: datetime
    doctor_cycles: list[DoctorCycle]


class Outpost(Shape, frozen=True, kw_only=True):
    """A place outside the office where the contract's doctor also works."""

    id: int
    description: str | None
    addresses: list[Address]
    electronic_addresses: list[ElectronicAddress]
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None


class ContractAnswer(OfficeContract, frozen=True, kw_only=True):
    """The answer of GET /v1/contracts/{id}."""

    outposts: list[Outpost]
    office: Office


class OfficeAnswer(Shape, frozen=True, kw_only=True):
    """The answer of GET /v1/offices/{organizationNumber}/contracts."""

    office: Office
    contracts: list[OfficeContract]


class DoctorName(Shape, frozen=True, kw_only=True):
    """Who a doctor is."""

    hpr_number: int
    first_name: str
    middle_name: str | None
    last_name: str


class Language(Shape, frozen=True, kw_only=True):
    """A language a doctor speaks: code of 3303 or 3301, and its name."""

    code: str
    name: str | None


class DoctorContract(Shape, frozen=True, kw_only=True):
    """A contract that a doctor is on for a period: the doctor cycle, seen from the doctor."""

    contract: Contract
    office: Office
    relationship: str
    her_id: int | None
    substitute_for_hpr_number: int | None
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None


class GpAnswer(DoctorName, frozen=True, kw_only=True):
    """The answer of GET /v1/gps/{hprNumber}."""

    languages: list[Language]
    contracts: list[DoctorContract]


class Parent(Shape, frozen=True, kw_only=True):
    """The organisation that a HER-ID's owner belongs to; `herId` is null where the register knows none."""

    her_id: int | None
    organization_number: int
    name: str | None


class HerAnswer(Shape, frozen=True, kw_only=True):
    """The answer of GET /v1/her/{herId}; `current` is whether it is in force at the time asked for."""

    kind: Literal["gp", "office", "service"]
    her_id: int
    current: bool
    parent: Parent | None
    gp: DoctorName | None
    contracts: list[OfficeContract]
    office: Office


class HistoryMembership(Shape, frozen=True, kw_only=True):
    """One membership a person has, has had or will have, with the doctors of its time: codes of 7754 and 7753."""

    id: int
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None
    begin_code: str | None
    end_code: str | None
    updated: datetime
    contract: Contract
    office: Office
    doctors: list[DoctorCycle]


class HistoryAnswer(Shape, frozen=True, kw_only=True):
    """The answer of POST /v1/gp-history: newest first."""

    memberships: list[HistoryMembership]


class LookupAnswer(SharedPart, frozen=True, kw_only=True):
    """The answer of POST /v1/gp-lookup: status `assigned`, `vacant`, `none` or `withheld`."""

    membership: Membership | None


class BatchResult(Shape, frozen=True, kw_only=True, omit_defaults=True):
    """One number of a batch.

    For a person the register knows: the newest number, and every member of the single answer. For a number that is
    `unknown` to the register, or `invalid`: the number as it was asked, the status, and nothing else.
    """

    nin: str
    status: Literal["assigned", "vacant", "none", "withheld", "unknown", "invalid"]
    her_id: int | None = None
    gp: Gp | None = None
    shared_with: list[Gp] = []
    substitutes: list[Substitute] = []
    contract: Contract | None = None
    office: Office | None = None
    membership: Membership | None = None


class BatchAnswer(Shape, frozen=True, kw_only=True):
    """The answer of POST /v1/gp-lookup/batch: in the order asked, one result for each number."""

    generation: int
    results: list[BatchResult]


class ConfirmAnswer(Shape, frozen=True, kw_only=True):
    """The answer of POST /v1/gp-confirm."""

    confirmed: bool


class Particulars(Shape, frozen=True, kw_only=True):
    """A patient's particulars: sex of 3101. Of a protected person there are no addresses."""

    first_name: str | None
    middle_name: str | None
    last_name: str | None
    date_of_birth: date | None
    date_of_death: date | None
    sex: str | None
    addresses: list[Address]


class Patient(Shape, frozen=True, kw_only=True, omit_defaults=True):
    """One person on a list; `person` only where it was asked for."""

    nin: str
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None
    begin_code: str | None
    membership_id: int
    person: Particulars | None = None


class PatientsAnswer(Shape, frozen=True, kw_only=True):
    """The answer of GET /v1/contracts/{id}/patients: by national id; `withheld` counts the protected left out."""

    contract_id: int
    at: datetime
    patients: list[Patient]
    count: int
    withheld: int


class Event(Shape, frozen=True, kw_only=True):
    """One event: the position behind it, its name, the `as_of` it came with, and the record as in the feed.

    The record is what it is behind the change; of a deleted one, what it was.
    """

    position: str
    event: str
    time: str
    body: dict[str, Any]


class EventsAnswer(Shape, frozen=True, kw_only=True):
    """The answer of GET /v1/events: in order; `next` is what to ask after next, `more` whether there is more now.

    `withheld` counts the events about protected persons that are left out.
    """

    events: list[Event]
    next: str
    more: bool
    withheld: int


class LatestAnswer(Shape, frozen=True, kw_only=True):
    """The answer of GET /v1/events/latest: the position of who has everything up to this generation."""

    position: str
    serial: int


class StatusAnswer(Shape, frozen=True, kw_only=True):
    """The answer of GET /v1/status: the generation in service. `asOf` and `builtAt` are RFC 3339 with an offset."""

    serial: int
    digest8: str
    as_of: str
    age_seconds: int
    source: str
    pinned: bool
    counts: dict[str, int]
    content_digest: str
    built_at: str
    compiled: bool


class Health(Shape, frozen=True, kw_only=True):
    """The answer of the health checks."""

    status: str


class Problem(Shape, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem; `type` is `urn:flr:problem:<word>`. Never repeats the number that was asked for."""

    type: str
    title: str
    status: int
    detail: str | None = None
    position: str | None = None
