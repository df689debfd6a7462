"""A contract with everything it takes to show it, read from a generation's tables; and its parts as shown."""

from collections.abc import Iterable, Mapping

from lookup import shapes
from lookup.answers import ContractView, covers, office_shape, postal_address
from lookup.tables import Tables, present
from register import codes
from register.localtime import to_micros
from register.model import Contract, Doctor, DoctorCycle, Office, Outpost

_ORDER = {codes.GP: 0, codes.SHARED_LIST_DOCTOR: 1, codes.SUBSTITUTE: 2}


def contract_view(tables: Tables, contract_id: int) -> ContractView | None:
    """The contract with its cycles, doctors and office, or None. Raises Damaged when a reference leads nowhere."""
    contract = tables.contract(contract_id)
    return None if contract is None else view_of(tables, contract)


def view_of(tables: Tables, contract: Contract) -> ContractView:
    """The view of a contract that has been read."""
    cycles = tuple(tables.cycles_of_contract(contract.id))
    doctors = {hpr: present(tables.doctor(hpr)) for hpr in {cycle.hpr_number for cycle in cycles}}
    office = present(tables.office(contract.office_organization_number))
    codes_named = {contract.municipality, *contract.coop_municipalities, *_municipalities(office)}
    return ContractView(contract, cycles, doctors, office, municipality_names(tables, codes_named))


def _municipalities(office: Office) -> Iterable[str]:
    return (address.municipality for address in office.physical_addresses if address.municipality is not None)


def municipality_names(tables: Tables, municipalities: Iterable[str]) -> dict[str, str]:
    """The names of these municipalities, where the feed gives one."""
    names = {code: tables.code_text(codes.MUNICIPALITY, code) for code in municipalities}
    return {code: name for code, name in names.items() if name is not None}


def office_of(tables: Tables, office: Office) -> shapes.Office:
    """An office as answers show it."""
    return office_shape(office, municipality_names(tables, _municipalities(office)))


def in_order(cycles: Iterable[DoctorCycle]) -> list[DoctorCycle]:
    """Cycles as answers list them: LPFL, LPDL, LPVI; then latest from; then highest id."""
    return sorted(cycles, key=lambda c: (_ORDER.get(c.relationship, len(_ORDER)), -to_micros(c.valid_from), -c.id))


def cycle_shape(cycle: DoctorCycle, doctor: Doctor) -> shapes.DoctorCycle:
    """A doctor cycle as answers show it."""
    return shapes.DoctorCycle(
        id=cycle.id,
        relationship=cycle.relationship,
        hpr_number=cycle.hpr_number,
        her_id=cycle.her_id,
        first_name=doctor.first_name,
        middle_name=doctor.middle_name,
        last_name=doctor.last_name,
        substitute_for_hpr_number=cycle.substitute_for_hpr_number,
        valid_from=cycle.valid_from,
        to=cycle.to,
    )


def cycle_shapes(view: ContractView, at: int | None) -> list[shapes.DoctorCycle]:
    """The cycles of a contract at `at`, or all with None."""
    cycles = [c for c in view.cycles if at is None or covers(c.valid_from, c.to, at)]
    return [cycle_shape(cycle, view.doctors[cycle.hpr_number]) for cycle in in_order(cycles)]


def office_contract(view: ContractView, at: int | None) -> shapes.OfficeContract:
    """A contract with its figures, and its cycles at `at` (all with None)."""
    contract, names = view.contract, view.municipality_names
    return shapes.OfficeContract(
        id=contract.id,
        her_id=contract.her_id,
        name=contract.name,
        status=contract.status,
        municipality=_municipality(contract.municipality, names),
        coop_municipalities=[_municipality(code, names) for code in contract.coop_municipalities],
        max_patients=contract.max_patients,
        places_available=contract.places_available,
        patients_on_waiting_list=contract.patients_on_waiting_list,
        participates_on_common_list=contract.participates_on_common_list,
        is_fixed_salary=contract.is_fixed_salary,
        requires_membership=contract.requires_membership,
        agreement_date=contract.agreement_date,
        valid_from=contract.valid_from,
        to=contract.to,
        end_reason=contract.end_reason,
        team_id=contract.team_id,
        updated=contract.updated,
        doctor_cycles=cycle_shapes(view, at),
    )


def _municipality(code: str, names: Mapping[str, str]) -> shapes.Municipality:
    return shapes.Municipality(code=code, name=names.get(code))


def outpost_shape(tables: Tables, outpost: Outpost) -> shapes.Outpost:
    """An outpost as answers show it."""
    addresses = outpost.physical_addresses
    names = municipality_names(tables, {a.municipality for a in addresses if a.municipality is not None})
    return shapes.Outpost(
        id=outpost.id,
        description=outpost.description,
        addresses=[postal_address(address, names) for address in addresses],
        electronic_addresses=[
            shapes.ElectronicAddress(type=e.type, address=e.address) for e in outpost.electronic_addresses
        ],
        valid_from=outpost.valid_from,
        to=outpost.to,
    )
