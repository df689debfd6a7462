"""What came of a load test, second by second: written by each process that asks, and put together by who judges.

Times are seconds since 1970. Holds no question and no answer: of each second, consumer and operation how many
there were and how long they took, of what was wrong the reason, and of each generation when it was last answered from.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bench.latency import Histogram, bin_of

NAME = "recording-{}.json"
MICROSECONDS = 1e6


class Cell(msgspec.Struct):
    """One second of one operation of one consumer: how many, how many of them failed, and bins of microseconds."""

    second: int
    consumer: str
    operation: str
    count: int = 0
    failures: int = 0
    wrong: int = 0
    bins: dict[int, int] = {}


class Recording(msgspec.Struct):
    """All that a process has seen.

    By generation: `begun`, the latest start of a question that it answered; `answered`, the first answer; `followed`,
    when a follower of the change feed had all of it, which got `events` in all. By second: `nodes`, how many each has
    answered; `passed_over`, how many went on to another node.
    """

    cells: list[Cell] = []
    reasons: dict[str, int] = {}
    begun: dict[int, float] = {}
    answered: dict[int, float] = {}
    followed: dict[int, float] = {}
    events: int = 0
    nodes: dict[int, dict[int, int]] = {}
    passed_over: dict[int, int] = {}

    def write(self, folder: Path, who: object) -> None:
        """Put it where `read` finds it."""
        (folder / NAME.format(who)).write_bytes(msgspec.json.encode(self))


class Sum:
    """Cells, added up."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self.count = self.failures = self.wrong = 0
        histograms = []
        for cell in cells:
            self.count += cell.count
            self.failures += cell.failures
            self.wrong += cell.wrong
            histograms.append(Histogram(cell.bins.items()))
        self._histogram = Histogram.pooled(histograms)

    def milliseconds(self, share: float) -> float | None:
        """A quantile of the time to the end of an answer; None where there was none."""
        return self._histogram.quantile(share) / 1000 if self._histogram.count else None


class Recorder:
    """Fills a recording."""

    def __init__(self) -> None:
        self.recording = Recording()
        self._cells: dict[tuple[int, str, str], Cell] = {}

    def answer(
        self, consumer: str, operation: str, begun: float, seconds: float, wrong: str | None, *, lost: bool = False
    ) -> None:
        """Take down one answer, or that there was none (`lost`)."""
        second = int(begun + seconds)
        cell = self._cells.get((second, consumer, operation))
        if cell is None:
            cell = self._cells[second, consumer, operation] = Cell(second, consumer, operation, bins={})
            self.recording.cells.append(cell)
        cell.count += 1
        bin_number = bin_of(int(seconds * MICROSECONDS))
        cell.bins[bin_number] = cell.bins.get(bin_number, 0) + 1
        if wrong is not None:
            cell.failures += lost
            cell.wrong += not lost
            reason = f"{consumer}, {operation}: {wrong}"
            self.recording.reasons[reason] = self.recording.reasons.get(reason, 0) + 1

    def told(self, node: int, serial: int, begun: float, ended: float) -> None:
        """Take down which node answered from which generation."""
        self.recording.begun[serial] = max(begun, self.recording.begun.get(serial, 0.0))
        self.recording.answered.setdefault(serial, ended)
        seen = self.recording.nodes.setdefault(node, {})
        seen[int(ended)] = seen.get(int(ended), 0) + 1

    def passed_over(self, at: float) -> None:
        """Take down that a node was passed over."""
        passed = self.recording.passed_over
        passed[int(at)] = passed.get(int(at), 0) + 1

    def followed(self, serial: int, count: int, at: float, *, more: bool) -> None:
        """Take down that a follower has got so many more events, and when it has had all of a generation's."""
        self.recording.events += count
        if not more:
            self.recording.followed.setdefault(serial, at)


def read(folder: Path) -> Recording:
    """The recordings of all processes, as one."""
    whole = Recording()
    for path in sorted(folder.glob(NAME.format("*"))):
        one = msgspec.json.decode(path.read_bytes(), type=Recording)
        whole.cells += one.cells
        whole.events += one.events
        whole.reasons = dict(Counter(whole.reasons) + Counter(one.reasons))
        whole.passed_over = dict(Counter(whole.passed_over) + Counter(one.passed_over))
        for serial, at in one.begun.items():
            whole.begun[serial] = max(at, whole.begun.get(serial, at))
        for mine, theirs in ((whole.answered, one.answered), (whole.followed, one.followed)):
            for serial, at in theirs.items():
                mine[serial] = min(at, mine.get(serial, at))
        for node, seconds in one.nodes.items():
            whole.nodes[node] = dict(Counter(whole.nodes.get(node, {})) + Counter(seconds))
    return whole
