"""The drift breaker: a feed that is whole and consistent, but so unlike what is in service that somebody should look
first.

Each count is held against what is in service. It may differ by a fraction of it or by a floor, whichever is more:
fractions stop a nation from vanishing, floors let a small register live. Sizes alone do not show it when as many come
as go, nor sums over the nation when one municipality's lists are empty, so what is created, updated and deleted is
limited too, and every municipality by itself. A first load has nothing to differ from.
"""

from typing import NamedTuple

from loader.changes import CREATED, DELETED, UPDATED, Changes
from lookup.manifest import Manifest


class Limit(NamedTuple):
    """How far a count may move in one load: by `fraction` of what it was, or by `floor`, whichever is more."""

    fraction: float
    floor: int

    def allows(self, of: float) -> int:
        """How much, of so many."""
        return max(self.floor, int(self.fraction * of))


# A month's start moves 30,000 persons of 5.6 million between lists and adds about twice as many memberships.
TOTALS = {
    "persons": Limit(0.01, 1000),
    "memberships": Limit(0.02, 5000),
    "contracts": Limit(0.05, 100),
    "offices": Limit(0.05, 100),
    "doctors": Limit(0.05, 200),
    "doctor cycles": Limit(0.05, 300),
}
# Of the persons that the feed has, as many as would be without a GP if it had the share that is in service.
UNPLACED, UNPLACED_LIMIT = "persons without a GP", Limit(0.20, 1000)
# Of the records in service. Nothing of a history is ever deleted but by a correction. A contract counts as updated when
# more is another than the master's own counts.
CHANGED = {
    ("persons", CREATED): Limit(0.01, 1000),
    ("persons", UPDATED): Limit(0.05, 5000),
    ("persons", DELETED): Limit(0.002, 500),
    ("memberships", CREATED): Limit(0.02, 5000),
    ("memberships", UPDATED): Limit(0.02, 5000),
    ("memberships", DELETED): Limit(0.005, 1000),
    ("contracts", CREATED): Limit(0.05, 100),
    ("contracts", UPDATED): Limit(0.20, 200),
    ("contracts", DELETED): Limit(0.01, 20),
}
MUNICIPALITY, MUNICIPALITY_LIMIT = "persons on the lists of a municipality", Limit(0.10, 500)


class After(NamedTuple):
    """What a load has come to: what the breaker looks at. `changes` and `municipalities` are None when not known."""

    counts: dict[str, int]
    unplaced: int
    municipalities: dict[str, int] | None
    changes: Changes | None


def documented() -> dict[str, Limit]:
    """Every limit, by the name that it has in the documentation."""
    changed = {f"{table} {kind}": limit for (table, kind), limit in CHANGED.items()}
    return {**TOTALS, UNPLACED: UNPLACED_LIMIT, **changed, MUNICIPALITY: MUNICIPALITY_LIMIT}


def drift(before: Manifest, after: After) -> list[str]:
    """What has moved further than its limit, in words; empty when nothing has."""
    return _totals(before, after) + _unplaced(before, after) + _changed(before, after) + _municipalities(before, after)


def _totals(before: Manifest, after: After) -> list[str]:
    tripped = []
    for name, limit in TOTALS.items():
        table = name.replace(" ", "_")
        was, now = before.counts.get(table, 0), after.counts.get(table, 0)
        tripped += _moved(name, was, now, limit.allows(was))
    return tripped


def _unplaced(before: Manifest, after: After) -> list[str]:
    persons, now = before.counts.get("persons", 0), after.counts.get("persons", 0)
    expected = round(before.unplaced * now / persons) if persons else 0
    allowed = UNPLACED_LIMIT.allows(expected)
    if abs(after.unplaced - expected) <= allowed:
        return []
    return [
        f"{UNPLACED}: {before.unplaced} of {persons} in service, {after.unplaced} of {now} in the feed; "
        f"{allowed} more or fewer than {expected} is the limit"
    ]


def _changed(before: Manifest, after: After) -> list[str]:
    tripped = []
    for (table, kind), limit in CHANGED.items() if after.changes is not None else ():
        assert after.changes is not None
        many, was = after.changes[table, kind], before.counts.get(table, 0)
        if (table, kind) == ("contracts", UPDATED):
            many -= after.changes.contracts_recounted
        if many > limit.allows(was):
            tripped.append(f"{table} {kind}: {many} of {was} in service; {limit.allows(was)} is the limit")
    return tripped


def _municipalities(before: Manifest, after: After) -> list[str]:
    if before.municipalities is None or after.municipalities is None:
        return []
    tripped = []
    for code in sorted(before.municipalities.keys() | after.municipalities.keys()):
        was, now = before.municipalities.get(code, 0), after.municipalities.get(code, 0)
        tripped += _moved(f"persons on the lists of municipality {code}", was, now, MUNICIPALITY_LIMIT.allows(was))
    return tripped


def _moved(name: str, was: int, now: int, allowed: int) -> list[str]:
    if abs(now - was) <= allowed:
        return []
    return [f"{name}: {was} in service, {now} in the feed; {allowed} more or fewer is the limit"]
