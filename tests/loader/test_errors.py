"""The loader's errors: whatever was written into one, no national id comes out of it."""

import pickle

import pytest

from loader.errors import BadFeed, BadGeneration, LoaderError, SourceUnreachable, StorageError
from tests.loader import feeds
from tests.loader.feeds import ANNE

GROUPED = f"{ANNE[:6]} {ANNE[6:]}"


@pytest.mark.parametrize("kind", [LoaderError, BadFeed, BadGeneration, SourceUnreachable, StorageError])
@pytest.mark.parametrize("number", [ANNE, GROUPED])
def test_no_national_id_comes_out(kind: type[LoaderError], number: str) -> None:
    error = kind(f"{number}.ndjson: wrong")
    for text in (str(error), repr(error), *map(str, error.args)):
        assert number not in text
        assert "[national id].ndjson: wrong" in text


def test_no_national_id_comes_out_of_faults() -> None:
    error = BadFeed("wrong", ("a.ndjson:1: wrong", f"{ANNE}.ndjson:2: wrong", f"b.ndjson:3: {GROUPED}"))
    assert error.faults == ("a.ndjson:1: wrong", "[national id].ndjson:2: wrong", "b.ndjson:3: [national id]")


def test_faults_come_back_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(BadFeed("wrong", ("a.ndjson:1: wrong",))))  # noqa: S301 -- our own
    assert (str(error), error.faults) == ("wrong", ("a.ndjson:1: wrong",))
    feeds.assert_tells_nothing([repr(error)])
