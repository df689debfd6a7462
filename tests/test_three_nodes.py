"""The walk-through of docs/operations.md: three nodes behind nginx, one always being updated, and no request is lost.

nginx runs with the settings that stand there, but on unix sockets, so that no port can be somebody else's.
"""

import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import tiny
from tests.loader.nodes import Node, read_here
from tests.nginx import documented, running
from tests.service import PATIENCE_SECONDS, Service

__all__ = ["read_here"]

NODES = 3


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="flr-") as short:  # the path of a unix socket has 107 octets at most
        yield Path(short)


@pytest.fixture
def front(folder: Path) -> Iterator[Path]:
    """nginx before the nodes' sockets; its own."""
    settings, ports = re.subn(r"127\.0\.0\.1:808(\d)", rf"unix:{folder}/\1.sock", documented("operations.md"))
    assert ports == NODES + 1
    with running(folder, settings, folder / "0.sock") as socket:
        yield socket


class Callers:
    """Some who ask all the time, on connections that they keep. `seen` is status and generation of every answer."""

    def __init__(self, front: Path, callers: int = 3) -> None:
        self.front = front
        self.seen: Counter[tuple[int, str]] = Counter()
        self.lost: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _ask(self) -> None:
        transport = httpx.HTTPTransport(uds=str(self.front))
        with httpx.Client(transport=transport, base_url="http://register", timeout=PATIENCE_SECONDS) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post("/v1/gp-lookup", json={"nin": tiny.ASSIGNED})
                    told = answer.json()
                except (httpx.HTTPError, ValueError) as error:
                    self.lost.append(repr(error))
                    continue
                if answer.status_code != 200 or told["status"] != "assigned":
                    self.lost.append(f"{answer.status_code} {told.get('type')}")
                self.seen[answer.status_code, answer.headers.get("FLR-Generation", "")] += 1
                self._stop.wait(0.02)  # the machine has other work to do

    def wait_for(self, more: int) -> None:
        """Until so many more have been answered."""
        goal, until = self.seen.total() + more, time.monotonic() + PATIENCE_SECONDS
        while self.seen.total() < goal and time.monotonic() < until:
            time.sleep(0.01)


@pytest.mark.usefixtures("read_here")
def test_no_request_is_lost_while_one_of_three_is_always_being_updated(folder: Path, front: Path) -> None:
    store = str(folder / "store")
    builder = Node(folder / "builder")
    nodes = [Node(folder / f"node-{number}") for number in range(1, NODES + 1)]
    for node in nodes:
        node.settings = type(node.settings)(data_dir=node.data, adopt_timeout_seconds=PATIENCE_SECONDS)

    def serve(number: int) -> Service:
        socket = str(folder / f"{number}.sock")
        service = Service(nodes[number - 1].data, "--uds", socket, workers=1, FLR_DRAIN_SECONDS="0.2").__enter__()
        service.wait("serving")
        return service

    builder.build(1)
    builder.push(store)
    for node in nodes:
        node.pull(store)
    services = {number: serve(number) for number in range(1, NODES + 1)}
    try:
        with Callers(front) as callers:
            callers.wait_for(20)
            for number, node in enumerate(nodes, 1):
                builder.build(number + 1)
                builder.push(store)
                assert node.pull(store).adoption == "adopted"
                services.pop(number).__exit__(None)
                services[number] = serve(number)
                callers.wait_for(20)
        assert callers.lost == []
        assert {status for status, _ in callers.seen} == {200}
        assert {generation for _, generation in callers.seen} == {str(serial) for serial in range(1, NODES + 2)}
    finally:
        for service in services.values():
            service.__exit__(None)
