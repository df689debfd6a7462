"""Ten thousand connections on which nothing is asked: they cost little, stand in nobody's way, and leave nothing."""

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lookup.runfile import live_workers
from tests import tiny
from tests.lookup.swaps import LOOKUP, until
from tests.lookup.wires import Wire, metrics, request
from tests.service import Service

CONNECTIONS = 10_000
MOST_BYTES = 7_000  # of private memory for each, in a worker; about 6,000 are usual
LEFT_BYTES = 500  # more for each that is gone, the second and third time
OPEN = "flr_connections"
LIMITS = {
    "FLR_MAX_CONNECTIONS": "20000",
    "FLR_MAX_CONNECTIONS_PER_ADDRESS": "20000",
    "FLR_BODY_SECONDS": "600",
}


@pytest.fixture(autouse=True)
def enough_files() -> Iterator[None]:
    """This process has the other end of every connection."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    assert before[1] > CONNECTIONS + 100, "this machine lets a process have too few files for this test"
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def idle(service: Service, first: bytes) -> Iterator[None]:
    """So many connections, on each of which this was sent, and nothing more comes."""
    address = "127.0.0.1", service.address["port"]
    sockets = []
    try:
        for _ in range(CONNECTIONS):
            sockets.append(socket.create_connection(address, timeout=60))
            if first:
                sockets[-1].sendall(first)
        yield
    finally:
        for one in sockets:
            one.close()


def private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


@pytest.mark.parametrize("first", [b"", request("/v1/gp-lookup", LOOKUP)[:-1]], ids=["nothing sent", "a request begun"])
def test_idle_connections(data: Path, first: bytes) -> None:
    """What is given back to the allocator serves the next ones: a second time costs nothing more."""
    tiny.announce(data, tiny.generation(data).name)
    with Service(data, workers=1, FLR_CORE_DUMPS="true", **LIMITS) as service:
        service.wait("serving")
        (worker,) = live_workers(data / "run")
        left = []
        with Wire(service) as wire:
            assert wire.ask(request("/v1/gp-lookup", LOOKUP)).status == 200
            before = private_bytes(worker.pid)
            for _ in range(3):
                with idle(service, first):
                    until(lambda: metrics(service)[OPEN] > CONNECTIONS)
                    if not left:
                        assert private_bytes(worker.pid) - before < CONNECTIONS * MOST_BYTES
                    assert wire.ask(request("/v1/gp-lookup", LOOKUP)).status == 200
                until(lambda: metrics(service)[OPEN] < 10)
                left.append(private_bytes(worker.pid))
        assert left[-1] - left[0] < CONNECTIONS * LEFT_BYTES
