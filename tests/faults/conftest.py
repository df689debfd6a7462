"""One campaign for all tests of a process: its folders are copied, never changed."""

from collections.abc import Iterator

import pytest

from tests.faults.campaign import Campaign


@pytest.fixture(scope="session")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with Campaign(tmp_path_factory.mktemp("faults")) as campaign:
        yield campaign
