"""Whether a refusal's time tells what was asked about: 401, 403 and 429, for numbers that differ.

    python -m bench.refusals --data-dir DIR [--pairs 20000] [--json]

Callers who may not ask, whose password is wrong, or who have asked too often ask about a person of the register or
about nobody, at random, on one connection. Times of the two kinds are held against each other by Welch's t, the slowest
tenth left out, since that is the machine's; a control does the same with two kinds that do not differ.
|t| above 4.5 is what the literature on constant time takes for a difference.
"""

import argparse
import json
import random
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.compare import persons_of
from bench.guarded import register
from bench.prepared import post
from bench.servers import NoServer, Ours
from bench.staging import NoRegister, staged
from register.ids import control_digits

LIMIT = 4.5
KEPT = 0.9
SAMPLE = 2000
WRONG = "Authorization: Basic bm9ib2R5Ondyb25n"


def nobodys(count: int) -> list[str]:
    """Valid numbers of nobody: born on the first days of synthetic months, in a series that is not given out here."""
    texts = (f"{day:02d}8199{serial:03d}" for day in range(1, 29) for serial in range(1000))
    numbers = [text + digits for text in texts if (digits := control_digits(text))]
    return random.Random(5).sample(numbers, count)


def welch(one: Sequence[float], other: Sequence[float]) -> float:
    """Welch's t of two samples, each without its slowest tenth."""
    kept = [sorted(times)[: round(len(times) * KEPT)] for times in (one, other)]
    means = [statistics.fmean(times) for times in kept]
    error = sum(statistics.variance(times) / len(times) for times in kept) ** 0.5
    return (means[0] - means[1]) / error if error else 0.0


def times_of(port: int, who: str, status: int, kinds: Sequence[Sequence[str]], pairs: int) -> list[list[float]]:
    """Seconds of the answers about numbers of each kind, asked at random. Raises NoServer for another status."""
    chance = random.Random(7)
    times: list[list[float]] = [[] for _ in kinds]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2 * pairs):
            kind = chance.randrange(len(kinds))
            request = post("/v1/gp-lookup", b'{"nin":"%s"}' % chance.choice(kinds[kind]).encode(), [who])
            begun = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(1 << 16)
            took = time.perf_counter() - begun
            if answer.startswith(b"HTTP/1.1 %d " % status):
                times[kind].append(took)
            elif status != 429:
                raise NoServer(f"another answer than {status}")
    return times


def measure(data_dir: Path, pairs: int) -> dict[str, Any]:
    """|t| by refusal, beside a control."""
    with staged(data_dir) as stage:
        known = [person.nin for person in persons_of(stage, SAMPLE)]
        unknown = nobodys(SAMPLE)
        half = len(known) // 2
        forbidden = register(stage.data_dir, "operator", "FlrOperator")
        limited = register(stage.data_dir, "limited", "FlrLookup", "--requests-per-second", "1")
        told: dict[str, Any] = {}
        with Ours(stage.data_dir, stage.room, None, module="lookup") as server:
            for name, who, status in (("401", WRONG, 401), ("403", forbidden, 403), ("429", limited, 429)):
                control = times_of(server.port, who, status, [known[:half], known[half:]], pairs)
                times = times_of(server.port, who, status, [known, unknown], pairs)
                told[name] = {
                    "t": welch(*times),
                    "control_t": welch(*control),
                    "median_us": [statistics.median(kind) * 1e6 for kind in times],
                }
    return told


def lines(told: dict[str, Any]) -> list[str]:
    """The result as Markdown."""
    rows = [
        f"| {name} | {medians[0]:.1f}, {medians[1]:.1f} us | {one['t']:.2f} | {one['control_t']:.2f} |"
        for name, one in told.items()
        for medians in (one["median_us"],)
    ]
    return ["| refusal | a person's number, nobody's: median | t | of a control |", "|---|---|---|---|", *rows]


def main() -> int:
    """The command. Exits 1 when a refusal's time tells what was asked about."""
    parser = argparse.ArgumentParser(description="whether a refusal's time tells what was asked about")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        told = measure(args.data_dir, args.pairs)
    except (NoRegister, NoServer) as error:
        print(f"refusals: {error}", file=sys.stderr)
        return 1
    print(json.dumps(told, indent=1) if args.json else "\n".join(lines(told)))
    return 1 if any(abs(one["t"]) > LIMIT for one in told.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
