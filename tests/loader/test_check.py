"""What must hold between the records of a feed. Every check is tripped alone: one fault, with file and line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loader.check
from tests.loader import feeds
from tests.loader.feeds import ANNE, DAVID, FINN, OLDER, OLDEST, UNKNOWN, Tables

NOT_VALID = "nin is not a valid national id"
EMPTY_PERIOD = "the period ends before it begins"
KEY_TWICE = "a record whose key is used twice"
HER_ID_TWICE = "herId belongs to another thing at the same time"
CHAIN = "a chain of changed numbers that leads back to itself, or is longer than 64"
WRONG_DIGITS = ANNE[:-1] + str((int(ANNE[-1]) + 1) % 10)
SINCE = "2015-01-01T00:00:00"
Path_ = tuple[str | int, ...]


def not_in(system: int) -> str:
    return f"a value that is not in code system {system}"


def dangling(member: str) -> str:
    return f"{member} names a record that is not in the feed"


def put(record: Any, path: Path_, value: object) -> None:
    for step in path[:-1]:
        record = record[step]
    record[path[-1]] = value


Refused = Callable[[Tables], tuple[str, ...]]
Accepted = Callable[[Tables], None]


@pytest.mark.parametrize(
    ("table", "i", "path", "value", "fault"),
    [
        # ids
        ("persons", 3, ("nin",), WRONG_DIGITS, NOT_VALID),
        ("persons", 3, ("nin",), "0181905302x", NOT_VALID),
        ("persons", 3, ("nin",), "٠١٨١٩٠٥٣٠٢٩", NOT_VALID),
        ("doctors", 2, ("nin",), WRONG_DIGITS, NOT_VALID),
        ("memberships", 5, ("nin",), WRONG_DIGITS, NOT_VALID),
        ("nin_changes", 0, ("oldNin",), WRONG_DIGITS, NOT_VALID),
        ("nin_changes", 1, ("newNin",), WRONG_DIGITS, NOT_VALID),
        ("teams", 0, ("organizationNumber",), 123456784, "organizationNumber is not a valid organisation number"),
        (
            "offices",
            0,
            ("parentOrganizationNumber",),
            974767881,
            "parentOrganizationNumber is not a valid organisation number",
        ),
        # coded members
        ("persons", 1, ("sex",), "9", not_in(3101)),
        ("persons", 1, ("physicalAddresses", 0, "type"), "HOME", not_in(3401)),
        ("persons", 1, ("physicalAddresses", 0, "municipality"), "9999", not_in(3402)),
        ("persons", 1, ("physicalAddresses", 0, "country"), "XX", not_in(9043)),
        ("persons", 1, ("status", 0, "code", "value"), "99", not_in(5510)),
        ("persons", 1, ("status", 0, "code", "oid"), 5511, not_in(5511)),
        ("persons", 1, ("status", 0, "code", "oid"), 17, not_in(17)),
        ("offices", 1, ("municipality",), "9999", not_in(3402)),
        ("offices", 1, ("district",), "999999", not_in(3403)),
        ("offices", 0, ("sector", "value"), "X", not_in(9040)),
        ("offices", 0, ("industries", 0, "value"), "X", not_in(9040)),
        ("offices", 0, ("properties", 0, "value"), "X", not_in(9040)),
        # codes of a system that is known, and is not for this member
        ("offices", 0, ("sector",), {"oid": 3402, "value": "0301"}, "sector has a value of code system 3402"),
        ("offices", 0, ("industries", 0), {"oid": 3402, "value": "0301"}, "industries has a value of code system 3402"),
        ("offices", 0, ("properties", 0), {"oid": 3303, "value": "no"}, "properties has a value of code system 3303"),
        ("offices", 0, ("properties", 0, "oid"), 17, "properties has a value of code system 17"),
        ("doctors", 1, ("languages", 0), {"oid": 9043, "value": "NO"}, "languages has a value of code system 9043"),
        ("doctors", 1, ("languages", 0, "oid"), 3301, not_in(3301)),
        ("offices", 0, ("physicalAddresses", 0, "type"), "HOME", not_in(3401)),
        ("offices", 0, ("physicalAddresses", 0, "municipality"), "9999", not_in(3402)),
        ("offices", 0, ("physicalAddresses", 0, "country"), "XX", not_in(9043)),
        ("offices", 0, ("electronicAddresses", 0, "type"), "PIGEON", not_in(9044)),
        ("doctors", 1, ("sex",), "9", not_in(3101)),
        ("doctors", 1, ("languages", 0, "value"), "xx", not_in(3303)),
        ("contracts", 1, ("municipality",), "9999", not_in(3402)),
        ("contracts", 1, ("coopMunicipalities",), ["0301", "9999"], not_in(3402)),
        ("contracts", 1, ("status",), "OPEN", not_in(7751)),
        ("contracts", 1, ("requiresMembership",), "X", not_in(7755)),
        ("contracts", 2, ("endReason",), "X", not_in(7753)),
        ("doctor_cycles", 2, ("relationship",), "X", not_in(7750)),
        ("outposts", 0, ("physicalAddresses", 0, "type"), "HOME", not_in(3401)),
        ("outposts", 0, ("electronicAddresses", 0, "type"), "PIGEON", not_in(9044)),
        ("teams", 0, ("people", 0, "role"), "X", not_in(9060)),
        ("memberships", 0, ("beginCode",), "OHID", not_in(7754)),
        ("memberships", 1, ("endCode",), "BGVA", not_in(7753)),
        # references
        ("contracts", 2, ("officeOrganizationNumber",), -8, dangling("officeOrganizationNumber")),
        ("contracts", 1, ("teamId",), 32, dangling("teamId")),
        ("offices", 1, ("teamId",), 32, dangling("teamId")),
        ("doctor_cycles", 2, ("contractId",), 14, dangling("contractId")),
        ("doctor_cycles", 2, ("hprNumber",), 7009, dangling("hprNumber")),
        ("doctor_cycles", 1, ("substituteForHprNumber",), 7009, dangling("substituteForHprNumber")),
        ("outposts", 0, ("contractId",), 14, dangling("contractId")),
        ("teams", 0, ("contracts", 0, "contractId"), 14, dangling("contracts.contractId")),
        ("memberships", 3, ("contractId",), 14, "contractId names a contract that is not in the feed"),
        ("memberships", 0, ("nin",), UNKNOWN, "a membership of a person that is not in the feed"),
        # periods that end when they begin, or before
        *(
            (table, i, (*path, "to"), to, EMPTY_PERIOD)
            for table, i, path in (
                ("offices", 1, ()),
                ("contracts", 2, ()),
                ("doctor_cycles", 1, ()),
                ("outposts", 0, ()),
                ("teams", 0, ("people", 0)),
                ("teams", 0, ("contracts", 0)),
                ("memberships", 3, ()),
            )
            for to in (SINCE, "2014-12-31T23:59:59.999999")
        ),
        ("persons", 4, ("status", 0, "to"), "1990-01-01T00:00:00", EMPTY_PERIOD),
        ("persons", 4, ("status", 0, "to"), "1989-01-01T00:00:00", EMPTY_PERIOD),
        # numbers that have been replaced
        ("nin_changes", 1, ("oldNin",), OLDEST, "an old number that is replaced twice"),
        ("nin_changes", 0, ("oldNin",), FINN, "an old number that is still a person"),
        ("memberships", 5, ("nin",), OLDER, "a membership of a number that has been replaced"),
    ],
)
def test_one_wrong_member_is_one_fault(
    refused: Refused, table: str, i: int, path: Path_, value: object, fault: str
) -> None:
    feed = feeds.tables()
    put(feed[table][i], path, value)
    assert refused(feed) == (f"{table}.ndjson:{i + 1}: {fault}",)


@pytest.mark.parametrize(
    ("table", "otherwise"),
    [
        ("codes", {"text": "Another"}),
        ("offices", {"name": "Another"}),
        ("doctors", {"lastName": "Another"}),
        ("contracts", {"name": "Another"}),
        ("doctor_cycles", {"workingPercentage": 50}),
        ("outposts", {"description": "Another"}),
        ("teams", {"leaderHprNumber": 7002}),
    ],
)
def test_a_key_that_is_used_twice(refused: Refused, table: str, otherwise: dict[str, object]) -> None:
    feed = feeds.tables()
    feed[table].append(feed[table][0] | otherwise)
    assert refused(feed) == (f"{table}.ndjson:{len(feed[table])}: {KEY_TWICE}",)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("persons", "a person that is in the feed twice"),
        ("memberships", "a membership id that is used twice"),
        ("nin_changes", "an old number that is replaced twice"),
    ],
)
def test_a_number_that_is_there_twice(refused: Refused, table: str, fault: str) -> None:
    feed = feeds.tables()
    feed[table].append(feed[table][0] | ({"nin": FINN} if table == "memberships" else {}))
    assert refused(feed) == (f"{table}.ndjson:{len(feed[table])}: {fault}",)


@pytest.mark.parametrize("organization_number", [123456784, 12345678, 1234567850, 0])
def test_an_invalid_organisation_number(refused: Refused, organization_number: int) -> None:
    feed = feeds.tables()
    feed["offices"].append({"organizationNumber": organization_number, "name": "X", **since()})
    assert refused(feed) == ("offices.ndjson:3: organizationNumber is not a valid organisation number",)


def since() -> dict[str, str]:
    return {"from": SINCE, "updated": SINCE}


class TestCodes:
    def test_a_closed_system_does_not_come_with_the_feed(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["codes"].insert(2, {"oid": 7750, "value": "LPXX", "text": "X"})
        fault = "code system 7750 is closed: its values do not come with the feed"
        assert refused(feed) == (f"codes.ndjson:3: {fault}",)

    def test_a_system_that_nobody_knows(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["codes"].insert(2, {"oid": 1234, "value": "1", "text": "X"})
        assert refused(feed) == ("codes.ndjson:3: oid is not a code system of the register",)

    def test_a_value_that_is_no_longer_in_the_feed(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["codes"] = [code for code in feed["codes"] if code["oid"] != 3403]
        assert refused(feed) == ("offices.ndjson:1: a value that is not in code system 3403",)

    def test_one_value_in_two_systems_is_two(self, accepted: Accepted) -> None:
        feed = feeds.tables()
        feed["codes"].append({"oid": 5511, "value": "1", "text": "Bosatt"})
        accepted(feed)


class TestConfirmers:
    """How many doctors an answer about a person on a list can name as confirming."""

    def feed(self, doctors: int, **last: object) -> Tables:
        """A feed whose second contract has so many doctors; the last one's cycle can be another."""
        feed = feeds.tables()
        first = feed["doctors"][0]
        feed["doctors"] += [first | {"hprNumber": 8000 + i} for i in range(doctors)]
        cycle = {"contractId": 12, "relationship": "LPDL", **since()}
        cycles = [{"id": 100 + i, "hprNumber": 8000 + i, **cycle} for i in range(doctors)]
        cycles[-1] |= last
        feed["doctor_cycles"] = [one for one in feed["doctor_cycles"] if one["contractId"] != 12] + cycles
        return feed

    FAULT = "contracts.ndjson:2: more than 255 doctors of the list at the same time"

    @pytest.mark.parametrize("last", [{}, {"relationship": "LPFL"}, {"from": "2060-01-01T00:00:00"}], ids=str)
    def test_more_than_the_format_holds(self, refused: Refused, last: dict[str, object]) -> None:
        assert refused(self.feed(256, **last)) == (self.FAULT,)

    @pytest.mark.parametrize(
        "last", [{"relationship": "LPVI"}, {"to": "2015-01-01T00:00:01"}, {"hprNumber": 8000}], ids=str
    )
    def test_as_many_as_it_holds(self, accepted: Accepted, last: dict[str, object]) -> None:
        feed = self.feed(256, **last)
        if "to" in last:
            feed["doctor_cycles"][-2]["from"] = last["to"]  # one after the other
        accepted(feed)


class TestMemberships:
    @pytest.mark.parametrize("start", ["2018-03-04T05:06:06.999999", "2015-01-01T00:00:00", "2010-01-01T00:00:00"])
    def test_that_overlap(self, refused: Refused, start: str) -> None:
        feed = feeds.tables()
        assert feed["memberships"][3]["to"] == "2018-03-04T05:06:07"
        feed["memberships"][4]["from"] = start
        assert refused(feed) == ("memberships.ndjson:5: a membership that overlaps another of the same person",)

    def test_that_overlap_are_told_where_the_later_stands(self, refused: Refused, tmp_path: Path) -> None:
        feed = feeds.tables()
        feed["memberships"][4]["from"] = "2017-01-01T00:00:00"
        feed["memberships"].reverse()
        fault = "a membership that overlaps another of the same person"
        assert refused(feed) == (f"memberships.ndjson:4: {fault}",)
        feeds.write(tmp_path / "split", feed, pieces=2)
        assert feeds.faults_of(tmp_path / "split", tmp_path / "split-out") == (f"memberships-1.ndjson:2: {fault}",)

    def test_that_lie_within_an_open_one(self, refused: Refused) -> None:
        feed = feeds.tables()
        late = {"from": "2050-01-01T00:00:00", "to": "2051-01-01T00:00:00", "updated": SINCE}
        feed["memberships"].append({"id": 60, "nin": ANNE, "contractId": 12, **late})
        assert refused(feed) == ("memberships.ndjson:8: a membership that overlaps another of the same person",)

    def test_that_touch_or_belong_to_others_are_fine(self, accepted: Accepted) -> None:
        feed = feeds.tables()
        feed["memberships"][4]["from"] = feed["memberships"][3]["to"]
        accepted(feed)

    def test_more_of_one_person_than_the_format_holds(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["memberships"] += [
            {
                "id": 1000 + i,
                "nin": DAVID,
                "contractId": 12,
                "from": f"1950-01-01T{i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}",
                "to": f"1950-01-01T{i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}.5",
                "updated": SINCE,
            }
            for i in range(4000)
        ]
        assert refused(feed) == ("memberships: more of one person than the format holds",)


def test_all_faults_are_told_together(refused: Refused) -> None:
    feed = feeds.tables()
    feed["doctors"][1]["sex"] = "9"
    feed["contracts"][1]["status"] = "OPEN"
    feed["outposts"][0]["contractId"] = 14
    assert len(refused(feed)) == 3


def test_no_more_faults_are_told_than_one_can_read(refused: Refused) -> None:
    feed = feeds.tables()
    feed["memberships"] = [feed["memberships"][0] | {"id": i, "nin": WRONG_DIGITS} for i in range(1, 60)]
    assert refused(feed) == tuple(
        f"memberships.ndjson:{line}: {NOT_VALID}" for line in range(1, loader.check.MAX_FAULTS + 1)
    )


def test_the_faults_of_assembled_parts_are_no_more_either(refused: Refused) -> None:
    feed = feeds.tables()
    feed["memberships"] = [feed["memberships"][0] | {"id": i, "nin": UNKNOWN} for i in range(1, 60)]
    fault = "a membership of a person that is not in the feed"
    assert refused(feed) == tuple(f"memberships.ndjson:{line}: {fault}" for line in range(1, 21))
