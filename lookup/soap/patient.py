"""Which GP a patient has: one patient now, some now or at times of their own, all there has been; and whether it is a
given doctor.

SOAP has one fault for who has no GP and for who is unknown, as today's register; the audit and the metrics tell them
apart. Who is protected, and not for the caller to see, is never said to have none: that is another fault.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from lookup.answers import ASSIGNED, INVALID, NONE, UNKNOWN, VACANT, WITHHELD
from lookup.flr_answers import Shared, association, shared_at
from lookup.flr_wire import cycle_values, membership_period, person_values
from lookup.generation import Generation
from lookup.index import Found
from lookup.people import People
from lookup.problems import NotServedHere
from lookup.record import Membership
from lookup.resident import confirmed
from lookup.rest.asking import parse_nin
from lookup.rest.persons import SEVERAL
from lookup.soap.call import Answering, Call, wording_of
from lookup.soap.faults import Withheld
from lookup.soap.texts import NO_GP, invalid, refused, too_many
from lookup.soap.views import office_and_outposts
from lookup.tables import present
from lookup.views import contract_view, in_order
from register import codes, flr_xml
from register.flr_xml import Rendered
from register.ids import format_national_id
from register.localtime import from_micros, to_micros

MAX_PATIENTS = 1000
ITEM = "PatientToGPContractAssociation"
HISTORY, CONFIRMED, NOT_CONFIRMED = "history", "confirmed", "not-confirmed"


class Told(NamedTuple):
    """What there is to tell of a person at a time: the outcome, and the association where there is one."""

    status: str
    protected: bool
    association: Rendered | None

    def __repr__(self) -> str:
        """No content: it is about a person."""
        return "<Told>"


def get_patient_gp_details(call: Call) -> Rendered:
    """The GP of a patient, now."""
    nin = nin_of(call, call.arguments["patientNin"], "patientNin")
    told = told_of(call, nin, call.now)
    call.exchange.disclose(nin, told.status, protected=told.protected)
    return _given(told)


async def get_patients_gp_details(call: Call) -> Rendered:
    """The GPs of some patients, now: of all of them, or of none."""
    given = _listed(call.arguments["patientNins"])
    asked = [(nin_of(call, text, "patientNins"), call.now) for text in given]
    told = await _told_of_all(call, asked)
    if any(one.status == WITHHELD for one in told):
        raise Withheld
    return _items([_given(one) for one in told])


async def get_patients_gp_details_at_time(call: Call) -> Rendered:
    """The GPs of some patients, each at a time of its own; who had none is left out."""
    asked = []
    for one in _listed(call.arguments["patientNins"]):
        nin, at = (None, None) if one is None else (one.get("NIN"), one.get("AtTime"))
        if not isinstance(at, datetime):
            raise invalid("patientNins")
        asked.append((nin_of(call, nin, "patientNins"), to_micros(at)))
    told = await _told_of_all(call, asked)
    if any(one.status == WITHHELD for one in told):
        raise Withheld
    return _items([one.association for one in told if one.association is not None])


async def get_patient_gp_history(call: Call) -> Rendered:
    """Every list a patient has been, is, or will be on, newest first, with the doctors of its time."""
    nin = nin_of(call, call.arguments["patientNin"], "patientNin")
    generation, exchange = call.generation, call.exchange
    person = generation.index.person(nin)
    if person is None:
        exchange.disclose(nin, UNKNOWN, protected=False)
        raise refused(NO_GP)
    newest, record = person
    if record.protected and exchange.withhold:
        exchange.disclose(nin, WITHHELD, protected=True)
        raise Withheld
    wanted = call.arguments["includePatientData"]
    patient = particulars(call, newest, protected=record.protected) if wanted else None
    exchange.disclose(nin, HISTORY, protected=record.protected)
    if not record.memberships:
        raise refused(NO_GP)
    items = []
    for membership in record.memberships:
        await call.lane.turn()
        items.append(_past(call, newest, membership, patient))
    return _items(items)


def confirm_gp(call: Call) -> bool:
    """Whether a doctor is a patient's GP, or shares the list. Nobody is the GP of who is unknown."""
    hpr_number, at = call.arguments["hprNumber"], call.arguments["atTime"]
    nin = nin_of(call, call.arguments["patientNin"], "patientNin")
    if not hpr_number or hpr_number <= 0:
        raise invalid("hprNumber")
    at = call.now if at is None else to_micros(at)
    found = call.generation.index.find(nin, at)
    if found is None:
        call.exchange.disclose(nin, UNKNOWN, protected=False)
        return False
    if found.protected and call.exchange.withhold:
        call.exchange.disclose(nin, WITHHELD, protected=True)
        raise Withheld
    yes = confirmed(call.generation, found, hpr_number, at)
    call.exchange.disclose(nin, CONFIRMED if yes else NOT_CONFIRMED, protected=found.protected)
    return yes


def nin_of(call: Call, text: Any, parameter: str) -> int:
    """The national id given for a parameter. Counts one that is none, and raises GenericFault."""
    nin = parse_nin(call.exchange, text) if isinstance(text, str) else -1
    if nin < 0:
        call.exchange.state.counters.count_lookup(INVALID)
        raise invalid(parameter)
    return nin


def told_of(call: Call, nin: int, at: int) -> Told:
    """What there is to tell of a number at a time. Nothing is recorded yet."""
    found = call.generation.index.find(nin, at)
    if found is None:
        return Told(UNKNOWN, False, None)
    if found.protected and call.exchange.withhold:
        return Told(WITHHELD, True, None)
    shared = shared_of(call.generation, found, at)
    if shared is None or found.membership is None:
        return Told(NONE, found.protected, None)
    begin, end = _codes(call, found.membership)
    told = association(shared, found.membership, found.nin, begin, end)
    return Told(VACANT if shared.vacant else ASSIGNED, found.protected, told)


def shared_of(generation: Generation, found: Found, at: int) -> Shared | None:
    """What everybody on the person's list shares at a time, or None where there is no list in force."""
    if found.membership is None:
        return None
    slot = found.membership.slot
    part = None if generation.soap is None else generation.soap.part(slot, at)
    if part is not None:
        if not part.before:
            return None
        before, behind = part.before.decode(), part.behind.decode()
        return Shared(part.since, part.until, before, behind, part.her_id, part.vacant)
    # Outside what was rendered when the generation was built, or on a node that has no file of it.
    contract_id = generation.tables.contract_id_of_slot(slot)
    view = present(contract_view(generation.tables, contract_id))
    return shared_at(view, generation.tables.outposts_of_contract(contract_id), wording_of(generation), at)


def particulars(call: Call, nin: int, *, protected: bool) -> Rendered:
    """A Person, of a number that is the newest. Raises NotServedHere on a node without persons' particulars."""
    values = person_values(present(people_of(call).person(nin)), call.word)
    # Of a protected person no address may leave; index and record must both say it is safe.
    return Rendered(flr_xml.content("Person", {**values, "PhysicalAddresses": ()} if protected else values))


def people_of(call: Call) -> People:
    """Persons' particulars. Raises NotServedHere on a node without them."""
    people = call.generation.people
    if people is None:
        raise NotServedHere("this node has no persons' particulars")
    return people


def _given(told: Told) -> Rendered:
    """The association. Raises what is answered where there is none."""
    if told.status == WITHHELD:
        raise Withheld
    if told.association is None:
        raise refused(NO_GP)
    return told.association


def _listed(values: Any) -> list[Any]:
    some: list[Any] = list(values or ())
    if len(some) > MAX_PATIENTS:
        raise too_many("patientNins", MAX_PATIENTS)
    return some


async def _told_of_all(call: Call, asked: list[tuple[int, int]]) -> list[Told]:
    """What there is to tell of some, in order, recorded."""
    told = []
    for nin, at in asked:
        await call.lane.turn()
        told.append(told_of(call, nin, at))
    subjects = [(nin, one.status, one.protected) for (nin, _), one in zip(asked, told, strict=True)]
    call.exchange.disclose_all(SEVERAL, subjects)
    return told


def _codes(call: Call, membership: Membership) -> tuple[Rendered | None, Rendered | None]:
    tables = call.generation.tables
    begin = call.word.code(codes.BEGIN_REASON, tables.begin_codes[membership.begin])
    return begin, call.word.code(codes.END_REASON, tables.end_codes[membership.end])


def _past(call: Call, nin: int, membership: Membership, patient: Rendered | None) -> Rendered:
    """An association of any time: with the doctors of its time, and where to write to as long as it lasts."""
    generation = call.generation
    contract_id = generation.tables.contract_id_of_slot(membership.slot)
    view = present(contract_view(generation.tables, contract_id))
    current = membership.covers(call.now)
    found = Found(nin, False, membership)
    shared = shared_of(generation, found, call.now) if current else None
    cycles = [
        cycle_values(cycle, view.doctors[cycle.hpr_number], call.word)
        for cycle in in_order(view.cycles)
        if to_micros(cycle.valid_from) < membership.to and membership.valid_from < to_micros(cycle.to)
    ]
    begin, end = _codes(call, membership)
    values: Mapping[str, Any] = {
        "BeginCode": begin,
        "DoctorCycles": cycles,
        "EndCode": end,
        "GPContract": office_and_outposts(call, view.contract),
        "GPContractId": contract_id,
        "GPHerId": None if shared is None else shared.her_id,
        "Id": membership.id,
        "Patient": patient,
        "PatientNIN": format_national_id(nin),
        "Period": membership_period(membership),
        "UpdatedOn": present(from_micros(membership.updated)),
    }
    return Rendered(flr_xml.content(ITEM, values))


def _items(items: list[Rendered]) -> Rendered:
    return Rendered("".join(f"<{ITEM}>{item}</{ITEM}>" for item in items))


ANSWERS: Mapping[str, Answering] = {
    "GetPatientGPDetails": get_patient_gp_details,
    "GetPatientsGPDetails": get_patients_gp_details,
    "GetPatientsGPDetailsAtTime": get_patients_gp_details_at_time,
    "GetPatientGPHistory": get_patient_gp_history,
    "ConfirmGP": confirm_gp,
}
