"""Generations swapped A-B-A under load, with patient lists being streamed: every answer is wholly of one generation.

What is asked without `at` has nothing to do with it; all questions name their time. A dropped connection, a cut answer or
a status other than 200 fails the test, as does a content that is not what the oracle of the named generation says.
"""

import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import crooked
from tests.oracle import Register
from tests.service import ROOT, Service

PERSONS = 4000
TIMES = [datetime(2026, 11, 23, 12), datetime(2026, 12, 1), datetime(2019, 5, 17, 8, 30), datetime(2027, 3, 28, 3, 30)]
NUMBERS_ASKED = 150
BIG_LIST = 101 + crooked.BIG
SWAPS = 10
STREAMS = 4


class Swapped(NamedTuple):
    """Two generations that differ in everything but numbers and contract ids, by serial; A is in service."""

    data_dir: Path
    names: dict[int, str]
    registers: dict[int, Register]

    def announce(self, serial: int) -> None:
        """Point CURRENT at a generation, as the loader does."""
        (self.data_dir / "CURRENT.tmp").write_text(f"{self.names[serial]}\n")
        (self.data_dir / "CURRENT.tmp").rename(self.data_dir / "CURRENT")


def load(feed: Path, data_dir: Path) -> None:
    subprocess.run([sys.executable, "-m", "loader", "load", str(feed), "--data-dir", str(data_dir)], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> Swapped:
    folder = tmp_path_factory.mktemp("swap")
    registers = {}
    for serial in (1, 2):
        feed = crooked.write_feed(folder / f"feed-{serial}", seed=serial, sequence=serial, persons=PERSONS)
        registers[serial] = Register(feed)
        load(feed, folder / "data")
    names = {int(path.name.split("-")[0]): path.name for path in (folder / "data" / "gen").iterdir()}
    swapped = Swapped(folder / "data", names, registers)
    swapped.announce(1)
    return swapped


class Load:
    """Threads that ask all the time, each on a connection of its own that must never break."""

    def __init__(self, swapped: Swapped, service: Service) -> None:
        chance = random.Random(4)
        self.port = service.address["port"]
        self.numbers = chance.sample(list(swapped.registers[1].persons), NUMBERS_ASKED)
        self.wanted = {
            (serial, at): [register.batch_result(nin, at) for nin in self.numbers]
            for serial, register in swapped.registers.items()
            for at in TIMES
        }
        self.answered: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._stop = threading.Event()
        asks = [self._batches, self._batches, self._singles, self._contracts]
        self._threads = [threading.Thread(target=self._run, args=(ask, seed)) for seed, ask in enumerate(asks)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, ask: Any, seed: int) -> None:
        chance = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            while not self._stop.is_set():
                self.answered[ask(connection, chance)] += 1
        except (OSError, http.client.HTTPException, AssertionError, ValueError) as error:
            self.wrong.append(f"{ask.__name__}: {type(error).__name__}: {str(error)[:300]}")
        finally:
            connection.close()

    def _batches(self, connection: http.client.HTTPConnection, chance: random.Random) -> int:
        at = chance.choice(TIMES)
        serial, answer = ask(connection, "/v1/gp-lookup/batch", {"nins": self.numbers, "at": at.isoformat()})
        assert answer["generation"] == serial, "the header names another generation than the body"
        assert answer["results"] == self.wanted[serial, at], "an answer is not the named generation's"
        return serial

    def _singles(self, connection: http.client.HTTPConnection, chance: random.Random) -> int:
        at, i = chance.choice(TIMES), chance.randrange(NUMBERS_ASKED)
        serial, answer = ask(connection, "/v1/gp-lookup", {"nin": self.numbers[i], "at": at.isoformat()})
        wanted = self.wanted[serial, at][i]
        assert {"nin": wanted["nin"], **answer} == wanted, "an answer is not the named generation's"
        return serial

    def _contracts(self, connection: http.client.HTTPConnection, chance: random.Random) -> int:
        number = 101 + chance.randrange(crooked.CONTRACTS)
        serial, answer = ask(connection, f"/v1/contracts/{number}")
        self.check_contract(serial, number, answer)
        return serial

    def check_contract(self, serial: int, number: int, answer: Any) -> None:
        cycles = {cycle["id"] for cycle in answer["doctorCycles"]}
        assert cycles == self.registers[serial].contract_cycles(number, None), "a contract is not the generation's"

    @property
    def registers(self) -> dict[int, Register]:
        return self._registers


def ask(connection: http.client.HTTPConnection, path: str, body: object = None) -> tuple[int, Any]:
    """(serial that the header names, answer) of one question on a connection that is kept."""
    if body is None:
        connection.request("GET", path)
    else:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, (answer.status, content)
    return int(answer.headers["FLR-Generation"]), json.loads(content)
