"""The canonical lines of persons, written by hand for speed; a test holds them against `register.feed.canonical_lines`.

A line is cut after the national id, since the rest is what a change of number leaves as it is:
`{"nin":"<nin>",` + rest + `}`.
"""

import numpy as np

from bench.norway.codes import COUNTRIES, DEAD, EMIGRATED, RESIDENT, TEMPORARY
from bench.norway.days import DAY, FOREVER, HOUR, day_texts, time_texts
from bench.norway.draws import Bools, Ints
from bench.norway.municipalities import municipalities
from bench.norway.names import (
    FOREIGN_LAST,
    FOREIGN_MEN,
    FOREIGN_WOMEN,
    HOUSE_LETTERS,
    LAST,
    MEN,
    STREETS,
    WOMEN,
    street,
)
from bench.norway.persons import D_ONLY, DIED, People, Population
from bench.norway.persons import EMIGRATED as HAS_EMIGRATED
from register.codes import PERSON_STATUS

_PROTECTION = ("null", '"fortrolig"', '"strengt-fortrolig"')
_STREETS = [street(n) for n in range(len(STREETS))]
_PLACES = [m.name.split(" (")[0].upper() for m in municipalities()]
_CODES = [m.code for m in municipalities()]
_POSTAL = [code for m in municipalities() for code in m.postal_codes]
_POSTAL_COUNT = np.array([len(m.postal_codes) for m in municipalities()])
_POSTAL_START = np.cumsum(_POSTAL_COUNT) - _POSTAL_COUNT
_ABROAD = COUNTRIES[1:]


def names(population: Population, people: People, day: int = 0) -> list[tuple[str, str | None, str]]:
    """(first, middle or None, last) name of each person on a day."""
    draws, index = population.draws, people.index
    foreign = people.immigrant & (draws.uniform("foreign-name", index) < 0.85)
    renamed = people.changes_name & (people.change_day <= day)
    first = draws.words("first-name", index) % np.uint64(1 << 30)
    last = np.where(renamed, draws.words("new-name", index), draws.words("last-name", index)) % np.uint64(1 << 30)
    middle = draws.words("middle-name", index) % np.uint64(1 << 30)
    rows = zip(
        *(a.tolist() for a in (first, middle, last, people.female, foreign)),
        strict=True,
    )
    return [
        (
            (FOREIGN_WOMEN if f else FOREIGN_MEN)[a % (len(FOREIGN_WOMEN) if f else len(FOREIGN_MEN))]
            if abroad
            else (WOMEN if f else MEN)[a % (len(WOMEN) if f else len(MEN))],
            LAST[b // 7 % len(LAST)] if b % 7 == 0 else None,
            FOREIGN_LAST[c % len(FOREIGN_LAST)]
            if abroad
            else LAST[c % len(LAST)]
            if c // 1000 % 25
            else f"{LAST[c % len(LAST)]}-{LAST[c // 977 % len(LAST)]}",
        )
        for a, b, c, f, abroad in rows
    ]


def _addresses(population: Population, people: People, day: int, gone: Bools) -> list[str]:
    """The JSON of `physicalAddresses`."""
    draws, index = population.draws, people.index
    moved = ~people.changes_name & (people.change_day <= day)
    home = np.where(moved, people.second_home, people.home)
    word = np.where(moved, draws.words("new-address", index), draws.words("address", index)) >> np.uint64(34)
    postal = _POSTAL_START[home] + (word // np.uint64(7)).astype(np.int64) % _POSTAL_COUNT[home]
    changed = np.where(moved, population.shape.calendar.midnight(-1) + people.change_day * DAY + 11 * HOUR, FOREVER)
    rows = zip(*(a.tolist() for a in (word, home, postal, gone)), time_texts(changed), strict=True)
    return [
        _address(w, h, p, left, when) + (f",{_postbox(w, h, p, when)}" if w % 13 == 0 and not left else "")
        for w, h, p, left, when in rows
    ]


def _address(word: int, home: int, postal: int, abroad: bool, changed: str) -> str:
    if abroad:
        return (
            f'{{"type":"RES","streetAddress":"{word % 300} Rue de l’Église","postbox":null,"postalCode":null,'
            f'"city":"Åbo","municipality":null,"country":"{_ABROAD[word % len(_ABROAD)]}",'
            f'"description":null,"inherited":false,"lastChanged":{changed}}}'
        )
    return (
        f'{{"type":"RES","streetAddress":"{_STREETS[word % len(_STREETS)]} {word // 64 % 140 + 1}'
        f'{HOUSE_LETTERS[word // 8192 % 8]}","postbox":null,"postalCode":"{_POSTAL[postal]}","city":"{_PLACES[home]}",'
        f'"municipality":"{_CODES[home]}","country":"NO","description":null,"inherited":false,"lastChanged":{changed}}}'
    )


def _postbox(word: int, home: int, postal: int, changed: str) -> str:
    return (
        f'{{"type":"PST","streetAddress":null,"postbox":"Postboks {word // 32 % 900 + 1}",'
        f'"postalCode":"{_POSTAL[postal]}","city":"{_PLACES[home]}","municipality":"{_CODES[home]}","country":"NO","description":null,"inherited":false,'
        f'"lastChanged":{changed}}}'
    )


def person_rests(population: Population, people: People, day: int) -> list[str]:
    """What follows the national id in each person's line, without the closing brace."""
    calendar = population.shape.calendar
    left = (people.leave_day <= day) & ((people.leave == DIED) | (people.leave == HAS_EMIGRATED))
    dead = left & (people.leave == DIED)
    left_day = np.where(left, calendar.start_day + people.leave_day - 1, 0)
    temporary = (people.number_kind == D_ONLY) & (people.number_day > day)
    rows = zip(
        people.index.tolist(),
        names(population, people, day),
        day_texts(people.born),
        day_texts(left_day),
        people.female.tolist(),
        people.protection.tolist(),
        time_texts(people.came * DAY),
        time_texts(np.where(left, left_day * DAY, FOREVER)),
        left.tolist(),
        dead.tolist(),
        temporary.tolist(),
        _addresses(population, people, day, left & ~dead),
        strict=True,
    )
    return [
        f'"firstName":"{first}","middleName":{_text(middle)},"lastName":"{last}","dateOfBirth":"{born}",'
        f'"dateOfDeath":{_text(left_on) if is_dead else "null"},"sex":"{2 if female else 1}",'
        f'"protection":{_PROTECTION[protection]},'
        f'"status":[{_status(2 * i, TEMPORARY if d_number else RESIDENT, came, left_at)}'
        f"{',' + _status(2 * i + 1, DEAD if is_dead else EMIGRATED, left_at, 'null') if is_left else ''}],"
        f'"physicalAddresses":[{address}]'
        for i, (
            first,
            middle,
            last,
        ), born, left_on, female, protection, came, left_at, is_left, is_dead, d_number, address in rows
    ]


def _text(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'


def _status(number: int, value: str, begun: str, ended: str) -> str:
    return (
        f'{{"id":{number},"code":{{"oid":{PERSON_STATUS},"value":"{value}"}},"from":{begun},"to":{ended},'
        '"created":null,"changed":null}'
    )


def person_lines(numbers: Ints, rests: list[str]) -> list[str]:
    """Canonical lines without line feed."""
    return [f'{{"nin":"{nin:011d}",{rest}}}' for nin, rest in zip(numbers.tolist(), rests, strict=True)]
