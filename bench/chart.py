"""A bar chart as SVG, legible on a light and on a dark page."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, LEFT, RIGHT, TOP, ROW, BAR = 760, 170, 190, 56, 34, 20
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 15px; }
.note { font-size: 12px; fill: #57606a; }
.bar { fill: #8c959f; }
.ours { fill: #0969da; }
.line { stroke: #57606a; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .note { fill: #9198a1; } .bar { fill: #656c76; } .ours { fill: #4493f8; }
  .line { stroke: #9198a1; }
}
"""


class Bar(NamedTuple):
    """One bar: its name, how long it is, what is said behind it, and whether it is the one that it is about."""

    name: str
    value: float
    said: str
    ours: bool = False


def bars(title: str, note: str, rows: Sequence[Bar], mark: float | None = None) -> str:
    """Bars one under the other, the longest over the whole width; `mark` is a value at which a line stands."""
    height = TOP + ROW * len(rows) + 12
    longest = max([row.value for row in rows if row.value > 0], default=1.0)
    scale = (WIDTH - LEFT - RIGHT) / longest
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}: {escape('; '.join(f'{row.name} {row.said}' for row in rows))}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="8" y="22">{escape(title)}</text>',
        f'<text class="note" x="8" y="42">{escape(note)}</text>',
    ]
    for i, row in enumerate(rows):
        y, length = TOP + ROW * i, max(0.0, row.value) * scale
        out += [
            f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(row.name)}</text>',
            f'<rect class="{"ours" if row.ours else "bar"}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}"/>',
            f'<text x="{LEFT + length + 8:.1f}" y="{y + 15}">{escape(row.said)}</text>',
        ]
    if mark is not None:
        x = LEFT + mark * scale
        out.append(f'<line class="line" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 8}"/>')
    return "\n".join([*out, "</svg>", ""])


def stacked(charts: Sequence[str]) -> str:
    """Charts one under the other, in one picture."""
    heights = [int(chart.split(f'viewBox="0 0 {WIDTH} ')[1].split('"')[0]) for chart in charts]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {sum(heights)}" role="img">']
    for number, (chart, height) in enumerate(zip(charts, heights, strict=True)):
        place = f'<svg y="{sum(heights[:number])}" width="{WIDTH}" height="{height}" '
        out.append(place + chart.removeprefix("<svg ").rstrip())
    return "\n".join([*out, "</svg>", ""])
