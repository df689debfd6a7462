"""Latency of `POST /v1/gp-lookup` at a fixed rate: undisturbed, during swaps, and while heavy questions are answered.

    python -m bench.tail --data-dir DIR [--rate 20000] [--rounds 10] [--seconds 20] [--out FILE.json]

Open loop: requests are due at fixed times, and latency counts from then. Contests take turns, their histograms are
pooled. nginx with a constant of the same size stands twice in each round, under two processes of the same kind: how far
these two are apart is what this machine can tell, and no ratio means more than that.

Swaps: CURRENT is renamed between two generations a hundred times a minute. Heavy questions: two more connections ask
for patient lists with particulars and for batches of 1000, one after the other, all the time.
"""

import contextlib
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from itertools import chain, cycle
from pathlib import Path
from typing import Any

from bench.command import concluded, parser_of
from bench.compare import answer_bytes, persons_of
from bench.contenders import Nginx
from bench.generator import Shape, write_requests
from bench.latency import Histogram
from bench.prepared import Known, batches, constant, patient_lists, singles
from bench.rounds import OTHERS_AT_WORK, QUANTILES, Contest, interleaved, processors, summary
from bench.servers import NoServer, Ours
from bench.staging import Stage, staged
from lookup.generation import open_generation

CHECKED = 200
RATE = 20_000
SWAP_SECONDS = 0.6
LISTS = 2000
CALM, SWAPS, HEAVY = "undisturbed", "during swaps", "beside lists and batches"
OURS, CONSTANT, CONTROL = (CALM, "ours"), (CALM, "nginx"), (CALM, "nginx again")


@contextlib.contextmanager
def swapping(stage: Stage, ours: Ours, swaps: list[float]) -> Iterator[None]:
    """Put one generation in service, and the other, and so on. How many the worker took up is added to `swaps`."""
    done, before = threading.Event(), ours.metric("flr_swaps_total")

    def swap() -> None:
        for name in cycle([*stage.names[1:], stage.names[0]]):
            if done.wait(SWAP_SECONDS):
                return
            stage.point(name)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        swaps.append(ours.metric("flr_swaps_total") - before)
        stage.point(stage.names[0])


def heavy(stage: Stage, persons: Sequence[Known]) -> Path:
    """Patient lists and batches in turn."""
    tables = open_generation(stage.served).tables
    contracts = [tables.contract_id_of_slot(slot) for slot in range(tables.meta.slots)][:LISTS]
    pairs = zip(patient_lists(contracts), cycle(batches(persons, min(1000, len(persons)))), strict=False)
    return write_requests(stage.room / "heavy.requests", chain.from_iterable(pairs))


def measure(data_dir: Path, rate: float, rounds: int, seconds: float, sample: int) -> dict[str, Any]:
    """Start the service and nginx twice, run the rounds, and tell."""
    server_on, generator_on = processors()
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(staged(data_dir))
        persons = persons_of(stage, sample)
        beside = heavy(stage, persons)
        stage.add_second()
        ours = stack.enter_context(Ours(stage.data_dir, stage.room, server_on))
        size = answer_bytes(ours, persons)
        nginx = [stack.enter_context(Nginx(size, stage.room, server_on, name=name)) for _, name in (CONSTANT, CONTROL)]
        for server in (ours, *nginx):
            server.check(persons[:CHECKED])
        asked = write_requests(stage.room / "small.requests", singles(persons))
        constants = write_requests(stage.room / "constant.requests", constant(singles(persons), nginx[0].body_bytes))
        shape = Shape(seconds=seconds, rate=rate, warm_seconds=1.0)
        contests = [
            Contest(CALM, ours, asked, shape),
            *(Contest(CALM, server, constants, shape) for server in nginx),
            Contest(SWAPS, ours, asked, shape),
            Contest(HEAVY, ours, asked, shape, beside=beside, beside_connections=2),
        ]
        swaps: list[float] = []

        def around(contest: Contest) -> contextlib.AbstractContextManager[None]:
            return swapping(stage, ours, swaps) if contest.case == SWAPS else contextlib.nullcontext()

        interleaved(contests, rounds, generator_on, around)
    if not sum(swaps):
        raise NoServer("ours: took up no generation, so there is nothing to tell of swaps")
    return {"rate": rate, "rounds": rounds, "seconds": seconds, "swaps": sum(swaps), **told(contests)}


def told(contests: Sequence[Contest]) -> dict[str, Any]:
    """Summaries, the ratios that the bars are about, and the p99.9 of every round, for the spread."""
    by_key = {contest.key: contest for contest in contests}
    pooled = {
        key: Histogram.pooled(taken.round.load.histogram for taken in contest.taken) for key, contest in by_key.items()
    }

    def ratios(one: tuple[str, str], other: tuple[str, str]) -> dict[str, Any]:
        each = [
            mine.round.load.histogram.quantile(QUANTILES["p999"])
            / theirs.round.load.histogram.quantile(QUANTILES["p999"])
            for mine, theirs in zip(by_key[one].taken, by_key[other].taken, strict=True)
        ]
        pools = {name: pooled[one].quantile(share) / pooled[other].quantile(share) for name, share in QUANTILES.items()}
        return {**pools, "p999_lowest_round": min(each), "p999_highest_round": max(each)}

    rows = [summary(contest) for contest in contests]
    for row, contest in zip(rows, contests, strict=True):
        beside = [taken.round.beside for taken in contest.taken]
        row["beside_per_second"] = sum(one.measured for one in beside) / (len(beside) * contest.shape.seconds)
    return {
        "rows": rows,
        "ratios": {
            "nginx again / nginx (the control)": ratios(CONTROL, CONSTANT),
            "ours / nginx": ratios(OURS, CONSTANT),
            "ours during swaps / without": ratios((SWAPS, "ours"), OURS),
            "ours beside lists and batches / without": ratios((HEAVY, "ours"), OURS),
        },
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as Markdown."""
    yield from ("| | p50 us | p99 us | p99.9 us | CPU us an answer | generator busy |", "|---|---|---|---|---|---|")
    for row in result["rows"]:
        latency, heavy_answers = row["latency_us"], row["beside_per_second"]
        beside = f" ({heavy_answers:,.0f} a second)" if heavy_answers else ""
        # What the heavy questions cost is no part of an answer's cost.
        cpu = "" if heavy_answers else f"{row['cpu_us_per_lookup']:.2f}"
        yield (
            f"| {row['contender']}, {row['case']}{beside} | {latency['p50']:,.1f} | {latency['p99']:,.1f} |"
            f" {latency['p999']:,.1f} | {cpu} | {row['generator_busy']:.2f} |"
        )
    yield from ("", "| ratio | p50 | p99 | p99.9 | p99.9, round by round |", "|---|---|---|---|---|")
    for name, ratio in result["ratios"].items():
        spread = f"{ratio['p999_lowest_round']:.2f} to {ratio['p999_highest_round']:.2f}"
        yield f"| {name} | {ratio['p50']:.2f} | {ratio['p99']:.2f} | {ratio['p999']:.2f} | {spread} |"
    disturbed = sum(row["rounds_others_at_work"] for row in result["rows"])
    wrong = {f"{row['contender']}, {row['case']}": row["mistakes"] for row in result["rows"] if row["mistakes"]}
    yield ""
    yield f"{result['rate']:,.0f} requests a second, {result['rounds']} rounds of {result['seconds']:g} s each;"
    yield f"{result['swaps']:.0f} swaps."
    if disturbed:
        yield f"In {disturbed} rounds others on the machine took more than {OTHERS_AT_WORK:g} of a core."
    yield f"Mistakes: {json.dumps(wrong) if wrong else 'none'}."


def main() -> int:
    """The command. Exits 1 when an answer was not as it should be."""
    about = "latency at a fixed rate, beside nginx, swaps and heavy questions"
    parser = parser_of(about, rounds=10, seconds=20, sample=200_000)
    parser.add_argument("--rate", type=float, default=RATE)
    args = parser.parse_args()
    return concluded(lambda: measure(args.data_dir, args.rate, args.rounds, args.seconds, args.sample), lines, args.out)


if __name__ == "__main__":
    sys.exit(main())
