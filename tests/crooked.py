"""A small made-up register with nothing regular in it: every kind of period, at every kind of moment.

Lists with no, one or many of each kind of doctor, contracts that end before their members do, members for a moment,
chains of numbers, periods that begin and end in the two nights when the clock is changed. For the oracle's tests.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

from register.feed import FeedWriter
from register.ids import Rule, control_digits
from register.model import (
    Code,
    Contract,
    Doctor,
    DoctorCycle,
    ElectronicAddress,
    Membership,
    NinChange,
    Office,
    Person,
    PhysicalAddress,
    Record,
)

AS_OF = datetime(2026, 11, 23)
SERVICE_OFFICES, CONTRACTS, DOCTORS, PERSONS, CHANGED = 5, 40, 25, 500, 60
BIG = 1  # the place among the contracts of one that is in force for ever and has many members
NIGHTS = [datetime(2026, 3, 29), datetime(2026, 10, 25), datetime(2027, 3, 28), datetime(2017, 10, 29)]
LAST_NAMES = ["Lie", "Nguyễn", "A\u030as", 'O\'Brien "B"', "Çelik", "Øygård-Næss"]


class World:
    """Makes the records of one seed. All seeds have the same numbers and contract ids, and nothing else in common."""

    def __init__(self, seed: int, persons: int = PERSONS, big_share: float = 0.2, address_size: int = 10) -> None:
        self.big_share, self.street = big_share, "Gata 1 og " * (address_size // 10)
        self.random = random.Random(0)
        self.numbers = self._numbers(persons + CHANGED)
        self.random = random.Random(seed)
        self.changed, self.current = self.numbers[:CHANGED], self.numbers[CHANGED:]
        self.next_id = 1000

    def _numbers(self, count: int) -> list[str]:
        found: set[str] = set()
        while len(found) < count:
            day = self.random.choice((0, 0, 40)) + self.random.randint(1, 28)
            month = self.random.choice((65, 80)) + self.random.randint(1, 12)
            nine = f"{day:02d}{month:02d}{self.random.randint(0, 99999):05d}"
            digits = control_digits(nine, Rule.FROM_2032, self.random.randint(0, 3))
            found |= {nine + digits} if digits else set()
        return self.random.sample(sorted(found), count)

    def id(self) -> int:
        self.next_id += self.random.randint(1, 1000)
        return self.next_id

    def moment(self) -> datetime:
        """Some moment from 2012 to 2032, often one that others have too."""
        far = timedelta(days=self.random.randint(-5000, 2200))
        near = timedelta(days=self.random.randint(-3, 45))
        day = self.random.choice([AS_OF + near, AS_OF + far, AS_OF + far, self.random.choice(NIGHTS)])
        within = [0, 0, 0, 1, 2 * 3_600_000_000, 9_000_000_000, 3 * 3_600_000_000 - 1, 86_399_999_999]
        return day + timedelta(microseconds=self.random.choice([*within, self.random.randrange(86_400_000_000)]))

    def period(self) -> dict[str, datetime | None]:
        start, end = sorted(self.random.sample([self.moment() for _ in range(5)], 2))
        if start == end:
            end += timedelta(microseconds=1)
        return {"valid_from": start, "to": None if self.random.random() < 0.4 else end}

    def offices(self) -> Iterator[Office]:
        for n in range(SERVICE_OFFICES):
            addresses = [
                PhysicalAddress(
                    type="RES", street_address=f"Gate {n}", postal_code="0159", city="Oslo", municipality="0301"
                ),
                PhysicalAddress(type="PST", postbox="Boks 1", postal_code="5003", city="Bergen", country="NO"),
            ]
            yield Office(
                organization_number=-(n + 1),
                her_id=None if n == 0 else 80_000 + n,
                name=f"Kontor {n}",
                display_name=f'Legene "{n}"' if n % 2 else None,
                physical_addresses=tuple(addresses[: n % 3]),
                electronic_addresses=(ElectronicAddress(type="E_TLF", address="+47 22 00 00 00"),) * (n % 2),
                valid_from=datetime(2000, 1, 1),
                updated=AS_OF,
            )

    def contracts(self) -> Iterator[Contract]:
        for n in range(CONTRACTS):
            whole = {"valid_from": datetime(2010, 1, 1), "to": None}
            yield Contract(
                id=101 + n,
                name=f"Liste {n}" if n % 3 else None,
                her_id=90_000 + n if n % 4 == 0 else None,
                office_organization_number=-(1 + n % SERVICE_OFFICES),
                municipality=self.random.choice(["0301", "4601"]),
                status=self.random.choice(["FAAA", "FAAL", "FAAS"]),
                max_patients=1000,
                agreement_date=datetime(2010, 1, 1),
                updated=AS_OF,
                **(whole if n % 2 else self.period()),  # type: ignore[arg-type]
            )

    def cycles(self, contract: Contract) -> Iterator[DoctorCycle]:
        period = self.period()
        for _ in range(self.random.randint(0, 8)):
            doctor = self.random.randrange(DOCTORS)
            # some begin together, and then the id decides
            period = self.random.choice([self.period(), self.period(), period])
            yield DoctorCycle(
                id=self.random.randint(1000, 10**9),
                contract_id=contract.id,
                hpr_number=7000 + doctor,
                # a HER-ID is that of a doctor at an office
                her_id=None if doctor % 5 == 0 else 100_000 - 100 * contract.office_organization_number + doctor,
                substitute_for_hpr_number=self.random.choice([None, 7001]),
                relationship=self.random.choice(["LPFL", "LPFL", "LPDL", "LPVI", "LPVI"]),
                updated=AS_OF,
                **period,  # type: ignore[arg-type]
            )

    def memberships(self, nin: str, contracts: list[Contract]) -> Iterator[Membership]:
        """Periods of one person: one after another, at times with a gap, never overlapping."""
        ends = sorted({self.moment() for _ in range(2 * self.random.randint(0, 4))})
        for start, end in zip_longest(ends, ends[1:]):
            if self.random.random() < 0.75:
                yield Membership(
                    id=self.id(),
                    nin=nin,
                    contract_id=(
                        contracts[BIG] if self.random.random() < self.big_share else self.random.choice(contracts)
                    ).id,
                    valid_from=start,
                    to=end,
                    begin_code=self.random.choice([None, "BGVA", "BGTI"]),
                    end_code=None if end is None else "OHID",
                    updated=start + timedelta(microseconds=self.random.choice([0, 1000, 1, 123_457])),
                )

    def changes(self) -> Iterator[NinChange]:
        """Chains of one to five steps that end in a number of today."""
        waiting = list(self.changed)
        while waiting:
            chain = [waiting.pop() for _ in range(min(len(waiting), self.random.randint(1, 5)))]
            for old, new in zip(chain, [*chain[1:], self.random.choice(self.current)], strict=True):
                yield NinChange(old_nin=old, new_nin=new, changed=AS_OF)

    def persons(self) -> Iterator[Person]:
        for n, nin in enumerate(self.current):
            yield Person(
                nin=nin,
                first_name=None if n % 50 == 0 else "Kari",
                last_name=self.random.choice(LAST_NAMES),
                protection={0: "fortrolig", 1: "strengt-fortrolig"}.get(n % 40),  # type: ignore[arg-type]
                physical_addresses=(PhysicalAddress(type="RES", street_address=self.street, municipality="0301"),)
                * (n % 2),
            )

    def doctors(self) -> Iterator[Doctor]:
        for n in range(DOCTORS):
            yield Doctor(
                hpr_number=7000 + n,
                nin=self.current[n],
                first_name=f"Lege {n}",
                middle_name=None if n % 2 else "von",
                last_name=self.random.choice(LAST_NAMES),
            )

    def tables(self) -> dict[str, list[Record]]:
        codes = [Code(oid=3402, value="0301", text="Oslo – Oslove"), Code(oid=3402, value="4601", text="Bergen")]
        contracts = list(self.contracts())
        return {
            "codes": [*codes, Code(oid=9043, value="NO", text="Norge")],
            "offices": list(self.offices()),
            "doctors": list(self.doctors()),
            "contracts": contracts,  # type: ignore[dict-item]
            "doctor_cycles": [cycle for contract in contracts for cycle in self.cycles(contract)],
            "persons": list(self.persons()),
            "nin_changes": list(self.changes()),
            "memberships": [m for nin in self.current for m in self.memberships(nin, contracts)],
        }


def write_feed(folder: Path, seed: int, sequence: int = 1, **size: Any) -> Path:
    """Write the feed of a seed; the same seed and `size` (of World) make the same feed."""
    with FeedWriter(folder) as writer:
        for table, records in World(seed, **size).tables().items():
            writer.write(table, records)
        writer.finish(sequence=sequence, as_of="2026-11-23T03:00:00+01:00", source="tests.crooked")
    return folder
