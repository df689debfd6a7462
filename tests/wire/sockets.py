"""Streams sent to real services over a socket: one with the compiled path in front, one with the ordinary path alone.

What both answer, in what order, and how the connection ends, must be the same, in whatever pieces the octets go.
"""

import random
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from register.localtime import OSLO
from tests import tiny
from tests.lookup import village
from tests.service import PATIENCE_SECONDS, Service
from tests.wire.cases import pieces
from tests.wire.judge import Violation

PAUSE_SECONDS = 0.0005  # between pieces, so that they are read apart
LATE_SECONDS = 0.1
_ANSWER = re.compile(rb"(?=HTTP/1\.1 \d\d\d [A-Z])")


class Told(NamedTuple):
    """What a service has answered on one connection: each answer a status line, fields, and body; and how it ended."""

    answers: list[tuple[bytes, list[bytes], bytes]]
    end: str

    @property
    def statuses(self) -> list[int]:
        return [int(status.split()[1]) for status, _, _ in self.answers]


class Both(NamedTuple):
    """The same generation, served in the two ways."""

    hot: Service
    ordinary: Service

    def same(self, *pieces: bytes) -> Told:
        """What both tell when a client sends these pieces, and no more. Raises Violation when they differ."""
        hot, ordinary = (converse(service, *pieces) for service in self)
        if is_early(hot, ordinary):
            hot, ordinary = (converse(service, *pieces, wait_seconds=LATE_SECONDS) for service in self)
        if hot != ordinary:
            raise Violation(f"answers differ: {hot.statuses} {hot.end}, {ordinary.statuses} {ordinary.end}")
        return hot


@contextmanager
def both(folder: Path, **settings: str) -> Iterator[Both]:
    """Two services over the village, at its time, for as long as it takes."""
    tiny.announce(folder, village.generation(folder).name)
    offset = village.NOW.replace(tzinfo=OSLO).timestamp() - time.time()
    with ExitStack() as stack:
        services = []
        for hot in ("true", "false"):
            settings |= {
                "FLR_RUN_DIR": str(folder / f"run-{hot}"),
                "FLR_HOT_PATH": hot,
                "FLR_CLOCK_OFFSET": str(offset),
            }
            service = Service(folder, workers=1, **settings)  # type: ignore[arg-type]
            services.append(stack.enter_context(service))
            services[-1].wait("serving")
        yield Both(*services)


def is_early(one: Told, other: Told) -> bool:
    """Whether one tells a refusal more at the end, and they are the same but for that.

    What is wrong about a message may be said before its body is whole, or is not said when the client gives up first:
    both are right, and a matter of who is faster.
    """
    few, many = sorted((one.answers, other.answers), key=len)
    return len(many) == len(few) + 1 and many[:-1] == few and max(one.statuses[-1:] + other.statuses[-1:]) >= 400


def converse(service: Service, *pieces: bytes, wait_seconds: float = 0) -> Told:
    """Send pieces, say (after a wait) that no more come, and hear what is told until the service closes."""
    received, end = b"", "closed"
    with socket.create_connection(("127.0.0.1", service.address["port"]), timeout=PATIENCE_SECONDS) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for place, piece in enumerate(pieces):
                if place:
                    time.sleep(PAUSE_SECONDS)
                wire.sendall(piece)
            time.sleep(wait_seconds)
            wire.shutdown(socket.SHUT_WR)
            while data := wire.recv(1 << 16):
                received += data
        except (ConnectionError, OSError) as error:
            end = type(error).__name__
    return Told([parted(answer) for answer in _ANSWER.split(received) if is_answer(answer)], end)


def is_answer(data: bytes) -> bool:
    """Whether it is an answer, and not a hint that one is to come, which depends on how the octets came."""
    return bool(data) and not data.startswith(b"HTTP/1.1 100 ")


def parted(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Status line, fields in the order of their names but for the date, body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    return status, sorted(field for field in fields if not field.lower().startswith(b"date:")), body


def in_reads(stream: bytes, chance: random.Random) -> list[bytes]:
    """A stream in the pieces that it is to be read in: mostly one."""
    return pieces(stream, chance) if chance.random() < 0.3 else [stream]
