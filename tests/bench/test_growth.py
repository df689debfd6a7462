"""The cost curve tells what was measured: every size has its row, and its bar in each of four charts."""

from typing import Any
from xml.etree import ElementTree as ET

from bench.growth import LOOKUPS, chart, page

SVG = "{http://www.w3.org/2000/svg}"


def size(persons: int, factor: float) -> dict[str, Any]:
    return {
        "persons": persons,
        "load_seconds": persons * 5e-6 * factor,
        "load_us_a_person": 5.0 * factor,
        "peak_bytes": 600_000_000 * factor,
        "index_bytes_a_person": 68.0 * factor,
        "people_bytes_a_person": 70.0,
        "lookup_ns": dict.fromkeys(LOOKUPS, 90.0 * factor),
        "lookup_accesses": dict.fromkeys(LOOKUPS, 0.5 * factor),
    }


def test_every_size_stands_in_the_table_and_to_scale_in_each_chart() -> None:
    sizes = [size(1_000_000, 1), size(50_000_000, 2)]
    twice = "180 ns, 1.00 accesses"
    assert page(sizes).splitlines()[2:] == [
        "| 1 million | 5.0 s | 5.0 us | 600 MB | 68.0 B, 70.0 B | 90 ns, 0.50 accesses | 90 ns, 0.50 accesses |",
        f"| 50 million | 500.0 s | 10.0 us | 1200 MB | 136.0 B, 70.0 B | {twice} | {twice} |",
    ]
    charts = ET.fromstring(chart(sizes)).findall(f"{SVG}svg")  # noqa: S314 -- our own
    assert len(charts) == 4
    for one in charts:
        shorter, longer = (float(rect.attrib["width"]) for rect in one.iter(f"{SVG}rect"))
        assert longer == 2 * shorter
