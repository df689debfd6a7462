"""What a search of this face finds in a generation, by way of lookup/resident.py and lookup/directory.py. No HTTP."""

from typing import Any

import msgspec

from lookup import directory, shapes
from lookup.answers import NONE, covers
from lookup.fhir import systems
from lookup.fhir.resources import OfContract, organization, practitioner, service, to_parent
from lookup.fhir.shapes import AnyResource
from lookup.generation import Generation
from lookup.resident import Reply
from lookup.tables import Tables, present

_decoder = msgspec.json.Decoder(shapes.LookupAnswer)
Held = tuple[shapes.DoctorCycle, shapes.Office]


def list_of(generation: Generation, reply: Reply, at: int) -> OfContract | None:
    """The contract that a person is on at `at`, as the answer about the person names it."""
    if reply.status == NONE:
        return None
    return _contract(generation.tables, present(_decoder.decode(reply.body).contract).id, at)


def _contract(tables: Tables, contract_id: int, at: int) -> OfContract:
    shown: Any = present(directory.contract(tables, contract_id, at)).body
    return OfContract(shown, shown.office)


def roles(tables: Tables, parameter: str, system: str, number: int | None, at: int) -> list[Held]:
    """The doctor cycles in force with a HER-ID, of a doctor, or at an office, each with its office."""
    if number is None:
        return []
    if parameter == "practitioner":
        return _of_doctor(tables, number, at)
    if parameter == "organization":
        return _at_office(tables, system, number, at)
    found = _her(tables, number, at)
    if found is None:
        return []
    views = [_contract(tables, contract.id, at) for contract in found.contracts]
    return [held for on in views for held in _held(on, at) if held[0].her_id == number]


def _held(on: OfContract, at: int) -> list[Held]:
    """The doctor cycles of a contract; none where it is not in force, for one may outlast it."""
    contract = on.contract
    in_force = covers(contract.valid_from, contract.to, at)
    return [(cycle, on.office) for cycle in contract.doctor_cycles] if in_force else []


def _of_doctor(tables: Tables, hpr_number: int, at: int) -> list[Held]:
    found = directory.gp(tables, hpr_number, at)
    if found is None:
        return []
    body: Any = found.body
    views = [_contract(tables, n, at) for n in dict.fromkeys(one.contract.id for one in body.contracts)]
    return [held for on in views for held in _held(on, at) if held[0].hpr_number == hpr_number]


def _at_office(tables: Tables, system: str, number: int, at: int) -> list[Held]:
    found = _office(tables, system, number, at)
    if found is None:
        return []
    answer: Any = present(directory.office_contracts(tables, found.organization_number, at)).body
    return [(cycle, answer.office) for contract in answer.contracts for cycle in contract.doctor_cycles]


def _her(tables: Tables, her_id: int, at: int) -> shapes.HerAnswer | None:
    """What has this HER-ID now; None where nothing has, also where something had."""
    found = directory.her(tables, her_id, at)
    body: Any = None if found is None else found.body
    return body if body is not None and body.current else None


def _office(tables: Tables, system: str, number: int, at: int) -> shapes.Office | None:
    if system == systems.HER:
        thing = _her(tables, number, at)
        return thing.office if thing is not None and thing.kind == "office" else None
    entry = directory.office_contracts(tables, number, at)
    body: Any = None if entry is None else entry.body
    return None if body is None else body.office


def practitioners(tables: Tables, hpr_number: int | None, at: int) -> list[AnyResource]:
    """The doctor with an HPR number, on a contract or on none."""
    found = None if hpr_number is None else directory.gp(tables, hpr_number, at)
    body: Any = None if found is None else found.body
    return [] if body is None else [practitioner(body)]


def organizations(tables: Tables, system: str, number: int | None, at: int) -> list[AnyResource]:
    """The office with a number; or the service of a list without a GP, by its HER-ID."""
    if number is None:
        return []
    thing = _her(tables, number, at) if system == systems.HER else None
    if thing is not None and thing.kind == "service":
        return [service(thing.contracts[0], number, thing.office)]
    found = _office(tables, system, number, at)
    if found is None:
        return []
    parent = directory.parent_of_office(tables, present(tables.office(found.organization_number)))
    return [organization(found, None if parent is None else to_parent(parent))]
