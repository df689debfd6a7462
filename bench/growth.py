"""The cost curve: what a register of so many persons costs to load, to keep and to ask.

    python -m bench.growth [--millions 1 5.6 20 50] [--folder FOLDER] [--out bench/results/NAME] [--json]

For each size: a made-up Norway of that many persons, one full load of it into a fresh data folder (wall seconds and
peak memory of the whole process tree, as bench.loads has it), octets of the files a person, and ns of a lookup in the
compiled index, beside a dependent memory access of the same run (bench.lookups). A feed and its register take about
1.2 kB a person, and are removed before the next size; a feed that is already in the folder is used, and kept.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.chart import Bar, bars, stacked
from bench.loads import load_once

LOOKUPS = ("dependent memory access", "compiled, independent", "compiled, each on the last")
ROUNDS = 5


def run(*arguments: str) -> str:
    """What a command of ours prints."""
    return subprocess.run([sys.executable, "-m", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(persons: int, folder: Path) -> dict[str, Any]:
    """One size."""
    feed, data = folder / f"feed-{persons}", folder / f"data-{persons}"
    there = (feed / "manifest.json").exists()
    if not there:
        run("bench.population", "--persons", str(persons), "--out", str(feed))
    loaded = load_once(feed, data)
    asked = json.loads(run("bench.lookups", "--data-dir", str(data), "--rounds", str(ROUNDS), "--json"))
    shutil.rmtree(data)
    if not there:
        shutil.rmtree(feed)
    known = loaded["report"]["counts"]["persons"]
    return {
        "persons": known,
        "load_seconds": loaded["wall_seconds"],
        "load_us_a_person": loaded["wall_seconds"] / known * 1e6,
        "peak_bytes": loaded["peak_bytes"],
        "index_bytes_a_person": loaded["files"]["index.mdb"] / known,
        "people_bytes_a_person": loaded["files"]["people.mdb"] / known,
        "lookup_ns": {name: asked["ns"][name] for name in LOOKUPS},
        "lookup_accesses": {name: asked["ratio"][name] for name in LOOKUPS},
    }


def said(persons: int) -> str:
    """A size as people say it."""
    return f"{persons / 1e6:.3g} million"


def page(sizes: list[dict[str, Any]]) -> str:
    """The table, as Markdown."""
    titles = ("persons", "full load", "each", "peak memory", "index.mdb, people.mdb each")
    head = f"| {' | '.join([*titles, 'a lookup, in a batch', 'each on the last'])} |"
    rows = [
        f"| {said(one['persons'])} | {one['load_seconds']:.1f} s | {one['load_us_a_person']:.1f} us"
        f" | {one['peak_bytes'] / 1e6:.0f} MB"
        f" | {one['index_bytes_a_person']:.1f} B, {one['people_bytes_a_person']:.1f} B"
        + "".join(
            f" | {one['lookup_ns'][name]:.0f} ns, {one['lookup_accesses'][name]:.2f} accesses" for name in LOOKUPS[1:]
        )
        + " |"
        for one in sizes
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows, ""])


def chart(sizes: list[dict[str, Any]]) -> str:
    """The same as a picture: four costs, each by size."""
    note = "one full load for each size, on a shared machine"
    costs = [
        ("Full load, us a person", note, "load_us_a_person", "{:.1f}"),
        ("Peak memory of a load, MB", "whole process tree, shared pages once", "peak_mb", "{:.0f}"),
        ("index.mdb, octets a person", "with history and reverse keys", "index_bytes_a_person", "{:.1f}"),
        ("A lookup, dependent memory accesses", "in a batch, warm, random persons", "accesses", "{:.2f}"),
    ]
    values = [
        one | {"peak_mb": one["peak_bytes"] / 1e6, "accesses": one["lookup_accesses"]["compiled, independent"]}
        for one in sizes
    ]
    return stacked(
        [
            bars(
                title, note, [Bar(said(one["persons"]), one[name], form.format(one[name]), ours=True) for one in values]
            )
            for title, note, name, form in costs
        ]
    )


def main() -> int:
    """Measure every size, and write what came of it."""
    parser = argparse.ArgumentParser(description="what a register of so many persons costs")
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 5.6, 20, 50])
    parser.add_argument("--folder", type=Path, help="for feeds and registers; unless given, a temporary one")
    parser.add_argument("--out", type=Path, help="where .json, .md and .svg are written, without its ending")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flr-growth-") as temporary:
        folder = args.folder or Path(temporary)
        sizes = [measure(round(millions * 1e6), folder) for millions in args.millions]
    if args.out is not None:
        args.out.with_suffix(".json").write_text(json.dumps(sizes, indent=1) + "\n")
        args.out.with_suffix(".md").write_text(
            f"# The cost curve\n\n![the cost curve]({args.out.name}.svg)\n\n{page(sizes)}"
        )
        args.out.with_suffix(".svg").write_text(chart(sizes))
    print(json.dumps(sizes) if args.json else page(sizes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
