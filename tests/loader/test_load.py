"""A load as a whole: what it reports when something fails, before and after the swap, and what the next load does."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import loader.load
import loader.recorded
from loader import publish
from loader.errors import BadFeed, BadGeneration, LoaderError, NotAdopted, OutOfOrder, SourceUnreachable, StorageError
from loader.load import load
from loader.progress import Progress
from loader.report import LoadReport
from loader.settings import Settings
from lookup.manifest import verify_files
from lookup.runfile import RunFile
from tests.loader import feeds


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return feeds.write(tmp_path / "feed", feeds.tables())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", adopt_timeout_seconds=0)


@pytest.fixture
def worker(settings: Settings) -> Iterator[RunFile]:
    """A worker that lives, in this process, and serves what it is told to."""
    settings.run_folder.mkdir(parents=True)
    worker = RunFile(settings.run_folder)
    yield worker
    worker.remove()


def run(feed: Path, settings: Settings, **options: Any) -> LoadReport:
    return load(feed, settings, Progress(show=False), **options)


def reports(settings: Settings) -> list[LoadReport]:
    """What was kept, oldest first."""
    paths = sorted((settings.data_dir / "reports").iterdir())
    return [msgspec.json.decode(path.read_bytes(), type=LoadReport) for path in paths]


def announced(settings: Settings) -> str:
    return (settings.data_dir / "CURRENT").read_text().strip()


def fail(error: BaseException) -> Any:
    def failing(*_: object, **__: object) -> None:
        raise error

    return failing


class TestReports:
    def test_of_a_first_load(self, feed: Path, settings: Settings) -> None:
        report = run(feed, settings)
        assert (report.outcome, report.created, report.previous) == ("published", True, None)
        assert (report.generation, report.serial, report.message) == (announced(settings), 7, None)
        assert ", in a new data folder" in report.line()
        assert reports(settings) == [report]
        again = run(feed, settings, rebuild=True)
        assert (again.created, again.previous) == (False, report.generation)
        assert "new data folder" not in again.line()

    def test_of_loads_within_a_second_are_all_kept(self, feed: Path, settings: Settings) -> None:
        for _ in range(3):
            run(feed, settings, rebuild=True)
        assert len(reports(settings)) == 3

    def test_nothing_new_leaves_none(self, feed: Path, settings: Settings) -> None:
        run(feed, settings)
        report = run(feed, settings)
        assert (report.outcome, report.line()) == (
            "nothing new",
            f"nothing new: {announced(settings)}, no worker alive",
        )
        assert len(reports(settings)) == 1

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (BadFeed("wrong", ("a.ndjson:1: wrong",)), "refused"),
            (BadGeneration("it does not verify"), "failed"),
            (StorageError("the disk is full"), "failed"),
            (SystemExit(143), "failed"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_of_what_stops_a_load(
        self, feed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, error: BaseException, outcome: str
    ) -> None:
        before = run(feed, settings).generation
        monkeypatch.setattr(loader.load, "verify_built", fail(error))
        with pytest.raises(type(error)):
            run(feed, settings, rebuild=True)
        report = reports(settings)[-1]
        assert (report.outcome, report.generation, report.serial) == (outcome, before, 7)
        assert report.message == (str(error) if isinstance(error, LoaderError) else "stopped by a signal")
        assert report.omitted == []
        assert report.faults == (["a.ndjson:1: wrong"] if outcome == "refused" else [])
        assert announced(settings) == before
        assert list((settings.data_dir / "staging").iterdir()) == []

    def test_of_an_error_that_nobody_foresaw_holds_nothing_of_a_record(
        self, feed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loader.load, "verify_built", fail(KeyError(f"{feeds.ANNE} {feeds.NAMES[0]}")))
        with pytest.raises(KeyError):
            run(feed, settings)
        (report,) = reports(settings)
        assert (report.outcome, report.message) == ("failed", "an error in the loader itself: KeyError")
        assert not any(text in str(report) for text in (feeds.ANNE, feeds.NAMES[0]))

    def test_of_what_is_not_built(self, feed: Path, settings: Settings, tmp_path: Path) -> None:
        before = run(feed, settings).generation
        with pytest.raises(SourceUnreachable):
            run(tmp_path / "nowhere", settings)
        with pytest.raises(OutOfOrder):
            run(feeds.write(tmp_path / "older", feeds.tables(), sequence=6), settings)
        unread, older = reports(settings)[1:]
        for report in (unread, older):
            assert (report.outcome, report.generation) == ("failed", before)
        assert (unread.serial, unread.feed) == (None, None)
        assert (older.feed, "7 is in service" in str(older.message)) == ("by hand", True)

    def test_that_cannot_be_kept_change_nothing(
        self, feed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(loader.recorded, "write_report", fail(OSError(errno.ENOSPC, "No space left on device")))
        assert run(feed, settings).generation == announced(settings)
        assert capsys.readouterr().err == "flr-loader: the report could not be kept: No space left on device\n"
        monkeypatch.setattr(loader.load, "verify_built", fail(BadGeneration("it does not verify")))
        with pytest.raises(BadGeneration, match="it does not verify"):
            run(feed, settings, rebuild=True)
        assert list((settings.data_dir / "reports").iterdir()) == []

    def test_half_written_are_removed(
        self, feed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("loader.report.fsync", fail(OSError(errno.EIO, "Input/output error")))
        run(feed, settings)
        assert "Input/output error" in capsys.readouterr().err
        assert list((settings.data_dir / "reports").iterdir()) == []


class TestAfterTheSwap:
    @pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "Permission denied"), ValueError("x")], ids=repr)
    def test_what_cannot_be_removed_is_a_warning(
        self, feed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        monkeypatch.setattr(loader.recorded, "prune", fail(error))
        report = run(feed, settings)
        assert report.outcome == "published"
        assert any(warning.startswith("old generations were not removed: ") for warning in report.warnings)
        assert reports(settings) == [report]

    def test_what_prune_warns_of_is_in_the_report(self, feed: Path, settings: Settings) -> None:
        run(feed, settings)
        (settings.data_dir / "gen" / announced(settings) / "mine").mkdir()
        one = msgspec.structs.replace(settings, keep_generations=1)
        assert any("not a folder of files alone" in warning for warning in run(feed, one, rebuild=True).warnings)

    def test_a_generation_that_is_not_adopted_is_recorded_and_the_old_ones_go(
        self, feed: Path, settings: Settings, worker: RunFile
    ) -> None:
        names = [str(run(feed, settings, rebuild=True).generation) for _ in range(2)]
        worker.write("ready", 7, names[1].split("-")[1])
        one = msgspec.structs.replace(settings, keep_generations=1)
        with pytest.raises(NotAdopted):
            run(feed, one, rebuild=True)
        report = reports(settings)[-1]
        assert (report.outcome, report.adoption, report.pruned) == ("published", "not adopted", [names[0]])
        assert report.generation == announced(settings) not in names
        assert "1 of 1 workers do not serve it" in str(report.message)
        verify_files(settings.data_dir / "gen" / names[1])

    def test_nothing_new_waits_for_the_workers_too(self, feed: Path, settings: Settings, worker: RunFile) -> None:
        run(feed, settings)
        worker.write("ready", 6, "0123abcd")
        for _ in range(2):
            with pytest.raises(NotAdopted):
                run(feed, settings)
        report = reports(settings)[-1]
        assert (report.outcome, report.adoption) == ("nothing new", "not adopted")
        worker.write("ready", 7, announced(settings).split("-")[1])
        report = run(feed, settings)
        assert (report.outcome, report.adoption, report.workers) == ("nothing new", "adopted", 1)

    def test_workers_that_cannot_be_seen_are_not_known_to_have_adopted(
        self, feed: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(publish, "live_workers", fail(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(NotAdopted, match="is announced; who serves it is not to be seen: Input/output error"):
            run(feed, settings)
        assert reports(settings)[-1].generation == announced(settings)


def test_a_damaged_generation_is_built_again(feed: Path, settings: Settings) -> None:
    first = str(run(feed, settings).generation)
    people = settings.data_dir / "gen" / first / "people.mdb"
    people.chmod(0o640)
    people.write_bytes(people.read_bytes()[:-1])
    report = run(feed, settings)
    assert (report.outcome, report.previous) == ("published", first)
    assert announced(settings) == report.generation != first
    verify_files(settings.data_dir / "gen" / announced(settings))
