"""ns for a request inside a worker, from its octets to those of its answer: no socket, no loop, no kernel.

    python -m bench.inside --data-dir DIR [--rounds 7] [--json]

Random persons of the generation in service go through one connection of the compiled HTTP path, whose transport throws
away what it is given. What a real request takes beyond this is system calls and TCP. Whether a change helped is best
seen in instructions, which no neighbour disturbs: `--rounds 1 --requests 2000 --only "small head"` under
`valgrind --tool=callgrind --toggle-collect='*data_received*'` counts those of 2000 requests.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.prepared import KILOBYTE_HEAD, known, post, singles
from lookup.app import TEMPLATES
from lookup.current import ServiceState
from lookup.front import Front
from lookup.generation import CURRENT, open_generation, read_pointer
from lookup.metrics import Counters
from lookup.settings import Settings
from register.localtime import local_micros

REQUESTS = 100_000
PIPELINED = 16


class Nowhere:
    """A transport that counts octets and throws them away."""

    def __init__(self) -> None:
        self.octets = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As over TLS, so that a connection does not write past us."""
        return name if name == "sslcontext" else default

    def write(self, data: bytes) -> None:
        """Gone."""
        self.octets += len(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def get_write_buffer_size(self) -> int:
        """Nothing is ever kept."""
        return 0

    def is_closing(self) -> bool:
        """Open for good."""
        return False


class Inside:
    """One connection over a generation. `ask` gives what it takes in; its answers are counted, not kept."""

    def __init__(self, folder: Path) -> None:
        state = ServiceState(Settings(data_dir=folder.parent.parent), Counters(1))
        state.counters.register(TEMPLATES)
        state.counters.become(0)
        front, self.transport = Front(state), Nowhere()
        generation = open_generation(folder)
        state.current.swap(generation, pinned=False)
        front.follow(generation)
        self.generation = generation
        self.connection = front.protocol(server_state=SimpleNamespace(connections=set()))
        self.connection.connection_made(self.transport)  # type: ignore[arg-type]

    def nanoseconds(self, pieces: list[bytes]) -> float:
        """What each of these reads takes."""
        before, take = self.transport.octets, self.connection.data_received
        started = time.perf_counter()
        for piece in pieces:
            take(piece)
        seconds = time.perf_counter() - started
        if self.transport.octets <= before:
            raise RuntimeError("nothing was answered")
        return seconds / len(pieces) * 1e9


def contenders(inside: Inside, count: int) -> dict[str, tuple[list[bytes], int]]:
    """name -> reads, and how many requests are in each."""
    persons = known(inside.generation, count, 9, local_micros(time.time()))
    small = [request.octets for request in singles(persons)]
    confirmations = [
        post("/v1/gp-confirm", b'{"nin":"%s","hprNumber":7654321}' % person.nin.encode()) for person in persons
    ]
    joined = [b"".join(small[i : i + PIPELINED]) for i in range(0, len(small) - PIPELINED + 1, PIPELINED)]
    return {
        "gp-lookup, small head": (small, 1),
        "gp-lookup, 1 kB head": ([request.octets for request in singles(persons, KILOBYTE_HEAD)], 1),
        f"gp-lookup, {PIPELINED} in one read": (joined, PIPELINED),
        "gp-confirm": (confirmations, 1),
    }


def measure(data_dir: Path, rounds: int, count: int = REQUESTS, only: str = "") -> dict[str, float]:
    """ns a request, the median of rounds that take turns."""
    name = read_pointer(data_dir, CURRENT)
    if name is None:
        raise SystemExit("no generation in service there")
    inside = Inside(data_dir / "gen" / name)
    runs = {contender: run for contender, run in contenders(inside, count).items() if only in contender}
    results: dict[str, list[float]] = {contender: [] for contender in runs}
    for _ in range(rounds):
        for contender, (pieces, requests) in runs.items():
            results[contender].append(inside.nanoseconds(pieces) / requests)
    return {contender: statistics.median(values) for contender, values in results.items()}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="ns for a request inside a worker, without sockets")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--only", default="", help="what is in the names of those to be measured")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    medians = measure(args.data_dir, args.rounds, args.requests, args.only)
    if args.json:
        print(json.dumps({"ns": medians}))
        return 0
    for contender, value in medians.items():
        print(f"{contender:<30}{value:>10.0f} ns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
