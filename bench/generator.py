"""Runs the native load generator, bench/load.c, which is compiled into build/bench/ when it is first needed.

A round asks a server on loopback for some seconds, after a while that is not counted, and gives what came of it:
requests a second, latencies, everything that went wrong, and how busy the generator itself was. Where that is above
`BOTTLENECK` the figure is the generator's as much as the server's.
"""

import os
import struct
import subprocess
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.latency import Histogram

BUILD = Path(__file__).resolve().parent.parent / "build" / "bench"
SOURCES = [Path(__file__).with_name(name) for name in ("load.c", "answers.h")]
ANY_LENGTH = 0xFFFFFFFF
BOTTLENECK = 0.9
MISTAKES = ("wrong_status", "wrong_length", "malformed", "closed", "lost", "unanswered", "reconnected")


class Prepared(NamedTuple):
    """A request as it is sent, and the length of the right answer's body, or ANY_LENGTH."""

    octets: bytes
    answer_bytes: int = ANY_LENGTH


class Load(msgspec.Struct, frozen=True):
    """What came of one load: `answers` in all, and of those `measured` in the seconds that count, with their latency.

    `bytes` came in those seconds, heads included. Then the mistakes: answers of another status class or body length
    than was expected, and those that were none; connections that the server closed; requests that were lost with them,
    or had no answer so long after the end; connections that took the place of others.
    """

    answers: int
    measured: int
    bytes: int
    wrong_status: int
    wrong_length: int
    malformed: int
    closed: int
    lost: int
    unanswered: int
    reconnected: int
    bins: list[tuple[int, int]]

    @property
    def histogram(self) -> Histogram:
        """Latencies in nanoseconds."""
        return Histogram(self.bins)

    @property
    def mistakes(self) -> dict[str, int]:
        """What went wrong, and how often."""
        return {name: count for name in MISTAKES if (count := getattr(self, name))}


class Round(msgspec.Struct, frozen=True):
    """One run of the generator. `cpu` is the share of one core that it had; `busy` the share of the time in which
    it had something to do, since it does not sleep while it waits.
    """

    seconds: float
    cpu: float
    busy: float
    load: Load
    beside: Load

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.load.measured / self.seconds


@dataclass(frozen=True)
class Shape:
    """How to ask. Without `rate` in a closed loop; with it so many a second, latency counted from when each was due.

    `depth` is how many requests a connection has in flight in a closed loop; `grace_seconds` how long answers
    are waited for when the time is up.
    """

    connections: int = 64
    seconds: float = 5.0
    warm_seconds: float = 0.5
    rate: float = 0.0
    depth: int = 1
    resp: bool = False
    grace_seconds: float = 5.0


def write_requests(path: Path, requests: Iterable[Prepared]) -> Path:
    """A file of prepared requests, as the generator reads them."""
    with path.open("wb") as file:
        for octets, answer_bytes in requests:
            file.write(struct.pack("<II", len(octets), answer_bytes) + octets)
    return path


def built() -> Path:
    """The generator, compiled anew when its source has changed."""
    program = BUILD / "load"
    if not program.exists() or any(program.stat().st_mtime < source.stat().st_mtime for source in SOURCES):
        BUILD.mkdir(parents=True, exist_ok=True)
        new = program.with_suffix(f".{os.getpid()}")
        compiler = (sysconfig.get_config_var("CC") or "cc").split()
        subprocess.run([*compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(new), str(SOURCES[0])], check=True)
        new.replace(program)
    return program


def run(
    port: int,
    requests: Path,
    shape: Shape,
    *,
    processor: int | None = None,
    beside: Path | None = None,
    beside_connections: int = 1,
) -> Round:
    """Ask the server on a port with the requests of a file; `beside` is another load that goes on at the same time.

    Without a processor of its own the generator sleeps while it waits.
    """
    command: list[Any] = [built(), "--port", port, "--requests", requests, "--connections", shape.connections]
    command += ["--seconds", shape.seconds, "--warm", shape.warm_seconds, "--rate", shape.rate, "--depth", shape.depth]
    command += ["--grace", shape.grace_seconds]
    command += ["--resp"] if shape.resp else []
    command += ["--sleep"] if processor is None else ["--cpu", processor]
    command += [] if beside is None else ["--beside", beside, "--beside-connections", beside_connections]
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Round)
