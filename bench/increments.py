"""An incremental load, whole process, against a copy and fsync of the files that it has to write anew.

    python -m bench.increments --data-dir DATA --feed FEED [--changes 1400] [--rounds 5] [--json]

FEED continues from what CURRENT of DATA names, and with --changes only about so many of its events are taken. DATA is
read and left as it is: its generation is copied into a folder beside it, where there must be room for it four times.
Each round copies and syncs `index.mdb` and `people.mdb`, and then loads; medians and the median of the rounds' ratios
are told, by the clock and in seconds of the processors, with those of each step.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench.thinned import write_thinned
from loader.copies import copy_files
from loader.publish import fsync
from lookup.generation import open_generation
from lookup.manifest import CURRENT, GENERATIONS, INDEX, KINDS, PEOPLE, read_pointer

# What an installation has: modules that are compiled already.
NOT_COMPILED = "PYTHONDONTWRITEBYTECODE"


class Cost(NamedTuple):
    """Seconds by the clock, and of the processors."""

    wall: float
    cpu: float


class Measured(NamedTuple):
    """One load: what it cost, and what it says of itself."""

    cost: Cost
    report: dict[str, Any]


def copied(source: Path, target: Path) -> Cost:
    """Copy the two large files and make them durable."""
    target.mkdir()
    started, before = time.perf_counter(), time.process_time()
    copy_files(source, target)
    for kind in (INDEX, PEOPLE):
        fsync(target / KINDS[kind])
    cost = Cost(time.perf_counter() - started, time.process_time() - before)
    shutil.rmtree(target)
    return cost


def loaded(feed: Path, data: Path, base: str) -> Measured:
    """Load the feed, and take back what it has changed."""
    command = [sys.executable, "-m", "loader", "load", str(feed), "--data-dir", str(data), "--json"]
    environment = {name: value for name, value in os.environ.items() if name != NOT_COMPILED}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(done.stdout)
    if report["outcome"] != "published":
        raise SystemExit(f"the load ended with {report['outcome']}")
    (data / CURRENT).write_text(f"{base}\n")
    for folder in (data / GENERATIONS).iterdir():
        if folder.name != base:
            shutil.rmtree(folder)
    return Measured(Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), report)


def told(copies: list[Cost], loads: list[Measured]) -> dict[str, Any]:
    """What the rounds come to."""
    rounds = list(zip(loads, copies, strict=True))
    return {
        "copy_seconds": statistics.median(copy.wall for copy in copies),
        "load_seconds": statistics.median(load.cost.wall for load in loads),
        "load_cpu_seconds": statistics.median(load.cost.cpu for load in loads),
        "ratio": statistics.median(load.cost.wall / copy.wall for load, copy in rounds),
        "ratios": [load.cost.wall / copy.wall for load, copy in rounds],
        "steps": {
            name: statistics.median(load.report["seconds"][name] for load in loads)
            for name in loads[0].report["seconds"]
        },
        "changes": loads[0].report["changes"],
        "events": loads[0].report["events"],
        "processors": len(os.sched_getaffinity(0)),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds and print the result."""
    parser = argparse.ArgumentParser(description="an incremental load against copying its files")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--feed", type=Path, required=True)
    parser.add_argument("--changes", type=int, help="of the feed's events take about so many")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    base = read_pointer(args.data_dir, CURRENT)
    if base is None:
        parser.error("nothing is in service in --data-dir")
    with tempfile.TemporaryDirectory(prefix="flr-increments-", dir=args.data_dir.parent) as name:
        result = measured(Path(name), args, base)
    print(json.dumps(result) if args.json else page(result))
    return 0


def measured(work: Path, args: argparse.Namespace, base: str) -> dict[str, Any]:
    """All rounds, in a folder of their own; the first load is not counted."""
    data = work / "data"
    shutil.copytree(args.data_dir / GENERATIONS / base, data / GENERATIONS / base)
    (data / CURRENT).write_text(f"{base}\n")
    generation = data / GENERATIONS / base
    feed = args.feed
    if args.changes is not None:
        feed = write_thinned(open_generation(generation), feed, work / "feed", args.changes)
    loaded(feed, data, base)
    copies, loads = [], []
    for _ in range(args.rounds):
        copies.append(copied(generation, work / "copy"))
        loads.append(loaded(feed, data, base))
    return told(copies, loads)


def page(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = [
        f"copy and fsync      {result['copy_seconds']:8.2f} s",
        f"incremental load    {result['load_seconds']:8.2f} s   {result['ratio']:.2f} times",
        f"  of the processors {result['load_cpu_seconds']:8.2f} s",
        *(f"  {name:<18}{seconds:8.2f} s" for name, seconds in result["steps"].items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
