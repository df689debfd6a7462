"""What the tests of the loader share: a data folder, and feeds that are refused or accepted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loader import load as loading
from loader.publish import prepare
from tests.loader import feeds
from tests.loader.feeds import Tables


@pytest.fixture
def data(tmp_path: Path) -> Path:
    prepare(tmp_path / "data", tmp_path / "data" / "run")
    return tmp_path / "data"


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
