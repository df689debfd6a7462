"""Feeds that the loader must refuse, and what it tells of them: for the tests that trip each check alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loader.errors import BadFeed, LoaderError
from loader.load import load
from loader.progress import Progress
from loader.report import LoadReport
from loader.settings import Settings
from tests.loader import feeds
from tests.loader.feeds import ANNE, FINN

QUIET = Progress(show=False)
TABLES = feeds.tables()
WRONG_DIGITS = ANNE[:-1] + str((int(ANNE[-1]) + 1) % 10)
SINCE = "2015-01-01T00:00:00"
CHANGE = {"changed": SINCE}
NOT_THERE = "names a record that is not in the feed"


def manifest(**members: Any) -> Callable[[Path], Any]:
    """Change what the manifest says."""

    def change(folder: Path) -> None:
        (folder / "manifest.json").write_text(json.dumps(feeds.manifest_of(folder) | members))

    return change


def refused(data: Path, feed: Path, **settings: Any) -> tuple[str, ...]:
    """What is told of a load that must be refused: all of it, and the same in the report."""
    before = (data / "CURRENT").read_bytes()
    with pytest.raises(LoaderError) as caught:
        load(feed, Settings(data_dir=data, **settings), QUIET)
    error = caught.value
    assert error.exit_code == 65
    assert (data / "CURRENT").read_bytes() == before
    assert list((data / "staging").iterdir()) == []
    assert [folder.name for folder in (data / "gen").iterdir()] == [before.decode().strip()]
    report = msgspec.json.decode(max((data / "reports").iterdir()).read_bytes(), type=LoadReport)
    assert (report.message, report.exit_code, report.generation) == (str(error), 65, before.decode().strip())
    faults = (error.faults or (str(error),)) if isinstance(error, BadFeed) else (str(error),)
    assert report.faults == (list(faults) if isinstance(error, BadFeed) else [])
    feeds.assert_tells_nothing([*faults, str(error), *report.faults])
    return faults


def events(folder: Path, happened: list[tuple[str, Any]]) -> Path:
    """A feed of events, with the content digest of the state that they lead to where only records are put."""
    after = feeds.tables()
    for name, body in happened:
        table = TABLE_OF[name]
        after[table] = [one for one in after[table] if key_of(table, one) != key_of(table, body)] + [body]
    return feeds.write_events(folder, happened, feeds.digest_of(TABLES), after)


def key_of(table: str, record: dict[str, Any]) -> list[Any]:
    keys = {"persons": "nin", "doctors": "hprNumber", "offices": "organizationNumber", "nin_changes": "oldNin"}
    return [record.get(member) for member in (["oid", "value"] if table == "codes" else [keys.get(table, "id")])]


TABLE_OF = {
    "ContractUpdated": "contracts",
    "GPOnContractCreated": "doctor_cycles",
    "GPOnContractUpdated": "doctor_cycles",
    "OutOfOfficeLocationCreated": "outposts",
    "OutOfOfficeLocationUpdated": "outposts",
    "OfficeUpdated": "offices",
    "DoctorUpdated": "doctors",
    "TeamCreated": "teams",
    "TeamUpdated": "teams",
    "PersonCreated": "persons",
    "PersonUpdated": "persons",
    "PatientOnContractCreated": "memberships",
    "PatientOnContractUpdated": "memberships",
    "PatientNinChanged": "nin_changes",
    "CodeCreated": "codes",
}


def sound(tmp_path: Path, kind: str) -> Path:
    """A feed in which nothing is wrong; another person has a name."""
    if kind == "incremental":
        return events(tmp_path / "feed", [("PersonUpdated", {"nin": FINN, "firstName": "Kari"})])
    tables = feeds.tables()
    tables["persons"][5]["firstName"] = "Kari"
    return feeds.write(tmp_path / "feed", tables, sequence=8)
