"""One export turned into the records of a full feed, document after document.

Persons wait on disk until all have been seen, memberships are written as they come, and only the small tables are held
in memory. A fault of a record is noted and the next one read; a document that is not what it should be ends it.
"""

from collections import Counter
from typing import TypeVar

from msgspec.structs import replace

from loader import flr_records
from loader._fast.lines import lines_digest
from loader.errors import BadFeed
from loader.flr_archive import Archive, Entry
from loader.flr_spool import DOCTOR, NUMBER_ONLY, PATIENT, TOLD_OTHERWISE, Origin, Origins, Persons, Seen
from loader.progress import Progress
from loader.read import MAX_FAULTS
from lookup.answers import addressed
from register.feed import DIGEST_MODULUS, FeedWriter, canonical_line
from register.flr_reader import Element, Reader, Refused
from register.flr_schema import ENTRY
from register.ids import is_her_id
from register.localtime import to_micros
from register.model import Contract, Doctor, DoctorCycle, Membership, Office, Outpost, Person, Record

BATCH = 5_000
# What says again what is said elsewhere, or what the register does not keep.
SKIPPED = {
    ("PatientToGPContractAssociation", "GPContract"),
    ("PatientToGPContractAssociation", "DoctorCycles"),
    ("GPOnContractAssociation", "GPContract"),
    ("GPOffice", "Children"),
    ("ElectronicAddress", "TypeCodeValue"),
}
TEAMS = "PrimaryHealthCareTeamId left out: the export does not hold the teams"
SUBSTITUTED = "SubstituteForHprNumber left out: the export does not hold the doctor"
NOBODY_ADDRESSED = "GPHerId left out: there is neither one GP nor one substitute now to whom it could belong"

R = TypeVar("R", bound=Record)


class Conversion:
    """Turns the documents of one archive into the records of a feed. Raises BadFeed."""

    def __init__(self, writer: FeedWriter, persons: Persons, origins: Origins, at: int) -> None:
        """`at`: the local time, in microseconds, at which the export was made."""
        self._writer, self._persons, self._origins, self._at = writer, persons, origins, at
        self._word = flr_records.Codes()
        self._offices: dict[int, tuple[Office, Origin]] = {}
        self._doctors: dict[int, tuple[Doctor, Origin]] = {}
        self._contracts: list[tuple[Contract, Origin]] = []
        self._cycles: list[tuple[DoctorCycle, Origin]] = []
        self._outposts: list[tuple[Outpost, Origin]] = []
        self._memberships: list[tuple[Membership, Origin]] = []
        self._codes: list[tuple[Record, Origin]] = []
        self._left_out: Counter[str] = Counter()
        self._faults: list[str] = []
        self._entry = 0
        self._list: int | None = None  # the contract of the memberships since the last contract ended
        self._her_ids: set[int] = set()  # of those in force

    def warnings(self) -> list[str]:
        """What was left out, and how often."""
        return [f"{what} ({count})" for what, count in sorted(self._left_out.items()) if count]

    # -- reading

    def read(self, number: int, entry: Entry, archive: Archive, progress: Progress) -> None:
        """One document of the archive."""
        self._entry = number
        streamed = {"GPContract": self._take_contract, "PatientToGPContractAssociation": self._take_membership}
        reader = Reader(ENTRY, streamed, SKIPPED)
        try:
            for data in archive.read(entry):
                reader.feed(data)
                progress.advance(len(data))
            reader.close()
        except Refused as error:
            self._fault(error.what, self._origin(error.place))
            self._raise_any()
        self._codes += [(code, self._origin(place)) for code, place in self._word.new]
        self._word.new.clear()

    def _origin(self, place: tuple[int, int]) -> Origin:
        return Origin(self._entry, *place)

    def _fault(self, what: str, origin: Origin) -> None:
        self._faults.append(f"{self._origins.shown(origin)}: {what}")
        if len(self._faults) == MAX_FAULTS:
            self._raise_any()

    def _raise_any(self) -> None:
        if self._faults:
            raise BadFeed(self._faults[0], tuple(self._faults))

    def _take_membership(self, element: Element) -> None:
        try:
            self._membership(element)
        except Refused as error:
            self._fault(error.what, self._origin(error.place))

    def _membership(self, element: Element) -> None:
        membership = flr_records.membership(element, self._word)
        nin, patient = membership.nin, element.get("Patient")
        _check_digits(nin, element)
        if self._list is None:
            self._list = membership.contract_id
        elif self._list != membership.contract_id:
            raise Refused("GPContractId is another than in the same list before", element.place)
        if patient is None:
            seen = Seen(NUMBER_ONLY, b"", self._origin(element.place))
        else:
            person = flr_records.person(patient, self._word)
            if person.nin != nin:
                raise Refused("Patient has another NIN than PatientNIN", patient.place)
            seen = Seen(PATIENT, canonical_line(person), self._origin(patient.place))
        self._persons.add(int(nin), seen)
        her_id = element.get("GPHerId")
        if her_id is not None and to_micros(membership.valid_from) <= self._at < to_micros(membership.to):
            self._her_ids.add(her_id)
        self._memberships.append((membership, self._origin(element.place)))
        if len(self._memberships) == BATCH:
            self._write("memberships", self._memberships)
            self._memberships = []

    def _take_contract(self, element: Element) -> None:
        try:
            self._contract(element)
        except Refused as error:
            self._fault(error.what, self._origin(error.place))
        self._list, self._her_ids = None, set()

    def _contract(self, element: Element) -> None:
        contract = flr_records.contract(element, self._word)
        if self._list not in (None, contract.id):
            raise Refused("PatientList is of another contract", element.place)
        self._left_out[TEAMS] += element.get("PrimaryHealthCareTeamId") is not None
        if element.get("GPOffice") is not None:
            self._office(element["GPOffice"], contract)
        elements: list[Element] = element.get("DoctorCycles") or []
        cycles = self._with_her_id(contract, [self._cycle(one, contract) for one in elements], element)
        self._cycles += zip(cycles, [self._origin(one.place) for one in elements], strict=True)
        for one in element.get("OutOfOfficeOffices") or ():
            outpost = flr_records.outpost(one, self._word)
            _check_contract(outpost.contract_id, contract, one)
            self._outposts.append((outpost, self._origin(one.place)))
        self._contracts.append((contract, self._origin(element.place)))

    def _office(self, element: Element, contract: Contract) -> None:
        office = flr_records.office(element, self._word)
        if office.organization_number != contract.office_organization_number:
            raise Refused("GPOffice is another than GPOfficeOrganizationNumber", element.place)
        if office.organization_number not in self._offices:
            self._left_out[TEAMS] += element.get("PrimaryHealthCareTeamId") is not None
        self._same(self._offices, office.organization_number, office, element)

    def _cycle(self, element: Element, contract: Contract) -> DoctorCycle:
        cycle = flr_records.cycle(element, self._word)
        _check_contract(cycle.contract_id, contract, element)
        gp: Element | None = element.get("GP")
        if gp is not None:
            doctor = flr_records.doctor(gp, cycle.hpr_number, self._word)
            _check_digits(doctor.nin, gp)
            self._same(self._doctors, cycle.hpr_number, doctor, gp)
        return cycle

    def _same(self, known: dict[int, tuple[R, Origin]], key: int, record: R, element: Element) -> None:
        """Keep a record that is told several times. Raises Refused when it was told otherwise before."""
        if known.setdefault(key, (record, self._origin(element.place)))[0] != record:
            raise Refused(f"{type(record).__name__}: told otherwise elsewhere", element.place)

    def _with_her_id(self, contract: Contract, cycles: list[DoctorCycle], element: Element) -> list[DoctorCycle]:
        """The cycles, with the HER-ID of the list at the one whose it is."""
        if not self._her_ids:
            return cycles
        if len(self._her_ids) > 1 or not all(map(is_her_id, self._her_ids)):
            raise Refused("GPHerId is not one HER-ID for all who are on the list", element.place)
        (her_id,) = self._her_ids
        whose = addressed(contract, cycles, self._at)
        if whose is None:
            self._left_out[NOBODY_ADDRESSED] += 1
        return [replace(cycle, her_id=her_id) if cycle is whose else cycle for cycle in cycles]

    # -- writing

    def finish(self) -> None:
        """All documents have been read: write what was held, and the persons."""
        self._raise_any()
        self._write("memberships", self._memberships)
        self._write("offices", list(self._offices.values()))
        self._write("doctors", list(self._doctors.values()))
        self._write("contracts", self._contracts)
        self._write("doctor_cycles", [(self._known_doctors(cycle), origin) for cycle, origin in self._cycles])
        self._write("outposts", self._outposts)
        self._write("codes", self._codes)
        self._write_persons()

    def _known_doctors(self, cycle: DoctorCycle) -> DoctorCycle:
        if cycle.substitute_for_hpr_number is None or cycle.substitute_for_hpr_number in self._doctors:
            return cycle
        self._left_out[SUBSTITUTED] += 1
        return replace(cycle, substitute_for_hpr_number=None)

    def _write_persons(self) -> None:
        for doctor, origin in self._doctors.values():
            self._persons.add(int(doctor.nin), Seen(DOCTOR, canonical_line(_person_of(doctor)), origin))
        for persons, wrong in self._persons.parts():
            for origin in wrong:
                self._fault(TOLD_OTHERWISE, origin)
            lines = [seen.line or canonical_line(Person(nin=f"{nin:011d}")) for nin, seen in persons.items()]
            text = b"".join(line + b"\n" for line in lines)
            self._writer.write_lines("persons", text, len(lines))
            self._writer.digest = (self._writer.digest + lines_digest("persons", text)) % DIGEST_MODULUS
            self._origins.add("persons", [seen.origin for seen in persons.values()])
        self._raise_any()

    def _write(self, table: str, rows: list[tuple[R, Origin]]) -> None:
        self._writer.write(table, [record for record, _ in rows])
        self._origins.add(table, [origin for _, origin in rows])


def _check_contract(contract_id: int, contract: Contract, element: Element) -> None:
    if contract_id != contract.id:
        raise Refused("GPContractId is another than the contract's Id", element.place)


def _check_digits(nin: str, element: Element) -> None:
    if not (nin.isascii() and nin.isdigit()):
        raise Refused("NIN is not eleven digits", element.place)


def _person_of(doctor: Doctor) -> Person:
    """Every doctor is a person; of one who is on no list no more is told."""
    return Person(
        nin=doctor.nin,
        first_name=doctor.first_name,
        middle_name=doctor.middle_name,
        last_name=doctor.last_name,
        date_of_birth=doctor.date_of_birth,
        sex=doctor.sex,
    )
