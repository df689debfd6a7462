"""The patient lists of contracts, and the list of a doctor for NAV.

Each patient comes with particulars, and without the contract and its doctors, which are the same for all: who wants
them asks for the contract. Protected persons are left out for callers without the right, as on every list. That a
person is on the list is recorded before the answer leaves.
"""

from collections.abc import AsyncGenerator, Mapping
from time import perf_counter

from lookup.answers import addressed, covers
from lookup.flr_wire import Values, membership_values
from lookup.problems import Forbidden
from lookup.record import Membership
from lookup.rest.patients import LISTED, PATIENTS_A_PIECE, List, may_have_list, members_of
from lookup.soap.call import Answering, Call
from lookup.soap.contracts import at_of, contract_asked_for
from lookup.soap.patient import ITEM, nin_of, particulars, people_of
from lookup.soap.searching import table_of
from lookup.soap.texts import NOT_ONE_CONTRACT, invalid, refused
from lookup.soap.views import contract_of
from lookup.tables import present
from register import codes, flr_xml
from register.flr_xml import Rendered
from register.model import Contract

Member = tuple[int, bool, Membership]  # of a list: national id, whether protected, and since when


async def get_gp_patient_list(call: Call) -> Rendered:
    """The patients of a contract, now, by national id."""
    return await _list_asked_for(call, call.now)


async def get_gp_patient_list_at_time(call: Call) -> Rendered:
    """The patients of a contract at a time, by national id."""
    at = at_of(call)
    if at is None:
        raise invalid("atTime")
    return await _list_asked_for(call, at)


async def get_gp_contract_for_nav(call: Call) -> Values:
    """The one contract in a municipality that a doctor is the GP of, or a substitute on, with its patients."""
    nin = nin_of(call, call.arguments["doctorNin"], "doctorNin")
    municipality = municipality_of(call.arguments["municipalityNr"])
    if municipality is None:
        raise invalid("municipalityNr")
    substitutes = bool(call.arguments["doSubstituteSearch"])
    contract = await contract_of_doctor(call, nin, municipality, call.now, substitutes=substitutes)
    return contract_of(call, contract, call.now, await patients_of(call, contract, call.now))


async def contract_of_doctor(call: Call, nin: int, municipality: str, at: int, *, substitutes: bool) -> Contract:
    """The one contract in a municipality on which a doctor is at a time: as a substitute, or as one of its own.

    Raises GenericFault where there is none, or more than one.
    """
    table = await table_of(call)
    doctor = table.doctors_by_nin.get(nin)
    wanted = (codes.SUBSTITUTE,) if substitutes else (codes.GP, codes.SHARED_LIST_DOCTOR)
    tables = call.generation.tables
    cycles = [] if doctor is None else tables.cycles_of_doctor(doctor)
    current = [c for c in cycles if c.relationship in wanted and covers(c.valid_from, c.to, at)]
    contracts = {c.contract_id: present(tables.contract(c.contract_id)) for c in current}
    found = [
        one for one in contracts.values() if one.municipality == municipality and covers(one.valid_from, one.to, at)
    ]
    if len(found) != 1:
        raise refused(NOT_ONE_CONTRACT)
    return found[0]


def municipality_of(text: object) -> str | None:
    """A municipality's code of four digits; one of three has lost a zero, as it does where it is a number."""
    if not isinstance(text, str) or not (text.isascii() and text.isdigit() and len(text) in (3, 4)):
        return None
    return text.zfill(4)


async def _list_asked_for(call: Call, at: int) -> Rendered:
    contract = contract_asked_for(call)
    if not may_have_list(call.exchange.caller, contract.office_organization_number):
        raise Forbidden
    return await patients_of(call, contract, at)


async def patients_of(call: Call, contract: Contract, at: int) -> Rendered:
    """The associations of everybody on a list at a time, recorded."""
    whose = addressed(contract, call.generation.tables.cycles_of_contract(contract.id), at)
    her_id = None if whose is None else whose.her_id
    people_of(call)
    members, _ = await members_at(call, contract, at)
    items = [_patient(call, contract.id, her_id, member) async for member in recorded(call, members)]
    return Rendered("".join(f"<{ITEM}>{item}</{ITEM}>" for item in items))


async def members_at(call: Call, contract: Contract, at: int) -> tuple[list[Member], int]:
    """(number, protected, membership) of those on a list at a time whom the caller may see, by number; how many not."""
    tables, exchange = call.generation.tables, call.exchange
    slot = tables.slot_of_contract(contract.id) if covers(contract.valid_from, contract.to, at) else None
    return await members_of(call.generation, List(contract.id, slot, at, exchange.withhold, None, call.lane))


async def recorded(call: Call, members: list[Member]) -> AsyncGenerator[Member, None]:
    """Members of a list, in turns with other answers; that one is told of is recorded before it is given."""
    over = 0.0
    for number, member in enumerate(members):
        if number % PATIENTS_A_PIECE == 0:
            some = members[number : number + PATIENTS_A_PIECE]
            call.exchange.record_all(LISTED, [(nin, LISTED, protected) for nin, protected, _ in some])
        if perf_counter() >= over:
            over = await call.lane.turn()
        yield member


def _patient(call: Call, contract_id: int, her_id: int | None, member: Member) -> str:
    nin, protected, membership = member
    patient = particulars(call, nin, protected=protected)
    tables = call.generation.tables
    values = membership_values(nin, membership, contract_id, tables, patient, her_id, call.word)
    return flr_xml.content(ITEM, values)


ANSWERS: Mapping[str, Answering] = {
    "GetGPPatientList": get_gp_patient_list,
    "GetGPPatientListAtTime": get_gp_patient_list_at_time,
    "GetGPContractForNav": get_gp_contract_for_nav,
}
