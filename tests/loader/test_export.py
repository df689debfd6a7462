"""A generation written out as a feed: the same digest, and loaded again the same register."""

import json
import stat
from pathlib import Path

import pytest

from loader import load as loading
from loader.__main__ import main
from loader.diff import counted, diff
from loader.errors import BadGeneration, UsageError
from loader.export import FEED, export
from loader.load import load
from loader.progress import Progress
from loader.read import open_feed
from loader.settings import Settings
from lookup.generation import Generation, open_generation
from register.feed import MANIFEST, format_digest
from tests.loader import feeds
from tests.loader.histories import History
from tests.oracle import Register

QUIET = Progress(show=False)


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)


def put(data: Path, feed: Path) -> Generation:
    report = load(feed, Settings(data_dir=data, keep_generations=9), Progress(show=False))
    return open_generation(data / "gen" / str(report.generation))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A data folder with the feed in which every table and member occurs."""
    put(tmp_path / "data", feeds.write(tmp_path / "feed", feeds.tables()))
    return tmp_path / "data"


@pytest.mark.parametrize("kind", ["full", "increment"])
def test_loaded_again_it_is_the_same_register(tmp_path: Path, kind: str) -> None:
    """Behind an increment too: there the files of the generation are laid out as no full load would."""
    history = History(5)
    generation = put(tmp_path / "data", history.write_full(tmp_path / "1", 1))
    if kind == "increment":
        generation = put(tmp_path / "data", history.write_day(tmp_path / "2", 2, 60))
    exported = export(tmp_path / "data", None, tmp_path / "out", FEED, QUIET)
    assert exported.generation == generation.name
    assert exported.records == generation.manifest.counts
    said = open_feed(tmp_path / "out").manifest
    assert (said.sequence, said.as_of, said.source) == (
        generation.serial,
        generation.manifest.as_of,
        generation.manifest.source,
    )
    assert said.content_digest == format_digest(history.digest())
    again = put(tmp_path / "again", tmp_path / "out")
    assert again.manifest.content_digest == generation.manifest.content_digest
    assert again.serial == generation.serial
    assert not any(counted(diff(generation, again, QUIET)).values())
    buckets = range(1 << generation.index.bits)
    assert again.index.bits == generation.index.bits
    if kind == "full":
        assert all(generation.stored(bucket) == again.stored(bucket) for bucket in buckets)


def test_what_is_written_is_the_feed_of_the_format(tmp_path: Path, small: Path) -> None:
    """Read by one who shares no code with us, packed as the names say."""
    export(small, None, tmp_path / "out", FEED, QUIET)
    names = {entry.name for entry in open_feed(tmp_path / "out").manifest.files}
    assert names == {f"{table}.ndjson.zst" for table in feeds.tables()}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names | {MANIFEST}
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) & 0o027 == 0
    unpacked = tmp_path / "plain"
    unpacked.mkdir()
    (unpacked / MANIFEST).write_bytes((tmp_path / "out" / MANIFEST).read_bytes())
    for name in names:
        (unpacked / name).write_bytes(feeds.unpacked(tmp_path / "out" / name))
    told, wanted = Register(unpacked).tables, feeds.tables()
    for table, records in wanted.items():
        digests = [{feeds.digest_of({table: [record]}) for record in rows} for rows in (told[table], records)]
        assert digests[0] == digests[1], table
        assert len(told[table]) == len(records)


def test_a_generation_by_its_serial(tmp_path: Path) -> None:
    history = History(2)
    first = put(tmp_path / "data", history.write_full(tmp_path / "1", 1))
    put(tmp_path / "data", history.write_day(tmp_path / "2", 2, 20))
    assert export(tmp_path / "data", "1", tmp_path / "out", FEED, QUIET).generation == first.name
    with pytest.raises(BadGeneration, match="no generation of serial 9"):
        export(tmp_path / "data", "9", tmp_path / "other", FEED, QUIET)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_target_that_holds_anything_is_refused(tmp_path: Path, small: Path, what: str) -> None:
    target = tmp_path / "out"
    if what == "folder":
        target.mkdir()
        (target / "kept").write_text("x")
    else:
        target.write_text("x")
    with pytest.raises(UsageError, match="is not an empty folder"):
        export(small, None, target, FEED, QUIET)
    assert (target / "kept" if what == "folder" else target).read_text() == "x"


@pytest.mark.parametrize("there", [False, True])
def test_what_fails_leaves_nothing(tmp_path: Path, small: Path, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is not the one the manifest's digest is of: nothing is left that could be taken for a feed."""
    target = tmp_path / "out"
    if there:
        target.mkdir()
    (folder,) = (small / "gen").iterdir()
    generation = open_generation(folder)
    people = generation.people
    assert people is not None
    monkeypatch.setattr(people, "lines", lambda: iter([b'{"nin":"x"}\n']))
    with pytest.raises(BadGeneration, match="do not add up"):
        export(small, None, target, FEED, QUIET)
    assert target.exists() is there
    assert not there or not list(target.iterdir())


def test_without_the_persons_particulars(tmp_path: Path, small: Path) -> None:
    (folder,) = (small / "gen").iterdir()
    (folder / "people.mdb").unlink()
    with pytest.raises(BadGeneration, match="is not on this node"):
        export(small, None, tmp_path / "out", FEED, QUIET)
    assert not (tmp_path / "out").exists()


def test_what_is_read_stays_while_it_is_removed(tmp_path: Path, small: Path) -> None:
    """A load that removes the generation meanwhile does not disturb: what was opened is held."""
    (folder,) = (small / "gen").iterdir()

    class Removing(Progress):
        def advance(self, amount: float = 1) -> None:
            for path in folder.iterdir():
                path.unlink()

    exported = export(small, None, tmp_path / "out", FEED, Removing(show=False))
    assert exported.records["memberships"] == len(feeds.tables()["memberships"])
    assert open_feed(tmp_path / "out").manifest.content_digest == feeds.digest_of(feeds.tables())


def test_the_command(tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data-dir", str(small)]
    assert main(["export", "--to", str(tmp_path / "out"), *where]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["export", "--to", str(tmp_path / "out"), *where]) == 64
    assert "is not an empty folder" in capsys.readouterr().err
    assert main(["export", "7", "--to", str(tmp_path / "more"), "--json", *where]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["target"]) == ("feed", str(tmp_path / "more"))
    assert said["records"] == {table: len(records) for table, records in feeds.tables().items()}
    with pytest.raises(SystemExit, match="64"):
        main(["export", *where])
    (small / "CURRENT").unlink()
    capsys.readouterr()
    assert main(["export", "--to", str(tmp_path / "none"), *where]) == 65
    assert "nothing is in service" in capsys.readouterr().err
