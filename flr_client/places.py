"""Offices, contracts and doctors as the register tells of them: the shapes that its answers are made of.

Times are Norwegian wall-clock time without a zone, and periods half-open. Codes are values of the register's code
systems (docs/glossary.md). Members that are not known here are passed over, so a newer register can be asked.
"""

from datetime import datetime
from typing import Literal

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A shape of an answer. Its repr shows no content: some are about a person."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Municipality(Shape, frozen=True, kw_only=True):
    """A municipality: four digits, and its name where the register has one."""

    code: str
    name: str | None


class Address(Shape, frozen=True, kw_only=True):
    """Where an office or a person is; the postal code is four digits."""

    type: str
    street_address: str | None
    postbox: str | None
    postal_code: str | None
    city: str | None
    municipality: Municipality | None
    country: str | None


class ElectronicAddress(Shape, frozen=True, kw_only=True):
    """A phone number, an e-mail or EDI address: `type` says which."""

    type: str
    address: str


class Office(Shape, frozen=True, kw_only=True):
    """A GP office."""

    organization_number: int
    her_id: int | None
    name: str
    addresses: tuple[Address, ...]
    electronic_addresses: tuple[ElectronicAddress, ...]


class Contract(Shape, frozen=True, kw_only=True):
    """The agreement that a list hangs on, in brief."""

    id: int
    name: str | None
    status: str
    municipality: Municipality


class Gp(Shape, frozen=True, kw_only=True):
    """A doctor on a list; `her_id` is where messages go for this doctor at this office."""

    hpr_number: int
    her_id: int | None
    first_name: str
    middle_name: str | None
    last_name: str
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None


class Substitute(Gp, frozen=True, kw_only=True):
    """A doctor in another's place."""

    substitute_for_hpr_number: int | None


class DoctorCycle(Substitute, frozen=True, kw_only=True):
    """A doctor on a contract for a period: `LPFL` the GP, `LPDL` shares the list, `LPVI` substitutes."""

    id: int
    relationship: str


class OfficeContract(Contract, frozen=True, kw_only=True):
    """A contract with what the register says of its list."""

    her_id: int | None
    coop_municipalities: tuple[Municipality, ...]
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
    doctor_cycles: tuple[DoctorCycle, ...]


class Outpost(Shape, frozen=True, kw_only=True):
    """A place outside the office where the contract's doctor works, too."""

    id: int
    description: str | None
    addresses: tuple[Address, ...]
    electronic_addresses: tuple[ElectronicAddress, ...]
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None


class ContractDetails(OfficeContract, frozen=True, kw_only=True):
    """A contract with all that belongs to it."""

    outposts: tuple[Outpost, ...]
    office: Office


class OfficeContracts(Shape, frozen=True, kw_only=True):
    """An office and the contracts there."""

    office: Office
    contracts: tuple[OfficeContract, ...]


class Doctor(Shape, frozen=True, kw_only=True):
    """Who a doctor is."""

    hpr_number: int
    first_name: str
    middle_name: str | None
    last_name: str


class Language(Shape, frozen=True, kw_only=True):
    """A language that a doctor speaks."""

    code: str
    name: str | None


class DoctorContract(Shape, frozen=True, kw_only=True):
    """A contract that a doctor is on for a period."""

    contract: Contract
    office: Office
    relationship: str
    her_id: int | None
    substitute_for_hpr_number: int | None
    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None


class DoctorDetails(Doctor, frozen=True, kw_only=True):
    """A doctor and the contracts."""

    languages: tuple[Language, ...]
    contracts: tuple[DoctorContract, ...]


class Parent(Shape, frozen=True, kw_only=True):
    """The organisation that a HER-ID's owner belongs to."""

    her_id: int | None
    organization_number: int
    name: str | None


class HerOwner(Shape, frozen=True, kw_only=True):
    """What a HER-ID is: a doctor at an office, an office, or the service of a list; `current` is whether it still is.

    `gp` is there where `kind` is `gp`, and else None.
    """

    kind: Literal["gp", "office", "service"]
    her_id: int
    current: bool
    parent: Parent | None
    gp: Doctor | None
    contracts: tuple[OfficeContract, ...]
    office: Office
