"""Contracts, those of an office, a doctor's, and teams: what is not about patients."""

from collections.abc import Mapping
from datetime import datetime

from lookup.answers import covers
from lookup.flr_wire import Values, doctor_values, period
from lookup.rest.reverse import MAX_ID
from lookup.soap.call import Answering, Call
from lookup.soap.texts import UNKNOWN_CONTRACT, UNKNOWN_GP, UNKNOWN_OFFICE, UNKNOWN_TEAM, invalid, refused
from lookup.soap.views import contract_of, current_of, cycle_of
from lookup.tables import present
from register import codes
from register.ids import INT32_MAX
from register.localtime import to_micros
from register.model import Contract, Doctor


def get_gp_contract(call: Call) -> Values:
    """A contract with its office and all its doctor cycles."""
    return contract_of(call, contract_asked_for(call), None)


def get_gp_contracts_on_office(call: Call) -> list[Values]:
    """The contracts at an office by id: those in force at a time, with its doctors, or all there ever were."""
    number, at = call.arguments["organizationNumber"], at_of(call)
    if not number or not -INT32_MAX <= number <= INT32_MAX:
        raise invalid("organizationNumber")
    tables = call.generation.tables
    contracts = [present(tables.contract(one)) for one in tables.contract_ids_of_office(number)]
    shown = [one for one in contracts if at is None or covers(one.valid_from, one.to, at)]
    if not shown:
        raise refused(UNKNOWN_OFFICE)
    return [contract_of(call, one, at) for one in shown]


def get_gp_with_associated_gp_contracts(call: Call) -> Values:
    """A doctor and the contracts: those at a time, or past and future ones too."""
    number, at = call.arguments["hprNumber"], at_of(call)
    if not number or number <= 0:
        raise invalid("hprNumber")
    doctor = call.generation.tables.doctor(number)
    if doctor is None:
        raise refused(UNKNOWN_GP)
    return details_of(call, doctor, at)


def get_primary_health_care_team(call: Call) -> Values:
    """A team, with its people and contracts."""
    number = call.arguments["id"]
    team = call.generation.tables.team(number) if number is not None and 0 < number <= MAX_ID else None
    if team is None:
        raise refused(UNKNOWN_TEAM)
    return {
        "Id": team.id,
        "OrganizationNumber": team.organization_number,
        "PrimaryHealthCareContracts": [
            {"FlrId": one.contract_id, "Id": one.id, "MembershipPeriod": period(one.valid_from, one.to)}
            for one in team.contracts
        ],
        "PrimaryHealthCareLeaderHprNumber": team.leader_hpr_number,
        "PrimaryHealthCarePeople": [
            {
                "HprNumber": one.hpr_number,
                "Id": one.id,
                "IsSubstitute": one.is_substitute,
                "MembershipPeriod": period(one.valid_from, one.to),
                "Role": call.word.code(codes.HEALTH_PERSONNEL, one.role),
                "WorkingPercentage": one.working_percentage,
            }
            for one in team.people
        ],
    }


def details_of(call: Call, doctor: Doctor, at: int | None) -> Values:
    """A GPDetails: a doctor with the cycles at `at`, or all with None."""
    tables = call.generation.tables
    cycles = current_of(tables.cycles_of_doctor(doctor.hpr_number), at)
    if at is not None:
        cycles = [one for one in cycles if _in_force(present(tables.contract(one.contract_id)), at)]
    return {
        "Contracts": [cycle_of(call, one) for one in cycles],
        "GP": doctor_values(doctor, call.word),
        "HprNumber": doctor.hpr_number,
        "Languages": call.word.refs(doctor.languages),
    }


def contract_asked_for(call: Call) -> Contract:
    """The contract that `gpContractId` names. Raises GenericFault."""
    return contract_named(call, call.arguments["gpContractId"], "gpContractId")


def contract_named(call: Call, number: int | None, parameter: str) -> Contract:
    """The contract of a number that is given for a parameter. Raises GenericFault."""
    if number is None or number <= 0:
        raise invalid(parameter)
    contract = call.generation.tables.contract(number) if number <= MAX_ID else None
    if contract is None:
        raise refused(UNKNOWN_CONTRACT)
    return contract


def at_of(call: Call) -> int | None:
    """The time in `atTime`, in local microseconds; None where none is given."""
    at = call.arguments["atTime"]
    return to_micros(at) if isinstance(at, datetime) else None


def _in_force(contract: Contract, at: int) -> bool:
    return covers(contract.valid_from, contract.to, at)


ANSWERS: Mapping[str, Answering] = {
    "GetGPContract": get_gp_contract,
    "GetGPContractsOnOffice": get_gp_contracts_on_office,
    "GetGPWithAssociatedGPContracts": get_gp_with_associated_gp_contracts,
    "GetPrimaryHealthCareTeam": get_primary_health_care_team,
}
