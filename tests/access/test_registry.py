"""The clients as a process knows them: live, and unmoved by a file that is unfit."""

import base64
import multiprocessing
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any

import pytest
import structlog

from lookup.__main__ import main
from lookup.access.client import Certificate
from lookup.access.clientsfile import ClientsError, edit
from lookup.access.registry import Registry
from tests.access.registered import NOW, client, hashed, put

HASH = base64.b64encode(hashed()).decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return put(tmp_path / "clients.json", client())


@pytest.fixture
def told() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


class TestRegistry:
    def test_without_a_file_there_is_nobody_until_there_is(self, tmp_path: Path, told: list[Any]) -> None:
        registry = Registry(tmp_path / "clients.json")
        assert (len(registry), registry.refresh(), registry.fault) == (0, False, None)
        put(tmp_path / "clients.json", client())
        version = registry.version
        assert registry.refresh()
        assert registry.version != version
        assert registry.client("clinic") == client()
        assert [line["event"] for line in told] == ["clients taken up"]

    def test_what_a_client_shows_finds_it(self, tmp_path: Path) -> None:
        shown = Certificate(sha256="a" * 64, until=NOW + timedelta(days=1))
        known = client(certificates=(shown,), token_client="t-1")
        registry = Registry(put(tmp_path / "clients.json", known))
        assert registry.of_certificate("a" * 64) == (known, shown)
        assert registry.of_token("t-1") == known
        assert (registry.of_certificate("b" * 64), registry.of_token("clinic"), registry.client("t-1")) == (None,) * 3

    def test_a_change_is_taken_up_and_the_same_again_is_none(self, path: Path) -> None:
        registry = Registry(path)
        version = registry.version
        assert not registry.refresh()
        with edit(path) as some:
            some["clinic"] = client(disabled=True)
        assert registry.refresh()
        known = registry.client("clinic")
        assert known is not None
        assert known.disabled
        os.utime(path)
        assert not registry.refresh()
        assert registry.version == version + 1

    def test_is_looked_at_by_stat_alone_while_nothing_changes(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry = Registry(path)
        monkeypatch.setattr("lookup.access.registry.read_clients", lambda _: pytest.fail("read"))
        assert not any(registry.refresh() for _ in range(3))

    @pytest.mark.parametrize("harm", ["broken", "gone", "open", "unreadable"])
    def test_an_unfit_file_changes_nothing_and_is_told_once(
        self, path: Path, told: list[Any], monkeypatch: pytest.MonkeyPatch, harm: str
    ) -> None:
        registry = Registry(path)
        version, before = registry.version, path.read_bytes()
        if harm == "broken":
            path.write_bytes(before[:-9])
        elif harm == "gone":
            path.unlink()
        elif harm == "open":
            path.chmod(0o666)
        else:
            os.utime(path)
            monkeypatch.setattr("lookup.access.registry.read_clients", _fail)
        assert not any(registry.refresh() for _ in range(3))
        assert registry.fault
        assert (registry.version, registry.client("clinic")) == (version, client())
        assert [(line["event"], line["log_level"], line["kept"]) for line in told] == [
            ("clients not taken up", "error", 1)
        ]
        assert HASH not in str(told)
        monkeypatch.undo()
        path.write_bytes(before)
        path.chmod(0o640)
        assert not registry.refresh()  # the same clients
        assert registry.fault is None

    def test_what_is_mended_is_taken_up(self, path: Path) -> None:
        registry = Registry(path)
        path.write_text("{}")
        assert not registry.refresh()
        put(path, client("new"))
        assert registry.refresh()
        assert (registry.fault, registry.client("clinic")) == (None, None)

    def test_what_could_not_be_read_for_a_while_is_read_then(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        registry = Registry(path)
        put(path, client("new"))
        monkeypatch.setattr("lookup.access.registry.read_clients", _fail)
        assert not registry.refresh()
        monkeypatch.undo()
        assert registry.refresh()
        assert registry.client("new") is not None

    def test_every_process_takes_a_change_up(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        here = multiprocessing.get_context("fork")
        registry, knows = Registry(path), here.Semaphore(0)
        many = [here.Process(target=_wait_for_the_end, args=(registry, knows)) for _ in range(3)]
        for one in many:
            one.start()
        for _ in many:
            assert knows.acquire(timeout=60)
        monkeypatch.setattr("lookup.__main__.logging.configure", lambda: None)  # it is for the whole process, and stays
        assert main(["clients", "disable", "clinic", "--clients-file", str(path)]) == 0
        for one in many:
            one.join(60)
            assert one.exitcode == 0

    def test_begins_with_no_unfit_file(self, path: Path) -> None:
        path.chmod(0o644)
        with pytest.raises(ClientsError, match="chmod 0640"):
            Registry(path)


def _wait_for_the_end(registry: Registry, knows: Semaphore) -> None:
    """Ends when the client is disabled; what has been forked knows it from before."""
    known = registry.client("clinic")
    assert known is not None
    knows.release()
    while not known.disabled:
        time.sleep(0.01)
        registry.refresh()
        known = registry.client("clinic") or known


def _fail(_: Path) -> None:
    raise PermissionError(13, "Permission denied")
