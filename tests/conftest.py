"""What all tests share: hypothesis never judges by the clock and leaves nothing in the tree; worlds for the oracle."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import crooked, leaks
from tests.oracle import Register
from tests.register import flr_contracts
from tests.served import Line, Served, load, run
from tests.service import Service

settings.register_profile("house", deadline=None, database=None)
settings.load_profile("house")


pytest_configure, pytest_unconfigure = leaks.pytest_configure, leaks.pytest_unconfigure


def pytest_report_header() -> str:
    return flr_contracts.header()


@pytest.fixture(scope="session", params=["norway", "crooked"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a feed and the data folder that it was loaded into."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "norway":
        run("bench.population", "--persons", "3000", "--out", str(folder / "feed"), "--seed", "11")
    else:
        crooked.write_feed(folder / "feed", seed=3)
    load(folder / "feed", folder / "data")
    return folder


@pytest.fixture(scope="module", params=["hot", "ordinary"])
def served(request: pytest.FixtureRequest, world: Path) -> Iterator[Served]:
    """A world in service: with the compiled HTTP path in front, and without."""
    hot = "true" if request.param == "hot" else "false"
    with Service(world / "data", FLR_HOT_PATH=hot) as service:
        service.wait("serving")
        yield Served(Register(world / "feed"), world / "data", service)


@pytest.fixture
def line(served: Served) -> Iterator[Line]:
    with Line(served.service) as line:
        yield line


@pytest.fixture
def chance() -> random.Random:
    return random.Random(20261123)
