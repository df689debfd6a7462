"""The charts of the last hour: what is drawn, in the units of a picture of 600 by 100. The template makes it SVG."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lookup.ops.state import Pace

WIDTH, HEIGHT, ROOM = 600, 100, 4
HOUR_SECONDS, LEAST_SECONDS = 3600, 300
GAP_SECONDS = 90  # between samples further apart nothing is drawn: nobody knows


class Line(NamedTuple):
    """One line: its name, the latest value in the chart's unit, and its path."""

    name: str
    latest: float | None
    path: str


class Chart(NamedTuple):
    """One chart, from `start` on: `top` is the value at its upper edge, `most` the highest that was seen."""

    title: str
    unit: str
    top: float
    most: float
    start: float
    lines: list[Line]


_Value = Callable[[Pace], float | None]
_CHARTS: tuple[tuple[str, str, tuple[tuple[str, _Value], ...]], ...] = (
    ("Asked", "a second", (("requests", lambda one: one.requests), ("persons", lambda one: one.persons))),
    (
        "Time to answer",
        "ms",
        (
            ("99 of 100", lambda one: None if one.p99 is None else one.p99 * 1e3),
            ("half", lambda one: None if one.p50 is None else one.p50 * 1e3),
        ),
    ),
    ("Not answered", "a second", (("failed", lambda one: one.failed), ("refused", lambda one: one.refused))),
)


def charts(hour: Sequence[Pace], at: float) -> list[Chart]:
    """The charts of the hour before `at`, or of what there is of it."""
    first = min((one.at - one.seconds for one in hour), default=at)
    start = max(at - HOUR_SECONDS, min(first, at - LEAST_SECONDS))
    told = []
    for title, unit, lines in _CHARTS:
        values = {name: [(one.at, value(one)) for one in hour] for name, value in lines}
        most = max((v for points in values.values() for _, v in points if v is not None), default=0.0)
        top = nice(most)
        drawn = [
            Line(name, points[-1][1] if points else None, _path(points, start, at, top))
            for name, points in values.items()
        ]
        told.append(Chart(title, unit, top, most, start, drawn))
    return told


def nice(value: float) -> float:
    """The next of 1, 2, 5, 10, ... that is not below a value; 1 for nothing."""
    if value <= 0:
        return 1.0
    step = 0.001
    while True:
        for factor in (1, 2, 5):
            if step * factor >= value:
                return step * factor
        step *= 10


def _path(points: Sequence[tuple[float, float | None]], start: float, end: float, top: float) -> str:
    parts: list[str] = []
    last: float | None = None
    for at, value in points:
        if value is None or at < start:
            last = None
            continue
        command = "M" if last is None or at - last > GAP_SECONDS else "L"
        x = (at - start) / (end - start) * WIDTH
        y = HEIGHT - value / top * (HEIGHT - ROOM)
        parts.append(f"{command}{x:.1f} {y:.1f}")
        last = at
    return "".join(parts)
