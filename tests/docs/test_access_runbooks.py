"""The runbooks about machines, keys, clients and patients, played; the others are in test_data_runbooks.py."""

from pathlib import Path

import pytest

from tests.docs.played import play

PAGES = ("install", "lost-node", "key-rotation", "revoked-client", "insight")


@pytest.mark.parametrize("page", PAGES)
def test_a_runbook_does_what_it_says(page: str, tmp_path: Path, feeds: Path) -> None:
    play(page, tmp_path, feeds)
