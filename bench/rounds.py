"""Rounds that take turns: each contest is run for some seconds, one after the other, again and again.

A machine's speed drifts, so contests are compared within a round, and medians are told. Beside the rate stands the
server's processor time for each answer, which does not saturate when the generator does, and how busy the generator
and everybody else on the machine were meanwhile.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.generator import BOTTLENECK, Round, Shape, run
from bench.latency import Histogram
from bench.servers import TICKS, Server

OTHERS_AT_WORK = 0.1  # of a core: a round in which others took more is told of
QUANTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


@dataclass
class Contest:
    """One way of asking one server. `per_answer` is how many lookups an answer holds."""

    case: str
    server: Server
    requests: Path
    shape: Shape
    per_answer: int = 1
    beside: Path | None = None
    beside_connections: int = 1
    taken: "list[Taken]" = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        """(case, contender)."""
        return self.case, self.server.name


@dataclass(frozen=True)
class Taken:
    """What one round gave: `others` is how many cores everybody else had, what the hypervisor took included."""

    round: Round
    lookups: float
    cpu_us: float
    others: float

    @property
    def generator_bound(self) -> bool:
        """Whether the generator had hardly time for more."""
        return self.round.busy > BOTTLENECK


def busy_seconds() -> float:
    """Seconds that all processors have been at work, or were kept from us, since the machine started."""
    user, nice, system, _, _, *interrupts_and_stolen = map(int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9])
    return (user + nice + system + sum(interrupts_and_stolen)) / TICKS


def take(contest: Contest, processor: int | None) -> Taken:
    """One round of a contest, the generator on a processor."""
    shape = contest.shape
    server_before, all_before, started = contest.server.cpu_seconds(), busy_seconds(), time.perf_counter()
    result = run(
        contest.server.port,
        contest.requests,
        shape,
        processor=processor,
        beside=contest.beside,
        beside_connections=contest.beside_connections,
    )
    wall = time.perf_counter() - started
    server = contest.server.cpu_seconds() - server_before
    generator = result.cpu * wall
    others = max(0.0, (busy_seconds() - all_before - server - generator) / wall)
    answers = (result.load.answers or 1) * contest.per_answer
    return Taken(result, result.rate * contest.per_answer, server / answers * 1e6, others)


def interleaved(
    contests: Sequence[Contest], rounds: int, processor: int | None, around: Callable[[Contest], Any] | None = None
) -> None:
    """Let the contests take turns. `around` makes what has to go on during a contest, as a context manager."""
    for number in range(rounds):
        for contest in contests:
            _say(f"round {number + 1} of {rounds}: {contest.case}, {contest.server.name}")
            if around is None:
                contest.taken.append(take(contest, processor))
            else:
                with around(contest):
                    contest.taken.append(take(contest, processor))
    _say("")


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def ratio(contest: Contest, other: Contest) -> float:
    """Lookups a second over the other's, the median of the rounds.

    Where the generator was the other's limit, the other could have done better: such a round counts for 1 at most.
    """
    ratios = []
    for mine, theirs in zip(contest.taken, other.taken, strict=True):
        value = mine.lookups / theirs.lookups if theirs.lookups else float("nan")
        ratios.append(min(value, 1.0) if theirs.generator_bound else value)
    return statistics.median(ratios)


def summary(contest: Contest, reference: Contest | None = None) -> dict[str, Any]:
    """Medians and pooled quantiles of one contest, as they are written down."""
    taken = contest.taken
    pooled = Histogram.pooled(one.round.load.histogram for one in taken)
    mistakes: dict[str, int] = {}
    for one in taken:
        for load in (one.round.load, one.round.beside):
            for name, count in load.mistakes.items():
                mistakes[name] = mistakes.get(name, 0) + count
    told = {
        "case": contest.case,
        "contender": contest.server.name,
        "lookups_per_second": statistics.median(one.lookups for one in taken),
        "of_each_round": [round(one.lookups) for one in taken],
        "cpu_us_per_lookup": statistics.median(one.cpu_us for one in taken),
        "latency_us": {name: pooled.quantile(share) / 1e3 for name, share in QUANTILES.items()},
        "bytes_per_answer": statistics.median(one.round.load.bytes / max(1, one.round.load.measured) for one in taken),
        "generator_busy": max(one.round.busy for one in taken),
        "rounds_generator_bound": sum(one.generator_bound for one in taken),
        "others_cores": max(one.others for one in taken),
        "rounds_others_at_work": sum(one.others > OTHERS_AT_WORK for one in taken),
        "mistakes": mistakes,
    }
    if reference is not None:
        told["times_reference"] = ratio(contest, reference)
        cpu = [
            mine.cpu_us / theirs.cpu_us for mine, theirs in zip(taken, reference.taken, strict=True) if theirs.cpu_us
        ]
        told["times_reference_cpu"] = statistics.median(cpu) if cpu else float("nan")
    return told


def processors() -> tuple[int | None, int | None]:
    """(the servers', the generator's): the first and the last we may use, or none of its own where there is but one."""
    ours = sorted(os.sched_getaffinity(0))
    return (ours[0], ours[-1]) if len(ours) > 1 else (None, None)


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Summaries as the lines of a Markdown table."""
    yield "| | lookups/s | x nginx | CPU us a lookup | p50 us | p99 us | octets an answer | generator busy |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        times = f"{row['times_reference']:.2f}" if "times_reference" in row else ""
        bound = f" ({row['rounds_generator_bound']} rounds its limit)" if row["rounds_generator_bound"] else ""
        latency = row["latency_us"]
        yield (
            f"| {row['contender']} | {row['lookups_per_second']:,.0f} | {times} | {row['cpu_us_per_lookup']:.2f} |"
            f" {latency['p50']:,.0f} | {latency['p99']:,.0f} | {row['bytes_per_answer']:,.0f} |"
            f" {row['generator_busy']:.2f}{bound} |"
        )
