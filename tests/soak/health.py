"""How the service is, seen from outside: by its processes, its log and its metrics."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.lookup.wires import metrics
from tests.service import Service
from tests.soak.answers import Wrong

GROWTH_BYTES = 24 << 20  # of one worker, from a tenth of the soak to its end
UNDER_SANITIZER_BYTES = 1 << 30  # which keeps what is freed, to see who touches it
SETTLE_SECONDS = 20


def workers(service: Service) -> list[int]:
    """The process ids of the workers."""
    pid = service.process.pid
    return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def private_bytes(pid: int) -> int:
    """What a process has in memory of its own: maps of generations, which come and go with swaps, not counted."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


def sanitized(pid: int) -> bool:
    """Whether a process runs under AddressSanitizer."""
    return "/libasan" in Path(f"/proc/{pid}/maps").read_text()


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    held = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:  # closed since it was listed
            continue
    return held


class Health:
    """Taken before the soak, sampled once in it, and checked after it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.pids = workers(service)
        self.sockets = [min(_several(lambda pid=pid: sockets(pid))) for pid in self.pids]  # type: ignore[misc]
        self.private = [private_bytes(pid) for pid in self.pids]
        self.cpu_seconds = sum(map(cpu_seconds, self.pids))

    def sample(self) -> None:
        """Take from here on how memory grows."""
        self.private = [private_bytes(pid) for pid in self.pids]

    def used(self) -> float:
        """Seconds of processor that the workers have used since."""
        return sum(map(cpu_seconds, self.pids)) - self.cpu_seconds

    def ended(self) -> dict[str, float]:
        """How many connections the service has ended by itself, by reason."""
        found = metrics(self.service).items()
        return {name: value for name, value in found if name.startswith("flr_connections_ended_total") and value}

    def _has_no_more_sockets(self) -> bool:
        return all(sockets(pid) <= before for pid, before in zip(self.pids, self.sockets, strict=True))

    def check(self) -> list[int]:
        """How many bytes each worker has grown by. Raises Wrong when the service is not as it should be."""
        if workers(self.service) != self.pids:
            raise Wrong("a worker has died")
        errors = [line for line in self.service.lines if not _quiet(line)]
        if errors:
            raise Wrong(f"{len(errors)} errors logged, the first: {errors[0].strip()}")
        _until(self._has_no_more_sockets, "sockets are left open")
        # the connection that asks is one
        _until(lambda: self.service.metric("flr_connections") == 1, "the gauge of connections does not come back")
        for name in ("flr_worker_restarts_total", "flr_failed_swaps_total", "flr_connections_refused_total"):
            if self.service.metric(name):
                raise Wrong(f"{name} is not 0")
        if self.ended():
            raise Wrong(f"the service has ended connections by itself: {self.ended()}")
        growth = [private_bytes(pid) - before for pid, before in zip(self.pids, self.private, strict=True)]
        if max(growth) > (UNDER_SANITIZER_BYTES if sanitized(self.pids[0]) else GROWTH_BYTES):
            raise Wrong(f"the workers have grown by {growth} bytes")
        return growth


def _quiet(line: str) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("level") == "info"


def _several(count: Callable[[], int]) -> list[int]:
    """A count taken for a while: what was asked last may still be about to be closed."""
    counts = []
    for _ in range(10):
        counts.append(count())
        time.sleep(0.02)
    return counts


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Wrong(what)
        time.sleep(0.05)
