"""The load tests of operations, whole: consumers that ask real nodes, thresholds that are kept and missed, the report.

How long anything takes is not held against anything here: the machine is whoever's.
"""

import re
from pathlib import Path

import pytest

from bench.operations import stage
from bench.operations.__main__ import main
from bench.operations.thresholds import P99
from register.ids import is_national_id

UNHURRIED = [f"--threshold=p99-ms.{name}=1e9" for name in P99] + ["--threshold=reached=0"]


def run(profile: str, seconds: int, out: Path, *more: str) -> tuple[int, str]:
    """(exit code, the report as Markdown) of a small run."""
    small = ["--seconds", str(seconds), "--persons", "600", "--rate", "15", "--out", str(out)]
    code = main([profile, *small, *UNHURRIED, *more])
    return code, out.with_suffix(".md").read_text()


def missed(report: str) -> list[str]:
    return [line.split(" | ")[0].strip("| ") for line in report.splitlines() if line.endswith("| missed |")]


def requests(report: str, operation: str) -> int:
    rows = re.findall(rf"^\| [\w-]+ \| {operation} \| ([\d,]+) \|", report, re.M)
    return sum(int(count.replace(",", "")) for count in rows)


def test_a_month_begins_under_load_and_only_the_impossible_is_missed(tmp_path: Path) -> None:
    impossible = ["--threshold=followed-seconds=60", "--threshold=p99-ms.lookup=0"]
    code, report = run("month-start", 5, tmp_path / "report", *impossible)
    assert missed(report) == ["p99 of `lookup`, milliseconds"]
    assert code == 1
    for operation in ("lookup", "confirm", "her", "GetPatientGPDetails", "ConfirmGP", "batch", "patients", "events"):
        assert requests(report, operation) > 0, operation
    page, picture = tmp_path / "report.html", (tmp_path / "report.svg").read_text()
    for told in ("generation 2 in service", "generation 3 in service"):
        assert told in picture
        assert told in page.read_text()
    assert re.findall(r"(?:src|href)=|url\(|@import|<script", page.read_text()) == []
    said = report + page.read_text() + picture
    assert [digits for digits in re.findall(r"(?<![\d.])\d{11}(?!\d)", said) if is_national_id(digits)] == []


def test_nobody_notices_that_a_node_is_lost(tmp_path: Path) -> None:
    code, report = run("node-loss", 7, tmp_path / "report")
    assert missed(report) == []
    assert code == 0
    picture = (tmp_path / "report.svg").read_text()
    assert "node B is killed" in picture
    assert "node B is ready again" in picture


def test_a_wrong_answer_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The register in service is not the one that the consumers know."""

    def load_another(self: stage.Stage, feed: Path) -> None:
        other = self.folder / "other"
        stage.program("bench.population", "--persons", "600", "--seed", "2", "--as-of", "today", "--out", str(other))
        stage.program("loader", "load", str(other), "--data-dir", str(self._data[0]), "--json")

    monkeypatch.setattr(stage.Stage, "_load", load_another)
    code, report = run("normal", 3, tmp_path / "report")
    assert code == 1
    assert "answers that are not what the register holds" in missed(report)
    assert "e-resept, lookup: status 404, unknown-person" in report or "not what the register holds" in report


def test_a_threshold_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["normal", "--threshold", "stale-seconds=1"]) == 64
    assert main(["normal", "--threshold", "p99-ms.lookup=soon"]) == 64
    assert "no such threshold: stale-seconds" in capsys.readouterr().err
