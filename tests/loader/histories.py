"""Random histories of a register: events of every kind, applied to plain dictionaries, and the feeds of each day.

The register is that of tests/crooked.py. What happens here is always what may happen; what may not is for
tests/loader/test_events.py.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from register.feed import DIGEST_MODULUS, FeedWriter, canonical_line, format_digest, record_digest
from register.model import (
    TABLES,
    Code,
    CodeRef,
    Contract,
    Doctor,
    DoctorCycle,
    Membership,
    NinChange,
    Office,
    Outpost,
    Person,
    PhysicalAddress,
    Record,
    Team,
    TeamPerson,
)
from tests.crooked import AS_OF, World
from tests.loader.feeds import number

KEYS: dict[str, str] = {
    "offices": "organization_number",
    "doctors": "hpr_number",
    "persons": "nin",
    "nin_changes": "old_nin",
}
TODAY = datetime(2026, 11, 25)
Event = tuple[str, Record]


class History:
    """A register that changes. `state` is table -> key -> record; `days` are the events of each day so far."""

    def __init__(self, seed: int, persons: int = 60) -> None:
        self.chance = random.Random(seed)
        self.state: dict[str, dict[Any, Any]] = {table: {} for table in TABLES}
        for table, records in World(seed, persons).tables().items():
            for record in records:
                self.state[table][self.key(table, record)] = record
        self.first = self.lines()
        self.events: list[Event] = []
        self.seen: set[str] = set()
        self._next = 10**9

    @staticmethod
    def key(table: str, record: Any) -> Any:
        return (record.oid, record.value) if table == "codes" else getattr(record, KEYS.get(table, "id"))

    # -- feeds

    def lines(self) -> dict[str, list[Record]]:
        """What a full feed holds now."""
        return {table: list(records.values()) for table, records in self.state.items()}

    def digest(self) -> int:
        """The content digest, added up from nothing."""
        records = ((table, record) for table, of_table in self.state.items() for record in of_table.values())
        return sum(record_digest(table, canonical_line(record)) for table, record in records) % DIGEST_MODULUS

    def write_full(self, folder: Path, sequence: int) -> Path:
        """The full feed of now."""
        with FeedWriter(folder) as writer:
            for table, records in self.lines().items():
                writer.write(table, records)
            writer.finish(sequence=sequence, as_of="2026-11-25T03:00:00+01:00", source="tests")
        return folder

    def write_day(self, folder: Path, sequence: int, events: int) -> Path:
        """Let so much happen, and write the incremental feed of it."""
        base = sequence - 1, format_digest(self.digest())
        self.events = []
        while len(self.events) < events:
            self.chance.choice(HAPPENINGS)(self)
        with FeedWriter(folder) as writer:
            writer.write_events(self.events)
            writer.digest = self.digest()
            writer.finish(sequence=sequence, as_of="2026-11-25T03:00:00+01:00", source="tests", base=base)
        return folder

    # -- events

    def put(self, event: str, table: str, record: Any) -> None:
        self.state[table][self.key(table, record)] = record
        self._happened(event, record)

    def delete(self, event: str, table: str, record: Any) -> None:
        del self.state[table][self.key(table, record)]
        self._happened(event, record)

    def _happened(self, event: str, record: Any) -> None:
        self.events.append((event, record))
        self.seen.add(event)

    def id(self) -> int:
        self._next += self.chance.randint(1, 9)
        return self._next

    def any(self, table: str) -> Any:
        return self.chance.choice(list(self.state[table].values()))

    def of(self, nin: str) -> list[Membership]:
        """A person's memberships, newest first."""
        mine = [one for one in self.state["memberships"].values() if one.nin == nin]
        return sorted(mine, key=lambda one: one.valid_from, reverse=True)

    def number(self) -> str:
        """A number that nobody has had."""
        while True:
            nin = number(self.chance.randrange(1000, 9900))
            if nin not in self.state["persons"] and nin not in self.state["nin_changes"]:
                return nin


def moves(h: History) -> None:
    """To another list from some day on, perhaps one to come; or on a list for the first time."""
    nin = h.any("persons").nin
    day = TODAY + timedelta(days=h.chance.randint(-3, 40))
    newest = next(iter(h.of(nin)), None)
    if newest is not None and newest.valid_from >= day:
        return
    if newest is not None and (newest.to is None or newest.to > day):
        ended = replace(newest, to=day, end_code="OHID", updated=TODAY)
        h.put("PatientOnContractCanceled", "memberships", ended)
    h.put(
        "PatientOnContractCreated",
        "memberships",
        Membership(
            id=h.id(),
            nin=nin,
            contract_id=h.any("contracts").id,
            valid_from=day,
            to=h.chance.choice([None, None, day + timedelta(days=30)]),
            begin_code=h.chance.choice([None, "BGVA"]),
            end_code=None,
            updated=TODAY + timedelta(milliseconds=h.chance.randrange(10**6)),
        ),
    )


def corrects(h: History) -> None:
    """The past was another: a membership began later, on another list, or was never in force."""
    if not h.state["memberships"]:
        return
    one: Membership = h.any("memberships")
    if h.chance.random() < 0.3:
        never = replace(one, to=one.valid_from, end_code="OHID")
        del h.state["memberships"][one.id]
        h._happened("PatientOnContractCanceled", never)
        return
    later = one.valid_from + timedelta(microseconds=h.chance.choice([0, 1, 1000]))
    if one.to is not None and later >= one.to:
        return
    changed = replace(one, valid_from=later, contract_id=h.any("contracts").id, begin_code="BGTI")
    h.put("PatientOnContractUpdated", "memberships", changed)


def list_is_moved(h: History) -> None:
    """All members of a list come to another one."""
    old, new = h.any("contracts"), h.any("contracts")
    for one in [m for m in h.state["memberships"].values() if m.contract_id == old.id][:8]:
        h.put("PatientOnContractUpdated", "memberships", replace(one, contract_id=new.id))


def number_changes(h: History) -> None:
    """A person gets another number: a new one, or one that is a person already and comes to be the same."""
    person = h.any("persons")
    other = h.any("persons") if h.chance.random() < 0.4 else None
    if other is not None and other.nin == person.nin:
        return
    new = h.number() if other is None else other.nin
    if other is not None:
        for one in h.of(person.nin):  # what would overlap was never in force
            h.put("PatientOnContractUpdated", "memberships", one)
            del h.state["memberships"][one.id]
            h._happened("PatientOnContractCanceled", replace(one, to=one.valid_from, end_code="OHID"))
    change = NinChange(old_nin=person.nin, new_nin=new, changed=TODAY)
    del h.state["persons"][person.nin]
    if other is None:
        h.state["persons"][new] = replace(person, nin=new)
    for one in h.of(person.nin):
        h.state["memberships"][one.id] = replace(one, nin=new)
    h.put("PatientNinChanged", "nin_changes", change)


def is_born(h: History) -> None:
    h.put("PersonCreated", "persons", Person(nin=h.number(), first_name="Ny", last_name="A\u030as"))


def is_protected_or_not(h: History) -> None:
    protection = h.chance.choice([None, "fortrolig", "strengt-fortrolig"])
    address = PhysicalAddress(type="RES", street_address=f"Vei {h.id()}", municipality="0301")
    h.put("PersonUpdated", "persons", replace(h.any("persons"), protection=protection, physical_addresses=(address,)))


def is_gone(h: History) -> None:
    """A person that should not have been there is removed, memberships first."""
    person = h.any("persons")
    if any(person.nin == change.new_nin for change in h.state["nin_changes"].values()):
        return
    for one in h.of(person.nin):
        del h.state["memberships"][one.id]
        h._happened("PatientOnContractCanceled", replace(one, to=one.valid_from, end_code="OHID"))
    h.delete("PersonDeleted", "persons", person)


def contract_begins(h: History) -> None:
    h.put(
        "ContractCreated",
        "contracts",
        Contract(
            id=h.id(),
            name=f"Ny {h.id()}",
            office_organization_number=h.any("offices").organization_number,
            municipality="0301",
            status="FAAA",
            max_patients=500,
            agreement_date=TODAY,
            valid_from=TODAY - timedelta(days=h.chance.randint(-20, 20)),
            updated=TODAY,
        ),
    )


def contract_changes(h: History) -> None:
    one: Contract = h.any("contracts")
    changed = replace(one, name=h.chance.choice([None, "Listen"]), status=h.chance.choice(["FAAA", "FAAL"]))
    if h.chance.random() < 0.2:  # it had ended long ago
        changed = replace(changed, valid_from=datetime(2000, 1, 1), to=datetime(2001, 1, 1))
    h.put("ContractUpdated", "contracts", changed)


def contract_ends(h: History) -> None:
    one: Contract = h.any("contracts")
    if one.to is not None and one.to < TODAY:
        return
    end = max(one.valid_from, TODAY) + timedelta(days=h.chance.randint(1, 60))
    h.put("ContractCanceled", "contracts", replace(one, to=end, end_reason="OHAV"))


def doctor_begins(h: History) -> None:
    """On a list, without a HER-ID: those are of one thing at a time."""
    h.put(
        "GPOnContractCreated",
        "doctor_cycles",
        DoctorCycle(
            id=h.id(),
            contract_id=h.any("contracts").id,
            hpr_number=h.any("doctors").hpr_number,
            relationship=h.chance.choice(["LPFL", "LPDL", "LPVI"]),
            valid_from=TODAY - timedelta(days=h.chance.randint(-30, 100)),
            updated=TODAY,
        ),
    )


def cycle_changes(h: History) -> None:
    if h.state["doctor_cycles"]:
        one: DoctorCycle = h.any("doctor_cycles")
        changed = replace(one, her_id=None, relationship=h.chance.choice(["LPFL", "LPVI"]))
        h.put("GPOnContractUpdated", "doctor_cycles", changed)


def cycle_is_deleted(h: History) -> None:
    if h.state["doctor_cycles"]:
        h.delete("GPOnContractDeleted", "doctor_cycles", h.any("doctor_cycles"))


def outpost(h: History) -> None:
    one = Outpost(id=h.id(), contract_id=h.any("contracts").id, valid_from=TODAY, updated=TODAY)
    h.put("OutOfOfficeLocationCreated", "outposts", one)
    if h.chance.random() < 0.5:
        one = replace(h.any("outposts"), description="Utekontor")
        h.put("OutOfOfficeLocationUpdated", "outposts", one)
    if h.chance.random() < 0.5:
        h.delete("OutOfOfficeLocationDeleted", "outposts", h.any("outposts"))


def office(h: History) -> None:
    if h.chance.random() < 0.5:
        one = replace(h.any("offices"), name=f"Kontor {h.id()}", her_id=None)
        h.put("OfficeUpdated", "offices", one)
        return
    new = Office(organization_number=-h.id() % 10**6 - 10**6, name="Nytt", valid_from=TODAY, updated=TODAY)
    if new.organization_number in h.state["offices"]:
        return
    h.put("OfficeCreated", "offices", new)
    if h.chance.random() < 0.5:
        h.delete("OfficeDeleted", "offices", new)


def doctor(h: History) -> None:
    if h.chance.random() < 0.5:
        h.put("DoctorUpdated", "doctors", replace(h.any("doctors"), last_name=f"Lie {h.id()}"))
        return
    new = Doctor(hpr_number=h.id() % 10**8 + 10**5, nin=h.any("persons").nin, first_name="Ny", last_name="Lege")
    if new.hpr_number in h.state["doctors"]:
        return
    h.put("DoctorCreated", "doctors", new)
    if h.chance.random() < 0.5:
        h.delete("DoctorDeleted", "doctors", new)


def team(h: History) -> None:
    person = TeamPerson(id=h.id(), hpr_number=7001, role="LE", valid_from=TODAY)
    if (9060, "LE") not in h.state["codes"]:
        h.put("CodeCreated", "codes", Code(oid=9060, value="LE", text="Lege"))
    h.put("TeamCreated", "teams", Team(id=h.id(), organization_number=-5, leader_hpr_number=7001, people=(person,)))
    h.put("TeamUpdated", "teams", replace(h.any("teams"), people=()))
    if h.chance.random() < 0.5:
        h.delete("TeamDeleted", "teams", h.any("teams"))


def code(h: History) -> None:
    """A municipality's name is in the answers of every list; a language is in none."""
    if h.chance.random() < 0.5:
        one = replace(h.state["codes"][3402, h.chance.choice(["0301", "4601"])], text=f"Sted {h.id()}")
        h.put("CodeUpdated", "codes", one)
    elif (3303, "no") not in h.state["codes"]:
        h.put("CodeCreated", "codes", Code(oid=3303, value="no", text="Norsk"))
        one = replace(h.any("doctors"), languages=(CodeRef(oid=3303, value="no"),))
        h.put("DoctorUpdated", "doctors", one)


HAPPENINGS: list[Callable[[History], None]] = [
    *([moves] * 6),
    *([corrects] * 3),
    *([number_changes] * 2),
    list_is_moved,
    is_born,
    is_protected_or_not,
    is_gone,
    contract_begins,
    contract_changes,
    contract_ends,
    doctor_begins,
    cycle_changes,
    cycle_is_deleted,
    outpost,
    office,
    doctor,
    team,
    code,
]
assert AS_OF < TODAY
