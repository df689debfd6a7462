"""Reports of loads and moves as the loader writes them, read as any program reads them."""

from pathlib import Path

from loader.moves import Move
from loader.report import LoadReport, write_report
from lookup.ops.chart import charts, nice
from lookup.ops.reports import SHOWN, last_loads
from tests import tiny
from tests.ops.sound import pace

AT = "2026-11-26T02:00:00.000000+00:00"


def folder_of(data: Path) -> Path:
    (data / "reports").mkdir()
    return data


def test_what_the_loader_writes_is_told_newest_first(tmp_path: Path) -> None:
    data = folder_of(tmp_path)
    refused = LoadReport(
        outcome="refused",
        generation="1-0a1b2c3d",
        previous="1-0a1b2c3d",
        started=AT,
        message="drift breaker: persons",
        exit_code=65,
        drift=["persons: 1"],
        changes={"persons": {"created": 7}},
        seconds={"read": 1.0, "verify": 0.25},
        omitted=["a", "b"],
    )
    write_report(data, "20261126T020000.000000-2", refused)
    move = Move(verb="rollback", at=AT, reason="bad", previous="2-0a1b2c3d", generation="1-0a1b2c3d")
    move.refused, move.adoption, move.workers = ["2-0a1b2c3d"], "adopted", 2
    write_report(data, "20261126T030000.000000-rollback", move)
    rollback, load = last_loads(data)
    assert (rollback.verb, rollback.outcome) == ("rollback", "1-0a1b2c3d, 2-0a1b2c3d refused")
    assert (rollback.adoption, rollback.workers, rollback.exit_code) == ("adopted", 2, 0)
    assert (load.verb, load.outcome, load.exit_code, load.drift) == ("load", "refused", 65, ["persons: 1"])
    assert (load.seconds, load.omitted, load.changes) == (1.2, 2, {"persons": {"created": 7}})
    assert not load.drift_accepted


def test_every_move_says_what_it_did(tmp_path: Path) -> None:
    data = folder_of(tmp_path)
    moves = [
        Move(verb="pin", at=AT, pinned="1-0a1b2c3d"),
        Move(verb="unpin", at=AT, generation="2-0a1b2c3d"),
        Move(verb="accept", at=AT, accepted=["3-0a1b2c3d"]),
    ]
    for number, move in enumerate(moves):
        write_report(data, f"2026112{number}T000000.000000-{move.verb}", move)
    assert [one.outcome for one in last_loads(data)] == ["3-0a1b2c3d", "2-0a1b2c3d", "1-0a1b2c3d"]


def test_what_people_have_written_is_masked(tmp_path: Path) -> None:
    data = folder_of(tmp_path)
    nin = tiny.number(1)
    move = Move(verb="rollback", at=AT, reason=f"wrong about {nin}", generation="1-0a1b2c3d")
    path = write_report(data, "20261126T030000.000000-rollback", move)
    (told,) = last_loads(data)
    path.unlink()  # the operator's own words, which the test has put there
    assert told.reason is not None
    assert told.reason.startswith("wrong about ")
    assert nin not in told.reason


def test_what_is_no_report_is_left_out_and_few_are_shown(tmp_path: Path) -> None:
    assert last_loads(tmp_path) == []
    data = folder_of(tmp_path)
    for number in range(SHOWN + 3):
        report = LoadReport(outcome="published", generation=None, started=AT, serial=number)
        write_report(data, f"20261126T0200{number:02d}.000000-{number}", report)
    for name, text in (("29991231T000000.json", "{"), ("29991230T000000.json", "[]"), ("29991229.json", "{}")):
        (data / "reports" / name).write_text(text)
    assert len(last_loads(data)) == SHOWN


def test_a_chart_has_a_line_for_what_is_known_and_none_across_what_is_not() -> None:
    hour = [pace(at=at, requests=float(at)) for at in (1000.0, 1030.0, 1060.0, 1500.0)]
    hour.insert(2, pace(at=1045.0, p99=None, p50=None))
    asked, answered, _ = charts(hour, 4000.0)
    assert asked.start == 940.0
    assert asked.lines[0].path.count("M") == 2  # nothing is known of the minutes between
    assert answered.lines[0].path.count("M") == 3
    assert (asked.top, asked.most) == (2000.0, 1500.0)
    assert [nice(value) for value in (0, 0.003, 1, 1.1, 3, 7, 120)] == [1.0, 0.005, 1, 2, 5, 10, 200]
    assert [chart.lines[0].path for chart in charts([], 4000.0)] == ["", "", ""]
