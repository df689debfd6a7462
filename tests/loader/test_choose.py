"""Which of the feeds that are there a load takes, and what it says when none of them leads on."""

import json
from pathlib import Path

import pytest

from loader import load as loading
from loader import moves
from loader.__main__ import main
from loader.errors import BadFeed, BadGeneration, OutOfOrder, SourceUnreachable, UsageError
from loader.load import load
from loader.progress import Progress
from loader.report import LoadReport
from loader.settings import Settings
from lookup.manifest import CURRENT, read_manifest, read_pointer
from tests.loader.feeds import manifest_of
from tests.loader.histories import History
from tests.lookup.swaps import damage


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)


@pytest.fixture
def history() -> History:
    return History(1, persons=40)


@pytest.fixture
def master(tmp_path: Path) -> Path:
    """The folder that the master puts its feeds in."""
    return tmp_path / "feeds"


def full(history: History, master: Path, sequence: int) -> Path:
    return history.write_full(master / f"{sequence:03d}-full", sequence)


def day(history: History, master: Path, sequence: int) -> Path:
    return history.write_day(master / f"{sequence:03d}-day", sequence, 5)


def take(data: Path, feeds: Path, **how: str | bool) -> LoadReport:
    return load(feeds, Settings(data_dir=data, keep_generations=9), Progress(show=False), **how)  # type: ignore[arg-type]


def serial(data: Path) -> int:
    name = read_pointer(data, CURRENT)
    assert name is not None
    return int(name.split("-")[0])


def test_one_after_the_other_as_they_come(data: Path, master: Path, history: History) -> None:
    assert take(data, full(history, master, 1)).outcome == "published"
    for sequence in (2, 3):
        report = take(data, day(history, master, sequence))
        assert (report.outcome, report.serial, report.generation) == (
            "published",
            sequence,
            read_pointer(data, CURRENT),
        )


def test_all_that_is_pending_at_once(data: Path, master: Path, history: History) -> None:
    """A full feed, and the incremental ones behind it as one generation more."""
    full(history, master, 1)
    for sequence in (2, 3, 4):
        day(history, master, sequence)
    report = take(data, master)
    assert (report.outcome, report.serial, report.previous) == ("published", 4, names(data)[0])
    assert len(names(data)) == 2
    assert digest(data) == manifest_of(master / "004-day")["content_digest"]
    assert take(data, master).outcome == "nothing new"


def test_what_has_come_since_is_taken_from_where_it_stopped(data: Path, master: Path, history: History) -> None:
    full(history, master, 1)
    take(data, master)
    for sequence in (2, 3):
        day(history, master, sequence)
    full(history, master, 3)  # leads nowhere else: the increments are less work
    report = take(data, master)
    assert (report.serial, report.rendered is not None, len(names(data))) == (3, True, 2)


def test_a_gap_is_bridged_by_the_newest_full_feed(data: Path, master: Path, history: History) -> None:
    full(history, master, 1)
    take(data, master)
    day(history, master.parent / "lost", 2)
    day(history, master, 3)
    with pytest.raises(OutOfOrder, match="a gap: the feed continues from 2, 1 is in service"):
        take(data, master)
    assert serial(data) == 1
    full(history, master, 3)
    day(history, master, 4)
    report = take(data, master)
    assert (report.outcome, report.serial) == ("published", 4)
    assert digest(data) == manifest_of(master / "004-day")["content_digest"]


def test_replays_are_no_work(data: Path, master: Path, history: History) -> None:
    feeds = [full(history, master, 1), day(history, master, 2), day(history, master, 3)]
    take(data, master)
    before = (data / CURRENT).read_bytes()
    for feed in feeds[1:]:
        assert take(data, feed).outcome == "nothing new"
    assert (data / CURRENT).read_bytes() == before


def test_a_replay_over_damage_is_told(data: Path, master: Path, history: History) -> None:
    """There is nothing to apply it to: only a full feed helps."""
    full(history, master, 1)
    second = day(history, master, 2)
    take(data, master)
    damage(data / "gen" / str(read_pointer(data, CURRENT)))
    with pytest.raises(BadGeneration, match="does not verify"):
        take(data, second)
    with pytest.raises(BadGeneration, match="load a full feed"):
        take(data, day(history, master, 3))
    full(history, master, 3)
    assert take(data, master).serial == 3


def test_another_state_of_the_same_sequence_is_a_gap(
    data: Path, master: Path, history: History, tmp_path: Path
) -> None:
    take(data, full(History(2, persons=40), master, 1))
    with pytest.raises(OutOfOrder, match="from another state of sequence 1"):
        take(data, day(history, tmp_path, 2))


def test_nothing_to_continue_from(data: Path, master: Path, history: History) -> None:
    with pytest.raises(OutOfOrder, match="a full feed is needed"):
        take(data, day(history, master, 2))


def test_what_continues_from_a_refused_one_needs_a_higher_full_feed(data: Path, master: Path, history: History) -> None:
    full(history, master, 1)
    day(history, master, 2)
    take(data, master)
    moves.rollback(Settings(data_dir=data), "1", "bad data")
    third = day(history, master, 3)
    for feeds in (third, master):
        with pytest.raises(OutOfOrder, match="a full feed of a sequence higher than 2 is needed"):
            take(data, feeds)
    with pytest.raises(OutOfOrder, match="2 was refused"):
        take(data, full(history, master.parent / "again", 2))
    assert serial(data) == 1
    full(history, master, 3)
    assert take(data, master).serial == 3


def test_a_refused_one_is_not_applied_again(data: Path, master: Path, history: History) -> None:
    """After a rollback the feed that leads to what was refused still continues from what is in service."""
    full(history, master, 1)
    second = day(history, master, 2)
    take(data, master)
    moves.rollback(Settings(data_dir=data), "1", "bad data")
    for feeds in (second, master):
        with pytest.raises(OutOfOrder, match="2 was refused"):
            take(data, feeds)
    assert serial(data) == 1
    moves.accept(Settings(data_dir=data), "2")
    assert take(data, master).serial == 2


def test_nothing_is_applied_to_a_refused_one_that_current_still_names(
    data: Path, master: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that was killed between its two writes leaves it like this."""
    full(history, master, 1)
    day(history, master, 2)
    take(data, master)
    with monkeypatch.context() as patch:
        patch.setattr(moves, "point", lambda *_: None)
        moves.rollback(Settings(data_dir=data, adopt_timeout_seconds=0), "1", "bad data")
    assert serial(data) == 2
    with pytest.raises(OutOfOrder, match="2 was refused"):
        take(data, day(history, master, 3))
    full(history, master, 3)
    assert take(data, master).serial == 3


def test_what_is_for_one_full_feed_is_said_of_no_other(data: Path, master: Path, history: History) -> None:
    full(history, master, 1)
    second = day(history, master, 2)
    take(data, master)
    for feeds in (second, master):
        for how in ({"rebuild": True}, {"allow_older": "a drill"}):
            with pytest.raises(UsageError, match="for one full feed"):
                take(data, feeds, **how)  # type: ignore[arg-type]


def test_without_sequences_the_digest_decides(data: Path, master: Path, history: History) -> None:
    take(data, full(history, master, 1))
    second = day(history, master, 2)
    (second / "manifest.json").write_text(json.dumps(manifest_of(second) | {"sequence": None, "base_sequence": None}))
    assert take(data, second).serial == 2
    assert take(data, second).outcome == "nothing new"
    with pytest.raises(BadFeed, match="has to have a sequence"):
        take(data, master)


def test_a_folder_without_feeds(data: Path, master: Path) -> None:
    (master / "empty").mkdir(parents=True)
    with pytest.raises(SourceUnreachable, match="no feed here"):
        take(data, master)


def test_the_command(data: Path, master: Path, history: History, capsys: pytest.CaptureFixture[str]) -> None:
    full(history, master, 1)
    day(history, master, 2)
    assert main(["load", str(master), "--data-dir", str(data), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["serial"]) == ("published", 2)
    day(history, master.parent / "lost", 3)
    day(history, master, 4)
    assert main(["load", str(master), "--data-dir", str(data)]) == 65
    assert "a gap" in capsys.readouterr().err


def names(data: Path) -> list[str]:
    """The generations that are there, the oldest first."""
    return sorted(folder.name for folder in (data / "gen").iterdir())


def digest(data: Path) -> str:
    manifest, _ = read_manifest(data / "gen" / str(read_pointer(data, CURRENT)))
    return manifest.content_digest
