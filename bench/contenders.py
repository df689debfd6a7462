"""The peers: what one would take instead, or the best there is to be held against. Their files are in bench/peers/.

They hold the answers of a sample of the register's persons, which our own code rendered: Redis, Go's net/http over a
map, and Litestar with py-lmdb on this same Python. nginx answers everything with one constant, of the size of our
answers, heads included.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import lmdb

from bench.generator import BUILD
from bench.prepared import Known, post, redis_command
from bench.servers import READY_SECONDS, ROOT, NoServer, Server, free_port

PEERS = Path(__file__).with_name("peers")
TEXT_BYTES = 3900  # nginx reads no longer text from its settings than 4 kB
COMMANDS_AT_A_TIME = 1000


def needed(program: str) -> str:
    """Where a program is. Raises NoServer when it is not installed."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NoServer(f"{program} is not installed (Debian: apt install nginx redis-server golang-go)")
    return found


class Nginx(Server):
    """nginx and a constant of so many octets that head and body are `answer_bytes`."""

    def __init__(self, answer_bytes: int, folder: Path, processor: int | None, *, name: str = "nginx") -> None:
        port, self._at = free_port(), folder / f"nginx-{name.replace(' ', '-')}"
        self._at.mkdir(parents=True)
        head_bytes = len(self._head())
        self.body_bytes = answer_bytes - head_bytes
        # Its head is one octet shorter when the length has a digit less.
        self.body_bytes += 4 - len(str(self.body_bytes)) if self.body_bytes < 1000 else 0
        if self.body_bytes < 1:
            raise NoServer(f"nginx: no constant of {self.body_bytes} octets")
        more, rest = divmod(self.body_bytes, TEXT_BYTES)
        text = (
            (PEERS / "nginx.conf")
            .read_text()
            .replace("@PORT@", str(port))
            .replace("@BODY@", "${x}" * more + "x" * rest)
        )
        if more:
            text = text.replace("return 200", f'set $x "{"x" * TEXT_BYTES}"; return 200')
        (self._at / "nginx.conf").write_text(text)
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
        environment_of = {"FLR_PEER_LMDB": str(path), "PYTHONPATH": str(ROOT)}
        super().__init__("Litestar + py-lmdb", command, port, folder, processor, environment_of)
