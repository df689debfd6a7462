"""The feeds of the runbooks' register: one full, and incremental ones for the three days up to yesterday."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.served import run

DAYS = 3


@pytest.fixture(scope="session")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runbooks") / "feeds"
    began = f"{datetime.now(UTC) - timedelta(days=DAYS + 1):%Y-%m-%d}"
    run("bench.population", "--persons", "3000", "--out", str(folder), "--days", str(DAYS), "--as-of", began)
    return folder
