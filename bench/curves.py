"""Curves over the seconds of a run as SVG, legible on a light and on a dark page, with what happened as marks."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from bench.chart import WIDTH

LEFT, RIGHT, TOP, PLOT, BOTTOM, LINE = 64, 16, 76, 150, 34, 17
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-weight: 600; font-size: 15px; fill: #24292f; }
.grid { stroke: #d0d7de; }
.mark { stroke: #9a6700; stroke-dasharray: 3 3; }
.told { fill: #9a6700; }
path { fill: none; stroke-width: 1.8; }
.a { stroke: #0969da; } .b { stroke: #8c959f; } .c { stroke: #cf222e; }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1; } .title { fill: #e6edf3; } .grid { stroke: #3d444d; } .mark { stroke: #d29922; }
  .told { fill: #d29922; } .a { stroke: #4493f8; } .b { stroke: #656c76; } .c { stroke: #f85149; }
}
"""


class Curve(NamedTuple):
    """One curve, by its points in order of x. `colour` is a, b or c."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str


class Mark(NamedTuple):
    """What happened at a moment."""

    at: float
    told: str


def ceiling(value: float) -> float:
    """The next of 1, 2, 2.5, 5 and 10, times a power of ten, that is not less."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))


def curves(title: str, seconds: float, series: Sequence[Curve], marks: Sequence[Mark] = ()) -> str:
    """Curves over the same seconds, from 0 to the next round number above the highest point."""
    top = TOP + LINE * len(marks)
    height = top + PLOT + BOTTOM
    highest = ceiling(max((y for curve in series for _, y in curve.points), default=1.0))

    def across(x: float) -> float:
        return LEFT + min(max(x / seconds, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return top + PLOT * (1 - y / highest)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="8" y="22">{escape(title)}</text>',
    ]
    for place, curve in enumerate(series):
        key = LEFT + place * 170
        out.append(f'<path class="{curve.colour}" d="M{key} 42h22"/>')
        out.append(f'<text x="{key + 28}" y="46">{escape(curve.name)}</text>')
    for share in (0, 0.5, 1):
        y = down(highest * share)
        out.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{highest * share:g}</text>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = across(seconds * share)
        anchor = "end" if share == 1 else "middle"
        out.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="{anchor}">{seconds * share:g} s</text>')
    for place, mark in enumerate(marks):
        x, line = across(mark.at), TOP - 12 + LINE * place
        anchor, beside = ("start", 4) if x < WIDTH / 2 else ("end", -4)
        out.append(f'<line class="mark" x1="{x:.1f}" y1="{line - 9}" x2="{x:.1f}" y2="{top + PLOT}"/>')
        out.append(
            f'<text class="told" x="{x + beside:.1f}" y="{line}" text-anchor="{anchor}">{escape(mark.told)}</text>'
        )
    for curve in series:
        steps = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in curve.points)
        if steps:
            out.append(f'<path class="{curve.colour}" d="M{steps}"/>')
    return "\n".join([*out, "</svg>", ""])
