"""Patient lists as NAV has them: some of one office in an archive, or a doctor's, signed and encrypted.

A list is that of the beginning of a month. Protected persons are left out for callers without the right, as on every
list, and that a person is on it is recorded before it leaves. How lists are written is in nav_layout.py.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any

from lookup.flr_document import entry_of
from lookup.problems import Forbidden, NotServedHere, Unready
from lookup.rest.patients import may_have_list
from lookup.soap.archive import Entry, archived
from lookup.soap.call import Answering, Call, Streamed
from lookup.soap.contracts import contract_named
from lookup.soap.lists import Member, contract_of_doctor, members_at, municipality_of, recorded
from lookup.soap.nav_layout import FORMS, Form, entry_name, head_values, patient_values
from lookup.soap.nav_message import message, party
from lookup.soap.patient import nin_of, people_of
from lookup.soap.signing import Signer, recipient, sealed
from lookup.soap.texts import EMPTY_LIST, SEVERAL_OFFICES, invalid, refused, too_many
from lookup.tables import present
from register.localtime import from_micros, to_micros
from register.model import Contract

MAX_LISTS = 200
MAX_SEALED_PATIENTS = 10_000  # one that is signed is held as a whole: 12 kB a patient while it is
AT_ONCE = 2  # of these, in one worker
TOO_MANY = "as many lists as are signed at a time are being signed"
# parameter of ...Alternate -> the same as a member of NavEncryptedPatientListParameters
MEMBERS = {
    "doctorNIN": "DoctorNIN",
    "municipalityId": "MunicipalityId",
    "encryptWithX509Certificate": "EncryptWithX509Certificate",
    "month": "Month",
    "doSubstituteSearch": "DoSubstituteSearch",
    "senderXml": "SenderXml",
    "receiverXml": "ReceiverXml",
    "listType": "ListType",
}
_places = asyncio.Semaphore(AT_ONCE)

Wanted = tuple[Contract, datetime]  # a contract, and the beginning of a month


async def get_nav_patient_lists(call: Call) -> Streamed:
    """The lists of contracts of one office, each at the beginning of a month, as an archive with an entry for each."""
    asked: Mapping[str, Any] = call.arguments["parameters"] or {}
    form = form_of(asked.get("FormatType"), "FormatType")
    wanted = _wanted(call, asked.get("Contracts") or ())
    people_of(call)
    for contract, month in wanted:
        members, withheld = await members_at(call, contract, to_micros(month))
        if not members and not withheld:
            raise refused(EMPTY_LIST)
    return Streamed(archived(_entries(call, form, wanted)))


def form_of(word: object, parameter: str) -> Form:
    """The format that is asked for. Raises GenericFault."""
    form = FORMS.get(word) if isinstance(word, str) else None
    if form is None:
        raise invalid(parameter)
    return form


def month_of(call: Call, month: object, parameter: str) -> datetime:
    """A month: its first moment, which is not to come. Raises GenericFault."""
    if not isinstance(month, datetime) or month != datetime(month.year, month.month, 1) or to_micros(month) > call.now:
        raise invalid(parameter)
    return month


async def document(
    call: Call, form: Form, contract: Contract, month: datetime, members: list[Member], doctor: int | None
) -> AsyncGenerator[str, None]:
    """A list as it is written, in parts. Whoever is told of is recorded before."""
    people, tables = people_of(call), call.generation.tables
    yield form.head(head_values(contract, doctor, month, len(members)))
    async for nin, protected, membership in recorded(call, members):
        yield form.patient(patient_values(nin, present(people.person(nin)), membership, tables, protected=protected))
    yield form.end


def _wanted(call: Call, given: Sequence[Mapping[str, Any] | None]) -> list[Wanted]:
    """The contracts and months, each once, in the order asked for; all of one office, and for the caller to have."""
    if not given:
        raise invalid("Contracts")
    if len(given) > MAX_LISTS:
        raise too_many("Contracts", MAX_LISTS)
    wanted = {}
    for one in given:
        contract = contract_named(call, (one or {}).get("ContractId"), "ContractId")
        if not may_have_list(call.exchange.caller, contract.office_organization_number):
            raise Forbidden
        month = month_of(call, (one or {}).get("Month"), "Month")
        wanted[contract.id, month] = contract, month
    if len({contract.office_organization_number for contract, _ in wanted.values()}) > 1:
        raise refused(SEVERAL_OFFICES)
    return list(wanted.values())


async def _entries(call: Call, form: Form, wanted: list[Wanted]) -> AsyncGenerator[Entry, None]:
    for contract, month in wanted:
        info = entry_of(call.generation, entry_name(contract.id, month, form))
        yield Entry(info, _content(call, form, contract, month))


async def _content(call: Call, form: Form, contract: Contract, month: datetime) -> AsyncGenerator[bytes, None]:
    members, _ = await members_at(call, contract, to_micros(month))
    yield form.declaration.encode()
    async for text in document(call, form, contract, month, members, None):
        yield text.encode(form.encoding)


async def _sealed(call: Call, asked: Mapping[str, Any]) -> Streamed:
    """The list of a doctor, in a message that is signed, for whoever has the key of the caller's certificate."""
    signer = _signer(call)
    nin = nin_of(call, asked.get("doctorNIN"), "doctorNIN")
    municipality = municipality_of(asked.get("municipalityId"))
    if municipality is None:
        raise invalid("municipalityId")
    for_whom = recipient(asked.get("encryptWithX509Certificate"), _seconds(call), "encryptWithX509Certificate")
    month = month_of(call, asked.get("month"), "month")
    sender = party(asked.get("senderXml"), "Sender", "senderXml")
    receiver = party(asked.get("receiverXml"), "Receiver", "receiverXml")
    form = form_of(asked.get("listType"), "listType")
    at, substitutes = to_micros(month), bool(asked.get("doSubstituteSearch"))
    contract = await contract_of_doctor(call, nin, municipality, at, substitutes=substitutes)
    people_of(call)
    if _places.locked():
        raise Unready(TOO_MANY)
    async with _places:
        members, _ = await members_at(call, contract, at)
        if len(members) > MAX_SEALED_PATIENTS:
            raise NotServedHere("a list that is too long to be signed")
        listed = "".join([text async for text in document(call, form, contract, month, members, nin)])
        made = present(from_micros(call.now))

        def sign_and_seal() -> bytes:
            return sealed(signer.sign(message(listed, form, sender, receiver, made)), for_whom)

        return Streamed([await asyncio.to_thread(sign_and_seal)])


async def nav_get_encrypted_patient_list(call: Call) -> Streamed:
    """A doctor's list, signed and encrypted: what is asked for in one parameter of many members."""
    asked: Mapping[str, Any] = call.arguments["param"] or {}
    return await _sealed(call, {name: asked.get(member) for name, member in MEMBERS.items()})


async def nav_get_encrypted_patient_list_alternate(call: Call) -> Streamed:
    """The same, asked for in as many parameters."""
    return await _sealed(call, call.arguments)


def _signer(call: Call) -> Signer:
    """Whoever signs. Raises NotServedHere where there is nothing to sign with that is in force."""
    signer = call.exchange.state.signer
    if signer is None or signer.expires <= _seconds(call):
        raise NotServedHere("there is nothing to sign lists with, or its certificate has expired")
    return signer


def _seconds(call: Call) -> int:
    return call.exchange.state.clock.epoch_ns() // 10**9


ANSWERS: Mapping[str, Answering] = {
    "GetNavPatientLists": get_nav_patient_lists,
    "NavGetEncryptedPatientList": nav_get_encrypted_patient_list,
    "NavGetEncryptedPatientListAlternate": nav_get_encrypted_patient_list_alternate,
}
