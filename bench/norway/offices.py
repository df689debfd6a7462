"""GP offices: about one for four lists, and historical ones with negative numbers."""

from random import Random

import msgspec

from bench.norway.agreements import at, stamp
from bench.norway.codes import GP_OFFICE
from bench.norway.municipalities import Municipality, districts, municipalities
from bench.norway.names import OFFICES, STREETS, street
from bench.norway.registry import Registry
from register.codes import BUSINESS_TYPE
from register.ids import ORGANIZATION_WEIGHTS
from register.model import (
    CodeRef,
    Contract,
    ElectronicAddress,
    Office,
    OpeningHours,
    OpenPeriod,
    Outpost,
    PhysicalAddress,
)

LISTS_PER_OFFICE = 3.95


def organization_number(registry: Registry) -> int:
    """The next organisation number with a control digit; 31... is a series for tests."""
    while True:
        text = str(registry.number("office"))
        control = -sum(int(c) * w for c, w in zip(text, ORGANIZATION_WEIGHTS, strict=True)) % 11
        if control < 10:
            return int(text) * 10 + control


def location(rng: Random, home: Municipality, kind: str = "RES") -> PhysicalAddress:
    """An address in a municipality."""
    postbox = kind == "PST"
    return PhysicalAddress(
        type=kind,
        street_address=None if postbox else f"{street(rng.randrange(len(STREETS)))} {rng.randint(1, 140)}",
        postbox=f"Postboks {rng.randint(1, 900)}" if postbox else None,
        postal_code=rng.choice(home.postal_codes),
        city=home.name.split(" (")[0].upper(),
        municipality=home.code,
        country="NO",
    )


def telephone(rng: Random) -> ElectronicAddress:
    """A telephone number."""
    return ElectronicAddress(type="E_TLF", address=f"{rng.randint(21_000_000, 79_999_999)}")


def new_office(rng: Random, registry: Registry, number: int, home: Municipality, begin: int) -> Office:
    """An office that is open from a day (since 1970)."""
    name = f"{street(rng.randrange(len(STREETS)))} {rng.choice(OFFICES)}"
    slug = f"kontor{abs(number)}"
    current = number > 0
    by_municipality = rng.random() < 0.2
    electronic = (
        telephone(rng),
        ElectronicAddress(type="E_EDI", address=f"{slug}@edi.example.no"),
        *((ElectronicAddress(type="E_EPO", address=f"post@{slug}.example.no"),) if rng.random() < 0.5 else ()),
        *((ElectronicAddress(type="E_URL", address=f"https://{slug}.example.no"),) if rng.random() < 0.4 else ()),
    )
    physical = [location(rng, home), location(rng, home, "PST")][: 2 if rng.random() < 0.75 else 1]
    hours = tuple(OpenPeriod(from_minute=d * 1440 + 480, to_minute=d * 1440 + 930) for d in range(5))
    return Office(
        organization_number=number,
        her_id=registry.number("her") if current and rng.random() < 0.97 else None,
        name=name.upper() + " AS" * (not by_municipality),
        display_name=name if rng.random() < 0.7 else None,
        parent_organization_number=organization_number(registry) if by_municipality and current else None,
        parent_organization_name=f"{home.name.split(' (')[0].upper()} KOMMUNE" if by_municipality and current else None,
        valid_from=at(begin),
        municipality=home.code,
        district=rng.choice(districts())[0] if home.code == "0301" else None,
        is_group_office=rng.random() < 0.8,
        is_government_company=by_municipality if rng.random() < 0.8 else None,
        properties=(CodeRef(oid=BUSINESS_TYPE, value=GP_OFFICE),),
        physical_addresses=tuple(physical),
        electronic_addresses=electronic if current else electronic[:1],
        opening_hours=OpeningHours(open_at=hours) if current and rng.random() < 0.6 else None,
        latitude=round(rng.uniform(58.0, 70.9), 6) if current else None,
        longitude=round(rng.uniform(5.0, 30.0), 6) if current else None,
        last_changed=stamp(rng, begin) if rng.random() < 0.5 else None,
        updated=stamp(rng, begin),
    )


class Offices:
    """Offices of day 0. They are written when all contracts are known, since these tell how long an office was open."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._current: dict[int, list[int]] = {}
        self._historical: dict[int, list[int]] = {}
        self._spans: dict[int, tuple[int, int, int | None]] = {}  # number -> municipality, first day, end
        lists: dict[int, int] = {}
        for lineage in registry.lineages:
            lists[lineage.municipality] = lists.get(lineage.municipality, 0) + 1
        historical = -100_000
        for home, count in lists.items():
            self._current[home] = [
                organization_number(registry) for _ in range(max(1, round(count / LISTS_PER_OFFICE + 0.25)))
            ]
            past = max(1, count // 5)
            self._historical[home] = [historical - k for k in range(past)]
            historical -= past
        self._unused = {home: list(numbers) for home, numbers in self._current.items()}

    def choose(self, rng: Random, home: int, begin: int, end: int | None) -> int:
        """The office of a contract with this period."""
        if end is None and self._unused[home]:
            number = self._unused[home].pop()
        else:
            past = end is not None and rng.random() < 0.4
            number = rng.choice(self._historical[home] if past else self._current[home])
        _, first, last = self._spans.get(number, (home, begin, end))
        until = None if last is None or end is None else max(last, end)
        self._spans[number] = (home, min(first, begin), until)
        return number

    def write(self, rng: Random) -> None:
        """Put every office that was used in the registry; a current one stays open."""
        for number in sorted(self._spans, key=abs):
            home, first, last = self._spans[number]
            office = new_office(rng, self._registry, number, municipalities()[home], first - rng.randint(0, 400))
            if last is not None and number < 0:
                office = _closed(office, last, rng)
            self._registry.put("offices", number, office)


def _closed(office: Office, last: int, rng: Random) -> Office:
    return msgspec.structs.replace(office, to=at(last), updated=stamp(rng, last))


def new_outpost(rng: Random, registry: Registry, contract: Contract, home: Municipality, begin: int) -> Outpost:
    """An outpost of a contract from a day (since 1970)."""
    return Outpost(
        id=registry.number("outpost", rng.randint(1, 4)),
        contract_id=contract.id,
        description=f"Utekontor {street(rng.randrange(len(STREETS)))}" if rng.random() < 0.9 else None,
        physical_addresses=(location(rng, home),),
        electronic_addresses=(telephone(rng),) if rng.random() < 0.6 else (),
        valid_from=at(begin),
        updated=stamp(rng, begin),
    )
