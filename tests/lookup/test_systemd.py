"""A listening socket that outlives the service, as systemd hands it over: restart and upgrade lose no request."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.activation import SERVE, HandedOver, handing_over
from tests.lookup.swaps import LOOKUP
from tests.lookup.wires import Wire, request
from tests.service import PATIENCE_SECONDS, ROOT

HOT = request("/v1/gp-lookup", LOOKUP)
HISTORY = request("/v1/gp-history", {"nin": tiny.ASSIGNED})


@pytest.fixture
def served(data: Path) -> Path:
    tiny.announce(data, tiny.generation(data).name)
    return data


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield listening


class Callers:
    """Some keep their connections, some make a new one for each question; none may ever go without its answer."""

    def __init__(self, listening: socket.socket) -> None:
        self.service: Any = type("Address", (), {"address": {"port": listening.getsockname()[1]}})
        self.wrong: list[str] = []
        self.answered = 0
        self._stop = threading.Event()
        asked = [(HOT, True), (HOT, False), (HISTORY, True), (HISTORY, False), (HOT, True)]
        self._threads = [threading.Thread(target=self._run, args=each) for each in asked]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        assert self.wrong == []

    def _run(self, data: bytes, keep: bool) -> None:
        try:
            while not self._stop.is_set():
                with Wire(self.service) as wire:
                    while not self._stop.is_set():
                        answer = wire.ask(data)
                        assert answer.status == 200
                        self.answered += 1
                        if not keep or answer.fields.get("connection") == "close":
                            break
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test is to tell
            self.wrong.append(f"{data[:40]!r} {keep} {error!r}")


@pytest.mark.parametrize("overlapping", [False, True])
def test_restart_and_upgrade_lose_no_request(served: Path, listening: socket.socket, overlapping: bool) -> None:
    drain = {"FLR_DRAIN_SECONDS": "0.5", "FLR_WORKERS": "2"}
    with ExitStack() as stack:
        before = stack.enter_context(HandedOver(served, [listening], **drain))
        before.wait("serving")
        with Callers(listening) as callers:
            time.sleep(0.3)
            for _ in range(3):
                if overlapping:
                    after = stack.enter_context(HandedOver(served, [listening], **drain))
                    after.wait("serving")
                before.process.terminate()
                before.wait("stopped")
                if not overlapping:
                    after = stack.enter_context(HandedOver(served, [listening], **drain))
                before = after
            if not overlapping:
                before.wait("serving")
            answered = callers.answered
            time.sleep(0.5)
        assert callers.answered > answered > 100


def test_the_admin_socket_by_its_name_and_readiness_is_told(
    served: Path, listening: socket.socket, tmp_path: Path
) -> None:
    path = tmp_path / "notify"
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as admin,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
    ):
        told.bind(str(path))
        told.settimeout(PATIENCE_SECONDS)
        names = {"LISTEN_FDNAMES": "admin:public", "NOTIFY_SOCKET": str(path)}
        with HandedOver(served, [admin, listening], **names) as service:
            assert service.address["port"] == listening.getsockname()[1]
            assert service.wait("listening", role="admin")["port"] == admin.getsockname()[1]
            assert told.recv(100) == b"READY=1"
            service.wait("serving")
            with socket.create_connection(("::1", admin.getsockname()[1])) as client:
                client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert told.recv(100) == b"STOPPING=1"
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), "it was not ours to close"


def test_a_unix_socket_that_is_handed_over_stays(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "flr.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        for _ in range(2):
            with HandedOver(served, [listening]) as service, socket.socket(socket.AF_UNIX) as client:
                assert service.address["uds"] == str(path)
                client.connect(str(path))
                client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.recv(65536).startswith(b"HTTP/1.1 200")
            assert path.exists()


def refused(data: Path, sockets: list[socket.socket], *arguments: str, **environment: str) -> str:
    fds = [each.fileno() for each in sockets]
    command = handing_over(sockets, *SERVE)
    ended = subprocess.run(
        [*command, "--data-dir", str(data), *arguments],
        pass_fds=fds,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LISTEN_FDS": str(len(fds)), **environment},
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 78
    return ended.stderr


def test_what_is_not_fit_to_be_handed_over(served: Path, listening: socket.socket) -> None:
    assert "cannot be given as well" in refused(served, [listening], "--port", "8080")
    assert "cannot be given as well" in refused(served, [listening], "--uds", "x.sock")
    assert "one socket is wanted" in refused(served, [listening, listening])
    with socket.socket() as deaf, socket.create_server(("0.0.0.0", 0)) as everywhere:  # noqa: S104 -- to be refused
        assert "not a listening stream socket" in refused(served, [deaf])
        assert "loopback" in refused(served, [everywhere])
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        assert "not a listening stream socket" in refused(served, [datagrams])
