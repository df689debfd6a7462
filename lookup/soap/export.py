"""ExportGPContracts: the real register's export, as an archive that is made while it leaves.

An entry for each office with contracts that are asked for (lookup/flr_document.py, docs/flr-export.md); what is held of
it at a time is one list of who is on a contract, and a piece of the archive. Patients are told of as on every list:
protected ones only to who has the right, and each is recorded before the piece that tells of them leaves.
"""

from collections.abc import AsyncGenerator, Mapping
from operator import attrgetter
from time import perf_counter
from typing import Any, NamedTuple

import msgspec

from lookup.flr_document import BEGIN, END, Documents, Halves, Listed, entry_of
from lookup.rest.patients import LISTED, PATIENTS_A_PIECE, List, members_of
from lookup.soap.archive import Entry, archived
from lookup.soap.call import Answering, Call, Streamed
from lookup.soap.lists import municipality_of
from lookup.soap.patient import people_of
from lookup.soap.texts import invalid
from lookup.tables import present
from register.model import Contract, Office

_office_decoder = msgspec.json.Decoder(Office)


class Wanted(NamedTuple):
    """What is asked for; of no municipalities, what all have."""

    historical: bool
    particulars: bool
    municipalities: frozenset[str]


def export_gp_contracts(call: Call) -> Streamed:
    """Contracts by office: those in force, or all there have been; of some municipalities, or all."""
    asked: Mapping[str, Any] = call.arguments["searchParameters"] or {}
    wanted = Wanted(
        bool(asked.get("GetHistoricalData")),
        bool(asked.get("GetFullPersonInfo")),
        frozenset(map(_municipality, asked.get("Municipalities") or ())),
    )
    if wanted.particulars:
        people_of(call)
    return Streamed(archived(_entries(call, wanted)))


def _municipality(code: Mapping[str, Any]) -> str:
    value = municipality_of(code.get("CodeValue"))
    if value is None:
        raise invalid("searchParameters")
    return value


async def _entries(call: Call, wanted: Wanted) -> AsyncGenerator[Entry, None]:
    export = _Export(call, wanted)
    for line in call.generation.tables.lines("offices"):
        await export.turn()
        office = _office_decoder.decode(line)
        contracts = export.contracts_of(office)
        if contracts:
            info = entry_of(call.generation, f"{office.organization_number}.xml")
            yield Entry(info, export.document(office, contracts))


class _Export:
    """One export on its way."""

    def __init__(self, call: Call, wanted: Wanted) -> None:
        self._call, self._wanted = call, wanted
        self._documents = Documents(
            call.generation, call.word, call.now, historical=wanted.historical, particulars=wanted.particulars
        )
        self._over = 0.0

    async def turn(self) -> None:
        """Wait for the next turn, once this one is over."""
        if perf_counter() >= self._over:
            self._over = await self._call.lane.turn()

    def contracts_of(self, office: Office) -> list[Contract]:
        """The contracts of an office that are asked for, by id."""
        tables, municipalities = self._call.generation.tables, self._wanted.municipalities
        contracts = [present(tables.contract(one)) for one in tables.contract_ids_of_office(office.organization_number)]
        return [
            one
            for one in contracts
            if self._documents.told(one.valid_from, one.to)
            and (not municipalities or one.municipality in municipalities)
        ]

    async def document(self, office: Office, contracts: list[Contract]) -> AsyncGenerator[bytes, None]:
        """The document of an office, in parts."""
        yield BEGIN.encode()
        shown = self._documents.office(office)
        for contract in contracts:
            await self.turn()
            halves = self._documents.contract(contract, shown)
            yield halves.before.encode()
            async for patient in self._patients(halves):
                yield patient.encode()
            yield halves.behind.encode()
        yield END.encode()

    async def _patients(self, contract: Halves) -> AsyncGenerator[str, None]:
        """Who is on a list, recorded before they are told of."""
        listed = await self._listed(contract)
        for number, one in enumerate(listed):
            if number % PATIENTS_A_PIECE == 0:
                some = listed[number : number + PATIENTS_A_PIECE]
                self._call.exchange.record_all(LISTED, [(each.nin, LISTED, each.protected) for each in some])
            await self.turn()
            yield self._documents.patient(one, contract)

    async def _listed(self, contract: Halves) -> list[Listed]:
        """Who is on a list now, or everybody who has been, or will be: by membership's id."""
        call = self._call
        slot = present(call.generation.tables.slot_of_contract(contract.contract_id))
        if self._wanted.historical:
            listed = await self._ever_listed(slot)
        else:
            asked = List(contract.contract_id, slot, call.now, call.exchange.withhold, None, call.lane)
            members, _ = await members_of(call.generation, asked)
            listed = [Listed(*member) for member in members]
        listed.sort(key=attrgetter("membership.id"))
        return listed

    async def _ever_listed(self, slot: int) -> list[Listed]:
        index, withhold = self._call.generation.index, self._call.exchange.withhold
        listed: list[Listed] = []
        for bucket in index.member_buckets(slot):
            await self.turn()
            listed += (
                Listed(nin, record.protected, membership)
                for nin, record in index.bucket(bucket)
                if not (withhold and record.protected)
                for membership in record.memberships
                if membership.slot == slot
            )
        return listed


ANSWERS: Mapping[str, Answering] = {"ExportGPContracts": export_gp_contracts}
