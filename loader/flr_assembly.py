"""The pieces of an export's documents put together to a full feed.

What several documents tell is held against each other here: an office, a doctor, a code, and, when all documents have
been read, every person. The small tables are held in memory, memberships are written as they come, persons wait on
disk. What leads to something that the export does not hold is left out, and counted.
"""

from collections import Counter

import zstandard
from msgspec.structs import replace

from loader._fast.lines import lines_digest
from loader.errors import BadFeed
from loader.flr_conversion import TOLD_OTHERWISE, Keyed, Piece, R
from loader.flr_spool import DOCTOR, Origin, Origins, PersonRows, Persons, Seen, pack_origins
from loader.read import MAX_FAULTS
from register.feed import DIGEST_MODULUS, FeedWriter, canonical_line
from register.model import Code, Contract, Doctor, DoctorCycle, Office, Outpost, Person

TEAMS = "PrimaryHealthCareTeamId left out: the export does not hold the teams"
SUBSTITUTED = "SubstituteForHprNumber left out: the export does not hold the doctor"
NOBODY_ADDRESSED = "GPHerId left out: there is neither one GP nor one substitute now to whom it could belong"


class Assembly:
    """Takes pieces in the order of the documents. Raises BadFeed with all faults, or as many as are told at once."""

    def __init__(self, writer: FeedWriter, persons: Persons, origins: Origins) -> None:
        self._writer, self._persons, self._origins = writer, persons, origins
        self._codes: dict[tuple[int, str], tuple[Code, Origin]] = {}
        self._offices: Keyed[Office] = {}
        self._doctors: Keyed[Doctor] = {}
        self._contracts: list[tuple[Contract, Origin]] = []
        self._cycles: list[tuple[DoctorCycle, Origin]] = []
        self._outposts: list[tuple[Outpost, Origin]] = []
        self._left_out: Counter[str] = Counter()
        self._faults: list[str] = []
        self._unpack = zstandard.ZstdDecompressor().decompress

    def warnings(self) -> list[str]:
        """What was left out, and how often."""
        return [f"{what} ({count})" for what, count in sorted(self._left_out.items()) if count]

    def add(self, piece: Piece) -> None:
        """The piece of the next document."""
        for what, origin in piece.faults:
            self._fault(what, origin)
        for code, origin in piece.codes:
            if self._codes.setdefault((code.oid, code.value), (code, origin))[0] != code:
                self._fault(f"a value of code system {code.oid} that is described otherwise elsewhere", origin)
        self._merge(self._offices, piece.offices)
        self._merge(self._doctors, piece.doctors)
        self._contracts += piece.contracts
        self._cycles += piece.cycles
        self._outposts += piece.outposts
        self._persons.add(piece.persons)
        self._left_out[NOBODY_ADDRESSED] += piece.unaddressed
        for lines in piece.memberships:
            self._write_lines("memberships", self._unpack(lines.frame), lines.records, lines.digest, lines.origins)

    def _merge(self, known: Keyed[R], more: Keyed[R]) -> None:
        for key, (record, origin) in more.items():
            if known.setdefault(key, (record, origin))[0] != record:
                self._fault(TOLD_OTHERWISE.format(type(record).__name__), origin)

    def _fault(self, what: str, origin: Origin) -> None:
        self._faults.append(f"{self._origins.shown(origin)}: {what}")
        if len(self._faults) == MAX_FAULTS:
            self._raise_any()

    def _raise_any(self) -> None:
        if self._faults:
            raise BadFeed(self._faults[0], tuple(self._faults))

    def finish(self) -> None:
        """All documents have been read: write what was held, and the persons."""
        self._raise_any()
        self._write("codes", list(self._codes.values()))
        self._write("offices", [(self._without_team(office), origin) for office, origin in self._offices.values()])
        self._write("doctors", list(self._doctors.values()))
        self._write("contracts", [(self._without_team(contract), origin) for contract, origin in self._contracts])
        self._write("doctor_cycles", [(self._known_doctors(cycle), origin) for cycle, origin in self._cycles])
        self._write("outposts", self._outposts)
        self._write_persons()

    def _without_team(self, record: R) -> R:
        if getattr(record, "team_id") is None:  # noqa: B009 -- offices and contracts have it
            return record
        self._left_out[TEAMS] += 1
        return replace(record, team_id=None)

    def _known_doctors(self, cycle: DoctorCycle) -> DoctorCycle:
        if cycle.substitute_for_hpr_number is None or cycle.substitute_for_hpr_number in self._doctors:
            return cycle
        self._left_out[SUBSTITUTED] += 1
        return replace(cycle, substitute_for_hpr_number=None)

    def _write_persons(self) -> None:
        rows = PersonRows()
        for doctor, origin in self._doctors.values():
            rows.add(int(doctor.nin), Seen(DOCTOR, canonical_line(_person_of(doctor)), origin))
        self._persons.add(rows.frames())
        for persons, wrong in self._persons.parts():
            for origin in wrong:
                self._fault(TOLD_OTHERWISE.format("Person"), origin)
            told = [seen.line or canonical_line(Person(nin=f"{nin:011d}")) for nin, seen in persons.items()]
            lines = b"".join(line + b"\n" for line in told)
            origins = pack_origins(seen.origin for seen in persons.values())
            self._write_lines("persons", lines, len(told), lines_digest("persons", lines), origins)
        self._raise_any()

    def _write_lines(self, table: str, lines: bytes, records: int, digest: int, origins: bytes) -> None:
        self._writer.write_lines(table, lines, records)
        self._writer.digest = (self._writer.digest + digest) % DIGEST_MODULUS
        self._origins.add(table, origins)

    def _write(self, table: str, rows: list[tuple[R, Origin]]) -> None:
        self._writer.write(table, [record for record, _ in rows])
        self._origins.add(table, pack_origins(origin for _, origin in rows))


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
