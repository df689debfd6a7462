"""The package where there is no Debian for it: unpacked in a folder, its programs run as the units would run them."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.activation import HandedOver
from tests.deb.package import NAME, newer
from tests.deb.register import ORGANIZATION, questions, write_feed
from tests.deb.story import Broken, Step, hold
from tests.soak.pace import Pace


def steps(package: Path, folder: Path) -> Iterator[Step]:
    """What is done, in order, and what each has seen. Raises Broken."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        prefix = _Prefix(folder, listening)
        try:
            yield "unpack", lambda: prefix.unpack(package)
            yield "load", prefix.load
            yield "serve", prefix.serve
            yield "upgrade under load", lambda: prefix.upgrade(newer(package, folder))
        finally:
            prefix.stop()


class _Prefix:
    def __init__(self, folder: Path, listening: socket.socket) -> None:
        self.folder, self.listening = folder, listening
        self.root, self.data = folder / "root", folder / "data"
        self.requests: list[bytes] = []
        self.service: HandedOver | None = None

    def _program(self, name: str) -> list[str]:
        """A program of the package: the first line of its script is for where it belongs."""
        place = self.root / "usr" / "lib" / NAME / "bin"
        return [str(place / "python"), "-I", str(place / name)]

    def _run(self, name: str, *arguments: str) -> str:
        command = [*self._program(name), *arguments, "--data-dir", str(self.data)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise Broken(f"{name} {arguments[0]} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def unpack(self, package: Path) -> str:
        """Over what is there, as dpkg does."""
        subprocess.run(["dpkg-deb", "--extract", str(package), str(self.root)], check=True)
        python = self.root / "usr" / "bin" / "python3"  # of the system
        if not python.is_symlink():
            python.symlink_to("/usr/bin/python3")
        return package.name

    def load(self) -> str:
        """A feed is loaded, and a client registered."""
        self.data.mkdir()
        feed = write_feed(self.folder)
        self._run("flr-loader", "load", str(feed))
        made = json.loads(
            self._run("flr-lookup", "clients", "add", "--org", ORGANIZATION, "--role", "FlrRead", "--json")
        )
        self.requests = questions(feed, made["name"], made["password"])
        return json.loads(self._run("flr-loader", "status", "--json"))["current"]

    def _start(self) -> HandedOver:
        serve = [*self._program("flr-lookup"), "serve"]
        service = HandedOver(self.data, [self.listening], serve=serve, FLR_DRAIN_SECONDS="1")
        service.__enter__()
        service.wait("serving")
        return service

    def serve(self) -> str:
        """It answers on a socket that was handed over."""
        self.service = self._start()
        with self._pace() as pace:
            pace.answered_more()
        return self._told(pace)

    def upgrade(self, other: Path) -> str:
        """Unpacked over the one that serves, which is then restarted."""
        assert self.service is not None
        with self._pace() as pace:
            pace.answered_more()
            self.unpack(other)
            pace.answered_more()
            self.service.__exit__(None)
            self.service = self._start()
            pace.answered_more()
        return self._told(pace)

    def _pace(self) -> Pace:
        return Pace(self.listening.getsockname()[1], self.requests, rate=100.0)

    def _told(self, pace: Pace) -> str:
        outcome = pace.outcome
        hold(
            not outcome.failures and not outcome.unannounced,
            f"{dict(outcome.failures)}, {outcome.unannounced} unannounced",
        )
        return f"{outcome.answered} answers, no failure, {outcome.worst_seconds:.1f} s the longest"

    def stop(self) -> None:
        """Where something did not hold, too."""
        if self.service is not None and self.service.process.poll() is None:
            self.service.process.kill()
            self.service.process.wait()
