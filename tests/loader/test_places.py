"""The counts that the master owns are warned of when they are odd, each oddity alone, and never stop a load."""

from pathlib import Path
from typing import Any

import pytest

from loader.load import load
from loader.progress import Progress
from loader.settings import Settings
from tests.loader import feeds

ENDED = {"to": "2019-01-01T00:00:00", "endReason": "OHAV"}


@pytest.mark.parametrize(
    ("i", "members", "warning"),
    [
        (0, {"placesAvailable": 998}, None),  # Anne and Carl are on the list of 1000
        (0, {"placesAvailable": 997}, "placesAvailable of 1 open contracts is not the ceiling less the members"),
        (0, {"placesAvailable": 0, "maxPatients": 1}, None),  # more on the list than its ceiling
        (0, {"status": "FAAL", "placesAvailable": 0, "patientsOnWaitingList": 5}, None),
        (0, {"status": "FAAL", "placesAvailable": 998}, "placesAvailable of 1 contracts that are not open is not 0"),
        (0, {"placesAvailable": 0, "maxPatients": 2, "patientsOnWaitingList": 5}, None),
        (
            0,
            {"placesAvailable": 998, "patientsOnWaitingList": 5},
            "1 open contracts have free places, and patients on the waiting list",
        ),
        (2, {"patientsOnWaitingList": 5}, "1 contracts that have ended have patients on the waiting list"),
    ],
    ids=str,
)
def test_each_alone(tmp_path: Path, i: int, members: dict[str, Any], warning: str | None) -> None:
    tables = feeds.tables()
    tables["contracts"][i] |= members
    built = feeds.build(feeds.write(tmp_path / "feed", tables), tmp_path / "out")
    assert built.warnings == ([] if warning is None else [warning])


def test_an_incremental_load_warns_of_what_it_sees(tmp_path: Path, no_reader: None) -> None:
    tables = feeds.tables()
    settings, progress = Settings(data_dir=tmp_path / "data"), Progress(show=False)
    load(feeds.write(tmp_path / "1", tables), settings, progress)
    digest = feeds.digest_of(tables)
    tables["contracts"][0] |= {"placesAvailable": 998, "patientsOnWaitingList": 5}
    feed = feeds.write_events(tmp_path / "2", [("ContractUpdated", tables["contracts"][0])], digest, tables)
    report = load(feed, settings, progress)
    assert report.warnings == ["1 open contracts have free places, and patients on the waiting list"]
