"""The audit's own events go to a list: a logger that another test has configured writes where nothing is any more."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import CapturingLogger

from lookup import log as logging
from lookup.audit import opening, series, tending, trail
from tests.audit.writing import MEMORY


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    logger = CapturingLogger()
    for module in (opening, series, tending, trail):
        monkeypatch.setattr(module, "log", logger)
    monkeypatch.setattr(logging, "configure", lambda: None)
    return logger


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder that is quick to sync, where there is one."""
    with tempfile.TemporaryDirectory(prefix="flr-audit-", dir=MEMORY) as name:
        yield Path(name)
