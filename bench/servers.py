"""The contenders of the benchmarks: each a program of its own on a free loopback port, held to one processor.

Ours serves the data folder it is given. The peers (bench/peers/) hold the answers of a sample of its persons, which our
own code rendered: Redis, Go's net/http over a map, and Litestar with py-lmdb on this same Python. nginx answers
everything with one constant, of the size of our answers, heads included.
"""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import lmdb

from bench.generator import BUILD
from bench.loads import tree
from bench.prepared import Known, post, redis_command

PEERS = Path(__file__).with_name("peers")
READY_SECONDS = 120
STOP_SECONDS = 30
TICKS = os.sysconf("SC_CLK_TCK")
MOST_CONSTANT_BYTES = 4000  # nginx reads no longer text from its settings
COMMANDS_AT_A_TIME = 1000


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

    def check(self, persons: Sequence[Known]) -> None:
        """See that it answers for some persons as it should. Raises NoServer, which names nobody."""
        for person in persons:
            head, body = self.ask(post("/v1/gp-lookup", b'{"nin":"%s"}' % person.nin.encode()))
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
    ) -> None:
        port = free_port()
        arguments = ["--data-dir", str(data_dir.resolve()), "--run-dir", str(folder / f"run-{port}")]
        arguments += ["--port", str(port), "--workers", str(workers)]
        # Stopping it is not what is measured here.
        environment = {"FLR_DRAIN_SECONDS": "0", "PYTHONPATH": str(PEERS.parent.parent), **(environment or {})}
        super().__init__(
            name, [sys.executable, "-m", "lookup", "serve", *arguments], port, folder, processor, environment
        )

    def answers(self) -> bool:
        """Whether a worker says that it is ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Nginx(Server):
    """nginx and a constant of so many octets that head and body are `answer_bytes`."""

    def __init__(self, answer_bytes: int, folder: Path, processor: int | None, *, name: str = "nginx") -> None:
        port, self._at = free_port(), folder / f"nginx-{name.replace(' ', '-')}"
        self._at.mkdir(parents=True)
        head_bytes = len(self._head())
        self.body_bytes = answer_bytes - head_bytes
        # Its head is one octet shorter when the length has a digit less.
        self.body_bytes += 4 - len(str(self.body_bytes)) if self.body_bytes < 1000 else 0
        if not 1 <= self.body_bytes <= MOST_CONSTANT_BYTES:
            raise NoServer(f"nginx: no constant of {self.body_bytes} octets")
        text = (PEERS / "nginx.conf").read_text()
        (self._at / "nginx.conf").write_text(text.replace("@PORT@", str(port)).replace("@BODY@", "x" * self.body_bytes))
        command = [needed("nginx"), "-p", str(self._at), "-c", "nginx.conf", "-e", "stderr"]
        super().__init__(name, command, port, folder, processor)

    @staticmethod
    def _head() -> bytes:
        version = subprocess.run([needed("nginx"), "-v"], capture_output=True, check=True).stderr.split()[-1]
        return (
            b"HTTP/1.1 200 OK\r\nServer: %b\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            b"Content-Type: application/json\r\nContent-Length: 1000\r\nConnection: keep-alive\r\n\r\n" % version
        )

    def check(self, persons: Sequence[Known]) -> None:
        """It has one answer for all."""
        person = persons[0]
        head, body = self.ask(post("/v1/gp-lookup", b'{"nin":"%s"}' % person.nin.encode()))
        if not head.startswith(b"HTTP/1.1 200 ") or len(body) != self.body_bytes:
            raise self.fail("gave a wrong answer")


class Redis(Server):
    """Redis with the answers of the sample under their national ids."""

    def __init__(self, persons: Sequence[Known], folder: Path, processor: int | None) -> None:
        port, self._persons = free_port(), persons
        command = [needed("redis-server"), str(PEERS / "redis.conf"), "--port", str(port), "--dir", str(folder)]
        super().__init__("Redis GET", command, port, folder, processor)

    def __enter__(self) -> Self:
        super().__enter__()
        with socket.create_connection(("127.0.0.1", self.port), timeout=READY_SECONDS) as connection:
            answers = connection.makefile("rb")
            for first in range(0, len(self._persons), COMMANDS_AT_A_TIME):
                some = self._persons[first : first + COMMANDS_AT_A_TIME]
                connection.sendall(b"".join(redis_command(b"SET", one.nin.encode(), one.body) for one in some))
                if any(answers.readline() != b"+OK\r\n" for _ in some):
                    raise self.fail("did not take an answer in")
        return self

    def check(self, persons: Sequence[Known]) -> None:
        """See that it has the right values."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=READY_SECONDS) as connection:
            answers = connection.makefile("rb")
            for person in persons:
                connection.sendall(redis_command(b"GET", person.nin.encode()))
                size = int(answers.readline()[1:])
                if size < 0 or answers.read(size + 2)[:-2] != person.body:
                    raise self.fail("gave a wrong answer")


class Go(Server):
    """Go's net/http on one processor, over a map of the sample."""

    def __init__(self, persons: Sequence[Known], folder: Path, processor: int | None) -> None:
        BUILD.mkdir(parents=True, exist_ok=True)
        program, port, answers = BUILD / "peer-go", free_port(), folder / "answers.bin"
        go = {"GOCACHE": str(BUILD / "go-cache"), "GOFLAGS": "", "GO111MODULE": "off"}
        command = [needed("go"), "build", "-o", str(program), str(PEERS / "main.go")]
        subprocess.run(command, check=True, env={**os.environ, **go})
        with answers.open("wb") as file:
            for person in persons:
                nin = person.nin.encode()
                file.write(struct.pack("<II", len(nin), len(person.body)) + nin + person.body)
        command = [str(program), str(port), str(answers)]
        super().__init__("Go net/http", command, port, folder, processor, {"GOMAXPROCS": "1"})


class Litestar(Server):
    """Litestar, uvicorn and py-lmdb over the sample."""

    def __init__(self, persons: Sequence[Known], folder: Path, processor: int | None) -> None:
        port, path = free_port(), folder / "answers.mdb"
        with (
            lmdb.open(str(path), subdir=False, map_size=1 << 34, sync=False) as environment,
            environment.begin(write=True) as transaction,
        ):
            for nin, body in sorted(persons):
                transaction.put(nin.encode(), body, append=True)
        uvicorn = ["-m", "uvicorn", "bench.peers.litestar_app:app", "--loop", "uvloop", "--http", "httptools"]
        command = [sys.executable, *uvicorn, "--port", str(port), "--no-access-log", "--log-level", "warning"]
        environment_of = {"FLR_PEER_LMDB": str(path), "PYTHONPATH": str(PEERS.parent.parent)}
        super().__init__("Litestar + py-lmdb", command, port, folder, processor, environment_of)


def needed(program: str) -> str:
    """Where a program is. Raises NoServer when it is not installed."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NoServer(f"{program} is not installed (Debian: apt install nginx redis-server golang-go)")
    return found
