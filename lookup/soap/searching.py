"""Searching doctors and contracts: by name, municipality and postal code.

What is searched is put together once for each generation, in a thread: some thousand doctors and contracts with their
periods, their names and their offices' names as words. A search goes through all of them, in turns with others.
"""

import asyncio
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from lookup.flr_wire import Values
from lookup.generation import Generation
from lookup.soap.call import Answering, Call
from lookup.soap.contracts import details_of
from lookup.soap.texts import invalid
from lookup.soap.views import contract_of
from lookup.tables import Tables, present
from register.localtime import to_micros
from register.model import Contract, Doctor, DoctorCycle, Office

MAX_PAGE, MAX_PAGE_SIZE = 100_000, 1000
ADDRESS_TYPES = ("RES", "RES_FLO")  # of an office, where patients are seen
POSTAL_DIGITS = (2, 3, 4)
# Letters of Norwegian that are letters of their own, and not others with a mark.
_KEPT = str.maketrans({"æ": "æ", "ø": "ø", "å": "\ue000"})
_WORDS = str.maketrans(dict.fromkeys("-/.,;:()'\"&+", " "))


class Listed(NamedTuple):
    """A contract as it is searched: its period, and where its office is."""

    contract_id: int
    valid_from: int
    to: int
    municipality: str
    has_team: bool
    postal_codes: tuple[str, ...]


class Practice(NamedTuple):
    """A doctor at an office for as long as both the doctor cycle and the contract last; `words` are the office's."""

    valid_from: int
    to: int
    municipality: str
    words: tuple[str, ...]


class Searched(NamedTuple):
    """A doctor as one is searched."""

    hpr_number: int
    words: tuple[str, ...]
    practices: tuple[Practice, ...]


class Searchable:
    """What of a generation is searched: doctors by name, contracts by id; and doctors' numbers."""

    def __init__(self, tables: Tables) -> None:
        decoded = {name: msgspec.json.Decoder(kind) for name, kind in _KINDS.items()}

        def records(name: str) -> Iterable[Any]:
            return map(decoded[name].decode, tables.lines(name))

        offices: dict[int, Office] = {one.organization_number: one for one in records("offices")}
        contracts: dict[int, Contract] = {one.id: one for one in records("contracts")}
        practices: dict[int, list[Practice]] = {}
        for cycle in records("doctor_cycles"):
            contract = contracts[cycle.contract_id]
            office = offices[contract.office_organization_number]
            practices.setdefault(cycle.hpr_number, []).append(_practice(cycle, contract, office))
        doctors: list[Doctor] = sorted(records("doctors"), key=_by_name)
        self.doctors_by_nin = {int(one.nin): one.hpr_number for one in doctors}
        self.doctors = [
            Searched(
                one.hpr_number,
                words_of(f"{one.first_name} {one.middle_name or ''} {one.last_name}"),
                tuple(practices[one.hpr_number]),
            )
            for one in doctors
            if one.hpr_number in practices
        ]
        self.contracts = [_listed(one, offices[one.office_organization_number]) for _, one in sorted(contracts.items())]


_KINDS: dict[str, Any] = {"offices": Office, "contracts": Contract, "doctor_cycles": DoctorCycle, "doctors": Doctor}
_made: WeakKeyDictionary[Generation, "asyncio.Task[Searchable]"] = WeakKeyDictionary()


async def table_of(call: Call) -> Searchable:
    """What is searched of the call's generation: who comes first has it made, all wait for that."""
    generation = call.generation
    making = _made.get(generation)
    if making is None or (making.done() and making.exception() is not None):
        made = asyncio.to_thread(lambda: Searchable(generation.tables))
        making = _made[generation] = asyncio.create_task(made)
    return await asyncio.shield(making)


async def search_for_gp(call: Call) -> Values:
    """The doctors whose name or office's name has every word, by name, a page of them with their current contracts."""
    asked: Mapping[str, Any] = call.arguments["searchParameters"] or {}
    page = _page(asked, "searchParameters")
    municipality = _municipality(asked.get("HasGPOfficeInMunicipality"))
    words = words_of(asked.get("FullText") or "")
    table = await table_of(call)
    found: list[int] = []
    over = 0.0
    for one in table.doctors:
        if perf_counter() >= over:
            over = await call.lane.turn()
        if _matches(one, words, municipality, call.now):
            found.append(one.hpr_number)
    results = []
    for number in found[page]:
        await call.lane.turn()
        results.append(details_of(call, present(call.generation.tables.doctor(number)), call.now))
    return {"Results": results, "Total": len(found)}


async def query_gp_contracts(call: Call) -> Values:
    """The contracts in force, of a municipality, with or without a team; by id, a page of them."""
    asked: Mapping[str, Any] = call.arguments["queryParameters"] or {}
    page = _page(asked, "queryParameters")
    municipality, team = _municipality(asked.get("Municipality")), asked.get("HasPrimaryHealthCareTeam")
    found = [
        one.contract_id
        for one in (await table_of(call)).contracts
        if one.valid_from <= call.now < one.to
        and municipality in (None, one.municipality)
        and team in (None, one.has_team)
    ]
    results = []
    for number in found[page]:
        await call.lane.turn()
        results.append(contract_of(call, present(call.generation.tables.contract(number)), call.now))
    return {"Results": results, "Total": len(found)}


async def get_gp_contract_ids_operating_in_postal_code(call: Call) -> list[int]:
    """The contracts in force at offices whose postal code begins with two, three or four digits; by id."""
    digits = call.arguments["postNr"] or ""
    if not (digits.isascii() and digits.isdigit() and len(digits) in POSTAL_DIGITS):
        raise invalid("postNr")
    return [
        one.contract_id
        for one in (await table_of(call)).contracts
        if one.valid_from <= call.now < one.to and any(code.startswith(digits) for code in one.postal_codes)
    ]


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared: small letters, æ, ø and å as they are, all others without marks."""
    kept = unicodedata.normalize("NFC", text).casefold().translate(_KEPT).translate(_WORDS)
    plain = "".join(one for one in unicodedata.normalize("NFD", kept) if not unicodedata.combining(one))
    return tuple(plain.replace("\ue000", "å").split())


def _by_name(doctor: Doctor) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    return words_of(doctor.last_name), words_of(doctor.first_name), doctor.hpr_number


def _practice(cycle: DoctorCycle, contract: Contract, office: Office) -> Practice:
    return Practice(
        max(to_micros(cycle.valid_from), to_micros(contract.valid_from)),
        min(to_micros(cycle.to), to_micros(contract.to)),
        office.municipality or contract.municipality,
        words_of(f"{office.name} {office.display_name or ''}"),
    )


def _listed(contract: Contract, office: Office) -> Listed:
    places = (one.postal_code for one in office.physical_addresses if one.type in ADDRESS_TYPES)
    return Listed(
        contract.id,
        to_micros(contract.valid_from),
        to_micros(contract.to),
        contract.municipality,
        contract.team_id is not None,
        tuple(filter(None, places)),
    )


def _matches(one: Searched, words: Sequence[str], municipality: str | None, at: int) -> bool:
    """Whether every word begins one of the doctor's, or of an office's where the doctor practises at `at`."""
    current = [each for each in one.practices if each.valid_from <= at < each.to]
    if not current or (municipality is not None and all(each.municipality != municipality for each in current)):
        return False
    there = [*one.words, *(word for each in current for word in each.words)]
    return all(any(other.startswith(word) for other in there) for word in words)


def _page(asked: Mapping[str, Any], parameter: str) -> slice:
    number, size = asked.get("Page"), asked.get("PageSize")
    if not number or not size or not 1 <= number <= MAX_PAGE or not 1 <= size <= MAX_PAGE_SIZE:
        raise invalid(parameter)
    return slice((number - 1) * size, number * size)


def _municipality(code: Mapping[str, Any] | None) -> str | None:
    """The value of a Code of a municipality, with the zero that a number loses; None where none is asked for."""
    value = None if code is None else code.get("CodeValue")
    return None if not value else value.zfill(4)


ANSWERS: Mapping[str, Answering] = {
    "SearchForGP": search_for_gp,
    "QueryGPContracts": query_gp_contracts,
    "GetGPContractIdsOperatingInPostalCode": get_gp_contract_ids_operating_in_postal_code,
}
