"""Who works where on day 0: contracts, doctor cycles, outposts and teams around the lineages.

`open_registry` makes the `Registry` of day 0 and the population that goes with it. Doctors are persons: the doctor
whose first cycle is the oldest is the oldest of the persons chosen, so that nobody was a GP as a child.
"""

from random import Random

import numpy as np

from bench.norway.agreements import Employment, at, contract_ended, hpr_number, new_contract, stamp
from bench.norway.codes import codes
from bench.norway.days import ALWAYS
from bench.norway.draws import Floats
from bench.norway.lineages import Lineage, Plan, Segment
from bench.norway.municipalities import municipalities
from bench.norway.offices import Offices, new_outpost
from bench.norway.registry import Registry
from register.codes import GP, SHARED_LIST_DOCTOR, SUBSTITUTE
from register.model import Contract, Team, TeamContract, TeamPerson

VACANT_SHARE = 277 / 5704
LISTED_SHARE = 0.968
TEAM_OFFICES = 25  # one office in so many
FEW_LISTS = 40
VACANT = {"one substitute": 1, "two substitutes": 2, "no substitute": 0}
_SPECIALS = dict(enumerate(("outpost", "shared", *VACANT), 2))


def expected_sizes(plan: Plan, persons: int) -> Floats:
    """About how many persons each lineage will have."""
    people = np.array([m.people for m in municipalities()], np.float64)
    per_weight = np.full(len(plan.weight_ends) - 1, 0.05 / plan.weight_ends[-1])
    for k, share in enumerate(people / people.sum()):
        first, last = plan.served_from[k], plan.served_to[k]
        per_weight[first:last] += 0.95 * share / (plan.weight_ends[last] - plan.weight_ends[first])
    sizes: Floats = per_weight * np.diff(plan.weight_ends) * persons * LISTED_SHARE
    return sizes


class Opening:
    """Fills a registry with day 0, lineage by lineage. `first_seen` is the first day of each doctor's first cycle."""

    def __init__(self, registry: Registry, employment: Employment, sizes: Floats) -> None:
        self.registry = registry
        self.rng = Random(f"{registry.shape.seed}/opening")
        self.first_seen: list[int] = []
        self._sizes = sizes
        self._today = registry.shape.calendar.start_day
        self._employment = employment
        self._free: dict[str, list[tuple[int, int]]] = {}  # county -> doctor and the day from which they are free
        self._offices = Offices(registry)
        self._special: str | None = None  # what the list at hand must be, so that a small population has some of all

    def fill(self) -> None:
        """Everything but the doctors' own records."""
        for code in codes():
            self.registry.put("codes", (code.oid, code.value), code)
        few = len(self.registry.lineages) < FEW_LISTS
        for k, (lineage, size) in enumerate(zip(self.registry.lineages, self._sizes.tolist(), strict=True)):
            self._special = _SPECIALS.get(k) if few else None
            base = [segment for segment in lineage.segments if segment.known == ALWAYS]
            doctor: int | None = None
            for segment, following in zip(base, [*base[1:], None], strict=True):
                doctor = self._contract(lineage, segment, following, doctor, size)
        self._offices.write(self.rng)
        self._teams()

    def _contract(
        self, lineage: Lineage, segment: Segment, following: Segment | None, doctor: int | None, size: float
    ) -> int:
        rng, today = self.rng, self._today
        end = following.begin if following else None
        special = self._special if end is None else None
        vacant = end is None and (rng.random() < VACANT_SHARE or special in VACANT)
        office = self._offices.choose(rng, lineage.municipality, segment.begin, end)
        contract = new_contract(rng, lineage, segment, office, size)
        if following:
            contract = contract_ended(contract, following, stamp(rng, following.begin - 3))
        self.registry.put("contracts", contract.id, contract)
        if vacant and rng.random() < 0.6:
            self.registry.change("contracts", contract.id, her_id=self.registry.number("her"))
        if end is None and (rng.random() < 0.03 or special == "outpost"):
            home = municipalities()[lineage.municipality]
            begin = rng.randint(min(segment.begin, today - 40), today - 30)
            outpost = new_outpost(rng, self.registry, contract, home, max(begin, segment.begin))
            self.registry.put("outposts", outpost.id, outpost)
        if doctor is not None and rng.random() >= 0.22:
            doctor = None
        return self._doctors(lineage, contract, (segment.begin, end), vacant, doctor)

    def _doctors(
        self, lineage: Lineage, contract: Contract, period: tuple[int, int | None], vacant: bool, doctor: int | None
    ) -> int:
        """The contract's GPs one after the other, and who else works there. Returns the last GP."""
        rng, today = self.rng, self._today
        begin, end = period
        limit = today - 20 if end is None else end
        changes = sorted(rng.randint(begin, limit) for _ in range((rng.random() < 0.25) + (rng.random() < 0.04)))
        starts = [begin]
        for day in changes:
            if starts[-1] + 60 < day < limit - 60:
                starts.append(day)
        free = self._free.setdefault(self._county(lineage), [])
        for start, following in zip(starts, [*starts[1:], None], strict=True):
            stop = following if following is not None else end
            if following is None and vacant:
                stop = today - rng.randint(2, min(700, today - start - 2))
            if doctor is None or start != begin:
                doctor = self._doctor(lineage, start)
            elif free and free[-1][0] == doctor:
                free.pop()
            self._cycle(contract, doctor, GP, start, stop)
            if stop is not None:
                free.append((doctor, stop))
        assert doctor is not None
        self._others(lineage, contract, period, vacant, doctor)
        return doctor

    def _others(
        self, lineage: Lineage, contract: Contract, period: tuple[int, int | None], vacant: bool, doctor: int
    ) -> None:
        """Substitutes, and the second doctor of a shared list."""
        rng, today = self.rng, self._today
        begin, end = period
        if end is not None:
            if rng.random() < 0.12 and end - begin > 400:
                start = rng.randint(begin, end - 300)
                self._cycle(contract, self._doctor(lineage, start), SUBSTITUTE, start, start + 200, doctor)
            return
        substitutes = rng.choices((0, 1, 2), (3, 5, 2))[0] if vacant else int(rng.random() < 0.04)
        substitutes = VACANT.get(self._special or "", substitutes)
        for _ in range(substitutes):
            start = today - rng.randint(1, min(250, today - begin - 1))
            self._cycle(contract, self._doctor(lineage, start), SUBSTITUTE, start, None, doctor)
        if not vacant and (rng.random() < 0.035 or self._special == "shared"):
            start = rng.randint(begin, today - 10)
            self._cycle(contract, self._doctor(lineage, start), SHARED_LIST_DOCTOR, start, None)

    @staticmethod
    def _county(lineage: Lineage) -> str:
        return municipalities()[lineage.municipality].code[:2]

    def _doctor(self, lineage: Lineage, start: int) -> int:
        """Somebody of the county who is free, or somebody new."""
        free = self._free.setdefault(self._county(lineage), [])
        if free and self.rng.random() < 0.28:
            pick = self.rng.randrange(len(free))
            if free[pick][1] <= start:
                free[pick], free[-1] = free[-1], free[pick]
                return free.pop()[0]
        self.first_seen.append(start)
        return len(self.first_seen) - 1

    def _cycle(
        self,
        contract: Contract,
        doctor: int,
        relationship: str,
        start: int,
        stop: int | None,
        substitute_for: int | None = None,
    ) -> None:
        self._employment.add(
            self.rng,
            contract,
            hpr_number(doctor),
            relationship,
            at(start),
            None if stop is None else at(stop),
            stamp(self.rng, min(stop or start, self._today - 1) - 1),
            None if substitute_for is None else hpr_number(substitute_for),
        )

    def _teams(self) -> None:
        """Primary health care teams: some offices with all their contracts."""
        by_office: dict[int, list[int]] = {}
        for number, cycles in self.registry.open_cycles.items():
            if cycles:
                by_office.setdefault(self.registry.contract(number).office_organization_number, []).append(number)
        several = sorted(office for office, contracts in by_office.items() if len(contracts) > 1)
        for office in several[::TEAM_OFFICES]:
            self._team(office, by_office[office])

    def _team(self, office: int, contracts: list[int]) -> None:
        registry, rng = self.registry, self.rng
        number = registry.number("team")
        begin = at(self._today - rng.randint(100, 2500))
        cycles = [registry.cycle(c) for n in contracts for c in registry.open_cycles[n]]
        people = tuple(
            TeamPerson(
                id=number * 100 + k,
                hpr_number=hpr,
                role="LE",
                working_percentage=rng.choice((None, 50, 100)),
                valid_from=begin,
            )
            for k, hpr in enumerate(sorted({cycle.hpr_number for cycle in cycles}))
        )
        members = tuple(
            TeamContract(id=number * 100 + k, contract_id=n, valid_from=begin) for k, n in enumerate(contracts)
        )
        team = Team(
            id=number,
            organization_number=office,
            leader_hpr_number=people[0].hpr_number,
            people=people,
            contracts=members,
        )
        registry.put("teams", number, team)
        registry.change("offices", office, team_id=number)
        for n in contracts:
            registry.change("contracts", n, team_id=number)
