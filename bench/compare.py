"""`POST /v1/gp-lookup` beside its peers: nginx with a constant, Redis, Go's net/http, Litestar with py-lmdb.

    python -m bench.compare --data-dir DIR [--rounds 5] [--seconds 5] [--sample 200000] [--out FILE.json]

Every contender runs on the first processor, the generator on the last; answers are checked before, and their lengths
all the time. The rounds of all cases and contenders take turns. Ours answers from the whole register in DIR, the
peers hold a sample of its persons, who are also those that everybody is asked about.
"""

import contextlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.command import concluded, parser_of
from bench.contenders import Go, Litestar, Nginx, Redis
from bench.generator import Prepared, Shape, write_requests
from bench.prepared import KILOBYTE_HEAD, Known, batches, constant, known, redis_gets, singles
from bench.rounds import OTHERS_AT_WORK, Contest, interleaved, processors, ratio, summary, table
from bench.servers import Ours, Server
from bench.staging import Stage, staged
from lookup.generation import open_generation
from register.localtime import local_micros

CHECKED = 200
BATCH = 100
SMALL, KILOBYTE, ONE, BATCHES = "small head", "1 kB head", "one connection", f"batch of {BATCH}"
PEERS: dict[str, Callable[..., Server]] = {"redis": Redis, "go": Go, "litestar": Litestar}


def persons_of(stage: Stage, count: int) -> list[Known]:
    """A sample of the register, and the answers as they are now."""
    generation = open_generation(stage.served)
    return known(generation, count, 5, local_micros(time.time()))


def answer_bytes(ours: Server, persons: Sequence[Known], fields: Sequence[str] = ()) -> int:
    """The mean size of our answers, heads included, when requests have these fields in their heads."""
    request = next(singles(persons, fields))
    head, _ = ours.ask(request.octets)
    return len(head) + round(statistics.mean(len(person.body) for person in persons))


@contextlib.contextmanager
def started(
    stage: Stage, persons: Sequence[Known], peers: Sequence[str]
) -> Iterator[tuple[Ours, list[Nginx], list[Server]]]:
    """All contenders, running on the servers' processor, each giving right answers."""
    processor, _ = processors()
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(Ours(stage.data_dir, stage.room, processor))
        # One for each case, because the caller's ids in a large head come back in our answer.
        sizes = {case: answer_bytes(ours, persons, fields) for case, fields in ((SMALL, ()), (KILOBYTE, KILOBYTE_HEAD))}
        nginx = [stack.enter_context(Nginx(size, stage.room / case, processor)) for case, size in sizes.items()]
        others = [stack.enter_context(PEERS[name](persons, stage.room, processor)) for name in peers]
        for server in (ours, *nginx, *others):
            server.check(persons[:CHECKED])
        yield ours, nginx, others


def contests(
    stage: Stage, persons: Sequence[Known], seconds: float, ours: Ours, nginx: Sequence[Nginx], others: Sequence[Server]
) -> list[Contest]:
    """Every case with its contenders, in the order of their turns."""

    def written(name: str, requests: Iterator[Prepared]) -> Path:
        return write_requests(stage.room / f"{name}.requests", requests)

    small, kilobyte = list(singles(persons)), list(singles(persons, KILOBYTE_HEAD))
    plain = written("small", iter(small))
    constant_plain = written("constant", constant(small, nginx[0].body_bytes))
    gets = written("gets", redis_gets(persons))
    many, one = Shape(seconds=seconds), Shape(connections=1, seconds=seconds)

    def asked(server: Server, case: str, shape: Shape) -> Contest:
        if isinstance(server, Redis):
            return Contest(case, server, gets, Shape(shape.connections, seconds, resp=True))
        return Contest(case, server, constant_plain if server is nginx[0] else plain, shape)

    all_servers = (ours, nginx[0], *others)
    return [
        *(asked(server, SMALL, many) for server in all_servers),
        Contest(KILOBYTE, ours, written("kilobyte", iter(kilobyte)), many),
        Contest(KILOBYTE, nginx[1], written("constant-kilobyte", constant(kilobyte, nginx[1].body_bytes)), many),
        Contest(BATCHES, ours, written("batches", batches(persons, BATCH)), Shape(16, seconds), per_answer=BATCH),
        *(asked(server, ONE, one) for server in all_servers),
    ]


def told(run: Sequence[Contest]) -> list[dict[str, Any]]:
    """The summaries. The reference is nginx in the same case; for batches, our own single lookups.

    `ours_times` is how many times the contender's lookups we do in the same case.
    """
    by_key = {contest.key: contest for contest in run}
    nginx = {contest.case: contest for contest in run if isinstance(contest.server, Nginx)}
    return [
        {
            **summary(contest, nginx.get(contest.case, by_key[SMALL, "ours"])),
            "ours_times": ratio(by_key[contest.case, "ours"], contest),
        }
        for contest in run
    ]


def bars(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What the bars of the performance document are held against."""
    at = {(row["case"], row["contender"]): row for row in rows}
    return {
        "small head / nginx": at[SMALL, "nginx"]["ours_times"],
        "1 kB head / nginx": at[KILOBYTE, "nginx"]["ours_times"],
        "batch of 100 / own singles": at[BATCHES, "ours"]["times_reference"],
        **{
            f"small head / {name}": row["ours_times"]
            for (case, name), row in at.items()
            if case == SMALL and name not in ("ours", "nginx")
        },
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as Markdown."""
    for case in dict.fromkeys(row["case"] for row in result["rows"]):
        rows = [row for row in result["rows"] if row["case"] == case]
        yield from (f"### {case}", "")
        yield from table(rows, "own singles" if case == BATCHES else "nginx")
        yield ""
    yield from ("| bar | measured |", "|---|---|")
    yield from (f"| {name} | {value:.2f} |" for name, value in result["bars"].items())
    disturbed = sum(row["rounds_others_at_work"] for row in result["rows"])
    wrong = {f"{row['case']}, {row['contender']}": row["mistakes"] for row in result["rows"] if row["mistakes"]}
    yield ""
    yield f"{len(result['rows'])} contests of {result['rounds']} rounds of {result['seconds']:g} s."
    if disturbed:
        yield f"In {disturbed} rounds others on the machine took more than {OTHERS_AT_WORK:g} of a core."
    yield f"Mistakes: {json.dumps(wrong) if wrong else 'none'}."


def measure(data_dir: Path, rounds: int, seconds: float, sample: int, peers: Sequence[str]) -> dict[str, Any]:
    """Start everybody, run the rounds, and tell."""
    with staged(data_dir) as stage:
        persons = persons_of(stage, sample)
        with started(stage, persons, peers) as (ours, nginx, others):
            run = contests(stage, persons, seconds, ours, nginx, others)
            interleaved(run, rounds, processors()[1])
    rows = told(run)
    return {"rounds": rounds, "seconds": seconds, "sample": len(persons), "rows": rows, "bars": bars(rows)}


def main() -> int:
    """The command. Exits 1 when an answer was not as it should be."""
    parser = parser_of("gp-lookup beside its peers", rounds=5, seconds=5, sample=200_000)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="beside nginx (default: all)")
    args = parser.parse_args()
    return concluded(
        lambda: measure(args.data_dir, args.rounds, args.seconds, args.sample, args.peers), lines, args.out
    )


if __name__ == "__main__":
    sys.exit(main())
