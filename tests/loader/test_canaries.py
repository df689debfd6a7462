"""Canaries: each expectation is asked of the serving reader, and one that differs stops the load by its line."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loader.canaries import Canary, differing, read_canaries
from loader.errors import CanariesDiffer, ConfigurationError
from loader.load import load
from loader.progress import Progress
from loader.report import LoadReport
from loader.settings import Settings
from lookup.generation import Generation, open_generation
from tests.loader import feeds
from tests.loader.feeds import ANNE, BERIT, DAVID, FINN, NOW, OFFICE, OLDEST, UNKNOWN

QUIET = Progress(show=False)
RIGHT: list[dict[str, Any]] = [
    {"nin": ANNE, "status": "assigned", "contractId": 11, "hprNumber": 7001, "organizationNumber": OFFICE},
    {"nin": ANNE, "contractId": 11},
    {"nin": OLDEST, "hprNumber": 7001},  # an old number of somebody on list 11
    {"nin": BERIT, "contractId": 12},
    {"nin": DAVID, "status": "none"},  # on a list from 2099 on
    {"nin": FINN, "status": "none"},
    {"nin": UNKNOWN, "status": "unknown"},
    {"herId": 4001, "hprNumber": 7001, "contractId": 12},
    {"herId": 80001, "organizationNumber": OFFICE},
    {"herId": 90001, "contractId": 11},
    {"herId": 5, "status": "unknown"},
]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"nin": ANNE, "status": "vacant"}, "vacant is to be answered, assigned is"),
    ({"nin": ANNE, "status": "none"}, "none is to be answered, assigned is"),
    ({"nin": ANNE, "status": "unknown"}, "unknown is to be answered, assigned is"),
    ({"nin": FINN, "status": "assigned"}, "assigned is to be answered, none is"),
    ({"nin": UNKNOWN, "status": "none"}, "none is to be answered, unknown is"),
    ({"nin": ANNE, "contractId": 12}, "another contract is answered than must be, or none"),
    ({"nin": ANNE, "hprNumber": 7002}, "another GP is answered than must be, or none"),
    ({"nin": ANNE, "organizationNumber": -7}, "another office is answered than must be, or none"),
    ({"nin": FINN, "contractId": 12}, "another contract is answered than must be, or none"),
    ({"nin": UNKNOWN, "hprNumber": 7001}, "another GP is answered than must be, or none"),
    ({"herId": 4001, "hprNumber": 7002}, "another GP is answered than must be, or none"),
    ({"herId": 90001, "contractId": 12}, "another contract is answered than must be, or none"),
    ({"herId": 80001, "organizationNumber": -7}, "another office is answered than must be, or none"),
    ({"herId": 4001, "status": "unknown"}, "unknown is to be answered, the HER-ID is known"),
    ({"herId": 5, "hprNumber": 7001}, "the HER-ID is unknown"),
]


def write(path: Path, *lines: Any, mode: int = 0o600) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts))
    path.chmod(mode)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canaries")
    load(feeds.write(folder / "feed", feeds.tables()), Settings(data_dir=folder / "data"), QUIET)
    return folder / "data"


@pytest.fixture
def generation(data: Path) -> Generation:
    return open_generation(data / "gen" / (data / "CURRENT").read_text().strip())


def test_what_is_right_does_not_differ(generation: Generation, tmp_path: Path) -> None:
    assert differing(generation, read_canaries(write(tmp_path / "birds", *RIGHT), NOW)) == []


@pytest.mark.parametrize(("canary", "what"), WRONG, ids=str)
def test_what_is_wrong_differs(generation: Generation, tmp_path: Path, canary: dict[str, Any], what: str) -> None:
    told = differing(generation, read_canaries(write(tmp_path / "birds", *RIGHT, canary), NOW))
    assert told == [f"birds:{len(RIGHT) + 1}: {what}"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("", "not a canary"),
        ("[]", "not a canary"),
        ('{"nin": "01819053029"', "not a canary"),
        ({"nin": ANNE, "contract": 11}, "not a canary"),
        ({"nin": ANNE[:10], "contractId": 11}, "not a canary"),
        ({"nin": ANNE, "status": "withheld"}, "not a canary"),
        ({"nin": "12345678901", "contractId": 11}, "nin is not a valid national id"),
        ({"contractId": 11}, "one of nin and herId is asked about"),
        ({"nin": ANNE, "herId": 4001, "hprNumber": 7001}, "one of nin and herId is asked about"),
        ({"nin": ANNE}, "it does not say what must be answered"),
        ({"herId": 4001}, "it does not say what must be answered"),
        ({"herId": 4001, "status": "assigned"}, "the status of a HER-ID is unknown, or nothing is said of it"),
        ({"nin": ANNE, "status": "none", "contractId": 11}, "nobody is answered where the status is unknown or none"),
    ],
    ids=str,
)
def test_a_line_that_is_no_canary_is_a_setting_that_is_wrong(tmp_path: Path, line: Any, what: str) -> None:
    path = write(tmp_path / "birds", RIGHT[0], line)
    with pytest.raises(ConfigurationError) as caught:
        read_canaries(path, NOW)
    assert str(caught.value).startswith(f"canaries: {path}:2: {what}")
    feeds.assert_tells_nothing([str(caught.value)])


@pytest.mark.parametrize(
    ("mode", "taken"), [(0o600, True), (0o640, True), (0o400, True), (0o644, False), (0o660, False)]
)
def test_who_may_read_and_write_the_file(tmp_path: Path, mode: int, taken: bool) -> None:
    path = write(tmp_path / "birds", *RIGHT, mode=mode)
    if taken:
        assert len(read_canaries(path, NOW).lines) == len(RIGHT)
        return
    with pytest.raises(ConfigurationError, match=f"mode {mode:04o}: only its owner may write it, others not read it"):
        read_canaries(path, NOW)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        read_canaries(tmp_path / "birds", NOW)


def test_a_canary_shows_nothing() -> None:
    assert repr(msgspec.convert(RIGHT[0], Canary)) == "<Canary>"


class TestLoad:
    """Asked by the separate process of a full load and an incremental one."""

    def test_one_that_differs_stops_it(self, tmp_path: Path) -> None:
        tables = feeds.tables()
        full = feeds.write(tmp_path / "feed", tables)
        birds = write(tmp_path / "birds", *RIGHT)
        settings = Settings(data_dir=tmp_path / "data", canaries=birds)
        report = load(full, settings, QUIET)
        assert (report.outcome, report.canaries, report.canaries_differ) == ("published", len(RIGHT), [])
        digest = feeds.digest_of(tables)
        tables["memberships"][0]["contractId"] = 12
        event = ("PatientOnContractUpdated", tables["memberships"][0])
        feed = feeds.write_events(tmp_path / "day", [event], digest, tables)
        with pytest.raises(CanariesDiffer) as caught:
            load(feed, settings, QUIET)
        what = "another contract is answered than must be, or none"
        assert caught.value.faults == (f"birds:1: {what}", f"birds:2: {what}")
        assert (str(caught.value), caught.value.exit_code) == (f"birds:1: {what}", 65)
        kept = msgspec.json.decode(max((tmp_path / "data" / "reports").iterdir()).read_bytes(), type=LoadReport)
        assert (kept.outcome, kept.generation) == ("refused", report.generation)
        assert (kept.canaries, kept.canaries_differ) == (len(RIGHT), list(caught.value.faults))
        feeds.assert_tells_nothing([str(msgspec.to_builtins(kept)["canaries_differ"]), str(caught.value)])
        assert (tmp_path / "data" / "CURRENT").read_text().strip() == report.generation

    def test_a_file_that_is_wrong_stops_it_before_it_begins(self, tmp_path: Path) -> None:
        feed = feeds.write(tmp_path / "feed", feeds.tables())
        settings = Settings(data_dir=tmp_path / "data", canaries=write(tmp_path / "birds", "x"))
        with pytest.raises(ConfigurationError):
            load(feed, settings, QUIET)
        assert list((tmp_path / "data" / "gen").iterdir()) == []
