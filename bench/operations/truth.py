"""What the register must answer, worked out from the feed itself: a second opinion for load tests.

Holds of one full feed what is in force now or later, and shares with the service nothing but the feed's records.
Times are naive, Norwegian wall-clock. Knows of a person the status, the GP, the HER-ID to write to, the list and since
when; not how an answer is laid out (bench.callers), nor what has been. `numbers` are those of all persons, the newest
of each; `her_ids` those of doctors and offices in force now or later.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from bench.callers import records
from register.codes import GP, SHARED_LIST_DOCTOR, SUBSTITUTE
from register.model import Contract, DoctorCycle, Membership, NinChange, Office, Person

OSLO = ZoneInfo("Europe/Oslo")
T = TypeVar("T", DoctorCycle, Membership, Office)


class Facts(NamedTuple):
    """What an answer about a known person has to say; `status` alone of who has no GP."""

    status: str
    her_id: int | None = None
    hpr_number: int | None = None
    contract_id: int | None = None
    since: datetime | None = None


NO_GP = Facts("none")


def now() -> datetime:
    """Norwegian wall-clock time."""
    return datetime.now(OSLO).replace(tzinfo=None)


def _covers(record: DoctorCycle | Membership | Office | Contract, at: datetime) -> bool:
    return record.valid_from <= at and (record.to is None or at < record.to)


def _latest(cycles: Iterable[DoctorCycle]) -> DoctorCycle | None:
    return max(cycles, key=lambda cycle: (cycle.valid_from, cycle.id), default=None)


class Truth:
    """One full feed, as its manifest's sequence has it."""

    def __init__(self, feed: Path, begun: datetime) -> None:
        """`begun` is the first moment that is asked about."""

        def lasting(table: str, kind: type[T]) -> Iterable[T]:
            return (record for record in records(feed, table, kind) if record.to is None or record.to > begun)

        self._newest = {change.old_nin: change.new_nin for change in records(feed, "nin_changes", NinChange)}
        self.numbers = [person.nin for person in records(feed, "persons", Person)]
        self._known = frozenset(self.numbers)
        self._contracts = {contract.id: contract for contract in records(feed, "contracts", Contract)}
        self._offices = {one.her_id: one for one in lasting("offices", Office) if one.her_id is not None}
        self._cycles: dict[int, list[DoctorCycle]] = defaultdict(list)
        self._with_her_id: dict[int, list[DoctorCycle]] = defaultdict(list)
        for cycle in lasting("doctor_cycles", DoctorCycle):
            self._cycles[cycle.contract_id].append(cycle)
            if cycle.her_id is not None:
                self._with_her_id[cycle.her_id].append(cycle)
        self.her_ids = [*self._with_her_id, *self._offices]
        self._memberships: dict[str, list[Membership]] = defaultdict(list)
        self._lists: dict[int, list[Membership]] = defaultdict(list)
        for membership in lasting("memberships", Membership):
            self._memberships[self.newest(membership.nin)].append(membership)
            self._lists[membership.contract_id].append(membership)

    def newest(self, nin: str) -> str:
        """The person's number of today."""
        while nin in self._newest:
            nin = self._newest[nin]
        return nin

    def facts(self, nin: str, at: datetime) -> Facts | None:
        """What is to be said of a person; None of a number never seen."""
        nin = self.newest(nin)
        if nin not in self._known:
            return None
        membership = self._membership(nin, at)
        if membership is None:
            return NO_GP
        current = self._current(membership.contract_id, at)
        gp = _latest(cycle for cycle in current if cycle.relationship == GP)
        substitutes = [cycle for cycle in current if cycle.relationship == SUBSTITUTE]
        addressed = gp or (substitutes[0] if len(substitutes) == 1 else None)
        return Facts(
            "assigned" if gp else "vacant",
            None if addressed is None else addressed.her_id,
            None if gp is None else gp.hpr_number,
            membership.contract_id,
            membership.valid_from,
        )

    def confirms(self, nin: str, hpr_number: int, at: datetime) -> bool | None:
        """Whether a doctor is the person's GP, or shares the list; None of a number never seen."""
        nin = self.newest(nin)
        if nin not in self._known:
            return None
        membership = self._membership(nin, at)
        current = [] if membership is None else self._current(membership.contract_id, at)
        return any(one.hpr_number == hpr_number and one.relationship in {GP, SHARED_LIST_DOCTOR} for one in current)

    def owner(self, her_id: int, at: datetime) -> tuple[str, int] | None:
        """(`gp`, HPR number) or (`office`, organisation number) of who has a HER-ID in force; None where nobody has."""
        doctor = next((cycle for cycle in self._with_her_id.get(her_id, ()) if _covers(cycle, at)), None)
        if doctor is not None:
            return "gp", doctor.hpr_number
        office = self._offices.get(her_id)
        return None if office is None or not _covers(office, at) else ("office", office.organization_number)

    def patients(self, contract_id: int, at: datetime) -> list[str]:
        """The numbers of who is on a list, in order."""
        if contract_id not in self._contracts or not _covers(self._contracts[contract_id], at):
            return []
        return sorted({self.newest(one.nin) for one in self._lists[contract_id] if _covers(one, at)})

    def contracts(self, at: datetime) -> list[int]:
        """The lists in force."""
        return [number for number, contract in self._contracts.items() if _covers(contract, at)]

    def _membership(self, nin: str, at: datetime) -> Membership | None:
        for one in self._memberships.get(nin, ()):
            if _covers(one, at) and _covers(self._contracts[one.contract_id], at):
                return one
        return None

    def _current(self, contract_id: int, at: datetime) -> list[DoctorCycle]:
        return [cycle for cycle in self._cycles.get(contract_id, ()) if _covers(cycle, at)]
