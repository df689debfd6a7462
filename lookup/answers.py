"""From what the register holds of a contract to the bytes of an answer: the same code for the loader and the service.

The answer for a person is what everybody on the list shares, the *fragment*, and the person's own membership. The
loader renders the fragments of its window ahead with `fragments`; outside the window the service renders with
`fragment_at`. Both give the same bytes. Rules: docs/api.md. No I/O, no HTTP.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import msgspec

from lookup import shapes
from lookup.index import Fragment
from lookup.record import Membership
from register import codes
from register.localtime import FOREVER, format_micros, to_micros
from register.model import Contract, Doctor, DoctorCycle, Office, PhysicalAddress

Status = Literal["assigned", "vacant", "none", "withheld"]
ASSIGNED: Final = "assigned"
VACANT: Final = "vacant"
NONE: Final = "none"
WITHHELD: Final = "withheld"
UNKNOWN: Final = "unknown"
INVALID: Final = "invalid"
BEGINNING = -(2**63)
CONFIRMING = (codes.GP, codes.SHARED_LIST_DOCTOR)
MAX_CONFIRMERS = 255

_encoder = msgspec.json.Encoder()


class ContractView(NamedTuple):
    """A contract and everything it takes to render it. `doctors` has the doctor of every cycle."""

    contract: Contract
    cycles: tuple[DoctorCycle, ...]
    doctors: Mapping[int, Doctor]
    office: Office
    municipality_names: Mapping[str, str]


def covers(valid_from: datetime, to: datetime | None, at: int) -> bool:
    """Whether the half-open period holds the local time `at`, in microseconds."""
    return to_micros(valid_from) <= at < to_micros(to)


def changes(view: ContractView) -> list[int]:
    """Every time at which the shared part may change, ascending: the ends of the contract's and the cycles' periods."""
    periods = [(view.contract.valid_from, view.contract.to), *((cycle.valid_from, cycle.to) for cycle in view.cycles)]
    return sorted({to_micros(time) for period in periods for time in period if time is not None})


def boundaries(view: ContractView, start: int, end: int) -> list[int]:
    """The times in [start, end) at which the shared part may change, `start` first."""
    return [start, *(time for time in changes(view) if start < time < end)]


def fragment_at(view: ContractView, at: int) -> Fragment:
    """The fragment at `at`, with the whole period in which nothing changes."""
    times = changes(view)
    since = max((time for time in times if time <= at), default=BEGINNING)
    until = min((time for time in times if time > at), default=FOREVER)
    return _fragment(view, since, until)


def fragments(view: ContractView, start: int, end: int) -> list[Fragment]:
    """The fragments of [start, end), each beginning where the one before it ends."""
    times = [*boundaries(view, start, end), end]
    return [_fragment(view, since, until) for since, until in pairwise(times)]


def current_cycles(view: ContractView, relationships: tuple[str, ...], at: int) -> list[DoctorCycle]:
    """The cycles in force at `at` with one of these relationships: as they are listed, latest from, then highest id."""
    return _cycles_at(view.cycles, relationships, at)


def _cycles_at(cycles: Iterable[DoctorCycle], relationships: tuple[str, ...], at: int) -> list[DoctorCycle]:
    current = [
        cycle for cycle in cycles if cycle.relationship in relationships and covers(cycle.valid_from, cycle.to, at)
    ]
    return sorted(current, key=lambda c: (relationships.index(c.relationship), -to_micros(c.valid_from), -c.id))


def addressed(contract: Contract, cycles: Iterable[DoctorCycle], at: int) -> DoctorCycle | None:
    """The cycle whose HER-ID the answer gives at `at`: the GP's, or on a vacant list that of the only substitute."""
    if not covers(contract.valid_from, contract.to, at):
        return None
    cycles = tuple(cycles)
    return _addressed(_cycles_at(cycles, CONFIRMING, at), _cycles_at(cycles, (codes.SUBSTITUTE,), at))


def _addressed(doctors: list[DoctorCycle], substitutes: list[DoctorCycle]) -> DoctorCycle | None:
    if doctors and doctors[0].relationship == codes.GP:
        return doctors[0]
    return substitutes[0] if len(substitutes) == 1 else None


def _fragment(view: ContractView, since: int, until: int) -> Fragment:
    if not covers(view.contract.valid_from, view.contract.to, since):
        return Fragment(since, until, (), b"")
    doctors = current_cycles(view, CONFIRMING, since)
    confirmers = tuple(dict.fromkeys(cycle.hpr_number for cycle in doctors))
    if len(confirmers) > MAX_CONFIRMERS:
        raise ValueError("more doctors on one list at a time than the format has room for")
    shared = _encoder.encode(_shared_part(view, doctors, since))
    return Fragment(since, until, confirmers, shared[:-1] + b',"membership":')


def _shared_part(view: ContractView, doctors: list[DoctorCycle], at: int) -> shapes.SharedPart:
    substitutes = current_cycles(view, (codes.SUBSTITUTE,), at)
    gp = doctors[0] if doctors and doctors[0].relationship == codes.GP else None
    whose = _addressed(doctors, substitutes)
    return shapes.SharedPart(
        status=VACANT if gp is None else ASSIGNED,
        her_id=None if whose is None else whose.her_id,
        gp=None if gp is None else _gp(view, gp),
        shared_with=[_gp(view, cycle) for cycle in doctors if cycle is not gp],
        substitutes=[_substitute(view, cycle) for cycle in substitutes],
        contract=contract_shape(view),
        office=office_shape(view.office, view.municipality_names),
    )


def _gp(view: ContractView, cycle: DoctorCycle) -> shapes.Gp:
    doctor = view.doctors[cycle.hpr_number]
    return shapes.Gp(
        hpr_number=cycle.hpr_number,
        her_id=cycle.her_id,
        first_name=doctor.first_name,
        middle_name=doctor.middle_name,
        last_name=doctor.last_name,
        valid_from=cycle.valid_from,
        to=cycle.to,
    )


def _substitute(view: ContractView, cycle: DoctorCycle) -> shapes.Substitute:
    doctor = view.doctors[cycle.hpr_number]
    return shapes.Substitute(
        hpr_number=cycle.hpr_number,
        her_id=cycle.her_id,
        first_name=doctor.first_name,
        middle_name=doctor.middle_name,
        last_name=doctor.last_name,
        substitute_for_hpr_number=cycle.substitute_for_hpr_number,
        valid_from=cycle.valid_from,
        to=cycle.to,
    )


def contract_shape(view: ContractView) -> shapes.Contract:
    """The contract as an answer about a person shows it."""
    contract = view.contract
    municipality = shapes.Municipality(
        code=contract.municipality, name=view.municipality_names.get(contract.municipality)
    )
    return shapes.Contract(id=contract.id, name=contract.name, status=contract.status, municipality=municipality)


def office_shape(office: Office, municipality_names: Mapping[str, str]) -> shapes.Office:
    """The office as answers show it."""
    return shapes.Office(
        organization_number=office.organization_number,
        her_id=office.her_id,
        name=office.name if office.display_name is None else office.display_name,
        addresses=[postal_address(address, municipality_names) for address in office.physical_addresses],
        electronic_addresses=[
            shapes.ElectronicAddress(type=e.type, address=e.address) for e in office.electronic_addresses
        ],
    )


def postal_address(address: PhysicalAddress, municipality_names: Mapping[str, str]) -> shapes.Address:
    """An address as answers show it."""
    code = address.municipality
    return shapes.Address(
        type=address.type,
        street_address=address.street_address,
        postbox=address.postbox,
        postal_code=address.postal_code,
        city=address.city,
        municipality=None if code is None else shapes.Municipality(code=code, name=municipality_names.get(code)),
        country=address.country,
    )


def single_answer(fragment_json: bytes, membership: Membership, begin_code: str | None) -> bytes:
    """The answer of a person on a list: the fragment's JSON, which is not empty, and the person's own membership."""
    to = "null" if membership.to == FOREVER else f'"{format_micros(membership.to)}"'
    own = f'{{"from":"{format_micros(membership.valid_from)}","to":{to},"beginCode":'
    return fragment_json + own.encode() + _encoder.encode(begin_code) + b"}}"


def _without_gp(status: Status) -> bytes:
    empty = shapes.SharedPart(
        status=status, her_id=None, gp=None, shared_with=[], substitutes=[], contract=None, office=None
    )
    return _encoder.encode(empty)[:-1] + b',"membership":null}'


NONE_ANSWER = _without_gp(NONE)
WITHHELD_ANSWER = _without_gp(WITHHELD)
