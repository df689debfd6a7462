"""What all tests share: hypothesis never judges by the clock and leaves nothing in the tree; worlds for the oracle."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import crooked
from tests.oracle import Register
from tests.served import Line, Served, load, run
from tests.service import Service

settings.register_profile("house", deadline=None, database=None)
settings.load_profile("house")


@pytest.fixture(scope="module", params=["norway", "crooked"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "norway":
        run("bench.population", "--persons", "3000", "--out", str(folder / "feed"), "--seed", "11")
    else:
        crooked.write_feed(folder / "feed", seed=3)
    load(folder / "feed", folder / "data")
    with Service(folder / "data") as service:
        service.wait("serving")
        yield Served(Register(folder / "feed"), folder / "data", service)


@pytest.fixture
def line(served: Served) -> Iterator[Line]:
    with Line(served.service) as line:
        yield line


@pytest.fixture
def chance() -> random.Random:
    return random.Random(20261123)
