"""A program that is measured: on a free loopback port, held to one processor. And ours, `flr-lookup serve`."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from bench.loads import tree
from bench.prepared import Known, post
from lookup.runfile import live_workers

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 120
STOP_SECONDS = 30
TICKS = os.sysconf("SC_CLK_TCK")


class NoServer(Exception):
    """A contender that could not be started, did not answer or answered wrongly; the message says why."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextlib.contextmanager
def pinned(processor: int | None) -> Iterator[None]:
    """What is started inside runs on this processor alone."""
    before = os.sched_getaffinity(0)
    if processor is not None:
        os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Server:
    """One running program. A context manager: leaving it stops the program."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        folder: Path,
        processor: int | None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`folder` is where it runs, and where what it says goes."""
        self.name, self.port = name, port
        self._said = folder / (re.sub("[^a-zA-Z]+", "-", name) + ".log")
        with pinned(processor), self._said.open("wb") as said:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**os.environ, **(environment or {})},
            )

    def __enter__(self) -> Self:
        try:
            self.wait_until_answering()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, gently at first."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def fail(self, why: str) -> NoServer:
        """The error, with the last of what the program said."""
        return NoServer(f"{self.name}: {why}\n{self._said.read_text(errors='replace')[-2000:]}")

    def wait_until_answering(self) -> None:
        """Return when it answers at all."""
        until = time.monotonic() + READY_SECONDS
        while not self.answers():
            if self.process.poll() is not None:
                raise self.fail(f"ended with {self.process.returncode}")
            if time.monotonic() > until:
                raise self.fail("does not answer")
            time.sleep(0.005)

    def answers(self) -> bool:
        """Whether it is ready to answer."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5):
                return True
        except OSError:
            return False

    def pids(self) -> list[int]:
        """Its processes."""
        return tree(self.process.pid)

    def cpu_seconds(self) -> float:
        """Processor time of all its processes until now, user and system."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """(head, body) of one answer over HTTP, as octets."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=READY_SECONDS) as connection:
            connection.sendall(request)
            got = b""
            while (head := got.find(b"\r\n\r\n")) < 0 or len(got) < head + 4 + _length(got[:head]):
                data = connection.recv(1 << 20)
                if not data:
                    raise self.fail("closed the connection in the middle of an answer")
                got += data
        return got[: head + 4], got[head + 4 :]

    fields: Sequence[str] = ()  # of the head of the questions that it is checked with

    def check(self, persons: Sequence[Known]) -> None:
        """See that it answers for some persons as it should. Raises NoServer, which names nobody."""
        for person in persons:
            head, body = self.ask(post("/v1/gp-lookup", b'{"nin":"%s"}' % person.nin.encode(), self.fields))
            if not head.startswith(b"HTTP/1.1 200 ") or body != person.body:
                raise self.fail("gave a wrong answer")


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise NoServer("an answer without a length")


class Ours(Server):
    """The service, with one worker unless told otherwise."""

    def __init__(
        self,
        data_dir: Path,
        folder: Path,
        processor: int | None,
        *,
        name: str = "ours",
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
        module: str = "bench.unguarded",
        port: int | None = None,
    ) -> None:
        """On a free port, unless one is named."""
        port = port or free_port()
        self.workers, self._run_dir = workers, folder / f"run-{port}"
        arguments = ["--data-dir", str(data_dir.resolve()), "--run-dir", str(self._run_dir)]
        arguments += ["--port", str(port), "--workers", str(workers)]
        # Stopping it is not what is measured here, and its memory is looked into.
        ours = {"FLR_DRAIN_SECONDS": "0", "FLR_CORE_DUMPS": "true", "PYTHONPATH": str(ROOT)}
        environment = {**ours, **(environment or {})}
        super().__init__(
            name, [sys.executable, "-m", module, "serve", *arguments], port, folder, processor, environment
        )

    def _get(self, path: str) -> tuple[int, bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def answers(self) -> bool:
        """Whether /readyz says so; where there are several workers, whether the run file of each does too."""
        if self.workers > 1 and sum(one.state == "ready" for one in live_workers(self._run_dir)) < self.workers:
            return False
        try:
            return self._get("/readyz")[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        lines = self._get("/metrics")[1].decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
