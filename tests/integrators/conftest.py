"""One demonstration register for each session (under xdist: for each worker that needs it)."""

from collections.abc import Iterator

import pytest

from tests.integrators.demonstrated import Demonstrated, feeds, registered, serve
from tests.served import load


@pytest.fixture(scope="package")
def register(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstrated]:
    folder = tmp_path_factory.mktemp("integrators")
    full, *days = feeds(folder / "feeds")
    load(full, folder / "data")
    name, password = registered(folder / "data")
    with serve(folder / "data") as service:
        service.wait("serving")
        yield Demonstrated(folder, service, name, password, days)
