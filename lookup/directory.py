"""What a generation says of a HER-ID, a doctor, a contract and an office. No persons, no HTTP.

Each answer is an `Entry`: the shape, and since when it has been what it is, for the ETag.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from lookup import shapes
from lookup.answers import ContractView, contract_shape, covers, office_shape
from lookup.tables import KIND_CONTRACT, KIND_CYCLE, KIND_OFFICE, Tables, present
from lookup.views import contract_view, in_order, office_contract, office_of, outpost_shape
from register.localtime import FOREVER, to_micros
from register.model import Contract, Doctor, DoctorCycle, Office

ALWAYS = -(2**63)
Period = tuple[datetime, datetime | None]
Holder = DoctorCycle | Contract | Office  # what has a HER-ID: a doctor at an office, the service of a list, an office


class Entry(NamedTuple):
    """An answer, and the local times in microseconds between which it is the same: ALWAYS and FOREVER where it never
    changes.
    """

    body: shapes.Shape
    since: int
    until: int


def _entry(body: shapes.Shape, periods: Iterable[Period], at: int | None) -> Entry:
    """An answer for `at`, which the ends of these periods may change."""
    if at is None:
        return Entry(body, ALWAYS, FOREVER)
    times = [to_micros(time) for period in periods for time in period if time is not None]
    since = max((time for time in times if time <= at), default=ALWAYS)
    return Entry(body, since, min((time for time in times if time > at), default=FOREVER))


def _periods(view: ContractView) -> list[Period]:
    return [(view.contract.valid_from, view.contract.to), *((c.valid_from, c.to) for c in view.cycles)]


def gp(tables: Tables, hpr_number: int, at: int | None) -> Entry | None:
    """A doctor and the contracts: those in force at `at`, or all with None. None for a doctor never seen."""
    doctor = tables.doctor(hpr_number)
    if doctor is None:
        return None
    cycles = tables.cycles_of_doctor(hpr_number)
    views = {number: present(contract_view(tables, number)) for number in {c.contract_id for c in cycles}}
    periods: list[Period] = [(c.valid_from, c.to) for c in cycles]
    periods += [(view.contract.valid_from, view.contract.to) for view in views.values()]
    body = shapes.GpAnswer(
        **_name(doctor),
        languages=[shapes.Language(code=c.value, name=tables.code_text(c.oid, c.value)) for c in doctor.languages],
        contracts=[
            _doctor_contract(cycle, views[cycle.contract_id])
            for cycle in in_order(cycles)
            if at is None or (in_force(cycle, at) and in_force(views[cycle.contract_id].contract, at))
        ],
    )
    return _entry(body, periods, at)


def _name(doctor: Doctor) -> dict[str, Any]:
    return {
        "hpr_number": doctor.hpr_number,
        "first_name": doctor.first_name,
        "middle_name": doctor.middle_name,
        "last_name": doctor.last_name,
    }


def in_force(record: Holder, at: int) -> bool:
    """Whether a time in local microseconds is within the record's period."""
    return covers(record.valid_from, record.to, at)


def _doctor_contract(cycle: DoctorCycle, view: ContractView) -> shapes.DoctorContract:
    return shapes.DoctorContract(
        contract=contract_shape(view),
        office=office_shape(view.office, view.municipality_names),
        relationship=cycle.relationship,
        her_id=cycle.her_id,
        substitute_for_hpr_number=cycle.substitute_for_hpr_number,
        valid_from=cycle.valid_from,
        to=cycle.to,
    )


def contract(tables: Tables, contract_id: int, at: int | None) -> Entry | None:
    """A contract with office, and the doctor cycles and outposts at `at`, or all with None. None for one never seen."""
    view = contract_view(tables, contract_id)
    if view is None:
        return None
    outposts = tables.outposts_of_contract(contract_id)
    shown = office_contract(view, at)
    body = shapes.ContractAnswer(
        **{name: getattr(shown, name) for name in shown.__struct_fields__},
        outposts=[outpost_shape(tables, o) for o in outposts if at is None or covers(o.valid_from, o.to, at)],
        office=office_shape(view.office, view.municipality_names),
    )
    return _entry(body, [*_periods(view), *((o.valid_from, o.to) for o in outposts)], at)


def office_contracts(tables: Tables, organization_number: int, at: int | None) -> Entry | None:
    """An office and its contracts by id: those in force at `at`, or all with None. None for an office never seen."""
    office = tables.office(organization_number)
    if office is None:
        return None
    views = views_of_office(tables, organization_number)
    body = shapes.OfficeAnswer(
        office=office_of(tables, office),
        contracts=[office_contract(view, at) for view in views if at is None or in_force(view.contract, at)],
    )
    return _entry(body, [period for view in views for period in _periods(view)], at)


def views_of_office(tables: Tables, organization_number: int) -> list[ContractView]:
    """Every contract at an office, past and future too, by id."""
    numbers = tables.contract_ids_of_office(organization_number)
    return [present(contract_view(tables, number)) for number in numbers]


def holder(tables: Tables, her_id: int, at: int) -> Holder | None:
    """Who has a HER-ID (1 to 2**31 - 1) at `at`: a doctor cycle in force, else a service or office in force, else who
    had it latest. None for a HER-ID never seen.
    """
    return _foremost(_holders(tables, her_id), at)


def _holders(tables: Tables, her_id: int) -> list[Holder]:
    return [_thing(tables, kind, key) for kind, key in tables.things_of_her_id(her_id)]


def _foremost(things: list[Holder], at: int) -> Holder | None:
    def order(thing: Holder) -> tuple[bool, int, int, int]:
        current = in_force(thing, at)
        return not current, _RANK[type(thing)] if current else 0, *_latest(thing)

    return min(things, key=order, default=None)


def her(tables: Tables, her_id: int, at: int) -> Entry | None:
    """What a HER-ID is at `at`, which is what its `holder` is. None for a HER-ID never seen."""
    things = _holders(tables, her_id)
    thing = _foremost(things, at)
    if thing is None:
        return None
    periods: list[Period] = [(t.valid_from, t.to) for t in things]
    if isinstance(thing, Office):
        body, more = _her_office(tables, her_id, thing, at)
    elif isinstance(thing, Contract):
        body, more = _her_service(tables, her_id, thing, at)
    else:
        same = [t for t in things if isinstance(t, DoctorCycle) and t.hpr_number == thing.hpr_number]
        body, more = _her_gp(tables, her_id, thing, [c for c in same if in_force(c, at)] or [thing], at)
    return _entry(body, [*periods, *more], at)


_RANK: dict[type, int] = {DoctorCycle: 0, Contract: 1, Office: 2}


def _latest(thing: Holder) -> tuple[int, int]:
    number = thing.organization_number if isinstance(thing, Office) else thing.id
    return -to_micros(thing.valid_from), -number


def _thing(tables: Tables, kind: int, key: int) -> Holder:
    if kind == KIND_CYCLE:
        return present(tables.cycle(key))
    if kind == KIND_OFFICE:
        return present(tables.office(key))
    return present(tables.contract(key) if kind == KIND_CONTRACT else None)


def _her_gp(
    tables: Tables, her_id: int, cycle: DoctorCycle, cycles: list[DoctorCycle], at: int
) -> tuple[shapes.HerAnswer, list[Period]]:
    doctor = present(tables.doctor(cycle.hpr_number))
    views = [
        present(contract_view(tables, number)) for number in dict.fromkeys(c.contract_id for c in in_order(cycles))
    ]
    office = views[0].office
    body = shapes.HerAnswer(
        kind="gp",
        her_id=her_id,
        current=in_force(cycle, at),
        parent=office_as_parent(office),
        gp=shapes.DoctorName(**_name(doctor)),
        contracts=[office_contract(view, at) for view in views],
        office=office_shape(office, views[0].municipality_names),
    )
    return body, [period for view in views for period in _periods(view)]


def _her_service(tables: Tables, her_id: int, service: Contract, at: int) -> tuple[shapes.HerAnswer, list[Period]]:
    view = present(contract_view(tables, service.id))
    body = shapes.HerAnswer(
        kind="service",
        her_id=her_id,
        current=in_force(service, at),
        parent=office_as_parent(view.office),
        gp=None,
        contracts=[office_contract(view, at)],
        office=office_shape(view.office, view.municipality_names),
    )
    return body, _periods(view)


def _her_office(tables: Tables, her_id: int, office: Office, at: int) -> tuple[shapes.HerAnswer, list[Period]]:
    views = views_of_office(tables, office.organization_number)
    body = shapes.HerAnswer(
        kind="office",
        her_id=her_id,
        current=in_force(office, at),
        parent=parent_of_office(tables, office),
        gp=None,
        contracts=[office_contract(view, at) for view in views if in_force(view.contract, at)],
        office=office_of(tables, office),
    )
    return body, [period for view in views for period in _periods(view)]


def office_as_parent(office: Office) -> shapes.Parent:
    """The office as that which a doctor or a service there belongs to."""
    name = office.name if office.display_name is None else office.display_name
    return shapes.Parent(her_id=office.her_id, organization_number=office.organization_number, name=name)


def parent_of_office(tables: Tables, office: Office) -> shapes.Parent | None:
    """What an office belongs to, where the register says so; with a HER-ID where it is an office here itself."""
    number = office.parent_organization_number
    if number is None:
        return None
    above = tables.office(number)
    her_id = None if above is None else above.her_id
    return shapes.Parent(her_id=her_id, organization_number=number, name=office.parent_organization_name)
