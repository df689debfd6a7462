"""What is different in two generations, held against two states of which the difference is known."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loader import build
from loader import load as loading
from loader.__main__ import main
from loader.diff import counted, diff
from loader.errors import BadGeneration
from loader.load import load
from loader.progress import Progress
from loader.settings import Settings
from lookup.generation import Generation, open_generation
from register.model import TABLES
from tests.loader.histories import History

State = dict[str, dict[Any, Any]]


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)


def loaded(data: Path, feed: Path) -> Generation:
    report = load(feed, Settings(data_dir=data, keep_generations=9), Progress(show=False))
    return open_generation(data / "gen" / str(report.generation))


def states(history: History) -> State:
    return {table: dict(records) for table, records in history.state.items()}


def known(old: State, new: State) -> dict[str, dict[str, int]]:
    """The same, from the states themselves."""
    counts: Counter[tuple[str, str]] = Counter()
    for table in TABLES:
        for name in old[table].keys() | new[table].keys():
            before, after = old[table].get(name), new[table].get(name)
            change = "created" if before is None else "deleted" if after is None else "updated"
            counts[table, change] += before != after
    changes = ("created", "updated", "deleted")
    return {table: {change: counts[table, change] for change in changes if counts[table, change]} for table in TABLES}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("way", ["increment", "full", "other buckets"])
def test_the_difference_of_two_states(tmp_path: Path, seed: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Along an increment, where buckets are compared octet for octet, and between full loads, which number anew."""
    history = History(seed)
    before = states(history)
    old = loaded(tmp_path / "data", history.write_full(tmp_path / "1", 1))
    day = history.write_day(tmp_path / "2", 2, 60)
    if way == "other buckets":
        monkeypatch.setattr(build, "bits_for", lambda _: old.index.bits + 2)
    new = loaded(tmp_path / "data", day if way == "increment" else history.write_full(tmp_path / "3", 3))
    after = states(history)
    assert (old.index.bits != new.index.bits) is (way == "other buckets")
    assert counted(diff(old, new, Progress(show=False))) == known(before, after)
    assert counted(diff(new, old, Progress(show=False))) == known(after, before)
    assert not any(counted(diff(new, new, Progress(show=False))).values())


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = History(1)
    before = states(history)
    loaded(tmp_path / "data", history.write_full(tmp_path / "1", 1))
    loaded(tmp_path / "data", history.write_day(tmp_path / "2", 2, 60))
    where = ["--data-dir", str(tmp_path / "data")]
    assert main(["diff", "1", "2", "--json", *where]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["differences"] == known(before, states(history))
    assert main(["diff", "1", "2", *where]) == 0
    assert "persons" in capsys.readouterr().out
    assert main(["diff", "1", "1", *where]) == 0
    assert capsys.readouterr().out == "no difference\n"
    assert main(["diff", "1", "2", "--list", *where]) == 0
    listed = capsys.readouterr().out
    lines = [json.loads(line) for line in listed.splitlines()]
    assert len(lines) == sum(sum(changes.values()) for changes in said["differences"].values())
    assert all("key" in line for line in lines if line["table"] not in ("persons", "nin_changes"))
    assert not any(nin in listed for nin in (*before["persons"], *history.state["persons"], *before["nin_changes"]))
    assert main(["diff", "1", "7", *where]) == 65


def test_without_the_persons_particulars(tmp_path: Path) -> None:
    old = loaded(tmp_path / "data", History(1).write_full(tmp_path / "1", 1))
    old._people_env = None
    with pytest.raises(BadGeneration, match="is not on this node"):
        list(diff(old, old, Progress(show=False)))
