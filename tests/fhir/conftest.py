"""The village, opened once, and a client of the FHIR face over it."""

from collections.abc import Iterator

import pytest
from litestar.testing import TestClient

from lookup.app import create_app
from lookup.current import ServiceState
from lookup.generation import Generation, open_generation
from tests.lookup import village
from tests.lookup.serving import state_of


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    return open_generation(village.generation(tmp_path_factory.mktemp("village")))


@pytest.fixture
def state(opened: Generation) -> ServiceState:
    return state_of(opened)


@pytest.fixture
def client(state: ServiceState) -> Iterator[TestClient]:
    with TestClient(create_app(state)) as test_client:
        yield test_client
