"""The village, opened once, and a client of the service over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient

from lookup.app import create_app
from lookup.current import ServiceState
from lookup.generation import Generation, open_generation
from tests.lookup import village
from tests.lookup.serving import state_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with nothing in it."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def village_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return village.generation(tmp_path_factory.mktemp("village"))


@pytest.fixture(scope="session")
def opened(village_folder: Path) -> Generation:
    return open_generation(village_folder)


@pytest.fixture
def state(opened: Generation) -> ServiceState:
    return state_of(opened)


@pytest.fixture
def client(state: ServiceState) -> Iterator[TestClient]:
    with TestClient(create_app(state)) as test_client:
        yield test_client
