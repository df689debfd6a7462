"""The soak itself: processes of callers, generations swapped meanwhile, and the service's health after it."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Any, NamedTuple

from tests.soak.answers import Wrong
from tests.soak.caller import Share, call
from tests.soak.health import Health
from tests.soak.line import ENDINGS
from tests.soak.stage import Stage

SAMPLE_SECONDS = 0.1


class Plan(NamedTuple):
    """How much is asked, by how many processes of how many connections each, and how often generations are swapped."""

    requests: int
    processes: int = 2
    connections: int = 32
    seed: int = 1
    endings: Mapping[str, int] = ENDINGS
    swap_seconds: float = 0.5


def play(stage: Stage, plan: Plan, progress: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Ask, and tell what was done. Raises Wrong at the first answer that is not right, and when the service is ill."""
    health = Health(stage.service)
    swaps = stage.service.metric("flr_swaps_total")
    started = time.monotonic()
    try:
        tally = _call(stage, plan, health, progress)
    except Wrong as wrong:
        raise Wrong(f"{wrong}; connections that the service has ended by itself: {health.ended() or 'none'}") from None
    seconds, used = time.monotonic() - started, health.used()
    growth = health.check()
    answers = tally.pop("answers")
    return {
        "answers": answers,
        "seconds": round(seconds, 1),
        "answers_per_second": round(answers / seconds),
        "worker_us_per_answer": round(used / answers * 1e6, 1),
        "caller_us_per_answer": round(tally.pop("microseconds") / answers, 1),
        "connections": tally.pop("connections"),
        "left_unanswered": tally.pop("unanswered when left", 0),
        "endings": dict(tally),
        "swaps": round(stage.service.metric("flr_swaps_total") - swaps),
        "growth_bytes": growth,
        "seed": plan.seed,
    }


def _call(stage: Stage, plan: Plan, health: Health, progress: Callable[[int], None]) -> Counter[str]:
    """Run the callers to their end: what all of them did. Raises Wrong."""
    context = multiprocessing.get_context("spawn")
    counts, stop = context.RawArray("q", plan.processes), context.Event()
    reports = []
    processes = []
    for number in range(plan.processes):
        reading, writing = context.Pipe(duplex=False)
        port, answers = stage.service.address["port"], -(-plan.requests // plan.processes)
        share = Share(number, port, answers, plan.connections, plan.seed, plan.endings)
        process = context.Process(target=call, args=(share, stage.decks, counts, stop, writing), daemon=True)
        process.start()
        writing.close()
        processes.append(process)
        reports.append(reading)
    try:
        _watch(stage, plan, health, lambda: sum(counts), reports, progress)
        return _gather(reports)
    finally:
        stop.set()
        for process in processes:
            process.join()


def _watch(
    stage: Stage,
    plan: Plan,
    health: Health,
    answered: Callable[[], int],
    reports: list[Any],
    progress: Callable[[int], None],
) -> None:
    """Swap generations until all have reported."""
    names = cycle(stage.generations)
    swap_at, sampled = 0.0, False
    while not all(report.poll() for report in reports):
        time.sleep(SAMPLE_SECONDS)
        progress(answered())
        if time.monotonic() >= swap_at:
            swap_at = time.monotonic() + plan.swap_seconds
            stage.announce(next(names))
        if not sampled and answered() >= plan.requests / 10:
            sampled = True
            health.sample()


def _gather(reports: list[Any]) -> Counter[str]:
    tally: Counter[str] = Counter()
    for report in reports:
        try:
            did, wrong = report.recv()
        except EOFError:
            raise Wrong("a process of callers ended before its time") from None
        if wrong is not None:
            raise Wrong(wrong)
        tally += did
    return tally
