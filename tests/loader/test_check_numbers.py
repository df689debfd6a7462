"""HER-IDs that belong to one thing at a time, and chains of changed numbers. Every check is tripped alone."""

from collections.abc import Callable

import pytest

import loader.check
from loader.check import MAX_CHAIN, Row, resolve_changes
from register.model import NinChange
from tests.loader import feeds
from tests.loader.feeds import CARL, UNKNOWN, Tables, number

HER_ID_TWICE = "herId belongs to another thing at the same time"
CHAIN = "a chain of changed numbers that leads back to itself, or is longer than 64"
SINCE = "2015-01-01T00:00:00"
Refused = Callable[[Tables], tuple[str, ...]]
Accepted = Callable[[Tables], None]


class TestHerIds:
    """A HER-ID belongs to one thing at a time."""

    @pytest.mark.parametrize(
        ("table", "i", "her_id"),
        [
            ("offices", 1, 80001),  # of another office
            ("offices", 1, 4001),  # of a doctor
            ("contracts", 1, 80001),  # of an office
            ("contracts", 1, 4001),
            ("contracts", 1, 90001),  # of another contract
            ("doctor_cycles", 2, 80001),
            ("doctor_cycles", 2, 90001),
            ("doctor_cycles", 2, 4001),  # of another doctor
        ],
    )
    def test_is_not_shared(self, refused: Refused, table: str, i: int, her_id: int) -> None:
        feed = feeds.tables()
        feed[table][i]["herId"] = her_id
        told = refused(feed)
        assert {one.split(": ", 1)[1] for one in told} == {HER_ID_TWICE}

    def test_the_later_of_two_is_told(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["doctor_cycles"][2].update(herId=4002, **{"from": "2015-12-31T23:59:59.999999"})
        assert refused(feed) == (f"doctor_cycles.ndjson:3: {HER_ID_TWICE}",)

    def test_of_the_same_doctor_at_another_office(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["doctor_cycles"][3].update(contractId=13, **{"from": "2016-01-01T00:00:00", "to": "2017-01-01T00:00:00"})
        assert refused(feed) == (f"doctor_cycles.ndjson:4: {HER_ID_TWICE}",)

    def test_an_earlier_one_that_is_long_over_hides_nothing(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["doctor_cycles"][2].update(herId=4001, **{"from": "2017-01-01T00:00:00"})
        feed["doctor_cycles"][0].update(to="2015-06-01T00:00:00")
        assert refused(feed) == (f"doctor_cycles.ndjson:3: {HER_ID_TWICE}",)

    def test_may_pass_on_when_the_other_is_over(self, accepted: Accepted) -> None:
        feed = feeds.tables()
        feed["doctor_cycles"][2].update(herId=4002, **{"from": feed["doctor_cycles"][1]["to"]})
        feed["contracts"][1].update(herId=80001, **{"from": "2020-01-01T00:00:00"})
        feed["offices"][0].update(to="2020-01-01T00:00:00")
        accepted(feed)

    def test_may_be_on_many_contracts_of_one_doctor_at_one_office(self, accepted: Accepted) -> None:
        feed = feeds.tables()
        assert [cycle["herId"] for cycle in feed["doctor_cycles"] if cycle["hprNumber"] == 7001] == [4001, 4001]
        accepted(feed)


class TestChangedNumbers:
    def chain(self, length: int) -> list[dict[str, str]]:
        numbers = [number(100 + i) for i in range(length)]
        return [
            {"oldNin": old, "newNin": new, "changed": SINCE}
            for old, new in zip(numbers, [*numbers[1:], CARL], strict=True)
        ]

    def test_that_lead_to_nobody(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["nin_changes"][1]["newNin"] = UNKNOWN
        fault = "a changed number whose newest number is not a person in the feed"
        assert refused(feed) == (f"nin_changes.ndjson:1: {fault}", f"nin_changes.ndjson:2: {fault}")

    def test_a_circle(self, refused: Refused) -> None:
        feed = feeds.tables()
        chain = self.chain(3)
        chain[2]["newNin"] = chain[0]["oldNin"]
        feed["nin_changes"] += chain
        assert refused(feed) == tuple(f"nin_changes.ndjson:{line}: {CHAIN}" for line in (3, 4, 5))

    def test_itself(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["nin_changes"].append({"oldNin": number(100), "newNin": number(100), "changed": SINCE})
        assert refused(feed) == (f"nin_changes.ndjson:3: {CHAIN}",)

    def test_a_chain_of_the_greatest_length(self, accepted: Accepted) -> None:
        feed = feeds.tables()
        feed["nin_changes"] += self.chain(MAX_CHAIN + 1)
        accepted(feed)

    def test_a_longer_chain(self, refused: Refused) -> None:
        feed = feeds.tables()
        feed["nin_changes"] += self.chain(MAX_CHAIN + 2)
        assert refused(feed) == (f"nin_changes.ndjson:3: {CHAIN}",)

    def test_chains_are_flattened(self) -> None:
        changes = self.chain(20)
        changes.reverse()
        rows = [
            Row(NinChange(old_nin=c["oldNin"], new_nin=c["newNin"], changed=None), 2, line)  # type: ignore[arg-type]
            for line, c in enumerate(changes, 1)
        ]
        flat = resolve_changes(rows, Faultless())
        assert flat == [(int(c["oldNin"]), int(CARL), 2, line) for line, c in enumerate(changes, 1)]


class Faultless(loader.check.Faults):
    def __init__(self) -> None:
        """Of no feed."""

    def add(self, what: str, file: int, line: int) -> None:
        raise AssertionError(what)
