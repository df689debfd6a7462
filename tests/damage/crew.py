"""Processes that judge cases, each its share of the numbers, and see to it that one that dies is heard of.

A reader that reads where it must not dies of a signal, or of the sanitizer: then the case it was at is the finding,
and another process goes on behind it.
"""

import multiprocessing
import multiprocessing.connection
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from tests.damage.cases import Bench

LOOK_SECONDS = 0.5
REPORT_SECONDS = 1.0
DONE = -1
_spawn = multiprocessing.get_context("spawn")


class Finding(NamedTuple):
    """The number of a case that does not hold, and why."""

    number: int
    why: str


class Share(NamedTuple):
    """The numbers of one process: every `step`-th from `first` to before `end`, of the cases of `seed`."""

    seed: int
    first: int
    step: int
    end: int


def judge_share(bench: Bench, share: Share, at: Callable[[int], None]) -> Iterator[tuple[str, Finding | None]]:
    """(the kind of the damage, what was found) of each case; `at` is told its number before it is judged."""
    for number in range(share.first, share.end, share.step):
        at(number)
        case = bench.case(share.seed, number)
        why = bench.wrong(case, number)
        yield case.kind, None if why is None else Finding(number, why)


def _work(folder: Path, share: Share, now: Any, place: int, stop: Any, pipe: Connection) -> None:
    def at(number: int) -> None:
        now[place] = number

    tally: Counter[str] = Counter()
    reported = time.monotonic()
    for kind, finding in judge_share(Bench(folder, folder / f"scratch-{share.first}"), share, at):
        tally[kind] += 1
        if finding is not None or time.monotonic() - reported > REPORT_SECONDS:
            pipe.send((tally, finding))
            tally, reported = Counter(), time.monotonic()
        if stop.is_set():
            break
    pipe.send((tally, None))
    now[place] = DONE


class Crew:
    """Judges the cases of a seed from `first` to before `end`. `said` gives what there is to say of them."""

    def __init__(self, folder: Path, seed: int, first: int, end: int, processes: int) -> None:
        self.folder, self.seed, self.end, self.step = folder, seed, end, processes
        self.now = _spawn.RawArray("q", processes)  # the case that each is at
        self.stop = _spawn.Event()
        self.workers: dict[Connection, tuple[int, Any]] = {}
        for place in range(processes):
            self._start(place, first + place)

    def _start(self, place: int, first: int) -> None:
        mine, theirs = _spawn.Pipe(duplex=False)
        share = Share(self.seed, first, self.step, self.end)
        self.now[place] = first
        worker = _spawn.Process(target=_work, args=(self.folder, share, self.now, place, self.stop, theirs))
        worker.start()
        theirs.close()
        self.workers[mine] = place, worker

    def said(self) -> Iterator[tuple[Counter[str], Finding | None]]:
        """What was judged, by kind, and found: until all is done, or `stop` is set; now and then nothing."""
        while self.workers:
            yield Counter(), None
            for pipe in multiprocessing.connection.wait(list(self.workers), LOOK_SECONDS):
                assert isinstance(pipe, Connection)
                try:
                    yield pipe.recv()
                except EOFError:
                    yield from self._ended(*self.workers.pop(pipe))

    def _ended(self, place: int, worker: Any) -> Iterator[tuple[Counter[str], Finding | None]]:
        worker.join()
        number, code = self.now[place], worker.exitcode
        if number == DONE and code == 0:
            return
        how = f"died of signal {-code}" if code < 0 else f"ended with exit code {code}"
        yield Counter({how: 1}), Finding(number, how)
        if not self.stop.is_set() and 0 <= number < self.end - self.step:
            self._start(place, number + self.step)
