"""Differential fuzzing of the compiled HTTP path's readers: `python -m tests.wire.fuzz --count 2000000`.

Every case is made from the seed and its number, held against both twins, h11 and httptools (judge.py), whole and in
pieces. What does not hold is made smaller and written to build/fuzz/, and `--replay FILE` judges it again. Ends by
itself; exit code 1 when something was found.
"""

import multiprocessing
import os
import random
import sys
from collections import Counter

from tests.wire.cases import Case, case, hold
from tests.wire.findings import Finding, Run, command, smaller
from tests.wire.judge import Violation

CHUNK = 1000


def wrong(case: Case, number: int) -> str | None:
    """Why a case does not hold; None when it does."""
    try:
        hold(case, random.Random(number))
    except Violation as violation:
        return str(violation)
    except Exception as error:  # noqa: BLE001 - whatever a reader raises is a finding
        return f"raised {type(error).__name__}"
    return None


def found(case: Case, number: int) -> Finding:
    """A case that has just failed, made smaller; one whose count was known beforehand stays as it is."""
    why = wrong(case, number)
    stream = case.stream
    if why is not None and case.accepted is None:
        stream = smaller(stream, lambda shorter: wrong(case._replace(stream=shorter), number) == why)
    return Finding(number, case.kind, why or "did not hold, and then held", stream)


def run_chunk(seed: int, first: int, last: int) -> tuple[int, Counter[str], list[Finding]]:
    """(cases, messages accepted by kind, findings) of the cases from `first` to before `last`."""
    accepted: Counter[str] = Counter()
    findings = []
    for number in range(first, last):
        one = case(seed, number)
        try:
            accepted[one.kind] += hold(one, random.Random(number))
        except Exception:  # noqa: BLE001 - told apart by `wrong`
            findings.append(found(one, number))
    return last - first, accepted, findings


def _chunk(task: tuple[int, int, int]) -> tuple[int, Counter[str], list[Finding]]:
    return run_chunk(*task)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = command("fuzz", __doc__, arguments, count=100_000)
    if options.replay:
        why = wrong(Case("replayed", options.replay.read_bytes(), None), 0)
        print(why or "holds")
        return int(why is not None)
    run = Run("wire", options.seed, options.count)
    starts = range(0, options.count, CHUNK)
    tasks = [(options.seed, start, min(options.count, start + CHUNK)) for start in starts]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as crew:
        for gave in crew.imap_unordered(_chunk, tasks):
            if not run.add(*gave):
                break
    return run.report(as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
