"""Killed at any moment, no answer without its record: `python -m tests.audit.campaign [--kills N] [--seed N]`.

A process records and "answers", by writing into a log that stands for its clients, until it is killed; the next one
goes on after it, with small segments, so that it is also killed while it adopts, allocates, rotates, seals and closes.
In the end every answer in the log must have its record, no more than one record for each kill may be without an answer,
and the series must verify as whole. Exit code 1 when not.
"""

import argparse
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import structlog

from lookup.audit.keys import Publics
from lookup.audit.record import READ, hash_of
from lookup.audit.segment import segments
from lookup.audit.tending import Tending
from lookup.audit.verify import verify, worst
from tests.audit.writing import KEYS, MEMORY, SMALL, asked, contents, opened

NUMBER_BYTES = 8
EACH = 1_000_000  # numbers asked about by one process begin here, times its place


class Came(NamedTuple):
    """What a campaign came to."""

    kills: int
    answers: int
    records: int
    segments: int
    unanswered: int


class Broken(AssertionError):
    """Something did not hold."""


def answer_until_killed(place: Path, log: Path, first: int) -> None:
    """Record, then answer; and all that goes on beside it."""
    series = opened(place, size=SMALL)
    tending = Tending(series.work, 0.001)
    series.on_rotated = tending.wake
    tending.start()
    answers = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for nin in range(first, first + EACH):
        recorded = asked(series, nin)
        if nin % 3 == 0:
            time.sleep(0.00005)  # where it is killed most often: recorded, and not answered yet
        if recorded:
            os.write(answers, nin.to_bytes(NUMBER_BYTES, "little"))
        if nin % 8 == 0:
            series.seal(time.time_ns())
            time.sleep(0.0002)


def campaign(folder: Path, kills: int, seed: int) -> Came:
    """Kill it so often. Raises Broken."""
    chance = random.Random(seed)
    log = folder / "answers"
    for run in range(kills):
        child = os.fork()
        if not child:
            try:
                answer_until_killed(folder / "audit", log, run * EACH)
            finally:
                os._exit(1)
        _wait(log, chance)
        os.kill(child, signal.SIGKILL)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            raise Broken(f"kill {run}: it had ended by itself")
    opened(folder / "audit", size=SMALL).stop(time.time_ns())
    return _held(folder / "audit", log, kills)


def _wait(log: Path, chance: random.Random) -> None:
    """Until a moment left to chance: while it begins, or when it has answered so often."""

    def size() -> int:
        return log.stat().st_size if log.exists() else 0

    enough = size() + NUMBER_BYTES * chance.randrange(150) if chance.random() < 0.7 else 0
    ends = time.monotonic() + 10
    while size() < enough and time.monotonic() < ends:
        time.sleep(0.0001)
    time.sleep(chance.uniform(0.0, 0.001 if enough else 0.03))


def _held(place: Path, log: Path, kills: int) -> Came:
    data = log.read_bytes() if log.exists() else b""
    answered = [int.from_bytes(data[at : at + NUMBER_BYTES], "little") for at in range(0, len(data), NUMBER_BYTES)]
    recorded = list(_recorded(place))
    known = set(recorded)
    if len(known) != len(recorded):
        raise Broken("a question was recorded twice")
    missing = [nin for nin in answered if hash_of(nin, KEYS.newest) not in known]
    if missing:
        raise Broken(f"{len(missing)} answers without a record, the first of process {missing[0] // EACH}")
    if len(recorded) - len(answered) > kills:
        raise Broken(f"{len(recorded) - len(answered)} records without an answer")
    reports = list(verify([place], Publics(KEYS.public)))
    if [report.name for report in reports] != ["w0"] or worst(reports) is not None:
        raise Broken(f"it does not verify: {[report.findings[:3] for report in reports]}")
    return Came(kills, len(answered), len(recorded), reports[0].segments, len(recorded) - len(answered))


def _recorded(place: Path) -> Iterator[bytes]:
    for path in segments(place / "w0"):
        for record in contents(path):
            if record.kind == READ:
                yield from (subject.hash for subject in record.subjects)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit.campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=3000, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="flr-audit-", dir=MEMORY) as folder:
        try:
            came = campaign(Path(folder), arguments.kills, arguments.seed)
        except Broken as error:
            sys.stderr.write(f"audit: {error}\n")
            return 1
    sys.stdout.write(
        f"audit: {came.kills} kills, {came.answers} answers, all with their record; {came.unanswered} records without"
        f" an answer; {came.segments} segments, whole\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
