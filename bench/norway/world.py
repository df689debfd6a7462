"""A population put together: lists first, then the doctors among its persons, then the persons."""

from dataclasses import dataclass

from bench.norway.agreements import Employment
from bench.norway.blocks import BlockMaker
from bench.norway.doctors import choose_doctors, doctor_records
from bench.norway.draws import Ints
from bench.norway.lineages import Plan, lineages, plan
from bench.norway.list_days import ListDays
from bench.norway.persons import Population, Shape
from bench.norway.practices import Opening, expected_sizes
from bench.norway.registry import Registry


@dataclass(slots=True)
class World:
    """All that is needed to make feeds; a worker has no `list_days`."""

    shape: Shape
    plan: Plan
    doctors: Ints  # person indices, sorted
    list_days: ListDays | None

    def for_worker(self) -> "World":
        """The part that is needed to make blocks."""
        return World(self.shape, self.plan, self.doctors, None)

    def block_maker(self) -> BlockMaker:
        """What makes blocks of this world."""
        return BlockMaker(self.shape, self.doctors, self.plan)


def made_world(shape: Shape, last_day: int) -> World:
    """The world of a shape on day 0, with the moves of lists planned up to `last_day`."""
    found = lineages(shape, last_day)
    arrays = plan(found)
    sizes = expected_sizes(arrays, shape.persons)
    registry = Registry(shape, found)
    employment = Employment(registry)
    opening = Opening(registry, employment, sizes)
    opening.fill()
    chosen = choose_doctors(shape, opening.first_seen)
    doctors = chosen.copy()
    doctors.sort()
    records = doctor_records(Population(shape, doctors), chosen)
    worked = len(opening.first_seen)
    for doctor in records[:worked]:
        registry.put("doctors", doctor.hpr_number, doctor)
    registry.reserve = records[worked:]
    return World(shape, arrays, doctors, ListDays(registry, employment, sizes))
