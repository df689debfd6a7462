"""Contracts and doctors as the read operations show them: values of the interface, put together from a generation."""

from collections.abc import Iterable

from lookup.answers import covers
from lookup.flr_wire import Values, contract_values, cycle_values, office_values, outpost_values
from lookup.soap.call import Call
from lookup.tables import present
from lookup.views import in_order
from register import flr_xml
from register.flr_xml import Rendered
from register.model import Contract, DoctorCycle


def office_and_outposts(call: Call, contract: Contract) -> Values:
    """A GPContract inside something else: with office and outposts, without cycles and patients."""
    return _contract(call, contract)


def contract_of(call: Call, contract: Contract, at: int | None, patients: Rendered | None = None) -> Values:
    """A GPContract of its own: with its doctor cycles at `at`, or all with None, and patients where they are given."""
    cycles = current_of(call.generation.tables.cycles_of_contract(contract.id), at)
    return {**_contract(call, contract), "DoctorCycles": _cycles(call, cycles), "PatientList": patients}


def cycle_of(call: Call, cycle: DoctorCycle) -> Values:
    """A GPOnContractAssociation of its own: with its contract, which has its office."""
    tables = call.generation.tables
    doctor = present(tables.doctor(cycle.hpr_number))
    contract = _contract(call, present(tables.contract(cycle.contract_id)))
    return {**cycle_values(cycle, doctor, call.word), "GPContract": contract}


def current_of(cycles: Iterable[DoctorCycle], at: int | None) -> list[DoctorCycle]:
    """Cycles at `at`, or all with None, in the order they are shown."""
    return in_order(c for c in cycles if at is None or covers(c.valid_from, c.to, at))


def _cycles(call: Call, cycles: Iterable[DoctorCycle]) -> list[Values]:
    tables = call.generation.tables
    return [cycle_values(cycle, present(tables.doctor(cycle.hpr_number)), call.word) for cycle in cycles]


def _contract(call: Call, contract: Contract) -> Values:
    tables = call.generation.tables
    number = contract.office_organization_number
    office = call.offices.get(number)
    if office is None:
        values = office_values(present(tables.office(number)), call.word)
        office = call.offices[number] = Rendered(flr_xml.content("GPOffice", values))
    outposts = [outpost_values(outpost, call.word) for outpost in tables.outposts_of_contract(contract.id)]
    return contract_values(contract, call.word, GPOffice=office, OutOfOfficeOffices=outposts)
