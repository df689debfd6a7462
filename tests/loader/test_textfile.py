"""What the textfile collector is given after a load that went well, one that did not, and one with nothing new."""

import re
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loader.__main__ import main
from loader.drift import CHANGED, Limit
from loader.report import LoadReport
from loader.textfile import HELP
from tests.loader import feeds


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "flr_loader.prom"
    monkeypatch.setenv("FLR_METRICS_FILE", str(path))
    return path


def samples(file: Path) -> dict[str, float]:
    """Samples by name, those with labels by "name value value", in the order of the labels' names."""
    families = list(text_string_to_metric_families(file.read_text()))
    assert all(family.documentation == HELP[family.name] for family in families)
    return {" ".join([one.name, *one.labels.values()]): one.value for family in families for one in family.samples}


def load(data: Path, feed: Path) -> int:
    return main(["load", str(feed), "--data-dir", str(data)])


def test_of_three_loads(data: Path, tmp_path: Path, file: Path) -> None:
    began = time.time()
    feed = feeds.write(tmp_path / "feed", feeds.tables())
    assert load(data, feed) == 0
    good = samples(file)
    assert {name.split()[0] for name in good} == set(HELP)
    assert began <= good["flr_loader_run_timestamp_seconds"] <= time.time()
    assert good["flr_loader_as_of_timestamp_seconds"] == 1795485600  # 2026-11-24T03:00+01:00
    assert (good["flr_loader_exit_code"], good["flr_loader_published"], good["flr_loader_serial"]) == (0, 1, 7)
    assert good["flr_loader_records persons"] == len(feeds.tables()["persons"])
    assert load(data, feed) == 0
    assert samples(file)["flr_loader_published"] == 0
    assert load(data, feeds.write(tmp_path / "older", feeds.tables(), sequence=6)) == 65
    bad = samples(file)
    assert (bad["flr_loader_exit_code"], bad["flr_loader_published"], bad["flr_loader_serial"]) == (65, 0, 7)


def test_pinned_and_refused(data: Path, tmp_path: Path, file: Path) -> None:
    where = ["--data-dir", str(data)]
    for sequence in (7, 8):
        assert load(data, feeds.write(tmp_path / str(sequence), feeds.tables(), sequence=sequence)) == 0
    assert main(["rollback", "--reason", "a drill", *where]) == 0
    assert main(["pin", "7", *where]) == 0
    assert load(data, feeds.write(tmp_path / "9", feeds.tables(), sequence=9)) == 0
    got = samples(file)
    assert (got["flr_loader_pinned"], got["flr_loader_refused"], got["flr_loader_serial"]) == (1, 1, 9)


def test_what_was_checked(data: Path, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    birds = tmp_path / "birds"
    birds.write_text('{"herId": 4001, "hprNumber": 7001}\n')
    birds.chmod(0o600)
    monkeypatch.setenv("FLR_CANARIES", str(birds))
    monkeypatch.setitem(CHANGED, ("persons", "updated"), Limit(0, 0))
    monkeypatch.setenv("FLR_TOLERATE", "1")
    tables = feeds.tables()
    tables["memberships"][6]["beginCode"] = "XX"
    assert load(data, feeds.write(tmp_path / "1", tables)) == 0
    got = samples(file)
    assert (got["flr_loader_canaries"], got["flr_loader_canaries_differ"], got["flr_loader_drift"]) == (1, 0, 0)
    assert (got["flr_loader_omitted_records"], got["flr_loader_persons_without_gp"]) == (1, 3)
    tables["persons"][5]["firstName"] = "Kim"
    assert load(data, feeds.write(tmp_path / "2", tables, sequence=8)) == 65
    got = samples(file)
    assert (got["flr_loader_drift"], got["flr_loader_changes updated persons"], got["flr_loader_canaries"]) == (1, 1, 0)
    assert got["flr_loader_omitted_records"] == 1  # what is in service is still without it
    tables = feeds.tables()
    tables["doctor_cycles"][0]["herId"] = tables["doctor_cycles"][3]["herId"] = None
    assert load(data, feeds.write(tmp_path / "3", tables, sequence=9)) == 65
    got = samples(file)
    assert (got["flr_loader_canaries"], got["flr_loader_canaries_differ"], got["flr_loader_drift"]) == (1, 1, 0)
    assert got["flr_loader_changes created memberships"] == 1


def test_a_file_that_cannot_be_written_changes_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLR_METRICS_FILE", str(tmp_path / "nowhere" / "flr.prom"))
    assert load(data, feeds.write(tmp_path / "feed", feeds.tables())) == 0
    assert "flr.prom could not be written: No such file or directory" in capsys.readouterr().err


def test_the_documentation_has_every_metric() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for name, what in HELP.items():
        assert re.search(rf"^\| `{name}` (\([a-z, ]+\) )?\| {re.escape(what)} \|$", text, re.M), name


def test_the_documentation_has_every_member_of_a_report() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    table = text.split("Each load leaves a report")[1].split("\n\n")[1]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == set(LoadReport.__struct_fields__)
