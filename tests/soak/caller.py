"""One process of the soak: many lines on one epoll, as fast as it goes, until its share of answers has been had."""

import random
import select
import time
from collections import Counter
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from tests.soak.answers import Wrong
from tests.soak.line import Decks, Keys, Line, Means

TICK_SECONDS = 0.02  # how often deaf lines are looked at
CHECK_SECONDS = 1.0
SHARES = {"slow": 0.03, "mixed": 0.03}  # of the lines


class Share(NamedTuple):
    """What one process is to do."""

    process: int
    port: int
    answers: int
    connections: int
    seed: int
    endings: Mapping[str, int]


class Caller:
    """Keeps `connections` lines open until `answers` have been had. `tell` is told the number of them now and then."""

    def __init__(self, share: Share, decks: Decks, tell: Callable[[int], bool]) -> None:
        self.share, self.tell = share, tell
        draw = random.Random(f"{share.seed}-{share.process}")
        self.means = Means(share.port, decks, Keys(share.process), draw, share.endings, {})
        self.poll = select.epoll()
        self.lines: dict[int, tuple[Line, int]] = {}  # by file descriptor, with what it is watched for
        self.deaf: list[Line] = []
        self.manners: Counter[str] = Counter()
        self.answers = 0
        self.tally: Counter[str] = Counter()

    def run(self) -> None:
        """Ask until the share is done, or `tell` says no. Raises Wrong."""
        before = time.process_time()
        with self.poll:
            try:
                self._run()
            finally:
                self.tally["answers"] = self.answers
                self.tally["microseconds"] = round((time.process_time() - before) * 1e6)
                for line, _ in self.lines.values():
                    line.socket.close()

    def _run(self) -> None:
        check_at, going = 0.0, True
        for _ in range(self.share.connections):
            self._open()
        while self.lines:
            for number, events in self.poll.poll(TICK_SECONDS):
                if number in self.lines:
                    self._serve(number, events)
            now = time.monotonic()
            self._wake(now)
            if now >= check_at:
                check_at = now + CHECK_SECONDS
                for line, _ in self.lines.values():
                    line.check_time(now)
                if not self.tell(self.answers):
                    return
            if going and self.answers >= self.share.answers:
                going = False
                for number in list(self.lines):
                    self.lines[number][0].hurry()
                    self._settle(number)
            while going and len(self.lines) < self.share.connections:
                self._open()

    def _open(self) -> None:
        line = Line(self.means, self._manner())
        self.manners[line.manner] += 1
        self.tally["connections"] += 1
        self.lines[line.socket.fileno()] = line, select.EPOLLIN | select.EPOLLOUT
        self.poll.register(line.socket, select.EPOLLIN | select.EPOLLOUT)

    def _manner(self) -> str:
        """So many slow and mixed lines at a time that the hot ones, which are quick, have most of the answers."""
        for manner, share in SHARES.items():
            if self.manners[manner] < share * self.share.connections:
                return manner
        return "hot"

    def _serve(self, number: int, events: int) -> None:
        line, _ = self.lines[number]
        if events & ~select.EPOLLOUT:
            self.answers += line.read()
        if events & select.EPOLLOUT and not line.gone and line.writing:
            line.write()
        self._settle(number)

    def _settle(self, number: int) -> None:
        """Watch a line for what it waits for now; one that has left is not watched by the kernel any more."""
        line, watched = self.lines[number]
        if line.gone:
            del self.lines[number]
            self.manners[line.manner] -= 1
            self.tally[line.ending] += 1
            self.tally["unanswered when left"] += len(line.queue.waiting)
            return
        wanted = select.EPOLLOUT if line.writing else 0
        if not line.deaf_until:
            wanted |= select.EPOLLIN
        elif line not in self.deaf:
            self.deaf.append(line)
        if wanted != watched:
            self.lines[number] = line, wanted
            self.poll.modify(number, wanted)

    def _wake(self, now: float) -> None:
        """Lines that have been deaf long enough hear again."""
        for line in [line for line in self.deaf if line.gone or line.deaf_until <= now]:
            self.deaf.remove(line)
            line.deaf_until = 0.0
            if not line.gone:
                self._settle(line.socket.fileno())


def call(share: Share, decks: Decks, counts: Any, stop: Any, report: Connection) -> None:
    """The process: what it did, and what is wrong or None, go to `report`; `counts` and `stop` are everybody's."""

    def tell(answers: int) -> bool:
        counts[share.process] = answers
        return not stop.is_set()

    caller = Caller(share, decks, tell)
    wrong = None
    try:
        caller.run()
    except Wrong as error:
        stop.set()
        wrong = str(error)
    tell(caller.answers)
    report.send((caller.tally, wrong))
