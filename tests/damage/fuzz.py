"""Index files damaged at random: refused on disk, and harmless in memory. `python -m tests.damage.fuzz --count 100000`.

Every case is made from the seed and its number (kinds.py) and judged in every way (cases.py). One that does not hold
is written to build/fuzz/, and `--replay FILE` judges it again; so does `--seed` with `--first`. Ends by itself; exit
code 1 when something was found.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

from tests.damage import kinds, originals
from tests.damage.cases import Bench
from tests.damage.crew import Crew, Finding
from tests.damage.kinds import Case

MAX_FINDINGS = 20
FOLDER = Path("build/fuzz")


def run(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Judge the cases; returns what is to be told of it."""
    began = time.monotonic()
    tally: Counter[str] = Counter()
    findings: list[Finding] = []
    crew = Crew(folder, options.seed, options.first, options.first + options.count, options.processes)
    for more, finding in crew.said():
        tally.update(more)
        findings += [] if finding is None else [finding]
        seconds = time.monotonic() - began
        if len(findings) >= MAX_FINDINGS or (options.seconds and seconds > options.seconds):
            crew.stop.set()
        show(tally.total(), options.count, len(findings), seconds)
    sources = originals.read(folder)
    return {
        "seed": options.seed,
        "cases": tally.total(),
        "seconds": round(time.monotonic() - began, 1),
        "tally": dict(tally),
        "findings": [one._asdict() | {"file": str(keep(sources, options.seed, one))} for one in findings],
    }


def show(done: int, count: int, found: int, seconds: float) -> None:
    """Progress, at a terminal."""
    if sys.stderr.isatty():
        print(
            f"\rdamage: {done:,} of {count:,} cases, {done / seconds:,.0f}/s, {found} found ", end="", file=sys.stderr
        )


def keep(sources: dict[str, originals.Original], seed: int, finding: Finding) -> Path:
    """Write a finding down: the damaged file, and what it is of."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"damage-{seed}-{finding.number}.zip"
    case = kinds.case(sources, seed, finding.number)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", case.data)
        archive.writestr("case.json", json.dumps([case.original, case.file, case.kind, finding.number, finding.why]))
    return path


def replay(bench: Bench, path: Path) -> str | None:
    """Judge a case that was kept: why it does not hold, or None."""
    with zipfile.ZipFile(path) as archive:
        original, file, kind, number, _ = json.loads(archive.read("case.json"))
        return bench.wrong(Case(original, file, kind, archive.read("data")), number)


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.damage.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="cases to judge (%(default)s)")
    parser.add_argument("--seconds", type=float, help="begin no case after so many")
    parser.add_argument("--seed", type=int, help="the run to repeat (another one each time)")
    parser.add_argument("--first", type=int, default=0, help="the first case to judge (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="(%(default)s)")
    parser.add_argument("--json", action="store_true", help="say at the end what was done, as JSON")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="judge one case that was kept")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = options_of(arguments)
    with tempfile.TemporaryDirectory(prefix="flr-damage-") as scratch:
        folder = Path(scratch)
        originals.build(folder)
        if options.replay:
            why = replay(Bench(folder, folder / "scratch"), options.replay)
            print(why or "holds")
            return int(why is not None)
        print(f"damage: seed {options.seed}", file=sys.stderr)
        report = run(folder, options)
    print(json.dumps(report) if options.json else told(report))
    return int(bool(report["findings"]))


def told(report: dict[str, object]) -> str:
    """The report in words."""
    findings = report["findings"]
    assert isinstance(findings, list)
    head = f"\ndamage: {report['cases']:,} cases in {report['seconds']} s, seed {report['seed']}: {report['tally']}"
    return "\n".join([head, *(str(finding) for finding in findings), f"{len(findings)} found"])


if __name__ == "__main__":
    sys.exit(main())
