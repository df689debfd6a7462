"""What the textfile collector is given after a load that went well, one that did not, and one with nothing new."""

import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loader.__main__ import main
from loader.textfile import HELP
from tests.loader import feeds


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "flr_loader.prom"
    monkeypatch.setenv("FLR_METRICS_FILE", str(path))
    return path


def samples(file: Path) -> dict[str, float]:
    """Samples by name, those with a table by "name table"."""
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


def test_a_file_that_cannot_be_written_changes_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLR_METRICS_FILE", str(tmp_path / "nowhere" / "flr.prom"))
    assert load(data, feeds.write(tmp_path / "feed", feeds.tables())) == 0
    assert "flr.prom could not be written: No such file or directory" in capsys.readouterr().err
