"""Differential fuzzing of the compiled HTTP path's readers: `python -m tests.wire.fuzz --count 2000000`.

Every case is made from the seed and its number, held against both twins, h11 and httptools (judge.py), whole and in
pieces. What does not hold is made smaller and written to build/fuzz/, and `--replay FILE` judges it again. Ends by
itself; exit code 1 when something was found.
"""

import argparse
import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.wire.cases import KINDS, Case, case, hold
from tests.wire.judge import Violation

CHUNK = 1000
MAX_FINDINGS = 20
FOLDER = Path("build/fuzz")


class Finding(NamedTuple):
    """A case that does not hold, and why."""

    number: int
    kind: str
    why: str
    stream: bytes


def wrong(case: Case, number: int) -> str | None:
    """Why a case does not hold; None when it does."""
    try:
        hold(case, random.Random(number))
    except Violation as violation:
        return str(violation)
    except Exception as error:  # noqa: BLE001 - whatever a reader raises is a finding
        return f"raised {type(error).__name__}"
    return None


def run_chunk(seed: int, first: int, last: int) -> tuple[int, Counter[str], list[Finding]]:
    """(cases, messages accepted by kind, findings) of the cases from `first` to before `last`."""
    accepted: Counter[str] = Counter()
    findings = []
    for number in range(first, last):
        one = case(seed, number)
        try:
            accepted[one.kind] += hold(one, random.Random(number))
        except Exception:  # noqa: BLE001 - told apart by `wrong`
            why = wrong(one, number) or "did not hold, and then held"
            findings.append(Finding(number, one.kind, why, smaller(one, number, why)))
    return last - first, accepted, findings


def smaller(found: Case, number: int, why: str, patience: int = 3000) -> bytes:
    """A shorter stream that does not hold for the same reason. Of a case whose count was known, the case itself."""
    stream, size = found.stream, len(found.stream) // 2
    if found.accepted is not None:
        return stream
    while size and patience:
        place = 0
        while place < len(stream) and patience:
            patience -= 1
            shorter = stream[:place] + stream[place + size :]
            if wrong(found._replace(stream=shorter), number) == why:
                stream = shorter
            else:
                place += size
        size //= 2
    return stream


def keep(seed: int, finding: Finding) -> Path:
    """Write a finding down."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"wire-{seed}-{finding.number}.http"
    path.write_bytes(finding.stream)
    return path


def show(done: int, count: int, found: int, began: float) -> None:
    """Progress, at a terminal."""
    if sys.stderr.isatty():
        pace = done / (time.monotonic() - began)
        print(f"\rwire: {done:,} of {count:,} streams, {pace:,.0f}/s, {found} found ", end="", file=sys.stderr)


def _chunk(task: tuple[int, int, int]) -> tuple[int, Counter[str], list[Finding]]:
    return run_chunk(*task)


def fuzz(count: int, seed: int, processes: int) -> dict[str, object]:
    """Run `count` cases; stops early when there is too much to look at."""
    began, done = time.monotonic(), 0
    accepted: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    findings: list[Finding] = []
    tasks = [(seed, first, min(count, first + CHUNK)) for first in range(0, count, CHUNK)]
    with multiprocessing.get_context("spawn").Pool(processes) as crew:
        for cases, more, found in crew.imap_unordered(_chunk, tasks):
            done += cases
            accepted.update(more)
            findings += found
            show(done, count, len(findings), began)
            if len(findings) >= MAX_FINDINGS:
                break
    return {
        "seed": seed,
        "streams": done,
        "seconds": round(time.monotonic() - began, 1),
        "accepted": dict(accepted),
        "findings": [
            {"number": one.number, "kind": one.kind, "why": one.why, "file": str(keep(seed, one))} for one in findings
        ],
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.wire.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="streams to judge (%(default)s)")
    parser.add_argument("--seed", type=int, help="the run to repeat (another one each time)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="(%(default)s)")
    parser.add_argument("--json", action="store_true", help="say at the end what was done, as JSON")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="judge one stream that was kept")
    options = parser.parse_args(arguments)
    if options.replay:
        why = wrong(Case("replayed", options.replay.read_bytes(), None), 0)
        print(why or "holds")
        return int(why is not None)
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"wire: seed {seed}", file=sys.stderr)
    report = fuzz(options.count, seed, options.processes)
    print(json.dumps(report) if options.json else told(report))
    return int(bool(report["findings"]))


def told(report: dict[str, object]) -> str:
    """The report in words."""
    head = f"\nwire: {report['streams']:,} streams in {report['seconds']} s, seed {report['seed']}"
    lines = [head, f"messages accepted, by kind: {report['accepted']}"]
    findings = report["findings"]
    assert isinstance(findings, list)
    return "\n".join([*lines, *(str(finding) for finding in findings), f"{len(findings)} found"])


if __name__ == "__main__":
    sys.exit(main())
