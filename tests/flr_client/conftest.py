"""A village in service, and either client of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tiny
from tests.flr_client.asking import BOTH, Awaited, Either, Waiting
from tests.lookup import village
from tests.service import Service


@pytest.fixture(scope="package")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("village") / "data"
    data.mkdir()
    tiny.announce(data, village.generation(data).name)
    return data


@pytest.fixture(scope="package")
def service(data_dir: Path) -> Iterator[Service]:
    with Service(data_dir, workers=1, FLR_STALE_WARN_HOURS="0") as running:
        running.wait("serving")
        yield running


@pytest.fixture(params=BOTH, ids=["waiting", "awaited"])
def either(request: pytest.FixtureRequest) -> Either:
    kind: Either = request.param
    return kind


@pytest.fixture
def register(either: Either, service: Service) -> Iterator[Waiting | Awaited]:
    with either(f"http://127.0.0.1:{service.address['port']}") as client:
        yield client
