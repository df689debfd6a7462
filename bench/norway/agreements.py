"""Contracts and doctor cycles as records: what a new one looks like, and how one ends."""

from datetime import datetime, timedelta
from random import Random

import msgspec

from bench.norway.lineages import CODES, Lineage, Segment
from bench.norway.municipalities import municipalities
from bench.norway.registry import Registry
from register.codes import GP, STATUS_OPEN, SUBSTITUTE
from register.model import Contract, Day, DoctorCycle

EPOCH = datetime(1970, 1, 1)
HER_IDS_SINCE = datetime(2006, 1, 1)
FIXED_SALARY_SHARE = 0.207
CEILING_TO_SIZE = 1.056  # a mean ceiling of 1,003 over a mean list of 950
WEEK: tuple[Day, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def at(day: int, hours: float = 0) -> datetime:
    """The time so many hours into a day since 1970."""
    return EPOCH + timedelta(days=day, hours=hours)


def stamp(rng: Random, day: int) -> datetime:
    """A time in working hours of a day since 1970, to the millisecond."""
    return at(day) + timedelta(milliseconds=rng.randrange(8 * 3_600_000, 18 * 3_600_000))


def hpr_number(doctor: int) -> int:
    """The HPR number of the nth doctor: seven digits, all different for nearly nine million doctors."""
    return 1_000_003 + doctor * 7_919 % 8_999_993


def new_contract(
    rng: Random, lineage: Lineage, segment: Segment, office: int, size: float, known: int | None = None
) -> Contract:
    """A contract that begins with a segment, for a list of about `size` persons; `known` is the day it is made."""
    home = municipalities()[lineage.municipality]
    step = 10 if size > 300 else 5
    ceiling = max(step, round(size * rng.gauss(CEILING_TO_SIZE, 0.11) / step) * step)
    common = rng.random() < 0.05
    agreed = segment.begin - rng.randint(5, 90)
    return Contract(
        id=segment.contract,
        name=f"Fellesliste {home.name} {segment.contract % 9 + 1}" if common else None,
        office_organization_number=office,
        municipality=home.code,
        coop_municipalities=_neighbour(lineage.municipality) if rng.random() < 0.02 else (),
        status=STATUS_OPEN,  # settled when the persons have been counted
        max_patients=min(ceiling, 2_500),
        places_available=0,
        participates_on_common_list=common,
        is_fixed_salary=rng.random() < FIXED_SALARY_SHARE,
        requires_membership=rng.choices((None, "MEIN", "MEST", "MEAN"), (90, 8, 1, 1))[0],
        agreement_date=at(agreed),
        valid_from=at(segment.begin),
        updated=stamp(rng, segment.begin - 1 if known is None else known),
    )


def _neighbour(home: int) -> tuple[str, ...]:
    """Another municipality of the county, if there is one."""
    everyone = municipalities()
    for other in (home + 1, home - 1):
        if 0 <= other < len(everyone) and everyone[other].code[:2] == everyone[home].code[:2]:
            return (everyone[other].code,)
    return ()


def contract_ended(contract: Contract, following: Segment, updated: datetime) -> Contract:
    """The contract after its list moved to the following segment."""
    return msgspec.structs.replace(
        contract,
        to=at(following.begin),
        end_reason=CODES[following.code],
        status="FAAL",
        patients_on_waiting_list=0,
        updated=updated,
    )


class Employment:
    """Makes doctor cycles and gives them HER-IDs.

    A doctor keeps the HER-ID at an office from one cycle to the next, as long as the periods do not overlap.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._at_office: dict[tuple[int, int], tuple[int, datetime | None]] = {}

    def add(
        self,
        rng: Random,
        contract: Contract,
        hpr: int,
        relationship: str,
        start: datetime,
        stop: datetime | None,
        updated: datetime,
        substitute_for: int | None = None,
    ) -> DoctorCycle:
        """Put a cycle in the registry."""
        part_time = relationship != GP or rng.random() < 0.15
        cycle = DoctorCycle(
            id=self._registry.number("cycle", rng.randint(1, 3)),
            contract_id=contract.id,
            hpr_number=hpr,
            her_id=self._her_id(hpr, contract.office_organization_number, start, stop),
            substitute_for_hpr_number=substitute_for if relationship == SUBSTITUTE else None,
            relationship=relationship,
            valid_from=start,
            to=stop,
            working_percentage=rng.choice((20, 40, 50, 60, 80)) if part_time else rng.choice((None, 100)),
            working_on_days=tuple(sorted(rng.sample(WEEK, 3), key=WEEK.index)) if part_time else WEEK,
            updated=updated,
        )
        if stop is None:
            self._registry.start_cycle(cycle)
        else:
            self._registry.put("doctor_cycles", cycle.id, cycle)
        return cycle

    def _her_id(self, hpr: int, office: int, start: datetime, stop: datetime | None) -> int | None:
        if stop is not None and stop < HER_IDS_SINCE:
            return None
        number, free_from = self._at_office.get((hpr, office), (0, None))
        if not number or free_from is None or free_from > start:
            number = self._registry.number("her")
        self._at_office[hpr, office] = (number, stop)
        return number

    def ended(self, cycle: DoctorCycle, office: int, stop: datetime) -> None:
        """Tell that an open cycle ended, so that its HER-ID is free again."""
        known = self._at_office.get((cycle.hpr_number, office))
        if known and known[0] == cycle.her_id:
            self._at_office[cycle.hpr_number, office] = (known[0], stop)
