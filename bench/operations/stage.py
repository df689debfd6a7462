"""What is asked: feeds of a made-up Norway, a register of them, and the nodes that serve it, with everything on.

Each is the real program in a process of its own. Consumers are registered clients with passwords; what they ask is
recorded in the audit. Nothing is left behind but what the folder holds.
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from bench.operations.profiles import CONSUMERS, MONTH_START, NODE_LOSS, Profile
from bench.operations.truth import now
from bench.servers import Ours, free_port
from flr_client import Basic, Client

PATIENCE_SECONDS = 60.0
ORGANIZATION = "974767880"
NO_LIMITS = ("--requests-per-second", "0", "--persons-per-day", "0", "--unknown-share", "0")
ONE_ADDRESS = {"FLR_MAX_CONNECTIONS_PER_ADDRESS": "20000"}  # all consumers are at ours


class Happening(NamedTuple):
    """What was done meanwhile, when; `serial` of a generation that is in service from then on."""

    at: float
    told: str
    serial: int | None = None


class Act(NamedTuple):
    """What is to be done when this share of the run is over."""

    share: float
    do: Callable[[], None]


def program(module: str, *arguments: str) -> str:
    """What a command of ours prints. Raises CalledProcessError."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


class Stage:
    """A register in service, ready for a profile. A context manager: leaving it stops the nodes."""

    def __init__(self, folder: Path, profile: Profile, persons: int, workers: int) -> None:
        self.folder, self.profile, self.workers = folder, profile, workers
        self.happenings: list[Happening] = []
        self.feeds = self._made(persons)
        self._data = [folder / f"data-{number}" for number in range(profile.nodes)]
        self._load(self.feeds[1])
        self._clients = {name: self._registered(name, consumer.role) for name, consumer in CONSUMERS.items()}
        for other in self._data[1:]:
            shutil.copytree(self._data[0], other)

    def __enter__(self) -> "Stage":
        with contextlib.ExitStack() as stack:
            numbers = range(self.profile.nodes)
            self._nodes = [stack.enter_context(self._node(number, free_port())) for number in numbers]
            self.position = stack.enter_context(self._follower()).latest().value.position
            self._running = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def urls(self) -> list[str]:
        """Where the nodes are."""
        return [f"http://127.0.0.1:{node.port}" for node in self._nodes]

    @property
    def credentials(self) -> dict[str, str]:
        """The Authorization of each consumer."""
        pairs = {name: base64.b64encode(":".join(pair).encode()).decode() for name, pair in self._clients.items()}
        return {name: f"Basic {pair}" for name, pair in pairs.items()}

    def events(self) -> int:
        """How many events there have been, says the first node."""
        with self._follower() as register:
            return sum(len(page.events) for page in register.follow(self.position))

    @property
    def acts(self) -> list[Act]:
        """What happens meanwhile, in order."""
        if self.profile.name == MONTH_START:
            return [
                Act(0.2, lambda: self._swap("the month's first day", self.folder / "days" / "000002-incremental", 2)),
                Act(0.6, lambda: self._swap("a full feed", self.feeds[3], 3)),
            ]
        if self.profile.name == NODE_LOSS:
            return [Act(0.2, self._kill), Act(0.4, self._return)]
        return []

    def audits_are_whole(self) -> bool:
        """Whether every node's audit, as it was left, verifies. When the nodes have been stopped."""
        command = [sys.executable, "-m", "lookup", "audit", "verify", "--data-dir"]
        codes = [
            subprocess.run([*command, str(data)], stdout=subprocess.DEVNULL, check=False).returncode
            for data in self._data
        ]
        return not any(codes)

    def _made(self, persons: int) -> dict[int, Path]:
        """The full feed behind each generation there will be."""
        common = ("--persons", str(persons), "--as-of")
        if self.profile.name != MONTH_START:
            program("bench.population", *common, "today", "--out", str(self.folder / "feed"))
            return {1: self.folder / "feed"}
        eve = (now().date().replace(day=1) - timedelta(days=1)).isoformat()
        program("bench.population", *common, eve, "--days", "1", "--out", str(self.folder / "days"))
        for sequence in (2, 3):
            full = str(self.folder / f"full-{sequence}")
            program("bench.population", *common, eve, "--sequence", str(sequence), "--out", full)
        return {1: self.folder / "days" / "000001-full", 2: self.folder / "full-2", 3: self.folder / "full-3"}

    def _load(self, feed: Path) -> None:
        program("loader", "load", str(feed), "--data-dir", str(self._data[0]), "--json")

    def _follower(self) -> Client:
        return Client(self.urls[0], Basic(*self._clients["follower"]), timeout=PATIENCE_SECONDS)

    def _registered(self, name: str, role: str) -> tuple[str, str]:
        """(name, password) of a new client."""
        arguments = ["clients", "add", name, "--org", ORGANIZATION, "--role", role, *NO_LIMITS, "--protected"]
        made = json.loads(program("lookup", *arguments, "--json", "--data-dir", str(self._data[0])))
        return made["name"], made["password"]

    def _node(self, number: int, port: int) -> Ours:
        name = f"node {'AB'[number]}"
        data = self._data[number]
        return Ours(
            data,
            self.folder,
            None,
            name=name,
            workers=self.workers,
            module="lookup",
            environment=ONE_ADDRESS,
            port=port,
        )

    def _happened(self, told: str, serial: int | None = None) -> None:
        self.happenings.append(Happening(time.time(), told, serial))

    def _swap(self, what: str, feed: Path, serial: int) -> None:
        self._happened(f"{what}: load")
        self._load(feed)
        self._happened(f"generation {serial} in service", serial)

    def _kill(self) -> None:
        for pid in self._nodes[1].pids():
            os.kill(pid, signal.SIGKILL)
        self._happened("node B is killed")

    def _return(self) -> None:
        self._nodes[1] = self._running.enter_context(self._node(1, self._nodes[1].port))
        self._happened("node B is ready again")
