"""What the tests of the loader share: a data folder, and feeds that are refused or accepted."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import loader.fetch
from loader import load as loading
from loader.load import load
from loader.progress import Progress
from loader.publish import prepare
from loader.settings import Settings
from tests.loader import feeds
from tests.loader.feeds import Tables
from tests.loader.stores import PART_BYTES, S3


@pytest.fixture
def data(tmp_path: Path) -> Path:
    prepare(tmp_path / "data", tmp_path / "data" / "run")
    return tmp_path / "data"


@pytest.fixture(scope="session")
def in_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the feed by hand in service, sequence 7; for loads that are refused, which leave it so."""
    folder = tmp_path_factory.mktemp("in-service")
    load(feeds.write(folder / "feed", feeds.tables()), Settings(data_dir=folder / "data"), Progress(show=False))
    return folder / "data"


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[Tables], tuple[str, ...]]:
    return lambda feed: feeds.faults_of(feeds.write(tmp_path / "feed", feed), tmp_path / "out")


@pytest.fixture
def accepted(tmp_path: Path) -> Callable[[Tables], None]:
    def accept(feed: Tables) -> None:
        feeds.build(feeds.write(tmp_path / "feed", feed), tmp_path / "out")

    return accept


@pytest.fixture
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The separate process takes a quarter of a second each time, and is not what every test is about."""
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    server = S3()
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place in an S3 server, which the environment leads to."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.place()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader.fetch, "PART_BYTES", PART_BYTES)
