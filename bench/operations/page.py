"""What a run came to, as Markdown with a picture beside it, and as one HTML page that needs nothing else."""

import math
import os
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from bench.chart import stacked
from bench.curves import Curve, Mark, curves
from bench.operations.plan import Plan
from bench.operations.recording import Cell, Recording, Sum
from bench.operations.stage import Happening
from bench.operations.thresholds import P99, Row

SINGLE = ("lookup", "confirm", "her")
HEAD = ("consumer", "operation", "requests", "p50 ms", "p99 ms", "p99.9 ms", "no answer", "wrong")
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
:root { color-scheme: light dark; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .2rem .7rem; text-align: left; border-bottom: 1px solid #8888; font-variant-numeric: tabular-nums; }
.missed { color: #cf222e; font-weight: 600; }
"""


class Result(NamedTuple):
    """One run, and how it stood against the thresholds. `others` is how many processors everybody else had."""

    plan: Plan
    persons: int
    begun: float
    recording: Recording
    happenings: list[Happening]
    rows: list[Row]
    others: float

    @property
    def kept(self) -> bool:
        """Whether every threshold was."""
        return all(row.kept for row in self.rows)

    @property
    def seconds(self) -> int:
        """How long it took: as planned, or longer, when what was to happen took longer."""
        last = max((one.at for one in self.happenings), default=self.begun)
        return math.ceil(max(self.plan.seconds, last - self.begun + 2))

    @property
    def told(self) -> str:
        """One sentence on what was run."""
        plan, whole = self.plan, Sum(self.recording.cells)
        return (
            f"{plan.shape.told}: {whole.count:,} requests in {self.seconds} s, {plan.rate:g}/s on average of a day, "
            f"about {self.persons:,} persons; others had {self.others:.1f} of the machine's {os.cpu_count()} processors"
        )


def picture(result: Result) -> str:
    """The charts, one under the other: the rate, the latency, and where there are two nodes who answered."""
    plan, recording = result.plan, result.recording
    seconds = range(result.seconds)
    begun = int(result.begun)
    marks = [Mark(one.at - result.begun, one.told) for one in result.happenings]
    by_second: dict[int, list[Cell]] = {}
    for cell in recording.cells:
        by_second.setdefault(cell.second - begun, []).append(cell)

    def counted(second: int) -> int:
        return sum(cell.count for cell in by_second.get(second, ()))

    def quantile(share: float) -> list[tuple[float, float]]:
        sums = (
            (second, Sum(cell for cell in by_second.get(second, ()) if cell.operation in SINGLE)) for second in seconds
        )
        return [(second, took) for second, one in sums if (took := one.milliseconds(share)) is not None]

    charts = [
        curves(
            f"{plan.profile}: requests a second",
            result.seconds,
            [
                Curve("to be made", [(second, plan.asked(second)) for second in seconds], "b"),
                Curve("answered", [(second, counted(second)) for second in seconds], "a"),
            ],
            marks,
        ),
        curves(
            "A single question over REST, milliseconds",
            result.seconds,
            [Curve("p99 of each second", quantile(0.99), "c"), Curve("p50", quantile(0.5), "a")],
            marks,
        ),
    ]
    if len(plan.nodes) > 1:
        nodes = [
            Curve(
                f"answered by node {name}",
                [(second, recording.nodes.get(number, {}).get(begun + second, 0)) for second in seconds],
                colour,
            )
            for number, (name, colour) in enumerate((("A", "b"), ("B", "a")))
        ]
        passed = [(second, recording.passed_over.get(begun + second, 0)) for second in seconds]
        charts.append(
            curves("Who answered, a second", result.seconds, [*nodes, Curve("passed over", passed, "c")], marks)
        )
    return stacked(charts)


def thresholds(result: Result) -> Iterator[tuple[str, str, str, str]]:
    """Rows: what, its limit, what was measured, and whether that is kept to."""
    for threshold, value in result.rows:
        limit = f"{'at least' if threshold.least else 'at most'} {threshold.limit:g}"
        measured = "nothing" if value is None else f"{value:.3g}"
        yield threshold.told, limit, measured, "kept" if threshold.kept(value) else "missed"


def operations(result: Result) -> Iterator[tuple[str, ...]]:
    """Rows: each operation of each consumer, in the order in which they were first asked."""
    pairs = dict.fromkeys((cell.consumer, cell.operation) for cell in result.recording.cells)
    order = list(P99)
    for consumer, operation in sorted(
        pairs, key=lambda pair: (pair[0], order.index(pair[1]) if pair[1] in P99 else 99)
    ):
        cells = (cell for cell in result.recording.cells if (cell.consumer, cell.operation) == (consumer, operation))
        one = Sum(cells)
        times = (f"{one.milliseconds(share):.1f}" for share in (0.5, 0.99, 0.999))
        yield consumer, operation, f"{one.count:,}", *times, str(one.failures), str(one.wrong)


def reasons(result: Result) -> list[str]:
    """What was wrong, the most frequent first."""
    found = sorted(result.recording.reasons.items(), key=lambda pair: -pair[1])
    return [f"{reason}: {count} times" for reason, count in found]


def markdown(result: Result, picture_name: str) -> str:
    """The run as a section; the picture lies beside it."""

    def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> list[str]:
        return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]

    lines = [
        f"## {result.plan.profile}: {'every threshold kept' if result.kept else 'a threshold missed'}",
        "",
        f"{result.told[0].upper()}{result.told[1:]}.",
        "",
        f"![{result.plan.profile}]({picture_name})",
        "",
        *table(("threshold", "limit", "measured", ""), thresholds(result)),
        "",
        *table(HEAD, operations(result)),
        "",
        *(f"- {reason}" for reason in reasons(result)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def html(result: Result) -> str:
    """The run as a page that can be sent by mail: nothing in it is fetched from anywhere."""

    def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
        out = ["<table><tr>", *(f"<th>{escape(name)}</th>" for name in head), "</tr>"]
        for row in rows:
            missed = ' class="missed"' if row[-1] == "missed" else ""
            out.append(f"<tr{missed}>{''.join(f'<td>{escape(value)}</td>' for value in row)}</tr>")
        return "\n".join([*out, "</table>"])

    title = f"{result.plan.profile}: {'every threshold kept' if result.kept else 'a threshold missed'}"
    return "\n".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            f"<title>{escape(title)}</title><style>{STYLE}</style>",
            f"<h1>{escape(title)}</h1><p>{escape(result.told)}.</p>",
            picture(result),
            table(("threshold", "limit", "measured", ""), thresholds(result)),
            table(HEAD, operations(result)),
            *(f"<p>{escape(reason)}</p>" for reason in reasons(result)),
            "</html>",
            "",
        ]
    )
