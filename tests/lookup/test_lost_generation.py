"""The generation in service is damaged or gone on disk: healthy workers go on, and fresh ones get another valid one."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lookup import supervisor
from lookup.choice import Order
from lookup.current import ServiceState
from lookup.metrics import Counters
from lookup.runfile import live_workers
from lookup.settings import Settings
from lookup.supervisor import Supervisor
from lookup.worker import Report
from tests import tiny
from tests.lookup.swaps import damage, serial_served, unopenable, until
from tests.service import Service

NAME = "2-0123abcd"


def kill_workers(data: Path) -> None:
    for worker in live_workers(data / "run"):
        os.kill(worker.pid, signal.SIGKILL)


def pids(data: Path) -> set[int]:
    return {worker.pid for worker in live_workers(data / "run")}


@pytest.mark.parametrize("lose", [damage, shutil.rmtree])
def test_workers_that_die_after_it_is_lost_get_another(data: Path, lose: Any) -> None:
    a, b = (tiny.generation(data, serial) for serial in (1, 2))
    tiny.announce(data, b.name)
    with Service(data) as service:
        service.wait("serving", generation=b.name)
        lose(b)
        kill_workers(data)
        assert b.name in service.wait("fallback", serving=a.name)["why"]
        service.wait("serving", generation=a.name, workers=2)
        assert serial_served(service) == 1
        assert service.metric("flr_fallback") == service.metric("flr_not_served") == 1
        c = tiny.generation(data, 3)
        tiny.announce(data, c.name)
        service.wait("serving", generation=c.name, workers=2)
        until(lambda: service.metric("flr_fallback") == service.metric("flr_not_served") == 0)


def test_one_that_comes_back_is_served_again_without_a_word(data: Path) -> None:
    a, b = (tiny.generation(data, serial) for serial in (1, 2))
    tiny.announce(data, b.name)
    with Service(data) as service:
        service.wait("serving", generation=b.name)
        b.rename(data / "away")
        kill_workers(data)
        service.wait("serving", generation=a.name, workers=2)
        (data / "away").rename(b)
        service.wait("serving", generation=b.name, workers=2)
        until(lambda: service.metric("flr_fallback") == 0)


def test_healthy_workers_keep_what_they_have_though_it_is_gone_and_the_new_one_cannot_be_opened(data: Path) -> None:
    a = tiny.generation(data, 1)
    bad = unopenable(tiny.generation(data, 2), 3)
    tiny.announce(data, a.name)
    with Service(data) as service:
        service.wait("serving", generation=a.name, workers=2)
        before = pids(data)
        a.rename(data / "away")
        tiny.announce(data, bad)
        service.wait("generation not taken up", generation=bad)
        service.wait("serving", generation=a.name, workers=2)
        assert serial_served(service) == 1
        assert pids(data) == before
        assert service.metric("flr_worker_restarts_total") == 0


def test_all_serve_the_same_when_one_worker_dies_after_it_is_lost(data: Path) -> None:
    a, b = (tiny.generation(data, serial) for serial in (1, 2))
    tiny.announce(data, b.name)
    with Service(data) as service:
        service.wait("serving", generation=b.name)
        b.rename(data / "away")
        killed, left = sorted(pids(data))
        os.kill(killed, signal.SIGKILL)
        service.wait("serving", generation=a.name, workers=2)
        assert left in pids(data)
        assert service.metric("flr_worker_restarts_total") == 1


def test_the_only_one_is_asked_for_again_when_it_is_back(data: Path) -> None:
    a = tiny.generation(data)
    tiny.announce(data, a.name)
    with Service(data) as service:
        service.wait("serving", generation=a.name)
        a.rename(data / "away")
        kill_workers(data)
        service.wait("generation refused", serving=None)
        assert service.ask("/readyz")[0] == 503
        (data / "away").rename(a)
        service.wait("serving", generation=a.name, workers=2)
        assert serial_served(service) == 1


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    kills: list[tuple[int, int]] = []
    monkeypatch.setattr(supervisor.os, "kill", lambda pid, number: kills.append((pid, number)))
    return kills


@pytest.fixture
def over(data: Path) -> Iterator[Supervisor]:
    """A supervisor of two workers that have been told to serve NAME. (Their processes are made up.)"""
    over = Supervisor(ServiceState(Settings(data_dir=data, workers=2), Counters(2)), None, [])
    for pid, slot in enumerate(over.slots, 101):
        slot.pid, slot.control, slot.told = pid, over.wakeup, Order(NAME, False, {})
    yield over
    for thing in (over.selector, over.inotify, over.signals, over.wakeup):
        thing.close()


def test_only_a_worker_that_cannot_open_what_another_serves_is_replaced(
    over: Supervisor, killed: list[tuple[int, int]]
) -> None:
    one, two = over.slots
    over._reported(one, Report(NAME, "no room"))
    over._judge()
    assert killed == []  # the other may yet open it, or not
    over._reported(two, Report(NAME))
    over._judge()
    over._judge()
    assert killed == [(101, signal.SIGTERM)]


def test_a_worker_that_serves_a_generation_is_never_killed_over_it(
    over: Supervisor, killed: list[tuple[int, int]]
) -> None:
    for slot in over.slots:
        over._reported(slot, Report(NAME))
        over._reported(slot, Report(NAME, "index.mdb cannot be read"))
    over._judge()
    assert killed == []


def test_a_report_of_what_is_no_longer_wanted_blames_nobody(over: Supervisor, killed: list[tuple[int, int]]) -> None:
    one, two = over.slots
    two.serving = "1-89abcdef"
    over._reported(one, Report("1-89abcdef", "no room"))
    over._judge()
    assert killed == []
    assert one.failed is None
