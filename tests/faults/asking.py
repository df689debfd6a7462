"""A service that is asked all the time, and every answer held against what the generation that it names says."""

import json
import threading
from pathlib import Path
from typing import Any, Self

from loader.moves import accept, rollback
from loader.settings import Settings
from lookup.generation import Generation, open_generation
from lookup.resident import reply
from register.ids import format_national_id
from register.localtime import parse_at
from tests.faults.campaign import FAULTS, Campaign
from tests.faults.holds import Broken
from tests.faults.stories import INCREMENT, ROLLBACK
from tests.service import Service

AT = "2026-11-25T12:00:00"
PERSONS = 200

Expected = dict[str, dict[str, Any]]  # serial -> number -> answer


class Asking(threading.Thread):
    """Asks as long as its context lasts. `asked` counts right answers by serial, `wrong` says what was not right."""

    def __init__(self, service: Service, expected: Expected) -> None:
        super().__init__()
        self.service, self.expected = service, expected
        self.done = threading.Event()
        self.asked: dict[str, int] = dict.fromkeys(expected, 0)
        self.wrong: list[str] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()

    def run(self) -> None:
        """The thread."""
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


def expected(campaign: Campaign) -> Expected:
    """The right answers, of persons whom the increment changed and others."""
    with campaign.fresh(ROLLBACK) as data:
        one, two = sorted((data / "gen").iterdir(), key=lambda folder: folder.name)
        first, second = open_generation(one), open_generation(two)
        known = [nin for bucket in range(1 << first.index.bits) for nin, _ in first.index.bucket(bucket)]
        changed = [
            nin for nin in known if second.index.find(nin, 0) and answers(first, [nin]) != answers(second, [nin])
        ]
        asked = [nin for nin in dict.fromkeys([*changed, *known]) if second.index.record(nin)][:PERSONS]
        assert changed
        return {"1": answers(first, asked), "2": answers(second, asked)}


def under_load(campaign: Campaign, folder: Path, rounds: int) -> dict[str, int]:
    """Loads that come to harm, loads that do not, and rollbacks, while a service is asked; how often, by serial."""
    right = expected(campaign)
    with campaign.fresh(INCREMENT) as copied:
        data = copied.rename(folder / "data")
        calls, settings = campaign.calls(INCREMENT), Settings(data_dir=data)
        with Service(data) as service:
            service.wait("serving")
            with Asking(service, right) as asking:
                for number in range(rounds):
                    at = calls - 2 - number * 2 % (calls // 2)
                    # a hundred are kept: the one that is gone back to, too
                    campaign.fire(data, INCREMENT._replace(keep=100), FAULTS[number % len(FAULTS)], at)
                    campaign.check(data, INCREMENT, 0)
                    code, said = campaign.run(data, INCREMENT.commands[0], FLR_KEEP_GENERATIONS="100")
                    if code:
                        raise Broken(f"under load: {code}: {said}")
                    move = rollback(settings, "1", "a drill")
                    if move.adoption != "adopted":
                        raise Broken(f"under load: {move.adoption}")
                    for name in move.refused:
                        accept(settings, name)
    if asking.wrong or not all(asking.asked.values()):
        raise Broken(f"under load: {asking.asked}, and wrong were {asking.wrong}")
    return asking.asked
