"""What a run must keep to: one table, and what a run measured against it.

A run that misses a threshold fails. Times are as a client sees them, the client being a program in Python on the same
machine: they hold the service and whoever asks to a decent measure, and say nothing of how fast it can be.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bench.operations.plan import Plan
from bench.operations.profiles import MONTH_START, NODE_LOSS
from bench.operations.recording import Recording, Sum
from bench.operations.stage import Happening

FAILURES, WRONG, REACHED = "failures", "wrong", "reached"
STALE, FOLLOWED, UNTOLD = "stale-seconds", "followed-seconds", "untold"
RETURNED, AUDIT = "returned-share", "audit"
# The first are not timed: all come at once, and each consumer's password is verified. At most a third of the run.
WARM_SECONDS = 5.0
SECONDS_BACK = 1.0  # what a node that is ready again is given until clients come back to it


class Threshold(NamedTuple):
    """`least` or most, as a number, and in which profiles; everywhere unless said."""

    measure: str
    told: str
    limit: float
    least: bool = False
    profiles: tuple[str, ...] = ()

    def kept(self, value: float | None) -> bool:
        """Whether a value keeps to it. What was not measured keeps to nothing."""
        return value is not None and (value >= self.limit if self.least else value <= self.limit)


P99 = {
    "lookup": 100,
    "confirm": 100,
    "her": 100,
    "GetPatientGPDetails": 150,
    "ConfirmGP": 150,
    "batch": 500,
    "patients": 500,
    "events": 500,
}
TABLE = (
    Threshold(FAILURES, "requests without an answer, of all", 0),
    Threshold(WRONG, "answers that are not what the register holds", 0),
    Threshold(REACHED, "requests made, of those that were to be made", 0.95, least=True),
    *(Threshold(f"p99-ms.{name}", f"p99 of `{name}`, milliseconds", limit) for name, limit in P99.items()),
    Threshold(AUDIT, "audits that do not verify afterwards", 0),
    Threshold(
        STALE, "seconds for which a generation was answered from after its successor was in service", 0,
        profiles=(MONTH_START,),
    ),
    Threshold(FOLLOWED, "seconds until a follower had all of a new generation's events", 3, profiles=(MONTH_START,)),
    Threshold(UNTOLD, "events that the follower was not told, or that it was told twice", 0, profiles=(MONTH_START,)),
    Threshold(
        RETURNED, "of the requests, those that the node answers that was lost, once it is back", 0.25, least=True,
        profiles=(NODE_LOSS,),
    ),
)  # fmt: skip


class Around(NamedTuple):
    """What is known besides: when the first question was asked, what happened, how many events there were in the
    change feed, and whether the audits verify.
    """

    begun: float
    happenings: list[Happening]
    events: int
    audits_are_whole: bool


class Row(NamedTuple):
    """A threshold and what was measured."""

    threshold: Threshold
    value: float | None

    @property
    def kept(self) -> bool:
        """Whether it was."""
        return self.threshold.kept(self.value)


def table(profile: str, changed: Mapping[str, float]) -> list[Threshold]:
    """The thresholds of a profile, some of them with other limits. Raises ValueError when there is no such."""
    rows = [row for row in TABLE if not row.profiles or profile in row.profiles]
    unknown = changed.keys() - {row.measure for row in rows}
    if unknown:
        raise ValueError(f"no such threshold: {', '.join(sorted(unknown))}")
    return [row._replace(limit=changed.get(row.measure, row.limit)) for row in rows]


def measured(plan: Plan, recording: Recording, around: Around) -> dict[str, float | None]:
    """Every measure of the table, as far as there is anything to measure."""
    begun, happenings = around.begun, around.happenings
    whole = Sum(recording.cells)
    asked = sum(map(plan.asked, range(int(plan.seconds))))
    values: dict[str, float | None] = {
        FAILURES: whole.failures / whole.count if whole.count else None,
        WRONG: float(whole.wrong) if whole.count else None,
        REACHED: Sum(cell for cell in recording.cells if cell.second < begun + plan.seconds).count / asked,
        AUDIT: float(not around.audits_are_whole),
    }
    warm_from = begun + min(WARM_SECONDS, plan.seconds / 3)
    warm = [cell for cell in recording.cells if cell.second >= warm_from]
    for name in P99:
        values[f"p99-ms.{name}"] = Sum(cell for cell in warm if cell.operation == name).milliseconds(0.99)
    swaps = [one for one in happenings if one.serial is not None]
    if swaps:
        values[STALE] = max(_stale(recording, swaps), default=None)
        values[FOLLOWED] = _followed(recording, swaps)
        values[UNTOLD] = float(abs(around.events - recording.events))
    if plan.profile == NODE_LOSS and happenings:
        values[RETURNED] = _returned(recording, happenings[-1].at + SECONDS_BACK)
    return values


def _stale(recording: Recording, swaps: list[Happening]) -> Iterator[float]:
    """For each swap how long a question could still be answered from an older generation."""
    for swap in swaps:
        assert swap.serial is not None
        if swap.serial in recording.answered:
            older = [at for serial, at in recording.begun.items() if serial < swap.serial]
            yield max([0.0, *(at - swap.at for at in older)])
        else:
            yield float("inf")


def _followed(recording: Recording, swaps: list[Happening]) -> float:
    waits = (recording.followed.get(swap.serial or 0, float("inf")) - swap.at for swap in swaps)
    return max([0.0, *waits])


def _returned(recording: Recording, since: float) -> float | None:
    """The share of the last node's answers after a moment."""
    counts = [
        sum(count for second, count in recording.nodes.get(node, {}).items() if second > since) for node in (0, 1)
    ]
    return counts[1] / sum(counts) if sum(counts) else None
