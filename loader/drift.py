"""The drift breaker: a feed that is whole and consistent, but so unlike what is in service that somebody should look
first.

Each count is held against the one of the generation in service. It may differ by a fraction of it or by a floor,
whichever is more: fractions stop a nation from vanishing, floors let a small register live. A first load has nothing
to differ from.
"""

from typing import NamedTuple

from loader.errors import BadFeed
from lookup.manifest import Manifest


class Limit(NamedTuple):
    """How far a count may move in one load: by `fraction` of what it was, or by `floor`, whichever is more."""

    fraction: float
    floor: int


# A month's start moves 30,000 persons of 5.6 million between lists and adds about twice as many memberships.
LIMITS = {
    "persons": Limit(0.01, 1000),
    "persons without a GP": Limit(0.20, 1000),
    "memberships": Limit(0.02, 5000),
    "contracts": Limit(0.05, 100),
    "offices": Limit(0.05, 100),
    "doctors": Limit(0.05, 200),
    "doctor cycles": Limit(0.05, 300),
}


def counts_of(counts: dict[str, int], unplaced: int) -> dict[str, int]:
    """What the breaker looks at, from the counts of a generation's tables and its persons without a GP."""
    return {
        name: unplaced if name == "persons without a GP" else counts.get(name.replace(" ", "_"), 0) for name in LIMITS
    }


def drift(before: Manifest, counts: dict[str, int], unplaced: int) -> list[str]:
    """What has moved further than its limit, in words; empty when nothing has."""
    was, now = counts_of(before.counts, before.unplaced), counts_of(counts, unplaced)
    tripped = []
    for name, limit in LIMITS.items():
        allowed = max(limit.floor, int(limit.fraction * was[name]))
        if abs(now[name] - was[name]) > allowed:
            tripped.append(
                f"{name}: {was[name]} in service, {now[name]} in the feed; {allowed} more or fewer is the limit"
            )
    return tripped


def check_drift(before: Manifest, counts: dict[str, int], unplaced: int, accepted: str | None) -> list[str]:
    """What tripped the breaker and was accepted, for the operator's reason `accepted`. Raises BadFeed without one."""
    tripped = drift(before, counts, unplaced)
    if tripped and accepted is None:
        raise BadFeed(
            f"drift breaker: {tripped[0]}",
            (f"drift breaker: {tripped[0]}", *tripped[1:], "--accept-drift REASON takes it"),
        )
    return tripped
