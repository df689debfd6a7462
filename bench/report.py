"""All measurements of the lookup service in one run, written to bench/results: JSON, a page and a chart.

    python -m bench.report [--data-dir DIR | --persons 100000|national] [--quick | --full] [--out bench/results]

Without a data folder a synthetic register is made, once, under build/bench/. How long it takes: --quick three minutes,
to see that all works; otherwise about fifteen; --full, by the method of the performance document, half an hour. The
machine should have nothing else to do meanwhile: what others took of it is told.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from bench import compare, guarded, inside, refusals, starting, tail
from bench.chart import Bar, bars
from bench.contenders import needed
from bench.demo import persons_of
from bench.generator import BUILD
from bench.servers import ROOT, NoServer
from bench.staging import NoRegister
from lookup.manifest import CURRENT, GENERATIONS, read_manifest, read_pointer

NAME = "hot-path"
UNNAMED = ("processor", "system")  # these say what they are


class Effort(NamedTuple):
    """How long to measure."""

    rounds: int
    seconds: float
    tail_rounds: int
    tail_seconds: float
    starts: int
    lookup_rounds: int
    sample: int


QUICK = Effort(3, 1, 3, 2, 2, 2, 20_000)
USUAL = Effort(5, 3, 10, 5, 5, 5, 200_000)
FULL = Effort(7, 5, 10, 20, 7, 9, 200_000)


def made_register(persons: int) -> Path:
    """The data folder of a synthetic register of this size, made when it is not there yet."""
    folder = BUILD / f"register-{persons}"
    if not (folder / "data" / CURRENT).exists():
        feed = folder / "feed"
        if not feed.exists():
            _run("bench.population", "--persons", str(persons), "--out", str(feed))
        _run("loader", "load", str(feed), "--data-dir", str(folder / "data"))
    return folder / "data"


def _run(module: str, *arguments: str) -> None:
    print(f"-- {module} {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", module, *arguments], check=True, cwd=ROOT)


def machine() -> dict[str, str]:
    """What it was measured on."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    memory = int(Path("/proc/meminfo").read_text().split(maxsplit=2)[1]) / 2**20
    said = {"nginx": ["nginx", "-v"], "Redis": ["redis-server", "--version"], "Go": ["go", "version"]}
    told = {
        "processor": f"{len(os.sched_getaffinity(0))} x {cpu.partition(':')[2].strip()}",
        "memory": f"{memory:.0f} GB",
        "system": f"Linux {platform.release()}",
        "Python": platform.python_version(),
        **{name: version(name.lower()) for name in ("Litestar", "uvicorn", "uvloop", "lmdb")},
    }
    for name, (program, argument) in said.items():
        done = subprocess.run([needed(program), argument], capture_output=True, text=True, check=True)
        number = re.search(r"[0-9]+(\.[0-9]+)+", done.stdout + done.stderr)
        told[name] = number[0] if number else "?"
    return told


def lookups(data_dir: Path, rounds: int) -> dict[str, Any]:
    """What bench.lookups tells; in a process of its own, because it holds the whole register in memory."""
    command = [sys.executable, "-m", "bench.lookups", "--data-dir", str(data_dir), "--rounds", str(rounds), "--json"]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE).stdout)
    return result


def measure(data_dir: Path, effort: Effort) -> dict[str, Any]:
    """Everything, one after the other."""
    name = read_pointer(data_dir, CURRENT)
    if name is None:
        raise NoRegister(f"{data_dir} has no generation in service")
    manifest, _ = read_manifest(data_dir / GENERATIONS / name)
    result: dict[str, Any] = {"machine": machine(), "counts": manifest.counts}
    for name, part in (
        (
            "compare",
            lambda: compare.measure(data_dir, effort.rounds, effort.seconds, effort.sample, list(compare.PEERS)),
        ),
        ("guarded", lambda: guarded.measure(data_dir, effort.rounds, effort.seconds, effort.sample // 2)),
        ("refusals", lambda: refusals.measure(data_dir, effort.sample // 10)),
        ("tail", lambda: tail.measure(data_dir, tail.RATE, effort.tail_rounds, effort.tail_seconds, effort.sample)),
        ("starting", lambda: starting.measure(data_dir, effort.starts, starting.WORKERS, drop=False)),
        ("inside", lambda: inside.measure(data_dir, effort.lookup_rounds)),
        ("lookups", lambda: lookups(data_dir, effort.lookup_rounds)),
    ):
        print(f"-- {name}", flush=True)
        result[name] = part()
    return result


PAGE = """\
# The hot path, {date}

{machine}.
{persons:,} synthetic persons. Absolute figures are this machine's and this hour's: quote the ratios.

![requests a second, times nginx]({chart})

## Beside its peers

`python -m bench.compare`. Servers on the first core, the generator on the last; rounds take turns; medians. Ours
answers from the whole register, Redis, Go and Litestar from {sample:,} of its persons, who are those asked about.

{compare}

## With everything on

`python -m bench.guarded`. A registered client, or a token of a named issuer; roles and limits; the record in the audit
before the answer.

{guarded}

`python -m bench.refusals`. Whether the time of a refusal tells what was asked about; |t| above 4.5 would.

{refusals}

## Tails

`python -m bench.tail`. Open loop, latency from when a request was due; pooled histograms.

{tail}

## Starting, and a further worker

`python -m bench.starting`.

{starting}

## Inside

`python -m bench.inside`: a request from its octets to those of its answer, without sockets. `python -m bench.lookups`:
the index alone.

| | ns | dependent memory accesses |
|---|---|---|
{inside}
"""


def page(result: dict[str, Any], date: str, chart_name: str) -> str:
    """The result for people."""
    ns = {**result["inside"], **result["lookups"]["ns"]}
    floor = ns["dependent memory access"]
    return PAGE.format(
        date=date,
        machine="; ".join(text if name in UNNAMED else f"{name} {text}" for name, text in result["machine"].items()),
        persons=result["counts"].get("persons", 0),
        chart=chart_name,
        sample=result["compare"]["sample"],
        compare="\n".join(compare.lines(result["compare"])),
        guarded="\n".join(compare.lines(result["guarded"])),
        refusals="\n".join(refusals.lines(result["refusals"])),
        tail="\n".join(tail.lines(result["tail"])),
        starting="\n".join(starting.lines(result["starting"])),
        inside="\n".join(f"| {name} | {value:,.0f} | {value / floor:.2f} |" for name, value in ns.items()),
    )


def chart(result: dict[str, Any]) -> str:
    """Single lookups a second, times nginx, as bars."""
    rows = {(row["case"], row["contender"]): row for row in result["compare"]["rows"]}
    shown = []
    for (case, name), row in rows.items():
        if case == compare.SMALL or (case == compare.KILOBYTE and name == "ours"):
            label = name if case == compare.SMALL else f"{name}, {case}"
            said = f"{row['times_reference']:.2f} x nginx ({row['lookups_per_second']:,.0f}/s)"
            shown.append(Bar(label, row["times_reference"], said, ours=name == "ours"))
    shown.sort(key=lambda bar: -bar.value)
    return bars(
        "POST /v1/gp-lookup on one core",
        "requests a second, times nginx returning a constant of the same size",
        shown,
        1.0,
    )


def main() -> int:
    """The command. Exits 1 when an answer was not as it should be."""
    parser = argparse.ArgumentParser(description="all measurements of the lookup service, written to bench/results")
    parser.add_argument("--data-dir", type=Path, help="a data folder with a generation in service")
    parser.add_argument("--persons", type=persons_of, default=100_000, help="size of the register made without one")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    parser.add_argument("--name", default=NAME)
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", dest="effort", action="store_const", const=QUICK, default=USUAL)
    effort.add_argument("--full", dest="effort", action="store_const", const=FULL)
    args = parser.parse_args()
    date = datetime.now(UTC).date().isoformat()
    stem = f"{date}-{args.name}"
    try:
        result = measure(args.data_dir or made_register(args.persons), args.effort)
    except (NoRegister, NoServer) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / f"{stem}.json").write_text(json.dumps(result, indent=1) + "\n")
    (args.out / f"{stem}.svg").write_text(chart(result))
    text = page(result, date, f"{stem}.svg")
    (args.out / f"{stem}.md").write_text(text)
    print(text)
    return 1 if any(row["mistakes"] for part in ("compare", "guarded", "tail") for row in result[part]["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
