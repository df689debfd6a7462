"""Some of the drills of `make faults`, that they can fail, and a service that is asked through all of them."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loader.moves import accept, rollback
from loader.settings import Settings
from lookup.generation import Generation, open_generation
from lookup.resident import reply
from register.ids import format_national_id
from register.localtime import parse_at
from tests.faults.campaign import KILLED, OPERATIONS, STORAGE, Broken, Campaign, Operation
from tests.lookup.swaps import damage
from tests.service import Service

FIRST, FULL, INCREMENT, ROLLBACK = OPERATIONS
AT = "2026-11-25T12:00:00"
PERSONS = 200
ROUNDS = 12


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    return Campaign(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("fault", ["kill", "kill-all", "full", "sync"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=[one.name for one in OPERATIONS])
def test_a_fault_in_the_midst_and_one_near_the_end(campaign: Campaign, operation: Operation, fault: str) -> None:
    """Near the end is where generations are put in their place."""
    calls = campaign.calls(operation)
    for at in (1 + calls // 2, calls - 3):
        campaign.drill(operation, fault, at)


def test_before_and_behind_the_swap(campaign: Campaign) -> None:
    """Of the last calls of an increment some come before CURRENT is replaced, and some behind it."""
    calls = campaign.calls(INCREMENT)
    assert {campaign.drill(INCREMENT, "kill", at) for at in range(calls - 12, calls, 2)} == {"done", "not done"}


@pytest.mark.parametrize(
    ("fault", "code"), [("kill", KILLED), ("kill-all", KILLED), ("full", STORAGE), ("sync", STORAGE)]
)
def test_a_fault_does_what_it_is_called(campaign: Campaign, fault: str, code: int) -> None:
    with campaign.fresh(INCREMENT) as data:
        got, _, calls = campaign.under_fire(data, campaign.command(INCREMENT), fault, 5)
    assert (got, calls >= 5) == (code, True)


def test_what_does_not_hold_is_found(campaign: Campaign) -> None:
    with campaign.fresh(ROLLBACK) as data:
        loaded = INCREMENT._replace(begin="two")
        campaign.check(data, loaded)
        campaign.check_tidy(data, loaded)
        (data / "staging" / "left").mkdir()
        with pytest.raises(Broken, match="left behind"):
            campaign.check_tidy(data, loaded)
        with pytest.raises(Broken, match="CURRENT names 2"):
            campaign.check(data, FIRST)
    with campaign.fresh(INCREMENT) as data:
        name = (data / "CURRENT").read_text().strip()
        index = data / "gen" / name / "index.mdb"
        content = index.read_bytes()
        index.unlink()  # the copy shares it with the original
        index.write_bytes(content)
        damage(index.parent)
        with pytest.raises(Broken, match="nothing can be served"):
            campaign.check(data, INCREMENT)


class Asking(threading.Thread):
    """Asks a service for persons all the time, and holds each answer against the generation that it names."""

    def __init__(self, service: Service, expected: dict[str, dict[str, Any]]) -> None:
        super().__init__()
        self.service, self.expected = service, expected
        self.done = threading.Event()
        self.asked: dict[str, int] = dict.fromkeys(expected, 0)
        self.wrong: list[str] = []
        self.start()

    def run(self) -> None:
        while not self.done.is_set():
            for nin in list(next(iter(self.expected.values()))):
                try:
                    status, fields, body = self.service.ask("/v1/gp-lookup", {"nin": nin, "at": AT})
                except OSError as error:
                    self.wrong.append(type(error).__name__)
                    continue
                serial = fields.get("flr-generation", "none")
                if status != 200 or json.loads(body) != self.expected[serial][nin]:
                    self.wrong.append(f"{status}, generation {serial}")
                else:
                    self.asked[serial] += 1


def answers(generation: Generation, numbers: list[int]) -> dict[str, Any]:
    """What a generation says of persons, as a feed writes their numbers."""
    got = {nin: reply(generation, nin, parse_at(AT), False) for nin in numbers}
    return {format_national_id(nin): json.loads(one.body) for nin, one in got.items() if one is not None}


@pytest.fixture
def expected(campaign: Campaign) -> Iterator[dict[str, dict[str, Any]]]:
    """serial -> number -> answer, of persons whom an increment changed and others."""
    with campaign.fresh(ROLLBACK) as data:
        one, two = sorted((data / "gen").iterdir(), key=lambda folder: folder.name)
        first, second = open_generation(one), open_generation(two)
        known = [nin for bucket in range(1 << first.index.bits) for nin, _ in first.index.bucket(bucket)]
        changed = [
            nin for nin in known if second.index.find(nin, 0) and answers(first, [nin]) != answers(second, [nin])
        ]
        asked = [nin for nin in dict.fromkeys([*changed, *known]) if second.index.record(nin)][:PERSONS]
        assert changed
        yield {"1": answers(first, asked), "2": answers(second, asked)}


def test_a_service_is_asked_through_it_all(
    campaign: Campaign, expected: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loads that are killed, loads that are not, and rollbacks, and every answer is right."""
    monkeypatch.setenv("FLR_KEEP_GENERATIONS", "100")  # the one that is gone back to, too
    with campaign.fresh(INCREMENT) as copied:
        data = copied.rename(tmp_path / "data")
    calls, settings = campaign.calls(INCREMENT), Settings(data_dir=data)
    with Service(data) as service:
        service.wait("serving")
        asking = Asking(service, expected)
        try:
            for number in range(ROUNDS):
                at = calls - 20 + 2 * number
                campaign.under_fire(data, campaign.command(INCREMENT), ("kill", "full", "sync")[number % 3], at)
                campaign.check(data, INCREMENT)
                code, said = campaign.run(data, campaign.command(INCREMENT))
                assert code == 0, said
                move = rollback(settings, "1", "a drill")
                assert move.adoption == "adopted"
                for name in move.refused:
                    accept(settings, name)
        finally:
            asking.done.set()
            asking.join()
    assert asking.wrong == []
    assert all(asking.asked.values())
