"""The tables about lists (offices, doctors, contracts, cycles, ...) and the day's changes to them.

A *lineage* is a list of patients as it goes from contract to contract: a doctor leaves, the whole list moves to a new
contract, the patients stay together. Persons choose lineages; the contracts follow (`lineages.py`).

`Registry` holds the records of one day. `put` and `delete` note what changed, `changes` tells it as events. What the
contracts' counts are is known only when all persons have been counted, so places are filled in when rendered.
"""

from datetime import datetime
from random import Random

import msgspec

from bench.norway.draws import Ints
from bench.norway.lineages import Lineage
from bench.norway.persons import Shape
from register.codes import STATUS_OPEN
from register.feed import canonical_line, lines_digest
from register.model import TABLES, Contract, Doctor, DoctorCycle, Record, Team

LIST_TABLES = [table for table in TABLES if table not in ("persons", "nin_changes", "memberships")]
_STEMS = {
    "codes": "Code",
    "offices": "Office",
    "doctors": "Doctor",
    "contracts": "Contract",
    "doctor_cycles": "GPOnContract",
    "outposts": "OutOfOfficeLocation",
    "teams": "Team",
}
Key = int | tuple[int, str]
Event = tuple[str, bytes]


class Registry:
    """All records about lists on one day; starts as day 0 and is taken further by `list_days`."""

    def __init__(self, shape: Shape, lineages: list[Lineage]) -> None:
        self.shape = shape
        self.lineages = lineages
        self.tables: dict[str, dict[Key, Record]] = {table: {} for table in LIST_TABLES}
        self.open_cycles: dict[int, list[int]] = {}
        self.reserve: list[Doctor] = []
        self.reserve_used = 0
        self.day = 0
        self._before: dict[tuple[str, Key], Record | None] = {}
        self._rendered: dict[Key, bytes] = {}
        self._next = {"her": 80_000, "cycle": 500_000, "outpost": 3_000, "team": 100, "office": 31_000_000}

    def number(self, kind: str, step: int = 1) -> int:
        """The next free number of a kind."""
        self._next[kind] += step
        return self._next[kind]

    def put(self, table: str, key: Key, record: Record) -> None:
        """Add or replace a record."""
        self._before.setdefault((table, key), self.tables[table].get(key))
        self.tables[table][key] = record

    def delete(self, table: str, key: Key) -> None:
        """Remove a record."""
        self._before.setdefault((table, key), self.tables[table][key])
        del self.tables[table][key]

    def change(self, table: str, key: Key, **members: object) -> None:
        """Replace members of a record."""
        self.put(table, key, msgspec.structs.replace(self.tables[table][key], **members))

    def contract(self, number: Key) -> Contract:
        """A contract by its number."""
        record = self.tables["contracts"][number]
        assert isinstance(record, Contract)
        return record

    def cycle(self, number: int) -> DoctorCycle:
        """A doctor cycle by its number."""
        record = self.tables["doctor_cycles"][number]
        assert isinstance(record, DoctorCycle)
        return record

    def start_cycle(self, cycle: DoctorCycle) -> None:
        """Add a cycle that has no end."""
        self.put("doctor_cycles", cycle.id, cycle)
        self.open_cycles.setdefault(cycle.contract_id, []).append(cycle.id)

    def end_cycle(self, number: int, ended: datetime, updated: datetime) -> None:
        """End an open cycle."""
        self.open_cycles[self.cycle(number).contract_id].remove(number)
        self.change("doctor_cycles", number, to=ended, updated=updated)

    def team(self, number: Key) -> Team:
        """A team by its number."""
        record = self.tables["teams"][number]
        assert isinstance(record, Team)
        return record

    def new_doctor(self, rng: Random) -> Doctor:
        """A doctor who has not worked before, as long as there are any; any of those when all have."""
        fresh = self.reserve_used < len(self.reserve)
        doctor = self.reserve[self.reserve_used] if fresh else rng.choice(self.reserve)
        self.reserve_used += 1
        if doctor.hpr_number not in self.tables["doctors"]:
            self.put("doctors", doctor.hpr_number, doctor)
        return doctor

    def forget_changes(self) -> None:
        """Take the state of now as the one that changes are told from."""
        self._before = {}

    # what leaves

    def lines(self, counts: Ints) -> dict[str, bytes]:
        """The canonical lines of every table about lists, and the state that `changes` starts from."""
        self.forget_changes()
        self._rendered = self._contract_lines(counts)
        lines = {
            table: b"".join(canonical_line(record) + b"\n" for record in records.values())
            for table, records in self.tables.items()
        }
        lines["contracts"] = b"".join(line + b"\n" for line in self._rendered.values())
        return lines

    def _contract_lines(self, counts: Ints) -> dict[Key, bytes]:
        """Every contract's line with its places; `counts` are the listed persons of each lineage."""
        listed: dict[Key, int] = dict(
            zip((ln.contract_on(self.day) for ln in self.lineages), counts.tolist(), strict=True)
        )
        lines: dict[Key, bytes] = {}
        for number in self.tables["contracts"]:
            contract = self.contract(number)
            known = self._rendered.get(number)
            if number not in listed:
                if known is None or ("contracts", number) in self._before:
                    known = canonical_line(msgspec.structs.replace(contract, places_available=0))
            else:
                free = contract.max_patients - listed[number] if contract.status == STATUS_OPEN else 0
                known = canonical_line(msgspec.structs.replace(contract, places_available=max(0, free)))
            lines[number] = known
        return lines

    def changes(self, counts: Ints) -> tuple[list[Event], list[Event], int]:
        """The day's events before and after those about persons, and what they add to the content digest."""
        first: list[Event] = []
        last: list[Event] = []
        delta = 0
        for (table, key), before in self._before.items():
            now = self.tables[table].get(key)
            if table == "contracts" or before == now:
                continue
            old = canonical_line(before) if before else None
            new = canonical_line(now) if now else None
            event = (_STEMS[table] + ("Created" if not old else "Updated" if new else "Deleted"), new or old or b"")
            (last if new is None else first).append(event)
            delta += _digest(table, new) - _digest(table, old)
        rendered = self._contract_lines(counts)
        created: list[Event] = []
        for number, line in rendered.items():
            known = self._rendered.get(number)
            if line == known:
                continue
            delta += _digest("contracts", line) - _digest("contracts", known)
            if known is None:
                created.append(("ContractCreated", line))
            else:
                ended = b'"to":null' in known and b'"to":null' not in line
                last.append(("ContractCanceled" if ended else "ContractUpdated", line))
        self._rendered = rendered
        self._before = {}
        # a cycle names a contract, which names an office; doctors name a person, who is there already
        first.sort(key=lambda event: event[0].startswith(("GPOn", "OutOf", "Team")))
        at = sum(not event[0].startswith(("GPOn", "OutOf", "Team")) for event in first)
        return first[:at] + created + first[at:], last, delta


def _digest(table: str, line: bytes | None) -> int:
    return lines_digest(table, line) if line else 0
