"""Every check of a full feed, by name: one in which that alone is wrong is refused for exactly that.

What is in service stays, the report says why, and nothing that is told holds content. Variants of each check are in
the files that the pipeline's steps have of their own; incremental feeds are in test_every_check_of_events.py, the
checks of what was built in test_every_check_of_results.py.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from loader.load import load
from loader.settings import Settings
from tests.loader import feeds
from tests.loader.feeds import EVA, FINN, OLDER, UNKNOWN, Tables
from tests.loader.refusals import CHANGE, NOT_THERE, QUIET, SINCE, TABLES, WRONG_DIGITS, manifest, refused


class Check(NamedTuple):
    """What is done to a sound feed, or to its data files once they are written, and the faults that are told."""

    told: str | tuple[str, ...]
    tables: Callable[[Tables], Any] = lambda _: None
    folder: Callable[[Path], Any] = lambda _: None

    @property
    def faults(self) -> tuple[str, ...]:
        return (self.told,) if isinstance(self.told, str) else self.told


def put(table: str, i: int, **members: Any) -> Callable[[Tables], Any]:
    return lambda tables: tables[table][i].update(members)


def add(table: str, record: Any) -> Callable[[Tables], Any]:
    return lambda tables: tables[table].append(record)


def entry(table: str, **members: Any) -> Callable[[Path], Any]:
    """Change what the manifest says of a file."""

    def change(folder: Path) -> None:
        files = feeds.manifest_of(folder)["files"]
        next(one for one in files if one["table"] == table).update(members)
        manifest(files=files)(folder)

    return change


def octets(name: str, old: bytes, new: bytes) -> Callable[[Path], Any]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes().replace(old, new, 1))

    return change


NEWEST = "a changed number whose newest number is not a person in the feed"
SIZE = sum(len(feeds.line_of(record)) + 1 for record in TABLES["doctors"])
FULL: dict[str, Check] = {
    "digest of a file": Check(
        "persons.ndjson: sha256 differs from the manifest's", folder=octets("persons.ndjson", b"Kim", b"Kam")
    ),
    "digest of the content": Check(
        "manifest.json: content_digest is not that of the records in the data files",
        folder=manifest(content_digest="0" * 32),
    ),
    "count of octets": Check(
        f"doctors.ndjson: {SIZE} bytes, the manifest says {SIZE + 1}", folder=entry("doctors", bytes=SIZE + 1)
    ),
    "count of records": Check("teams.ndjson: 1 records, the manifest says 2", folder=entry("teams", records=2)),
    "count of files": Check(
        "outposts.ndjson: listed in the manifest but missing",
        folder=lambda folder: (folder / "outposts.ndjson").unlink(),
    ),
    "schema of the manifest": Check("manifest.json: Object contains unknown field `more`", folder=manifest(more=1)),
    "schema of a small table": Check(
        "offices.ndjson:2: Expected `str`, got `int` - at `$.name`", put("offices", 1, name=1)
    ),
    "schema of a person": Check(
        "persons.ndjson:6: Object contains unknown field `name`", put("persons", 5, name="Kim")
    ),
    "schema of a membership": Check(
        "memberships.ndjson:8: Object missing required field `nin`", add("memberships", {"id": 58})
    ),
    "code value of a small table": Check(
        "contracts.ndjson:2: a value that is not in code system 7751", put("contracts", 1, status="OPEN")
    ),
    "code value of a person": Check(
        "persons.ndjson:2: a value that is not in code system 3101", put("persons", 1, sex="9")
    ),
    "code value of a membership": Check(
        "memberships.ndjson:1: a value that is not in code system 7754", put("memberships", 0, beginCode="OHID")
    ),
    "code value of a closed system": Check(
        "codes.ndjson:9: code system 7750 is closed: its values do not come with the feed",
        add("codes", {"oid": 7750, "value": "XX", "text": "X"}),
    ),
    "id of a person": Check("persons.ndjson:6: nin is not a valid national id", put("persons", 5, nin=WRONG_DIGITS)),
    "id of a doctor": Check("doctors.ndjson:3: nin is not a valid national id", put("doctors", 2, nin=WRONG_DIGITS)),
    "id of an office": Check(
        "teams.ndjson:1: organizationNumber is not a valid organisation number",
        put("teams", 0, organizationNumber=123456784),
    ),
    "overlap": Check(
        "memberships.ndjson:5: a membership that overlaps another of the same person",
        put("memberships", 4, **{"from": "2017-01-01T00:00:00"}),
    ),
    "contract exists, of a membership": Check(
        "memberships.ndjson:4: contractId names a contract that is not in the feed",
        put("memberships", 3, contractId=14),
    ),
    "contract exists, of a doctor cycle": Check(
        f"doctor_cycles.ndjson:3: contractId {NOT_THERE}", put("doctor_cycles", 2, contractId=14)
    ),
    "contract exists, of an outpost": Check(
        f"outposts.ndjson:1: contractId {NOT_THERE}", put("outposts", 0, contractId=14)
    ),
    "contract exists, of a team": Check(
        f"teams.ndjson:1: contracts.contractId {NOT_THERE}",
        put("teams", 0, contracts=[{"id": 1, "contractId": 14, "from": SINCE}]),
    ),
    "office exists, of a contract": Check(
        f"contracts.ndjson:3: officeOrganizationNumber {NOT_THERE}", put("contracts", 2, officeOrganizationNumber=-8)
    ),
    "doctor exists, of a doctor cycle": Check(
        f"doctor_cycles.ndjson:3: hprNumber {NOT_THERE}", put("doctor_cycles", 2, hprNumber=7009)
    ),
    "doctor exists, of a substitute": Check(
        f"doctor_cycles.ndjson:2: substituteForHprNumber {NOT_THERE}",
        put("doctor_cycles", 1, substituteForHprNumber=7009),
    ),
    "team exists, of a contract": Check(f"contracts.ndjson:2: teamId {NOT_THERE}", put("contracts", 1, teamId=32)),
    "team exists, of an office": Check(f"offices.ndjson:2: teamId {NOT_THERE}", put("offices", 1, teamId=32)),
    "person exists, of a membership": Check(
        "memberships.ndjson:1: a membership of a person that is not in the feed", put("memberships", 0, nin=UNKNOWN)
    ),
    "her-id": Check(
        "doctor_cycles.ndjson:3: herId belongs to another thing at the same time",
        put("doctor_cycles", 2, herId=4002, **{"from": "2015-12-31T00:00:00"}),
    ),
    "alias chain that leads back": Check(
        "nin_changes.ndjson:3: a chain of changed numbers that leads back to itself, or is longer than 64",
        add("nin_changes", {"oldNin": UNKNOWN, "newNin": UNKNOWN, **CHANGE}),
    ),
    "alias chain that leads to nobody": Check(
        f"nin_changes.ndjson:3: {NEWEST}",
        add("nin_changes", {"oldNin": UNKNOWN, "newNin": feeds.number(77), **CHANGE}),
    ),
    "alias chain that forks": Check(
        "nin_changes.ndjson:3: an old number that is replaced twice",
        add("nin_changes", {"oldNin": OLDER, "newNin": EVA, **CHANGE}),
    ),
    "alias chain from a person": Check(
        "nin_changes.ndjson:3: an old number that is still a person",
        add("nin_changes", {"oldNin": FINN, "newNin": EVA, **CHANGE}),
    ),
    "alias chain with a membership": Check(
        "memberships.ndjson:6: a membership of a number that has been replaced", put("memberships", 5, nin=OLDER)
    ),
    "period of a small table": Check(
        "outposts.ndjson:1: the period ends before it begins", put("outposts", 0, to=SINCE)
    ),
    "period of a membership": Check(
        "memberships.ndjson:4: the period ends before it begins", put("memberships", 3, to=SINCE)
    ),
    "key of a small table": Check(
        "contracts.ndjson:4: a record whose key is used twice", add("contracts", TABLES["contracts"][1])
    ),
    "key of a person": Check("persons.ndjson:7: a person that is in the feed twice", add("persons", {"nin": FINN})),
    "key of a membership": Check(
        "memberships.ndjson:7: a membership id that is used twice", put("memberships", 6, id=51)
    ),
    "sequence": Check(
        "the feed's sequence is 6, 7 is in service: --allow-older REASON takes it", folder=manifest(sequence=6)
    ),
}


@pytest.mark.parametrize("name", FULL)
def test_a_full_feed(in_service: Path, tmp_path: Path, name: str) -> None:
    tables = feeds.tables()
    FULL[name].tables(tables)
    folder = feeds.write(tmp_path / "feed", tables, sequence=8)
    FULL[name].folder(folder)
    assert refused(in_service, folder) == FULL[name].faults


def test_the_sound_feed_is_taken(tmp_path: Path, no_reader: None) -> None:
    """The counter-test: what is around the faults is right."""
    feed = feeds.write(tmp_path / "feed", feeds.tables(), sequence=8)
    assert load(feed, Settings(data_dir=tmp_path / "data"), QUIET).outcome == "published"
