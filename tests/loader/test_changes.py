"""What a load changes: counted right by a full load and by an incremental one, against plain dictionaries."""

from pathlib import Path
from typing import Any

import pytest

from loader import changes
from loader.changes import changes_to
from loader.load import load
from loader.progress import Progress
from loader.report import LoadReport
from loader.settings import Settings
from lookup.generation import open_generation
from register.feed import canonical_line
from tests.loader import feeds
from tests.loader.histories import History

QUIET = Progress(show=False)
Lines = dict[str, dict[Any, bytes]]


def loaded(data: Path, feed: Path) -> LoadReport:
    return load(feed, Settings(data_dir=data), QUIET)


def lines_of(history: History) -> Lines:
    """table -> key -> canonical line; a membership's key is its person's number and its id."""
    return {
        table: {
            (record.nin, key) if table == "memberships" else key: canonical_line(record)
            for key, record in records.items()
        }
        for table, records in history.state.items()
    }


def told(old: Lines, new: Lines) -> dict[str, dict[str, int]]:
    out = {}
    for table, before in old.items():
        after = new[table]
        counts = {
            "created": len(after.keys() - before.keys()),
            "updated": sum(before[key] != after[key] for key in before.keys() & after.keys()),
            "deleted": len(before.keys() - after.keys()),
        }
        out[table] = {kind: count for kind, count in counts.items() if count}
    return {table: counts for table, counts in out.items() if counts}


@pytest.mark.parametrize("seed", range(4))
def test_full_and_incremental_loads_count_the_same(tmp_path: Path, no_reader: None, seed: int) -> None:
    history = History(seed)
    first = history.write_full(tmp_path / "1", 1)
    before = lines_of(history)
    one, other = tmp_path / "one", tmp_path / "other"
    for data in (one, other):
        assert loaded(data, first).changes is None
    day = loaded(one, history.write_day(tmp_path / "2", 2, 60))
    full = loaded(other, history.write_full(tmp_path / "full", 2))
    assert day.changes == full.changes == told(before, lines_of(history))
    assert {"persons", "memberships"} <= set(full.changes or ())
    manifests = [open_generation(data / "gen" / str(report.generation)) for data, report in ((one, day), (other, full))]
    assert manifests[0].manifest.municipalities == manifests[1].manifest.municipalities != {}


def test_the_same_again_changes_nothing(tmp_path: Path, no_reader: None) -> None:
    feed = feeds.write(tmp_path / "feed", feeds.tables())
    loaded(tmp_path / "data", feed)
    report = load(feed, Settings(data_dir=tmp_path / "data"), QUIET, rebuild=True)
    assert (report.changes, report.warnings) == ({}, [])


def test_contracts_that_are_numbered_otherwise_are_the_same(tmp_path: Path, no_reader: None) -> None:
    tables = feeds.tables()
    loaded(tmp_path / "data", feeds.write(tmp_path / "1", tables))
    tables["contracts"].append({**tables["contracts"][1], "id": 5})  # before all others: every slot moves on
    report = loaded(tmp_path / "data", feeds.write(tmp_path / "2", tables, sequence=8))
    assert report.changes == {"contracts": {"created": 1}}


def test_a_crew_counts_the_same(tmp_path: Path, no_reader: None) -> None:
    history = History(9)
    loaded(tmp_path / "data", history.write_full(tmp_path / "1", 1))
    first = tmp_path / "data" / "gen" / (tmp_path / "data" / "CURRENT").read_text().strip()
    before = lines_of(history)
    history.write_day(tmp_path / "day", 2, 60)
    feeds.build(history.write_full(tmp_path / "2", 2), tmp_path / "out")
    alone, crew = (changes_to(tmp_path / "out", open_generation(first), QUIET, n) for n in (0, 2))
    assert alone.by_table() == crew.by_table() == told(before, lines_of(history))


class TestContractsRecounted:
    """A contract in which only the master's own counts are others does not trip the breaker."""

    @pytest.mark.parametrize(
        ("changed", "recounted"),
        [
            ({"placesAvailable": 3, "patientsOnWaitingList": 4, "updated": "2026-01-01T00:00:00"}, 1),
            ({"placesAvailable": 3, "maxPatients": 999}, 0),
            ({"status": "FAAL"}, 0),
        ],
        ids=str,
    )
    def test_in_a_full_and_an_incremental_load(
        self, tmp_path: Path, no_reader: None, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], recounted: int
    ) -> None:
        found: list[changes.Changes] = []
        for name in ("changes_to", "changes_of"):
            monkeypatch.setattr(f"loader.breaker.{name}", keeping(getattr(changes, name), found))
        tables = feeds.tables()
        base = feeds.write(tmp_path / "1", tables)
        digest = feeds.digest_of(tables)
        tables["contracts"][1] |= changed
        full = feeds.write(tmp_path / "2", tables, sequence=8)
        day = feeds.write_events(tmp_path / "day", [("ContractUpdated", tables["contracts"][1])], digest, tables)
        for data, feed in ((tmp_path / "a", full), (tmp_path / "b", day)):
            loaded(data, base)
            assert loaded(data, feed).changes == {"contracts": {"updated": 1}}
        assert [one.contracts_recounted for one in found] == [recounted, recounted]


def keeping(work: Any, found: list[changes.Changes]) -> Any:
    def kept(*arguments: Any) -> changes.Changes:
        found.append(work(*arguments))
        return found[-1]

    return kept


def test_a_municipality_that_a_contract_moves_to(tmp_path: Path, no_reader: None) -> None:
    """Members whom no event touches move with the list, in an increment as in a full load."""
    tables = feeds.tables()
    digest = feeds.digest_of(tables)
    data, other = tmp_path / "data", tmp_path / "other"
    loaded(data, feeds.write(tmp_path / "1", tables))
    first = open_generation(next((data / "gen").iterdir())).manifest
    assert first.municipalities == {"0301": 3}  # Anne, Berit and Carl
    tables["contracts"][0]["municipality"] = "4601"
    moved = {**tables["memberships"][4], "contractId": 12}  # Carl goes to a list that stays
    tables["memberships"][4] = moved
    events = [("ContractUpdated", tables["contracts"][0]), ("PatientOnContractUpdated", moved)]
    day = feeds.write_events(tmp_path / "2", events, digest, tables)
    for folder, feed in ((data, day), (other, feeds.write(tmp_path / "full", tables, sequence=8))):
        report = loaded(folder, feed)
        manifest = open_generation(folder / "gen" / str(report.generation)).manifest
        assert manifest.municipalities == {"0301": 2, "4601": 1}
