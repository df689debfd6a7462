"""The pointer that is swapped, and the clock."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lookup import current
from lookup.current import Clock, Current, ServiceState
from lookup.generation import open_generation
from lookup.metrics import Counters
from lookup.settings import Settings
from register.localtime import local_micros
from tests import tiny

MOMENTS = [
    *("2026-03-29T00:59:59.999999", "2026-03-29T01:00:00", "2026-10-25T00:59:59.999999", "2026-10-25T01:00:00"),
    *("2026-11-23T22:59:59.999999", "2026-11-23T23:00:00", "2026-06-30T22:00:00", "1999-12-31T23:00:00"),
]


def epoch_micros(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 10**6)


@pytest.mark.parametrize("text", MOMENTS)
def test_the_clock_tells_norwegian_time(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    micros = epoch_micros(text)
    monkeypatch.setattr(current.time, "time_ns", lambda: micros * 1000)
    assert Clock().now() == local_micros(micros // 10**6) + micros % 10**6


def test_one_clock_goes_through_the_transitions_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    moments = sorted(map(epoch_micros, MOMENTS))
    for micros in [*moments, *reversed(moments)]:
        monkeypatch.setattr(current.time, "time_ns", lambda now=micros: now * 1000)
        assert clock.now() == local_micros(micros // 10**6) + micros % 10**6


def test_the_offset_moves_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current.time, "time_ns", lambda: epoch_micros("2026-11-23T22:00:00") * 1000)
    state = ServiceState(Settings(clock_offset=3599.999999), Counters(1))
    assert state.now() == local_micros(epoch_micros("2026-11-23T22:59:59") // 10**6) + 999_999
    assert state.clock.epoch_ns() == epoch_micros("2026-11-23T22:59:59.999999") * 1000


def test_a_swap_gives_back_what_was_replaced(tmp_path: Path) -> None:
    a, b = (open_generation(tiny.generation(tmp_path, serial)) for serial in (1, 2))
    held = Current()
    assert held.generation is None
    assert held.swap(a, pinned=False) is None
    assert held.swap(a, pinned=True) is None
    assert (held.generation, held.pinned) == (a, True)
    assert held.swap(b, pinned=False) is a
    assert (held.generation, held.pinned) == (b, False)


def test_where_operators_ask_without_a_credential_and_where_nobody_else_can() -> None:
    state = ServiceState(Settings(), Counters(1))
    for server in (None, ("127.0.0.1", 9000), ("/run/flr.sock", None)):
        assert not state.is_admin(server)
    state.admin_port = 9000
    assert state.is_admin(("192.0.2.1", 9000))
    assert not state.is_admin(("127.0.0.1", 8080))
    assert [state.is_private(server) for server in (None, ("/run/flr.sock", None), ("127.0.0.1", 1), ("::1", 1))] == [
        True
    ] * 4
    assert [state.is_private((host, 8080)) for host in ("192.0.2.1", "10.0.0.1", "2001:db8::1")] == [False] * 3
