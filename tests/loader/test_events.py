"""What is refused in an incremental feed: each fault by itself, told by file and line; nothing is put in service."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from loader.errors import BadFeed, BadGeneration
from loader.events import read_events
from loader.load import load
from loader.progress import Progress
from loader.read import open_feed
from loader.settings import Settings
from loader.state import State
from lookup.generation import open_generation
from register.feed import format_digest
from tests.loader import feeds
from tests.loader.feeds import ANNE, CARL, DAVID, EVA, FINN, OLDER, UNKNOWN

TABLES = feeds.tables()
KEYS = {"doctors": "hprNumber", "persons": "nin"}
GIVEN: dict[str, dict[Any, Any]] = {
    table: {record[KEYS.get(table, "id")]: record for record in TABLES[table]}
    for table in ("contracts", "doctors", "doctor_cycles", "persons", "memberships")
}
NEW = {"id": 99, "nin": FINN, "contractId": 11, "from": "2020-01-01T00:00:00", "updated": "2020-01-01T00:00:00"}
PERSON = {"nin": UNKNOWN, "firstName": "Kim"}


def given(table: str, key: Any, **changed: Any) -> dict[str, Any]:
    """A record of the register as it is, or with some members changed."""
    return {**GIVEN[table][key], **changed}


def change(old: str, new: str) -> dict[str, str]:
    return {"oldNin": old, "newNin": new, "changed": "2026-11-24T00:00:00"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the feed by hand in service, sequence 7."""
    folder = tmp_path_factory.mktemp("base")
    load(feeds.write(folder / "feed", TABLES), Settings(data_dir=folder / "data"), Progress(show=False))
    return folder / "data"


def write(folder: Path, *events: Any, **members: object) -> Path:
    """An incremental feed that continues from the feed by hand. Its content digest is the base's, unless given."""
    folder.mkdir()
    lines = [
        event if isinstance(event, bytes) else feeds.line_of({"event": event[0], "body": event[1]}) for event in events
    ]
    (folder / "events.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    digest = feeds.digest_of(TABLES)
    said = {"kind": "incremental", "sequence": 8, "base_sequence": 7, "base_digest": digest, "content_digest": digest}
    feeds.write_manifest(folder, **said | members)
    return folder


def digest_after(base: Path, folder: Path) -> str:
    """The content digest that the events do lead to, so that nothing but their own fault is wrong with them."""
    state = State(open_generation(base / "gen" / (base / "CURRENT").read_text().strip()))
    with contextlib.suppress(BadFeed):
        state.apply(open_feed(folder))
    return format_digest(state.digest)


def faults_of(base: Path, folder: Path) -> list[str]:
    before = (base / "CURRENT").read_bytes()
    with pytest.raises(BadFeed) as caught:
        load(folder, Settings(data_dir=base), Progress(show=False))
    assert (base / "CURRENT").read_bytes() == before
    assert list((base / "staging").iterdir()) == []
    feeds.assert_tells_nothing([str(caught.value), *caught.value.faults])
    return [str(caught.value), *caught.value.faults[1:]]


FAULTS: dict[str, tuple[list[Any], str]] = {
    "no event": ([b'{"event":"ContractCreated"}'], "not an event"),
    "no JSON": ([b"{"], "not an event"),
    "an unknown event": ([("PatientMoved", {})], "no event has that name"),
    "a body of another table": ([("PersonCreated", NEW)], "unknown field"),
    "created twice": ([("PatientOnContractCreated", given("memberships", 51))], "a record that is there already"),
    "a person created twice": ([("PersonCreated", given("persons", ANNE))], "a record that is there already"),
    "a contract created twice": ([("ContractCreated", given("contracts", 11))], "a record that is there already"),
    "an update of nothing": ([("PatientOnContractUpdated", NEW)], "a record that is not there"),
    "an update under another number": (
        [("PatientOnContractUpdated", given("memberships", 51, nin=DAVID))],
        "a record that is not there",
    ),
    "an end of nothing": (
        [("ContractCanceled", given("contracts", 11, id=99, to="2027-01-01T00:00:00", endReason="OHAV"))],
        "a record that is not there",
    ),
    "a deletion of nothing": (
        [("DoctorDeleted", given("doctors", 7001, hprNumber=7009))],
        "a record that is not there",
    ),
    "a deletion of another": (
        [("GPOnContractDeleted", given("doctor_cycles", 22, workingPercentage=50))],
        "a deletion of a record that is not as it stands",
    ),
    "a person deleted who is another": (
        [("PersonDeleted", given("persons", FINN, firstName="Kim"))],
        "a deletion of a record that is not as it stands",
    ),
    "a person deleted with memberships": (
        [("PersonDeleted", given("persons", DAVID))],
        "a deletion of a person who has memberships",
    ),
    "a person who is an old number's": (
        [
            ("PatientOnContractCanceled", given("memberships", 54, to="2015-01-01T00:00:00")),
            ("PatientOnContractCanceled", given("memberships", 55, to="2018-03-04T05:06:08")),
            ("PersonDeleted", given("persons", CARL)),
        ],
        "a changed number whose newest number is not a person",
    ),
    "an old number as a person": ([("PersonCreated", {"nin": OLDER})], "an old number that is still a person"),
    "an old number with a membership": (
        [("PatientOnContractCreated", {**NEW, "nin": OLDER})],
        "a membership of a number that has been replaced",
    ),
    "a membership of nobody": (
        [("PatientOnContractCreated", {**NEW, "nin": UNKNOWN})],
        "a membership of a person that is not in the feed",
    ),
    "a number that is none": ([("PatientOnContractCreated", {**NEW, "nin": "12345678901"})], "not a valid national id"),
    "a person whose number is none": ([("PersonCreated", {"nin": "12345678901"})], "not a valid national id"),
    "a change from what is no number": (
        [("PatientNinChanged", change("12345678901", ANNE))],
        "not a valid national id",
    ),
    "a membership on no list": (
        [("PatientOnContractCreated", {**NEW, "contractId": 77})],
        "contractId names a contract that is not in the feed",
    ),
    "an unknown begin code": ([("PatientOnContractCreated", {**NEW, "beginCode": "XX"})], "not in code system 7754"),
    "an unknown end code": ([("PatientOnContractCreated", {**NEW, "endCode": "XX"})], "not in code system 7753"),
    "an unknown code of a person": ([("PersonCreated", {**PERSON, "sex": "7"})], "not in code system 3101"),
    "an empty period": (
        [("PatientOnContractCreated", {**NEW, "to": "2020-01-01T00:00:00"})],
        "the period ends before it begins",
    ),
    "a membership canceled without an end": (
        [("PatientOnContractCanceled", given("memberships", 51))],
        "a cancellation without an end and its reason",
    ),
    "a contract canceled without a reason": (
        [("ContractCanceled", given("contracts", 12, to="2027-01-01T00:00:00"))],
        "a cancellation without an end and its reason",
    ),
    "memberships that overlap": (
        [
            ("PatientOnContractCreated", NEW),
            ("PatientOnContractCreated", {**NEW, "id": 98, "from": "2021-01-01T00:00:00"}),
        ],
        "a membership that overlaps another of the same person",
    ),
    "two persons in one who overlap": (
        [("PatientNinChanged", change(ANNE, CARL))],
        "a membership that overlaps another of the same person",
    ),
    "a number changed twice": ([("PatientNinChanged", change(OLDER, ANNE))], "an old number that is replaced twice"),
    "a number changed to nobody's": (
        [("PatientNinChanged", change(UNKNOWN, feeds.number(77)))],
        "a changed number whose newest number is not a person",
    ),
    "a number that leads back to itself": (
        [("PatientNinChanged", change(EVA, FINN)), ("PatientNinChanged", change(FINN, EVA))],
        "a chain of changed numbers that leads back to itself",
    ),
    "an office that a contract is at": (
        [("OfficeDeleted", TABLES["offices"][0])],
        "officeOrganizationNumber names a record",
    ),
    "a code of a closed system": (
        [("CodeCreated", {"oid": 7750, "value": "XX", "text": "x"})],
        "code system 7750 is closed",
    ),
    "a HER-ID of two": (
        [("OfficeUpdated", {**TABLES["offices"][1], "herId": 90001})],
        "herId belongs to another thing",
    ),
    "another state than it says": ([("PersonCreated", PERSON)], "the events do not lead to its content_digest"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(base: Path, tmp_path: Path, name: str) -> None:
    events, says = FAULTS[name]
    folder = write(tmp_path / "feed", *events)
    if "content_digest" not in says:
        manifest = feeds.manifest_of(folder)
        feeds.write_manifest(folder, **manifest | {"content_digest": digest_after(base, folder)})
    first, *_ = faults = faults_of(base, folder)
    assert any(says in fault for fault in faults), faults
    where = first.split(": ")[0]
    assert where == "manifest.json" or where.startswith(
        ("events.ndjson:", "feed/events.ndjson:", "what is in service:")
    )


def test_every_fault_of_a_feed_is_told_with_its_line(base: Path, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "feed",
        ("PersonCreated", PERSON),
        ("PersonCreated", given("persons", ANNE)),
        ("PersonUpdated", {"nin": feeds.number(78)}),
    )
    assert faults_of(base, folder) == [
        "feed/events.ndjson:2: a record that is there already",
        "feed/events.ndjson:3: a record that is not there",
    ]


def test_a_feed_that_changes_while_it_is_read(base: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "feed", ("PersonCreated", PERSON))
    (folder / "events.ndjson").write_bytes((folder / "events.ndjson").read_bytes().replace(b"Kim", b"Kam"))
    assert "sha256 differs" in faults_of(base, folder)[0]


def test_a_change_shows_nothing_of_its_record(tmp_path: Path) -> None:
    (one,) = read_events(open_feed(write(tmp_path / "feed", ("PersonCreated", PERSON))))
    assert repr(one) == "<PersonCreated>"


def test_without_the_persons_particulars_nothing_can_be_applied(base: Path, tmp_path: Path) -> None:
    """A node that has not got people.mdb does not know what it would have to change."""
    data = shutil.copytree(base, tmp_path / "data")
    (data / "gen" / (data / "CURRENT").read_text().strip() / "people.mdb").unlink()
    with pytest.raises(BadGeneration, match="is not on this node"):
        load(write(tmp_path / "feed", ("PersonCreated", PERSON)), Settings(data_dir=data), Progress(show=False))


def test_what_is_right_is_applied(base: Path, tmp_path: Path) -> None:
    """The counter-test: the helper's feeds are refused for their faults, not for what is around them."""
    after = json.loads(json.dumps(TABLES))
    after["persons"].append(PERSON)
    folder = write(tmp_path / "feed", ("PersonCreated", PERSON), content_digest=feeds.digest_of(after))
    report = load(folder, Settings(data_dir=base), Progress(show=False))
    assert (report.outcome, report.serial, report.counts["persons"]) == ("published", 8, len(TABLES["persons"]) + 1)
