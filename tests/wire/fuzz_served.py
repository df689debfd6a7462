"""The streams of fuzz.py sent to two real services: `python -m tests.wire.fuzz_served --count 50000`.

The one has the compiled path in front, the other the ordinary path alone: the answers, their order, and how the
connection ends must be the same. Ends by itself; exit code 1 when something was found.
"""

import random
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.wire.cases import case
from tests.wire.findings import Finding, Run, command, smaller
from tests.wire.judge import Violation
from tests.wire.sockets import Both, both, in_reads

LINES = 8  # connections at a time
PATIENCE = 300  # streams tried to make a finding smaller


def wrong(services: Both, pieces: list[bytes]) -> str | None:
    """Why the answers to these pieces do not hold; None when they do."""
    try:
        services.same(*pieces)
    except Violation as violation:
        return str(violation)
    return None


def one(services: Both, seed: int, number: int) -> tuple[int, Counter[str], list[Finding]]:
    """(1, answers by status, findings) of one case."""
    told = case(seed, number)
    pieces = in_reads(told.stream, random.Random(number))
    try:
        return 1, Counter(map(str, services.same(*pieces).statuses)), []
    except Violation as violation:
        stream = told.stream
        if wrong(services, [stream]):
            stream = smaller(stream, lambda shorter: wrong(services, [shorter]) is not None, PATIENCE)
        return 1, Counter(), [Finding(number, told.kind, str(violation), stream)]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = command("fuzz_served", __doc__, arguments, count=5_000)
    with tempfile.TemporaryDirectory() as folder, both(Path(folder)) as services:
        if options.replay:
            why = wrong(services, [options.replay.read_bytes()])
            print(why or "holds")
            return int(why is not None)
        run = Run("served", options.seed, options.count)
        with ThreadPoolExecutor(LINES) as crew:
            for gave in crew.map(partial(one, services, options.seed), range(options.count)):
                if not run.add(*gave):
                    crew.shutdown(cancel_futures=True)
                    break
    return run.report(as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
