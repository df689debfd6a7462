"""The runbooks about what is loaded and in service, played. In two files, so that two processes can have them."""

from pathlib import Path

import pytest

from tests.docs.played import play

PAGES = ("first-load", "daily-load", "bad-data", "rollback", "full-disk", "capacity")


@pytest.mark.parametrize("page", PAGES)
def test_a_runbook_does_what_it_says(page: str, tmp_path: Path, feeds: Path) -> None:
    play(page, tmp_path, feeds)
