"""A connection that has ended, in whatever way, is forgotten: nothing of ours, or of the server's, holds on to it."""

import asyncio
import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import uvicorn

from lookup.app import create_app
from lookup.connections import Connections
from lookup.current import Clock
from lookup.front import Front
from lookup.generation import Generation
from lookup.ordinary import OrdinaryProtocol
from tests.lookup import village
from tests.lookup.serving import state_of
from tests.lookup.swaps import until
from tests.lookup.wires import request

ORDINARY = request("/v1/gp-history", {"nin": village.LISTED})
HOT = request("/v1/gp-lookup", {"nin": village.LISTED})
LAST = ORDINARY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
TIMES = 30


class Served:
    """A server in this process, of which everything can be looked at."""

    def __init__(self, opened: Generation) -> None:
        state = state_of(opened)
        state.clock = Clock()
        self.members = Connections(state.settings, state.counters)
        front = Front(state, self.members)
        front.follow(opened)
        self.socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(state), http=front.protocol, ws="none", lifespan="on", log_config=None, access_log=False
        )  # type: ignore[arg-type]
        self.server = uvicorn.Server(config)

    def send(self, data: bytes, *, half_close: bool) -> bytes:
        """Send this on a connection of its own, and read all that comes."""
        with socket.create_connection(self.socket.getsockname(), timeout=60) as wire:
            wire.sendall(data)
            if half_close:
                wire.shutdown(socket.SHUT_WR)
            received = b""
            while not (received.endswith(b"}") and not half_close and b"connection: close" not in received):
                some = wire.recv(1 << 16)
                if not some:
                    break
                received += some
        return received


@contextmanager
def serving(opened: Generation) -> Iterator[Served]:
    served = Served(opened)
    thread = Thread(target=lambda: asyncio.run(served.server.serve([served.socket])))
    thread.start()
    try:
        yield served
    finally:
        served.server.should_exit = served.server.force_exit = True
        thread.join()


@pytest.mark.parametrize(
    ("data", "half_close"),
    [(HOT, False), (HOT, True), (ORDINARY, False), (ORDINARY, True), (LAST, False), (b"nonsense\r\n\r\n", False)],
    ids=["hot", "hot, half-closed", "ordinary", "ordinary, half-closed", "the last it asks", "refused"],
)
def test_nothing_is_kept(opened: Generation, data: bytes, half_close: bool) -> None:
    with serving(opened) as served:
        for _ in range(TIMES):
            assert served.send(data, half_close=half_close).startswith(b"HTTP/1.1 ")
        until(lambda: not served.members and not served.server.server_state.connections)
        gc.collect()
        assert sum(isinstance(one, OrdinaryProtocol) for one in gc.get_objects()) <= 1  # that of the last, for a moment
