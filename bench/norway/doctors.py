"""The doctors: which persons they are, and their records."""

from datetime import date
from random import Random

import numpy as np

from bench.norway.agreements import hpr_number
from bench.norway.codes import LANGUAGES
from bench.norway.days import day_texts
from bench.norway.draws import Ints
from bench.norway.numbers import Numbers
from bench.norway.person_texts import names
from bench.norway.persons import KNOWN_BEFORE, Population, Shape
from register.codes import LANGUAGE
from register.model import CodeRef, Doctor

RESERVE_SHARE = 0.06  # more doctors than ever worked, for the days to come
YOUNGEST, OLDEST = 27, 78


class TooFewPersons(ValueError):
    """A population that has not enough grown-ups to be its doctors."""


def choose_doctors(shape: Shape, first_seen: list[int]) -> Ints:
    """The person index of each doctor, and after those of the reserve."""
    wanted = len(first_seen) + max(20, round(len(first_seen) * RESERVE_SHARE))
    numbers = Numbers(shape.seed, shape.persons, shape.calendar.start_day - KNOWN_BEFORE)
    step = max(1, shape.persons // (wanted * 3))
    index = np.arange(0, shape.persons, step, dtype=np.int64)
    born = numbers.fnr_a(index)[1]
    age = (shape.calendar.start_day - born) / 365.25
    fit = np.flatnonzero((age >= YOUNGEST) & (age <= OLDEST))
    if len(fit) < wanted:
        raise TooFewPersons(f"{shape.persons} persons are too few: {wanted} doctors are needed among them")
    fit = fit[np.linspace(0, len(fit) - 1, wanted).astype(np.int64)]
    oldest_first = index[fit[np.argsort(born[fit], kind="stable")]]
    seen = np.array([*first_seen, *[shape.calendar.start_day] * (wanted - len(first_seen))])
    chosen = np.empty(wanted, np.int64)
    chosen[np.argsort(seen, kind="stable")] = oldest_first
    return chosen


def doctor_records(population: Population, chosen: Ints) -> list[Doctor]:
    """The record of each doctor."""
    rng = Random(f"{population.shape.seed}/doctors")
    people = population.people(chosen)
    rows = zip(
        population.numbers_of(people, 0).tolist(),
        names(population, people),
        day_texts(people.born),
        people.female.tolist(),
        strict=True,
    )
    return [
        Doctor(
            hpr_number=hpr_number(k),
            nin=f"{nin:011d}",
            first_name=first,
            middle_name=middle,
            last_name=last,
            date_of_birth=date.fromisoformat(born),
            sex="2" if female else "1",
            languages=languages(rng),
        )
        for k, (nin, (first, middle, last), born, female) in enumerate(rows)
    ]


def languages(rng: Random) -> tuple[CodeRef, ...]:
    """Norwegian, and for some one or two more."""
    more = rng.sample(LANGUAGES[2:], rng.choices((0, 1, 2), (60, 30, 10))[0])
    return tuple(CodeRef(oid=LANGUAGE, value=value) for value in ("nb", *more))
