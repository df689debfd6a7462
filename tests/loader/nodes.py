"""A builder and nodes that pull, each a data folder, and their tiny generations."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

import loader.pull
from loader.canaries import Canaries
from loader.errors import BadGeneration
from loader.progress import Progress
from loader.publish import point, prepare
from loader.pull import pull
from loader.push import PushReport, push
from loader.report import LoadReport
from loader.settings import Settings
from lookup.generation import open_generation
from lookup.manifest import NotServable, read_pointer
from register.model import Membership
from tests import tiny


class Node:
    """One data folder and its loader."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.data = data_dir
        self.settings = Settings(data_dir=data_dir, adopt_timeout_seconds=1, **settings)
        prepare(data_dir, data_dir / "run")

    def build(self, serial: int, built_at: str = tiny.AS_OF) -> str:
        """A generation of that serial is in service."""
        name = tiny.generation(self.data, serial, built_at=built_at).name
        point(self.data, "CURRENT", name)
        return name

    def push(self, place: str) -> PushReport:
        return push(place, self.settings, Progress(show=False))

    def pull(self, place: str, **options: Any) -> LoadReport:
        return pull(place, self.settings, Progress(show=False), **options)

    @property
    def current(self) -> str | None:
        return read_pointer(self.data, "CURRENT")

    def reports(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(path.read_bytes()) for path in sorted((self.data / "reports").iterdir())]

    def parked(self) -> dict[str, int]:
        """What is there of files that are being fetched."""
        parked = (self.data / "staging" / "fetching").rglob("*.*")
        return {path.name: path.stat().st_size for path in parked if path.is_file()}


@pytest.fixture
def builder(tmp_path: Path) -> Node:
    return Node(tmp_path / "builder")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "node")


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader that serves is asked in this process: a second faster for each pull."""

    def ask(folder: Path, sample: list[Membership], canaries: Canaries) -> None:
        try:
            open_generation(folder).self_test()
        except NotServable as error:
            raise BadGeneration(str(error)) from None

    monkeypatch.setattr(loader.pull, "ask_reader", ask)
