"""A register of a thousand persons, loaded once; each test has a copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.house import House
from tests.served import load, run


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor")
    run("bench.population", "--persons", "1000", "--out", str(folder / "feed"), "--as-of", "today")
    load(folder / "feed", folder / "data")
    return folder / "data"


@pytest.fixture
def house(loaded: Path, tmp_path: Path) -> Iterator[House]:
    made = House(loaded, tmp_path)
    with made.held:
        yield made
