"""Generations swapped A-B-A under load, with patient lists being streamed: every answer is wholly of one generation.

All questions name their time, so the clock has no say. A dropped connection, a cut answer or a status other than 200
fails the test, as does any content that is not what the oracle of the generation named in the header says.
"""

import http.client
import json
import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from tests import crooked
from tests.oracle import Register
from tests.served import load
from tests.service import ROOT, Service

SIZE = {"persons": 1500, "big_share": 0.7, "address_size": 40_000}
AT = datetime(2026, 11, 23, 12)
TIMES = [AT, datetime(2026, 12, 1), datetime(2019, 5, 17, 8, 30), datetime(2027, 3, 28, 3, 30)]
NUMBERS_ASKED = 150
BIG_LIST = 101 + crooked.BIG
SWAPS = 10
STREAMS = 2
KERNEL_BYTES = 4 << 20  # what the kernel may take off the service's hands before anybody reads it
HELD_SWAPS = 2  # a stream that was begun on A is read on while B, and then A again, is in service


class Pair(NamedTuple):
    """Two generations that share nothing but numbers and contract ids, and their oracles, by serial."""

    data_dir: Path
    names: dict[int, str]
    registers: dict[int, Register]

    def announce(self, serial: int) -> None:
        """Point CURRENT at a generation, as the loader does."""
        (self.data_dir / "CURRENT.tmp").write_text(f"{self.names[serial]}\n")
        (self.data_dir / "CURRENT.tmp").rename(self.data_dir / "CURRENT")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("swap")
    registers = {}
    for serial in (1, 2):
        feed = crooked.write_feed(folder / f"feed-{serial}", seed=serial, sequence=serial, **SIZE)
        registers[serial] = Register(feed)
        load(feed, folder / "data", "--accept-drift", "another register")
    names = {int(path.name.split("-")[0]): path.name for path in (folder / "data" / "gen").iterdir()}
    return Pair(folder / "data", names, registers)


def ask(connection: http.client.HTTPConnection, path: str, body: object = None) -> tuple[int, Any]:
    """(serial that the header names, answer) of one question on a connection that is kept."""
    if body is None:
        connection.request("GET", path)
    else:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, answer.status
    return int(answer.headers["FLR-Generation"]), json.loads(content)


class Load:
    """Threads that ask without pause, each on one connection that must never break. `wrong` says what went wrong."""

    def __init__(self, pair: Pair, service: Service) -> None:
        self.pair, self.port = pair, service.address["port"]
        self.numbers = random.Random(4).sample(list(pair.registers[1].persons), NUMBERS_ASKED)
        self.wanted = {
            (serial, at): [register.batch_result(nin, at) for nin in self.numbers]
            for serial, register in pair.registers.items()
            for at in TIMES
        }
        self.answered: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._stop = threading.Event()
        kinds = [self._batch, self._batch, self._single, self._contract]
        self._threads = [threading.Thread(target=self._run, args=(kind, seed)) for seed, kind in enumerate(kinds)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, kind: Callable[[http.client.HTTPConnection, random.Random], int], seed: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        chance = random.Random(seed)
        try:
            while not self._stop.is_set():
                self.answered[kind(connection, chance)] += 1
        except (OSError, http.client.HTTPException, AssertionError, ValueError) as error:
            self.wrong.append(f"{kind.__name__}: {type(error).__name__}: {str(error)[:200]}")
        finally:
            connection.close()

    def _batch(self, connection: http.client.HTTPConnection, chance: random.Random) -> int:
        at = chance.choice(TIMES)
        serial, answer = ask(connection, "/v1/gp-lookup/batch", {"nins": self.numbers, "at": at.isoformat()})
        assert answer["generation"] == serial, "header and body name two generations"
        assert answer["results"] == self.wanted[serial, at], "a batch is not that of its generation"
        return serial

    def _single(self, connection: http.client.HTTPConnection, chance: random.Random) -> int:
        at, i = chance.choice(TIMES), chance.randrange(NUMBERS_ASKED)
        serial, answer = ask(connection, "/v1/gp-lookup", {"nin": self.numbers[i], "at": at.isoformat()})
        wanted = self.wanted[serial, at][i]
        assert {"nin": wanted["nin"], **answer} == wanted, "an answer is not that of its generation"
        return serial

    def _contract(self, connection: http.client.HTTPConnection, chance: random.Random) -> int:
        number = 101 + chance.randrange(crooked.CONTRACTS)
        serial, answer = ask(connection, f"/v1/contracts/{number}")
        cycles = {cycle["id"] for cycle in answer["doctorCycles"]}
        assert cycles == self.pair.registers[serial].contract_cycles(number, None), "a contract is another generation's"
        return serial


class Stream:
    """A patient list with particulars, begun and left lying: a small window keeps the service from sending it all."""

    def __init__(self, service: Service) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", service.address["port"], timeout=60)
        self.connection.sock = socket.socket()
        self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connection.sock.settimeout(60)
        self.connection.sock.connect(("127.0.0.1", service.address["port"]))
        self.connection.request("GET", f"/v1/contracts/{BIG_LIST}/patients?at={AT.isoformat()}&includePatientData=true")
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        self.serial = int(self.answer.headers["FLR-Generation"])

    def close(self) -> None:
        self.answer.close()
        self.connection.close()

    def check(self, registers: dict[int, Register]) -> int:
        """Read the rest. Raises AssertionError when it is not the whole list of its generation; returns its size."""
        content = self.answer.read()
        self.close()
        answer = json.loads(content)
        register = registers[self.serial]
        wanted, _ = register.patients(BIG_LIST, AT)
        assert [row["nin"] for row in answer["patients"]] == [row["nin"] for row in wanted]
        assert answer["count"] == len(wanted)
        for got, row in zip(answer["patients"], wanted, strict=True):
            assert row.items() <= got.items()
            person = register.persons[row["nin"]]
            for name in ("firstName", "lastName"):
                assert got["person"][name] == person[name]
            shown = [] if person["protection"] else person["physicalAddresses"]
            assert got["person"]["addresses"] == [register.address(address) for address in shown]
        return len(content)


def test_the_two_generations_differ_wherever_they_are_asked(pair: Pair) -> None:
    one, two = pair.registers[1], pair.registers[2]
    assert one.persons.keys() == two.persons.keys()
    differing = [nin for nin in one.persons if one.lookup(nin, AT) != two.lookup(nin, AT)]
    assert len(differing) > len(one.persons) / 2
    assert one.patients(BIG_LIST, AT)[0] != two.patients(BIG_LIST, AT)[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_no_answer_is_dropped_or_mixed(pair: Pair, workers: int) -> None:
    pair.announce(1)
    sizes = []
    with Service(pair.data_dir, workers=workers) as service, ExitStack() as stack:
        service.wait("serving", generation=pair.names[1])
        asking = stack.enter_context(Load(pair, service))
        held: list[list[Stream]] = []
        for swap in range(SWAPS):
            serial = 2 if swap % 2 == 0 else 1
            held.append([Stream(service) for _ in range(STREAMS)])
            pair.announce(serial)
            service.wait("serving", generation=pair.names[serial])
            abandoned = Stream(service)
            abandoned.close()
            assert abandoned.serial == serial
            assert asking.wrong == []
            if len(held) > HELD_SWAPS:
                sizes += [stream.check(pair.registers) for stream in held.pop(0)]
        sizes += [stream.check(pair.registers) for streams in held for stream in streams]
        answered = asking.answered
    assert asking.wrong == []
    assert min(answered[1], answered[2]) >= 100
    assert len(sizes) == SWAPS * STREAMS
    assert min(sizes) > 1.5 * KERNEL_BYTES, "too little to stand half sent"


def test_a_load_swaps_while_others_ask(pair: Pair, tmp_path: Path) -> None:
    """The same with the loader itself: it builds, publishes, and waits until every worker serves the new generation."""
    pair.announce(2)
    feed = crooked.write_feed(tmp_path / "feed", seed=1, sequence=3, **SIZE)
    registers = {**pair.registers, 3: pair.registers[1]}
    with Service(pair.data_dir) as service:
        service.wait("serving", generation=pair.names[2])
        stream = Stream(service)
        with Load(pair._replace(registers=registers), service) as asking:
            before = asking.answered[2]
            run = subprocess.run(
                [sys.executable, "-m", "loader", "load", str(feed), "--data-dir", str(pair.data_dir), "--json"],
                cwd=ROOT,
                capture_output=True,
                check=True,
            )
            assert json.loads(run.stdout)["workers"] == 2
            connection = http.client.HTTPConnection("127.0.0.1", service.address["port"], timeout=60)
            assert ask(connection, "/v1/gp-lookup", {"nin": asking.numbers[0]})[0] == 3
            connection.close()
        assert asking.wrong == []
        assert asking.answered[2] > before
        assert stream.serial == 2
        stream.check(registers)
