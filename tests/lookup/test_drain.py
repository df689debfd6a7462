"""The end of a service, and of its connections: in three steps, and nobody who keeps a connection loses an answer."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lookup.runfile import live_workers
from tests import tiny
from tests.lookup.swaps import LOOKUP, until
from tests.lookup.wires import Unanswered, Wire, request
from tests.service import PATIENCE_SECONDS, Service

HOT = request("/v1/gp-lookup", LOOKUP)
HISTORY = request("/v1/gp-history", {"nin": tiny.ASSIGNED})
BATCH = request("/v1/gp-lookup/batch", {"nins": [tiny.ASSIGNED] * 500})
DRAIN = {"FLR_DRAIN_SECONDS": "1.5"}


@pytest.fixture(params=["hot", "ordinary"])
def hot(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"FLR_HOT_PATH": "true" if request.param == "hot" else "false"}


@contextmanager
def serving(data: Path, **environment: str) -> Iterator[Service]:
    tiny.announce(data, tiny.generation(data).name)
    with Service(data, **environment) as service:
        service.wait("serving")
        yield service


class Caller(threading.Thread):
    """Asks all the time on a connection that it keeps, and makes a new one when an answer says that it closes.

    A new connection may meet the instant in which the last listener closes: the system then ends it unseen. So a first
    question may go without an answer, if nobody listens any more when it has.
    """

    def __init__(self, service: Service, data: bytes) -> None:
        super().__init__()
        self.service, self.data = service, data
        self.answered = self.closed = 0
        self.unseen = False
        self.wrong: list[str] = []
        self.start()

    def run(self) -> None:
        try:
            while True:
                try:
                    wire = Wire(self.service)
                except ConnectionRefusedError:
                    return  # it is gone, and has said so
                assert not self.unseen, "a question was lost while there was a listener"
                with wire:
                    self._ask(wire)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test is to tell
            self.wrong.append(repr(error))

    def _ask(self, wire: Wire) -> None:
        first = True
        while True:
            try:
                answer = wire.ask(self.data)
            except (ConnectionError, Unanswered):
                self.unseen = first
                if first:
                    return
                raise
            first = False
            assert answer.status == 200
            self.answered += 1
            if answer.fields.get("connection") == "close":
                self.closed += 1
                assert wire.is_closed()
                return


def test_callers_who_keep_their_connections_lose_nothing(data: Path, hot: dict[str, str]) -> None:
    with serving(data, **hot, **DRAIN) as service:
        callers = [Caller(service, question) for question in (HOT, HISTORY, BATCH, HOT, HOT)]
        time.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        service.wait("stopped")
        for caller in callers:
            caller.join(PATIENCE_SECONDS)
    assert [error for caller in callers for error in caller.wrong] == []
    assert all(caller.answered > 10 and caller.closed for caller in callers)


def test_the_steps(data: Path, hot: dict[str, str]) -> None:
    with (
        serving(data, **hot, **DRAIN) as service,
        Wire(service) as asking,
        Wire(service) as idle,
        Wire(service) as late,
    ):
        assert asking.ask(HOT).status == idle.ask(HOT).status == late.ask(HISTORY).status == 200
        service.process.send_signal(signal.SIGTERM)
        until(lambda: {worker.state for worker in live_workers(data / "run")} == {"draining"})
        assert service.ask("/readyz")[0] == 503
        with Wire(service) as new:  # still accepted, still answered
            answer = new.ask(HOT)
            assert (answer.status, answer.fields["connection"]) == (200, "close")
            assert new.is_closed()
        late.send(HISTORY[:-1])
        answer = asking.ask(HOT)
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert asking.is_closed()
        assert idle.is_closed()  # at the end of the second step
        late.send(HISTORY[-1:])
        assert late.answer().status == 200
        assert late.is_closed()
        service.wait("stopped")


def test_pipelined_requests_are_all_answered(data: Path) -> None:
    with serving(data, **DRAIN) as service, Wire(service) as wire:
        assert wire.ask(HOT).status == 200
        service.process.send_signal(signal.SIGTERM)
        until(lambda: {worker.state for worker in live_workers(data / "run")} == {"draining"})
        wire.send(HOT * 5 + BATCH + HOT)
        assert [wire.answer().fields.get("connection") for _ in range(7)] == [None] * 6 + ["close"]
        assert wire.is_closed()


def test_a_second_signal_cuts_the_waiting_short(data: Path) -> None:
    with serving(data, FLR_DRAIN_SECONDS="3600") as service:
        service.process.send_signal(signal.SIGTERM)
        until(lambda: {worker.state for worker in live_workers(data / "run")} == {"draining"})
        time.sleep(1.2)  # one that comes at once is the same one, told twice
        service.process.send_signal(signal.SIGTERM)
        service.wait("stopped")
        assert service.process.wait(PATIENCE_SECONDS) == 0


def test_a_worker_that_hangs_is_replaced(data: Path) -> None:
    with serving(data, FLR_HUNG_SECONDS="3") as service:
        hung = live_workers(data / "run")[0].pid
        os.kill(hung, signal.SIGSTOP)
        assert service.wait("a worker hangs")["pid"] == hung
        assert service.wait("worker died")["pid"] == hung
        service.wait("serving", workers=2)
        assert hung not in [worker.pid for worker in live_workers(data / "run")]
