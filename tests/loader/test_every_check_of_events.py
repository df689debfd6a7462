"""Every check that an incremental feed can trip, by name: an event in which that alone is wrong is refused for it."""

from pathlib import Path
from typing import Any

import pytest

from tests.loader import feeds
from tests.loader.feeds import DAVID, EVA, FINN, OLDER, UNKNOWN
from tests.loader.refusals import CHANGE, NOT_THERE, SINCE, TABLES, WRONG_DIGITS, events, manifest, refused
from tests.loader.test_every_check import FULL

NEW = {"id": 99, "nin": FINN, "contractId": 11, "from": "2020-01-01T00:00:00", "updated": SINCE}
AT = "feed/events.ndjson:1:"


def of(table: str, i: int, **members: Any) -> dict[str, Any]:
    return {**TABLES[table][i], **members}


INCREMENTAL: dict[str, tuple[str, dict[str, Any], str]] = {
    "schema": (
        "PersonCreated",
        {"nin": UNKNOWN, "name": "Kim"},
        "events.ndjson:1: Object contains unknown field `name`",
    ),
    "code value of a small table": (
        "ContractUpdated",
        of("contracts", 1, status="OPEN"),
        f"{AT} a value that is not in code system 7751",
    ),
    "code value of a person": (
        "PersonCreated",
        {"nin": UNKNOWN, "sex": "9"},
        f"{AT} a value that is not in code system 3101",
    ),
    "code value of a membership": (
        "PatientOnContractCreated",
        {**NEW, "beginCode": "XX"},
        f"{AT} a value that is not in code system 7754",
    ),
    "code value of a closed system": (
        "CodeCreated",
        {"oid": 7750, "value": "XX", "text": "X"},
        f"{AT} code system 7750 is closed: its values do not come with the feed",
    ),
    "id of a person": ("PersonCreated", {"nin": WRONG_DIGITS}, f"{AT} nin is not a valid national id"),
    "id of a doctor": (
        "DoctorUpdated",
        of("doctors", 2, nin=WRONG_DIGITS),
        f"{AT} nin is not a valid national id",
    ),
    "id of an office": (
        "TeamUpdated",
        of("teams", 0, organizationNumber=123456784),
        f"{AT} organizationNumber is not a valid organisation number",
    ),
    "overlap": (
        "PatientOnContractCreated",
        {**NEW, "nin": DAVID, "from": "2100-01-01T00:00:00"},
        f"{AT} a membership that overlaps another of the same person",
    ),
    "contract exists, of a membership": (
        "PatientOnContractCreated",
        {**NEW, "contractId": 14},
        f"{AT} contractId names a contract that is not in the feed",
    ),
    "contract exists, of a doctor cycle": (
        "GPOnContractCreated",
        of("doctor_cycles", 2, id=29, contractId=14),
        f"{AT} contractId {NOT_THERE}",
    ),
    "contract exists, of an outpost": (
        "OutOfOfficeLocationCreated",
        of("outposts", 0, id=49, contractId=14),
        f"{AT} contractId {NOT_THERE}",
    ),
    "contract exists, of a team": (
        "TeamUpdated",
        of("teams", 0, contracts=[{"id": 1, "contractId": 14, "from": SINCE}]),
        f"{AT} contracts.contractId {NOT_THERE}",
    ),
    "office exists, of a contract": (
        "ContractUpdated",
        of("contracts", 2, officeOrganizationNumber=-8),
        f"{AT} officeOrganizationNumber {NOT_THERE}",
    ),
    "doctor exists, of a doctor cycle": (
        "GPOnContractUpdated",
        of("doctor_cycles", 2, hprNumber=7009),
        f"{AT} hprNumber {NOT_THERE}",
    ),
    "doctor exists, of a substitute": (
        "GPOnContractUpdated",
        of("doctor_cycles", 1, substituteForHprNumber=7009),
        f"{AT} substituteForHprNumber {NOT_THERE}",
    ),
    "team exists, of a contract": ("ContractUpdated", of("contracts", 1, teamId=32), f"{AT} teamId {NOT_THERE}"),
    "team exists, of an office": ("OfficeUpdated", of("offices", 1, teamId=32), f"{AT} teamId {NOT_THERE}"),
    "person exists, of a membership": (
        "PatientOnContractCreated",
        {**NEW, "nin": UNKNOWN},
        f"{AT} a membership of a person that is not in the feed",
    ),
    "her-id": (
        "GPOnContractUpdated",
        of("doctor_cycles", 2, herId=4002, **{"from": "2015-12-31T00:00:00"}),
        f"{AT} herId belongs to another thing at the same time",
    ),
    "alias chain that leads back": (
        "PatientNinChanged",
        {"oldNin": UNKNOWN, "newNin": UNKNOWN, **CHANGE},
        f"{AT} a chain of changed numbers that leads back to itself, or is longer than 64",
    ),
    "alias chain that leads to nobody": (
        "PatientNinChanged",
        {"oldNin": UNKNOWN, "newNin": feeds.number(77), **CHANGE},
        f"{AT} a changed number whose newest number is not a person",
    ),
    "alias chain that forks": (
        "PatientNinChanged",
        {"oldNin": OLDER, "newNin": EVA, **CHANGE},
        f"{AT} an old number that is replaced twice",
    ),
    "alias chain from a person": ("PersonCreated", {"nin": OLDER}, f"{AT} an old number that is still a person"),
    "alias chain with a membership": (
        "PatientOnContractCreated",
        {**NEW, "nin": OLDER},
        f"{AT} a membership of a number that has been replaced",
    ),
    "period of a small table": (
        "OutOfOfficeLocationCreated",
        of("outposts", 0, id=49, to=SINCE),
        f"{AT} the period ends before it begins",
    ),
    "period of a membership": (
        "PatientOnContractCreated",
        {**NEW, "to": NEW["from"]},
        f"{AT} the period ends before it begins",
    ),
    "key of a small table": ("TeamCreated", of("teams", 0), f"{AT} a record that is there already"),
    "key of a person": ("PersonCreated", {"nin": FINN}, f"{AT} a record that is there already"),
    "key of a membership": (
        "PatientOnContractCreated",
        of("memberships", 0),
        f"{AT} a record that is there already",
    ),
}


@pytest.mark.parametrize("name", INCREMENTAL)
def test_an_incremental_feed(in_service: Path, tmp_path: Path, name: str) -> None:
    event, body, told = INCREMENTAL[name]
    assert refused(in_service, events(tmp_path / "feed", [(event, body)])) == (told,)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            {"content_digest": "0" * 32},
            "manifest.json: the events do not lead to its content_digest: its base is another state",
        ),
        (
            {"base_digest": "0" * 32},
            "a gap: the feed continues from another state of sequence 7: a full feed is needed",
        ),
        ({"base_sequence": 5}, "a gap: the feed continues from 5, 7 is in service: a full feed is needed"),
    ],
    ids=["digest of the content", "digest of the base", "sequence"],
)
def test_where_an_incremental_feed_leads_from_and_to(
    in_service: Path, tmp_path: Path, said: dict[str, Any], told: str
) -> None:
    feed = events(tmp_path / "feed", [("PersonCreated", {"nin": UNKNOWN})])
    manifest(**said)(feed)
    assert refused(in_service, feed) == (told,)


def test_only_what_the_format_of_a_full_feed_has_is_missing_for_incremental_ones() -> None:
    """Sizes and digests of files are checked by the same code, whatever the files hold."""
    assert set(FULL) - set(INCREMENTAL) == {
        *(name for name in FULL if name.split()[0] in ("digest", "count")),
        *("schema of the manifest, schema of a small table, schema of a person, schema of a membership".split(", ")),
        "sequence",
    }
