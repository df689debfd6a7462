"""Positions in the change feed: the same on every node, kept within a bound, and never taken for another one's."""

import shutil
from pathlib import Path

import msgspec
import pytest

from loader import load as loading
from loader.load import load
from loader.moves import accept, rollback
from loader.progress import Progress
from loader.report import LoadReport
from loader.settings import Settings
from lookup.events import Events, Position, read_position
from lookup.generation import Generation, open_generation
from tests.loader.histories import History


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)


class Node:
    """A data folder, and what is loaded into it."""

    def __init__(self, data: Path, keep_events: int = 500_000) -> None:
        self.settings = Settings(data_dir=data, keep_generations=9, keep_events=keep_events)
        self.report: LoadReport | None = None

    def load(self, feed: Path, **how: object) -> Generation:
        self.report = load(feed, self.settings, Progress(show=False), **how)  # type: ignore[arg-type]
        return self.now

    @property
    def now(self) -> Generation:
        return open_generation(
            self.settings.data_dir / "gen" / (self.settings.data_dir / "CURRENT").read_text().strip()
        )

    @property
    def feed(self) -> Events:
        assert self.now.events is not None
        return self.now.events

    def positions(self) -> list[str]:
        """The position behind every event that is kept."""
        return [str(next(self.feed.read(number)).position) for number in range(self.feed.total)]


class Feeds:
    """The feeds of a history: full 1, and of each day an incremental and a full one."""

    def __init__(self, folder: Path, seed: int = 1, days: int = 3, events: int = 80) -> None:
        history = History(seed)
        self.folder = folder
        history.write_full(folder / "full-1", 1)
        for sequence in range(2, 2 + days):
            history.write_day(folder / "days" / str(sequence), sequence, events)
            history.write_full(folder / f"full-{sequence}", sequence)

    def full(self, sequence: int) -> Path:
        return self.folder / f"full-{sequence}"

    def day(self, sequence: int) -> Path:
        return self.folder / "days" / str(sequence)

    @property
    def days(self) -> Path:
        return self.folder / "days"


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Feeds:
    return Feeds(tmp_path_factory.mktemp("feeds"))


def test_positions_are_the_same_on_every_node(tmp_path: Path, feeds: Feeds) -> None:
    """One takes three days one by one, the other in one load; the bytes of the feed are the same."""
    one, other = Node(tmp_path / "one"), Node(tmp_path / "other")
    for node in (one, other):
        node.load(feeds.full(1))
    for sequence in (2, 3, 4):
        one.load(feeds.day(sequence))
    other.load(feeds.days)
    assert (one.now.name != other.now.name, one.now.manifest.base != other.now.manifest.base) == (True, True)
    assert one.feed.data[:] == other.feed.data[:]
    assert len(one.positions()) == len(set(one.positions())) == one.feed.total > 100
    order = [(event.serial, event.n) for event in map(read_position, one.positions()) if event is not None]
    assert order == sorted(order)
    assert one.report is not None
    assert one.report.events == one.feed.total


def test_another_way_to_the_same_state(tmp_path: Path, feeds: Feeds) -> None:
    """At the end of a feed nodes agree; in the midst of one they do not know each other's positions."""
    one, other = Node(tmp_path / "one"), Node(tmp_path / "other")
    for node in (one, other):
        node.load(feeds.full(1))
    one.load(feeds.day(2))
    other.load(feeds.full(2))
    assert one.feed.total != other.feed.total
    for node, others in ((one, other), (other, one)):
        assert others.feed.place(node.feed.latest) == others.feed.total
        midst = next(node.feed.read(4)).position
        assert node.feed.place(midst) == 5
        assert others.feed.place(midst) is None
    fresh = Node(tmp_path / "fresh")
    fresh.load(feeds.full(2))
    assert fresh.feed.place(one.feed.latest) == 0 == fresh.feed.total
    assert fresh.feed.place(Position(2, 5)) is None
    assert fresh.feed.place(Position(1, 0)) is None


def test_a_full_feed_over_something_and_what_waits_behind_it(tmp_path: Path, feeds: Feeds) -> None:
    """Two loads of one run, each with a batch."""
    node = Node(tmp_path / "data")
    node.load(feeds.full(1))
    begun = node.feed.latest
    pending = tmp_path / "pending"
    shutil.copytree(feeds.full(3), pending / "3")
    shutil.copytree(feeds.day(4), pending / "4")
    node.load(pending)
    assert [batch.serial for batch in node.feed.batches] == [1, 3, 4]
    assert node.feed.place(begun) == 0 < node.feed.total


def test_a_full_load_that_changes_more_than_is_kept(tmp_path: Path, feeds: Feeds) -> None:
    node = Node(tmp_path / "data", keep_events=20)
    node.load(feeds.full(1))
    begun = node.feed.latest
    two = node.load(feeds.full(2))
    assert node.feed.place(begun) is None
    assert (node.feed.total, node.feed.place(node.feed.latest)) == (0, 0)
    assert node.report is not None
    assert any("more has changed than it keeps" in warning for warning in node.report.warnings)
    assert two.manifest.base is not None


def test_behind_a_rollback(tmp_path: Path, feeds: Feeds) -> None:
    """What was given behind the generation gone back to is lost; what was given up to it goes on."""
    node = Node(tmp_path / "data")
    node.load(feeds.full(1))
    node.load(feeds.day(2))
    good = node.feed.latest
    node.load(feeds.day(3))
    bad = [node.feed.latest, next(node.feed.read(node.feed.total - 1)).position, Position(3, 4)]
    rollback(node.settings, None, "wrong")
    assert [node.feed.place(position) for position in bad] == [None] * 3
    assert node.feed.place(good) == node.feed.total
    node.load(feeds.full(4))
    assert [node.feed.place(position) for position in bad] == [None] * 3
    place = node.feed.place(good)
    assert place is not None
    assert 0 < place < node.feed.total
    assert [batch.serial for batch in node.feed.batches] == [1, 2, 4]


def test_another_feed_of_a_sequence_that_was_rolled_back(tmp_path: Path, feeds: Feeds) -> None:
    node, others = Node(tmp_path / "data"), Feeds(tmp_path / "others", seed=1, days=2, events=70)
    node.load(feeds.full(1))
    node.load(feeds.full(2))
    wrong = [next(node.feed.read(4)).position, node.feed.latest]
    rollback(node.settings, None, "wrong")
    accept(node.settings, "2", "it is corrected")
    node.load(others.full(2))
    right = [next(node.feed.read(4)).position, node.feed.latest]
    assert [position.serial for position in (*wrong, *right)] == [2] * 4
    assert [node.feed.place(position) for position in wrong] == [None, None]
    assert [node.feed.place(position) for position in right] == [5, node.feed.total]


def test_the_same_feed_again_changes_no_position(tmp_path: Path, feeds: Feeds) -> None:
    node = Node(tmp_path / "data")
    node.load(feeds.full(1))
    node.load(feeds.full(2))
    before, name = node.feed.data[:], node.now.name
    node.load(feeds.full(2), rebuild=True)
    assert (node.feed.data[:], node.now.manifest.base, node.now.name != name) == (before, name, True)


def test_an_older_feed_is_told_of_too(tmp_path: Path, feeds: Feeds) -> None:
    """The register went back, with the operator's leave; who was ahead is led back, and never on again."""
    node = Node(tmp_path / "data")
    node.load(feeds.full(1))
    node.load(feeds.full(3))
    ahead = node.feed.latest
    node.load(feeds.full(2), allow_older="3 was wrong")
    place = node.feed.place(ahead)
    assert place is not None
    assert (place < node.feed.total, node.feed.highest, node.now.serial) == (True, 3, 2)
    assert str(node.feed.latest).startswith("2.")


def test_on_a_generation_without_a_change_feed(tmp_path: Path, feeds: Feeds) -> None:
    """One of before there was any, or of which the file has gone: the feed begins where that one ends."""
    node = Node(tmp_path / "data")
    first = node.load(feeds.full(1))
    begun = node.feed.latest
    (first.folder / "events.bin").unlink()
    del first
    node.load(feeds.day(2))
    assert node.feed.place(begun) == 0 < node.feed.total
    assert [batch.serial for batch in node.feed.batches] == [1, 2]


@pytest.mark.parametrize("what", ["damaged", "refused"])
def test_nothing_is_held_against_what_cannot_be_trusted(tmp_path: Path, feeds: Feeds, what: str) -> None:
    node = Node(tmp_path / "data")
    first = node.load(feeds.full(1))
    begun = node.feed.latest
    if what == "damaged":
        (first.folder / "people.mdb").chmod(0o640)
        with (first.folder / "people.mdb").open("r+b") as file:
            file.truncate(4096)
    else:
        (node.settings.data_dir / "refused.json").write_bytes(
            msgspec.json.encode([{"name": first.name, "reason": "wrong", "at": "2026-11-25T03:00:00+01:00"}])
        )
    del first
    two = node.load(feeds.full(2))
    assert (node.feed.place(begun), node.feed.total, two.manifest.base) == (None, 0, None)
    assert node.report is not None
    assert any("the change feed starts anew" in warning for warning in node.report.warnings)
