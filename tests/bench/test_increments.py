"""The bench of incremental loads: a smaller day is still a day, and what was measured leaves the data folder alone."""

import json
from pathlib import Path

import pytest

import loader.load as loading
from bench import increments
from bench.norway.days import Calendar
from bench.norway.persons import Shape
from bench.population import FIRST_DATE, generate
from bench.thinned import thinned
from loader.load import load
from loader.progress import Progress
from loader.settings import Settings


def event(name: str, **body: object) -> bytes:
    return json.dumps({"event": name, "body": body}).encode()


def test_what_happens_to_one_person_stays_together() -> None:
    day = []
    for number in range(0, 99_700, 100):
        old, new = f"{number:011d}", f"{number + 13:011d}"
        day += [
            event("PersonUpdated", nin=old),
            event("PatientNinChanged", oldNin=old, newNin=new),
            event("PatientOnContractCreated", nin=new, id=number),
        ]
    kept = thinned(day, len(day) // 4)
    assert len(day) // 5 < len(kept) < len(day) // 3
    assert len(kept) % 3 == 0
    for first in range(0, len(kept), 3):
        at = day.index(kept[first])
        assert at % 3 == 0
        assert kept[first : first + 3] == day[at : at + 3]


def test_what_is_about_nobody_alone_is_kept() -> None:
    others = [event("CodeCreated", oid=1, value="x"), event("OfficeUpdated", organizationNumber=5)]
    contracts = [event("ContractUpdated", id=number) for number in range(997)]
    assert thinned(others + contracts, 1)[:2] == others
    assert 1 <= len(thinned(others + contracts, 10)) - 2 <= 20


@pytest.mark.parametrize("changes", [[], ["--changes", "6"]])
def test_a_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], changes: list[str]
) -> None:
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)
    generate(Shape(1, 600, Calendar(FIRST_DATE)), tmp_path / "feeds", days=1)
    data = tmp_path / "data"
    load(tmp_path / "feeds" / "000001-full", Settings(data_dir=data, processes=1), Progress(show=False))
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    feed = tmp_path / "feeds" / "000002-incremental"
    assert increments.main(["--data-dir", str(data), "--feed", str(feed), "--rounds", "1", "--json", *changes]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ratio"] == told["ratios"][0] > 0
    assert set(told["steps"]) >= {"apply", "events", "pointers", "structure", "content", "digests", "seal"}
    assert told["changes"]
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "feeds"]
