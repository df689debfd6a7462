"""The documents of the real register's export: one for each office, with its contracts, and who is on their lists.

The loader writes them of everything there has been (loader/flr_export.py), the service of what a caller asks for
(lookup/soap/export.py). A list may be long, so a contract comes in two halves, and patients one by one between them.
"""

import stat
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, TypeVar
from zipfile import ZIP_DEFLATED, ZipInfo

from lookup.answers import addressed, covers
from lookup.flr_wire import (
    Wording,
    contract_values,
    cycle_values,
    membership_values,
    office_values,
    outpost_values,
    person_values,
)
from lookup.generation import Generation
from lookup.record import Damaged, Membership
from lookup.tables import present
from register import flr_xml
from register.flr_schema import ENTRY
from register.flr_xml import Rendered
from register.localtime import OSLO
from register.model import Contract, DoctorCycle, Office, Outpost, Person

CONTRACT, MEMBERSHIP = "GPContract", "PatientToGPContractAssociation"
BEGIN = f'<?xml version="1.0" encoding="utf-8"?>\n<{ENTRY}{flr_xml.declarations()}>\n'
END = f"</{ENTRY}>\n"
LEVEL = 1  # of deflate; 6 takes four times as long for a quarter less
ENTRY_MODE = 0o640
_PATIENTS = Rendered("\0")  # where the patients belong: no text that is written has this character
Lasting = TypeVar("Lasting", Contract, DoctorCycle, Outpost)


class Listed(NamedTuple):
    """Somebody who is, was, or will be on a list."""

    nin: int
    protected: bool
    membership: Membership

    def __repr__(self) -> str:
        """No content: it is about a person."""
        return "<Listed>"


class Halves(NamedTuple):
    """A contract up to its patients, and what is behind them; where to write to its GP; how much of what it has."""

    before: str
    behind: str
    contract_id: int
    her_id: int | None
    doctor_cycles: int
    outposts: int


def entry_of(generation: Generation, name: str) -> ZipInfo:
    """An archive's entry of this name: made when the generation's content was."""
    made = datetime.fromtimestamp(generation.as_of_seconds, OSLO)
    info = ZipInfo(name, made.timetuple()[:6])
    info.compress_type, info.external_attr = ZIP_DEFLATED, (stat.S_IFREG | ENTRY_MODE) << 16
    return info


class Documents:
    """Renders parts of the documents of one generation."""

    def __init__(
        self, generation: Generation, word: Wording, at: int, *, historical: bool = True, particulars: bool = True
    ) -> None:
        """`at` is when, in local microseconds, GPs are written to; unless `historical`, it is also all that is told.

        Without `particulars` patients are numbers.
        """
        self._generation, self._tables, self._word = generation, generation.tables, word
        self._at, self._historical, self._particulars = at, historical, particulars

    def told(self, valid_from: datetime, to: datetime | None) -> bool:
        """Whether something that lasts this long is in the documents."""
        return self._historical or covers(valid_from, to, self._at)

    def office(self, office: Office) -> Rendered:
        """The office, as each of its contracts shows it."""
        return Rendered(flr_xml.content("GPOffice", office_values(office, self._word)))

    def contract(self, contract: Contract, office: Rendered) -> Halves:
        """A contract at this office."""
        tables, word = self._tables, self._word
        all_cycles = tables.cycles_of_contract(contract.id)
        cycles, outposts = self._of(all_cycles), self._of(tables.outposts_of_contract(contract.id))
        values = contract_values(
            contract,
            word,
            GPOffice=office,
            DoctorCycles=[cycle_values(cycle, present(tables.doctor(cycle.hpr_number)), word) for cycle in cycles],
            OutOfOfficeOffices=[outpost_values(outpost, word) for outpost in outposts],
            PatientList=_PATIENTS,
        )
        before, _, behind = flr_xml.content(CONTRACT, values).partition(_PATIENTS)
        whose = addressed(contract, all_cycles, self._at)
        return Halves(
            f"<{CONTRACT}>{before}",
            f"{behind}</{CONTRACT}>\n",
            contract.id,
            None if whose is None else whose.her_id,
            len(cycles),
            len(outposts),
        )

    def patient(self, listed: Listed, contract: Halves) -> str:
        """Somebody on the list, on a line. Raises Damaged where particulars are wanted and there are none."""
        nin, protected, membership = listed
        her_id = contract.her_id if membership.covers(self._at) else None
        person = self._person(nin, protected=protected) if self._particulars else None
        values = membership_values(nin, membership, contract.contract_id, self._tables, person, her_id, self._word)
        return f"\n<{MEMBERSHIP}>{flr_xml.content(MEMBERSHIP, values)}</{MEMBERSHIP}>"

    def _person(self, nin: int, *, protected: bool) -> Rendered:
        people = self._generation.people
        person: Person | None = None if people is None else people.person(nin)
        if person is None:
            raise Damaged("a person of a list is not in people.mdb")
        values = person_values(person, self._word)
        # Of a protected person no address may leave; index and record must both say it is safe.
        return Rendered(flr_xml.content("Person", {**values, "PhysicalAddresses": ()} if protected else values))

    def _of(self, records: Iterable[Lasting]) -> list[Lasting]:
        return [one for one in records if self.told(one.valid_from, one.to)]
