"""What happens to lists on a day: moves, new GPs, substitutes, updates of offices, contracts, outposts and codes."""

from random import Random

import msgspec

from bench.norway.agreements import Employment, at, contract_ended, new_contract, stamp
from bench.norway.codes import SPARE_LANGUAGE
from bench.norway.doctors import languages
from bench.norway.draws import Floats, Ints
from bench.norway.lineages import Lineage
from bench.norway.municipalities import municipalities
from bench.norway.offices import location, new_office, new_outpost, organization_number, telephone
from bench.norway.persons import NATION
from bench.norway.registry import Registry
from register.codes import GP, LANGUAGE, STATUS_OPEN, SUBSTITUTE
from register.model import Code, Contract, Office, Outpost

NEW_GP_SHARE_OF_MONTH = 0.004


def settle(registry: Registry, counts: Ints) -> None:
    """Close full lists and give them waiting lists, by the counts of day 0."""
    rng = Random(f"{registry.shape.seed}/settle")
    for lineage, listed in zip(registry.lineages, counts.tolist(), strict=True):
        contract = registry.contract(lineage.contract_on(0))
        free = contract.max_patients - listed
        status = "FAAL" if free <= 0 else rng.choices((STATUS_OPEN, "FAAL", "FAAS"), (60, 38, 2))[0]
        waiting = 0 if status == STATUS_OPEN else int(rng.expovariate(1 / (0.095 * max(listed, 10))))
        registry.change("contracts", contract.id, status=status, patients_on_waiting_list=waiting)


class ListDays:
    """Takes a registry from day to day."""

    def __init__(self, registry: Registry, employment: Employment, sizes: Floats) -> None:
        self.registry = registry
        self.employment = employment
        self.sizes = sizes
        self.rng = Random()
        self.date = 0  # of today, since 1970

    def advance(self) -> None:
        """One day further."""
        registry = self.registry
        registry.day += 1
        day = registry.day
        self.rng = Random(f"{registry.shape.seed}/day/{day}")
        self.date = registry.shape.calendar.start_day + day
        for lineage, size in zip(registry.lineages, self.sizes.tolist(), strict=True):
            if lineage.segments[-1].known >= day and any(s.known == day for s in lineage.segments):
                self._move(lineage, size)
        if registry.shape.calendar.month_starts(day):
            self._new_gps()
            self._codes()
        self._substitutes()
        self._contracts()
        self._offices()
        self._outposts()
        if day % 4 == 0:
            self._doctors()
            self._teams()

    def _some(self, in_nation: float) -> int:
        return max(1, round(in_nation * self.registry.shape.persons / NATION))

    def _in_force(self) -> Contract:
        lineage = self.rng.choice(self.registry.lineages)
        return self.registry.contract(lineage.contract_on(self.registry.day))

    def _move(self, lineage: Lineage, size: float) -> None:
        """The GP leaves and the whole list goes to a new contract."""
        registry, rng, day = self.registry, self.rng, self.registry.day
        at_ = next(k for k, s in enumerate(lineage.segments) if s.known == day)
        segment = lineage.segments[at_]
        old = registry.contract(lineage.segments[at_ - 1].contract)
        office = old.office_organization_number
        if rng.random() < 0.1:
            office = organization_number(registry)
            home = municipalities()[lineage.municipality]
            registry.put("offices", office, new_office(rng, registry, office, home, self.date - 1))
        new = new_contract(rng, lineage, segment, office, size, self.date - 1)
        new = msgspec.structs.replace(new, patients_on_waiting_list=old.patients_on_waiting_list, status=old.status)
        registry.put("contracts", new.id, new)
        gps = [n for n in registry.open_cycles.get(old.id, []) if registry.cycle(n).relationship == GP]
        hpr = registry.cycle(gps[0]).hpr_number if gps and rng.random() < 0.2 else None
        for number in list(registry.open_cycles.get(old.id, [])):
            self._end_cycle(number)
        if hpr is None:
            hpr = registry.new_doctor(self.rng).hpr_number
        self.employment.add(rng, new, hpr, GP, at(self.date), None, stamp(rng, self.date - 1))
        registry.put("contracts", old.id, contract_ended(old, segment, stamp(rng, self.date - 1)))

    def _end_cycle(self, number: int) -> None:
        cycle = self.registry.cycle(number)
        office = self.registry.contract(cycle.contract_id).office_organization_number
        self.registry.end_cycle(number, at(self.date), stamp(self.rng, self.date - 1))
        self.employment.ended(cycle, office, at(self.date))

    def _new_gps(self) -> None:
        """Some contracts change GP without the list moving; some become vacant, and vacant ones get a GP."""
        registry, rng = self.registry, self.rng
        lists = registry.lineages
        chosen = [ln for ln in lists if rng.random() < NEW_GP_SHARE_OF_MONTH] or [rng.choice(lists)]
        for lineage in chosen:
            contract = registry.contract(lineage.contract_on(registry.day))
            gps = [n for n in registry.open_cycles.get(contract.id, []) if registry.cycle(n).relationship == GP]
            if any(registry.cycle(n).valid_from >= at(self.date) for n in gps):
                continue
            for number in gps:
                self._end_cycle(number)
            if not gps or rng.random() < 0.8:
                doctor = registry.new_doctor(rng)
                self.employment.add(
                    rng, contract, doctor.hpr_number, GP, at(self.date), None, stamp(rng, self.date - 1)
                )

    def _substitutes(self) -> None:
        """Some start, some end, and now and then one is deleted that was registered in error."""
        registry, rng = self.registry, self.rng
        for _ in range(self._some(12)):
            contract = self._in_force()
            gp = [registry.cycle(n) for n in registry.open_cycles.get(contract.id, [])]
            stood_in_for = next((cycle.hpr_number for cycle in gp if cycle.relationship == GP), None)
            if stood_in_for is not None:
                hpr = registry.new_doctor(rng).hpr_number
                self.employment.add(
                    rng, contract, hpr, SUBSTITUTE, at(self.date), None, stamp(rng, self.date - 1), stood_in_for
                )
        working = [
            n
            for cycles in registry.open_cycles.values()
            for n in cycles
            if registry.cycle(n).relationship == SUBSTITUTE and registry.cycle(n).valid_from < at(self.date)
        ]
        for number in rng.sample(working, min(len(working), self._some(11))):
            self._end_cycle(number)
        left = [number for number in working if registry.cycle(number).to is None]
        if registry.day % 3 == 0 and left:
            number = rng.choice(left)
            registry.open_cycles[registry.cycle(number).contract_id].remove(number)
            registry.delete("doctor_cycles", number)

    def _contracts(self) -> None:
        """Waiting lists grow and shrink, ceilings and statuses change."""
        registry, rng = self.registry, self.rng
        for _ in range(max(2, self._some(300))):
            contract = self._in_force()
            waiting = max(0, contract.patients_on_waiting_list + rng.randint(-3, 4))
            registry.change(
                "contracts", contract.id, patients_on_waiting_list=waiting, updated=stamp(rng, self.date - 1)
            )
        for _ in range(self._some(15)):
            contract = self._in_force()
            members: dict[str, object] = (
                {"status": rng.choices((STATUS_OPEN, "FAAL", "FAAS"), (60, 35, 5))[0]}
                if rng.random() < 0.5
                else {"max_patients": max(10, contract.max_patients + rng.choice((-100, -50, 50, 100)))}
            )
            registry.change("contracts", contract.id, updated=stamp(rng, self.date - 1), **members)

    def _offices(self) -> None:
        registry, rng = self.registry, self.rng
        for _ in range(self._some(10)):
            number = self._in_force().office_organization_number
            office = registry.tables["offices"][number]
            assert isinstance(office, Office)
            members: dict[str, object] = {"electronic_addresses": (telephone(rng), *office.electronic_addresses[1:])}
            if rng.random() < 0.3:
                home = next(m for m in municipalities() if m.code == office.municipality)
                kept = tuple(a for a in office.physical_addresses if a.type != "RES_FLO")
                members = {"physical_addresses": (*kept, location(rng, home, "RES_FLO"))}
            now = stamp(rng, self.date - 1)
            registry.change("offices", number, last_changed=now, updated=now, **members)

    def _outposts(self) -> None:
        """One is made, one is changed, one is deleted, in turn."""
        registry, rng = self.registry, self.rng
        outposts = registry.tables["outposts"]
        now = stamp(rng, self.date - 1)
        if registry.day % 3 == 1 or not outposts:
            contract = self._in_force()
            home = next(m for m in municipalities() if m.code == contract.municipality)
            outpost = new_outpost(rng, registry, contract, home, self.date - 1)
            registry.put("outposts", outpost.id, outpost)
            return
        key = rng.choice(list(outposts))
        outpost_ = outposts[key]
        assert isinstance(outpost_, Outpost)
        if registry.day % 3 == 0 and len(outposts) > 2:
            registry.delete("outposts", key)
        else:
            registry.change("outposts", key, description=f"Utekontor, dag {registry.day}", updated=now)

    def _doctors(self) -> None:
        registry, rng = self.registry, self.rng
        key = rng.choice(list(registry.tables["doctors"]))
        registry.change("doctors", key, languages=languages(rng))

    def _teams(self) -> None:
        registry, rng = self.registry, self.rng
        if not registry.tables["teams"]:
            return
        key = rng.choice(list(registry.tables["teams"]))
        team = registry.team(key)
        last = msgspec.structs.replace(team.people[-1], working_percentage=rng.choice((20, 40, 60, 80)))
        registry.change("teams", key, people=(*team.people[:-1], last))

    def _codes(self) -> None:
        month = self.registry.shape.calendar.date_of(self.registry.day)
        key = (LANGUAGE, SPARE_LANGUAGE)
        code = Code(oid=LANGUAGE, value=SPARE_LANGUAGE, text=f"Uten språklig innhold ({month:%Y-%m})")
        self.registry.put("codes", key, code)
