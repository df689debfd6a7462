"""The bar chart: well-formed, to scale, and safe against what names hold."""

from xml.etree import ElementTree as ET

from bench.chart import LEFT, RIGHT, WIDTH, Bar, bars, stacked

SVG = "{http://www.w3.org/2000/svg}"


def read(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 -- our own


def test_bars_are_to_scale() -> None:
    root = read(bars("a < b", "note", [Bar("ours", 2.0, "2.00", ours=True), Bar("x & y", 0.5, "0.50")], 1.0))
    lengths = [float(rect.attrib["width"]) for rect in root.iter(f"{SVG}rect")]
    assert lengths == [WIDTH - LEFT - RIGHT, (WIDTH - LEFT - RIGHT) / 4]
    assert [rect.attrib["class"] for rect in root.iter(f"{SVG}rect")] == ["ours", "bar"]
    (line,) = root.iter(f"{SVG}line")
    assert float(line.attrib["x1"]) == LEFT + lengths[0] / 2
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts == ["a < b", "note", "ours", "2.00", "x & y", "0.50"]
    assert root.find(f"{SVG}title") is not None


def test_nothing_is_still_a_chart() -> None:
    assert read(bars("t", "n", [])).tag == f"{SVG}svg"
    assert read(bars("t", "n", [Bar("none", 0.0, "0")])).tag == f"{SVG}svg"


def test_charts_one_under_the_other() -> None:
    charts = [bars(name, "note", [Bar("one", 1.0, "1")] * rows) for name, rows in (("a", 1), ("b", 3))]
    root = read(stacked(charts))
    inner = root.findall(f"{SVG}svg")
    assert [float(one.attrib["y"]) for one in inner] == [0, float(inner[0].attrib["height"])]
    assert root.attrib["viewBox"] == f"0 0 {WIDTH} {sum(int(one.attrib['height']) for one in inner)}"
    assert [len(list(one.iter(f"{SVG}rect"))) for one in inner] == [1, 3]
