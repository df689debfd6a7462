"""One document of an export turned into what it adds to a feed: its piece. Pieces are made by a crew of processes.

A fault of a record is noted and the next one read; a document that is not what it should be ends there. Memberships
and persons are packed as they come, so that a piece is small whatever the document; what is told in several documents
is compared, and put together, in loader/flr_assembly.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import zstandard
from msgspec.structs import replace

from loader import flr_records
from loader._fast.lines import lines_digest
from loader.flr_archive import Archive, Entry
from loader.flr_spool import NUMBER_ONLY, PATIENT, Frames, Origin, PersonRows, Seen, pack_origins
from loader.read import MAX_FAULTS
from lookup.answers import addressed
from register.feed import canonical_line, canonical_lines
from register.flr_reader import Element, Reader, Refused
from register.flr_schema import ENTRY
from register.ids import is_her_id
from register.localtime import to_micros
from register.model import Code, Contract, Doctor, DoctorCycle, Membership, Office, Outpost, Record

BATCH = 5_000
# What says again what is said elsewhere, or what the register does not keep.
SKIPPED = {
    ("PatientToGPContractAssociation", "GPContract"),
    ("PatientToGPContractAssociation", "DoctorCycles"),
    ("GPOnContractAssociation", "GPContract"),
    ("GPOffice", "Children"),
    ("ElectronicAddress", "TypeCodeValue"),
}
TOLD_OTHERWISE = "{}: told otherwise elsewhere"

R = TypeVar("R", bound=Record)
Keyed = dict[int, tuple[R, Origin]]


@dataclass(repr=False)
class Lines:
    """A batch of memberships: their canonical lines, packed; how many; their digest; and their origins, packed."""

    frame: bytes
    records: int
    digest: int
    origins: bytes


@dataclass(repr=False)
class Piece:
    """What a document adds to the feed. `unaddressed`: contracts with a GPHerId that is nobody's."""

    codes: list[tuple[Code, Origin]] = field(default_factory=list)
    offices: Keyed[Office] = field(default_factory=dict)
    doctors: Keyed[Doctor] = field(default_factory=dict)
    contracts: list[tuple[Contract, Origin]] = field(default_factory=list)
    cycles: list[tuple[DoctorCycle, Origin]] = field(default_factory=list)
    outposts: list[tuple[Outpost, Origin]] = field(default_factory=list)
    memberships: list[Lines] = field(default_factory=list)
    persons: Frames = field(default_factory=list)
    unaddressed: int = 0
    faults: list[tuple[str, Origin]] = field(default_factory=list)


class _TooManyFaults(Exception):
    """There is no point in reading on."""


class Conversion:
    """Turns one document into its piece."""

    def __init__(self, entry: int, at: int) -> None:
        """`entry` is the number of the document; `at` the local time, in microseconds, at which it was made."""
        self._entry, self._at = entry, at
        self._piece = Piece()
        self._word = flr_records.Codes()
        self._persons = PersonRows()
        self._batch: list[tuple[Membership, Origin]] = []
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._list: int | None = None  # the contract of the memberships since the last contract ended
        self._her_ids: set[int] = set()  # of those in force

    def read(self, archive: Archive, entry: Entry) -> Piece:
        """The piece. Raises BadFeed when the archive itself is damaged."""
        streamed = {"GPContract": self._take_contract, "PatientToGPContractAssociation": self._take_membership}
        reader = Reader(ENTRY, streamed, SKIPPED)
        piece = self._piece
        try:
            for data in archive.read(entry):
                reader.feed(data)
            reader.close()
        except Refused as error:
            piece.faults.append((error.what, self._origin(error.place)))
        except _TooManyFaults:
            pass
        self._pack()
        piece.codes = [(code, self._origin(place)) for code, place in self._word.new]
        piece.persons = self._persons.frames()
        return piece

    def _origin(self, place: tuple[int, int]) -> Origin:
        return Origin(self._entry, *place)

    def _fault(self, error: Refused) -> None:
        self._piece.faults.append((error.what, self._origin(error.place)))
        if len(self._piece.faults) == MAX_FAULTS:
            raise _TooManyFaults

    # -- memberships

    def _take_membership(self, element: Element) -> None:
        try:
            self._membership(element)
        except Refused as error:
            self._fault(error)

    def _membership(self, element: Element) -> None:
        membership = flr_records.membership(element, self._word)
        _check_digits(membership.nin, element)
        if self._list is None:
            self._list = membership.contract_id
        elif self._list != membership.contract_id:
            raise Refused("GPContractId is another than in the same list before", element.place)
        self._persons.add(int(membership.nin), self._seen(membership, element))
        her_id = element.get("GPHerId")
        if her_id is not None and to_micros(membership.valid_from) <= self._at < to_micros(membership.to):
            self._her_ids.add(her_id)
        self._batch.append((membership, self._origin(element.place)))
        if len(self._batch) == BATCH:
            self._pack()

    def _seen(self, membership: Membership, element: Element) -> Seen:
        patient: Element | None = element.get("Patient")
        if patient is None:
            return Seen(NUMBER_ONLY, b"", self._origin(element.place))
        person = flr_records.person(patient, self._word)
        if person.nin != membership.nin:
            raise Refused("Patient has another NIN than PatientNIN", patient.place)
        return Seen(PATIENT, canonical_line(person), self._origin(patient.place))

    def _pack(self) -> None:
        lines = canonical_lines([membership for membership, _ in self._batch])
        self._piece.memberships.append(
            Lines(
                self._compressor.compress(lines),
                len(self._batch),
                lines_digest("memberships", lines),
                pack_origins(origin for _, origin in self._batch),
            )
        )
        self._batch = []

    # -- contracts, and what comes with them

    def _take_contract(self, element: Element) -> None:
        try:
            self._contract(element)
        except Refused as error:
            self._fault(error)
        self._list, self._her_ids = None, set()

    def _contract(self, element: Element) -> None:
        contract = flr_records.contract(element, self._word)
        if self._list not in (None, contract.id):
            raise Refused("PatientList is of another contract", element.place)
        if element.get("GPOffice") is not None:
            self._office(element["GPOffice"], contract)
        elements: list[Element] = element.get("DoctorCycles") or []
        cycles = self._with_her_id(contract, [self._cycle(one, contract) for one in elements], element)
        self._piece.cycles += zip(cycles, [self._origin(one.place) for one in elements], strict=True)
        self._piece.outposts += self._outposts(element.get("OutOfOfficeOffices") or [], contract)
        self._piece.contracts.append((contract, self._origin(element.place)))

    def _office(self, element: Element, contract: Contract) -> None:
        office = flr_records.office(element, self._word)
        if office.organization_number != contract.office_organization_number:
            raise Refused("GPOffice is another than GPOfficeOrganizationNumber", element.place)
        self._same(self._piece.offices, office.organization_number, office, element)

    def _cycle(self, element: Element, contract: Contract) -> DoctorCycle:
        cycle = flr_records.cycle(element, self._word)
        _check_contract(cycle.contract_id, contract, element)
        gp: Element | None = element.get("GP")
        if gp is not None:
            doctor = flr_records.doctor(gp, cycle.hpr_number, self._word)
            _check_digits(doctor.nin, gp)
            self._same(self._piece.doctors, cycle.hpr_number, doctor, gp)
        return cycle

    def _outposts(self, elements: list[Element], contract: Contract) -> Iterator[tuple[Outpost, Origin]]:
        for element in elements:
            outpost = flr_records.outpost(element, self._word)
            _check_contract(outpost.contract_id, contract, element)
            yield outpost, self._origin(element.place)

    def _same(self, known: Keyed[R], key: int, record: R, element: Element) -> None:
        """Keep a record that is told several times. Raises Refused when it was told otherwise before."""
        if known.setdefault(key, (record, self._origin(element.place)))[0] != record:
            raise Refused(TOLD_OTHERWISE.format(type(record).__name__), element.place)

    def _with_her_id(self, contract: Contract, cycles: list[DoctorCycle], element: Element) -> list[DoctorCycle]:
        """The cycles, with the HER-ID of the list at the one whose it is."""
        if not self._her_ids:
            return cycles
        if len(self._her_ids) > 1 or not all(map(is_her_id, self._her_ids)):
            raise Refused("GPHerId is not one HER-ID for all who are on the list", element.place)
        (her_id,) = self._her_ids
        whose = addressed(contract, cycles, self._at)
        self._piece.unaddressed += whose is None
        return [replace(cycle, her_id=her_id) if cycle is whose else cycle for cycle in cycles]


def _check_contract(contract_id: int, contract: Contract, element: Element) -> None:
    if contract_id != contract.id:
        raise Refused("GPContractId is another than the contract's Id", element.place)


def _check_digits(nin: str, element: Element) -> None:
    if not (nin.isascii() and nin.isdigit()):
        raise Refused("NIN is not eleven digits", element.place)
