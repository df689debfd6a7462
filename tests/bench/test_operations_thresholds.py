"""The thresholds: each is missed by what it is there for, and by that alone. The profiles' curves, and the chart."""

import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.chart import WIDTH
from bench.curves import LEFT, RIGHT, Curve, Mark, ceiling, curves
from bench.operations import recording, thresholds
from bench.operations.plan import Plan
from bench.operations.profiles import CONSUMERS, DAY, PROFILES
from bench.operations.recording import Recorder, Recording
from bench.operations.stage import Happening
from bench.operations.thresholds import P99, Around, Row, measured, table

SECONDS, RATE = 10.0, 3.0
SVG = "{http://www.w3.org/2000/svg}"
BEGUN = float(int(time.time()))


def plan(profile: str = "normal") -> Plan:
    return Plan(profile, SECONDS, RATE, ["http://127.0.0.1:1", "http://127.0.0.1:2"], {1: "feed"}, {}, "folder")


def filled(*, last: float = 0.01, wrong: str | None = None, lost: bool = False) -> Recorder:
    """Every operation so often that the rate is reached; the last one of each may be different."""
    recorder = Recorder()
    for second in range(int(SECONDS)):
        for operation in P99:
            for node in (0, 1):
                begun = BEGUN + second + 0.1
                different = second == SECONDS - 1 and node
                seconds, told, gone = (last, wrong, lost) if different else (0.01, None, False)
                recorder.answer("e-resept", operation, begun, seconds, told, lost=gone)
                recorder.told(node, 1, begun, begun + seconds)
    return recorder


def missed(
    recorded: Recording,
    profile: str = "normal",
    happenings: tuple[Happening, ...] = (),
    *,
    events: int = 0,
    audits_are_whole: bool = True,
) -> set[str]:
    values = measured(plan(profile), recorded, Around(BEGUN, list(happenings), events, audits_are_whole))
    return {row.measure for row in table(profile, {}) if not Row(row, values.get(row.measure)).kept}


def test_a_run_without_fault_keeps_to_everything() -> None:
    assert missed(filled().recording) == set()


def test_each_fault_misses_its_threshold() -> None:
    assert missed(filled(wrong="untrue").recording) == {"wrong"}
    assert missed(filled(wrong="no answer", lost=True).recording) == {"failures"}
    assert missed(filled(last=0.9).recording) == {f"p99-ms.{name}" for name in P99}
    assert missed(filled().recording, audits_are_whole=False) == {"audit"}
    fewer = filled().recording
    fewer.cells = [cell for cell in fewer.cells if cell.second == BEGUN + 5]
    assert missed(fewer) == {"reached"}


def test_the_first_seconds_are_not_timed_but_are_judged() -> None:
    recorder = filled()
    recorder.answer("amk", "lookup", BEGUN + 0.1, 1.5, "untrue")
    assert missed(recorder.recording) == {"wrong"}


def test_what_was_not_measured_is_missed() -> None:
    every = {row.measure for row in table("normal", {})}
    assert missed(Recording()) == every - {"audit"}


def test_an_old_generation_is_not_answered_from_after_a_swap() -> None:
    swap = Happening(BEGUN + 5, "generation 2 in service", 2)
    recorder = filled()
    assert missed(recorder.recording, "month-start", (swap,)) == {"stale-seconds", "followed-seconds"}
    recorder.recording.begun = {1: BEGUN + 4.9}
    recorder.told(0, 2, BEGUN + 5.1, BEGUN + 5.2)
    recorder.followed(2, 10, BEGUN + 6, more=True)
    assert missed(recorder.recording, "month-start", (swap,), events=10) == {"followed-seconds"}
    recorder.followed(2, 10, BEGUN + 7, more=False)
    assert missed(recorder.recording, "month-start", (swap,), events=20) == set()
    assert missed(recorder.recording, "month-start", (swap,), events=21) == {"untold"}
    recorder.told(0, 1, BEGUN + 5.1, BEGUN + 5.2)
    assert missed(recorder.recording, "month-start", (swap,), events=20) == {"stale-seconds"}


def test_a_node_that_is_back_has_to_answer() -> None:
    back = Happening(BEGUN + 3, "node B is ready again")
    recorder = filled()
    assert missed(recorder.recording, "node-loss", (back,)) == set()
    recorder.recording.nodes[1] = {int(BEGUN): 1000}
    assert missed(recorder.recording, "node-loss", (back,)) == {"returned-share"}
    assert missed(recorder.recording, "node-loss") == {"returned-share"}


def test_limits_can_be_others_where_there_are_such() -> None:
    assert [row.limit for row in table("normal", {"p99-ms.lookup": 7}) if row.measure == "p99-ms.lookup"] == [7]
    with pytest.raises(ValueError, match="no such threshold: returned-share"):
        table("month-start", {"returned-share": 1})


def test_what_several_processes_recorded_is_added_up(tmp_path: Path) -> None:
    one, other = filled(), filled(wrong="untrue")
    other.told(1, 2, BEGUN + 20, BEGUN + 21)
    one.passed_over(BEGUN)
    for name, recorder in (("1", one), ("2", other)):
        recorder.recording.write(tmp_path, name)
    whole = recording.read(tmp_path)
    total = recording.Sum(whole.cells)
    assert total.count == 2 * recording.Sum(one.recording.cells).count
    assert total.wrong == len(P99) == sum(whole.reasons.values())
    assert total.milliseconds(0.5) == pytest.approx(10, rel=0.01)
    assert whole.begun == {1: BEGUN + SECONDS - 1 + 0.1, 2: BEGUN + 20}
    assert whole.passed_over == {int(BEGUN): 1}


def test_the_curves_are_what_is_said_of_them() -> None:
    assert sum(DAY) / 24 == pytest.approx(1)
    assert PROFILES["normal"].rate(9 / 24) == max(DAY)
    assert PROFILES["peak"].rate(0.6) == 10
    assert PROFILES["peak"].rate(0) == 1
    assert sum(consumer.share for consumer in CONSUMERS.values()) == 100
    steady = sum(consumer.steady for consumer in CONSUMERS.values())
    assert plan("peak").users(1.0) == steady + 10 * RATE
    assert plan("peak").asked(int(SECONDS) - 1) == steady + 10 * RATE


def test_the_chart_is_to_scale() -> None:
    drawn = curves("a < b", 10, [Curve("c & d", [(0, 0), (10, 40)], "a")], [Mark(5, "e > f")])
    root = ET.fromstring(drawn)  # noqa: S314 -- our own
    line = [path.attrib["d"] for path in root.iter(f"{SVG}path")][-1]
    (left, low), (right, high) = (map(float, point.split(",")) for point in line[1:].split())
    assert (left, right) == (LEFT, WIDTH - RIGHT)
    grid = [float(one.attrib["y1"]) for one in root.iter(f"{SVG}line") if one.attrib["class"] == "grid"]
    assert low == max(grid)
    assert high == pytest.approx(max(grid) - (max(grid) - min(grid)) * 0.8)
    (mark,) = [float(one.attrib["x1"]) for one in root.iter(f"{SVG}line") if one.attrib["class"] == "mark"]
    assert mark == (left + right) / 2
    assert {"a < b", "c & d", "e > f", "50"} <= {text.text for text in root.iter(f"{SVG}text")}


def test_nothing_is_still_a_chart() -> None:
    assert ET.fromstring(curves("t", 10, [Curve("none", [], "a")])).tag == f"{SVG}svg"  # noqa: S314 -- our own
    assert [ceiling(value) for value in (0, 0.9, 1, 1.2, 21, 26, 60, 100)] == [1, 1, 1, 2, 25, 50, 100, 100]


def test_the_table_names_every_operation_once() -> None:
    names = [row.measure for row in thresholds.TABLE]
    assert len(names) == len(set(names))
