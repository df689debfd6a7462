"""A service that is restarted again and again under an open loop of callers: no request fails.

    python -m tests.soak.restarts [--times 50] [--rate 200] [--json]

In turn: SIGHUP, another generation, one worker replaced, the service stopped and started again on the socket that
systemd would hold, and the same with the program at another place, as after an upgrade.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lookup.runfile import live_workers
from tests import tiny
from tests.activation import HandedOver
from tests.lookup.swaps import LOOKUP
from tests.lookup.wires import request
from tests.service import ROOT
from tests.soak.pace import Outcome, Pace

REQUESTS = [
    request("/v1/gp-lookup", LOOKUP),
    request("/v1/gp-lookup", {"nin": tiny.ASSIGNED}),
    request("/v1/gp-history", {"nin": tiny.ASSIGNED}),
    request("/v1/gp-lookup/batch", {"nins": [tiny.ASSIGNED] * 20}),
    request("/livez"),
]
# The program is that of its place, not of the folder that the tests are run in; and what it has mapped can be seen.
SETTINGS = {"FLR_DRAIN_SECONDS": "0.5", "PYTHONSAFEPATH": "1", "FLR_CORE_DUMPS": "true"}
PACKAGES = ("register", "lookup", "bench")


class Site:
    """The service, where it is installed, and what can be done to it. `listening` is what systemd would hold."""

    def __init__(self, folder: Path, listening: socket.socket) -> None:
        self.listening, self.data = listening, folder / "data"
        self.data.mkdir()
        self.generations = [tiny.generation(self.data, serial).name for serial in (1, 2)]
        self.places = [folder / "old", folder / "new"]
        for place in self.places:
            for package in PACKAGES:
                shutil.copytree(
                    ROOT / package, place / package, ignore=shutil.ignore_patterns("results", "__pycache__")
                )
        tiny.announce(self.data, self.generations[0])
        self.service = self._start()

    def _start(self) -> HandedOver:
        service = HandedOver(self.data, [self.listening], PYTHONPATH=str(self.places[0]), **SETTINGS)
        service.__enter__()
        return service

    def stop(self) -> None:
        """Stop it, as systemd does."""
        self.service.__exit__(None)

    def reload(self) -> None:
        """SIGHUP."""
        self.service.process.send_signal(signal.SIGHUP)

    def swap(self) -> None:
        """Announce the other generation, and wait until it is in service."""
        self.generations.reverse()
        tiny.announce(self.data, self.generations[0])
        self.service.wait("serving", generation=self.generations[0])

    def replace(self) -> None:
        """Tell one worker to end, and wait until another has its place."""
        old = live_workers(self.data / "run")[0].pid
        os.kill(old, signal.SIGTERM)
        self.service.wait("worker died", pid=old)
        self.service.wait("serving")

    def restart(self) -> None:
        """Stop the service, then start it."""
        self.stop()
        self.service = self._start()
        self.service.wait("serving")

    def upgrade(self) -> None:
        """The same, with the program at its other place."""
        self.places.reverse()
        self.restart()
        mapped = Path(f"/proc/{self.service.process.pid}/maps").read_text()
        assert f"{self.places[0]}/lookup/_fast/" in mapped
        assert f"{self.places[1]}/" not in mapped

    @property
    def turns(self) -> list[Callable[[], None]]:
        """All of that, in the order in which it is done."""
        return [self.reload, self.swap, self.replace, self.restart, self.upgrade]


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A service that answers, under `folder`."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        made = Site(folder, listening)
        try:
            made.service.wait("serving")
            yield made
        finally:
            made.stop()


def play(folder: Path, times: int, rate: float, told: Callable[[str], None] = lambda _: None) -> Outcome:
    """Do `times` of the turns under load: what became of the requests."""
    with site(folder) as made, Pace(made.listening.getsockname()[1], REQUESTS, rate=rate) as pace:
        pace.answered_more()
        for number in range(times):
            turn = made.turns[number % len(made.turns)]
            turn()
            pace.answered_more()
            told(turn.__name__)
    return pace.outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.restarts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--json", action="store_true", help="tell the outcome as JSON")
    arguments = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flr-restarts-") as folder:
        outcome = play(Path(folder), arguments.times, arguments.rate)
    told = {
        "restarts": arguments.times,
        "seconds": round(time.monotonic() - begun, 1),
        "answered": outcome.answered,
        "failures": dict(outcome.failures),
        "connections": outcome.connections,
        "announced": outcome.announced,
        "unannounced": outcome.unannounced,
        "worst_seconds": round(outcome.worst_seconds, 2),
    }
    print(json.dumps(told) if arguments.json else "\n".join(f"{name:<20} {value}" for name, value in told.items()))
    return 1 if outcome.failures or outcome.unannounced else 0


if __name__ == "__main__":
    sys.exit(main())
