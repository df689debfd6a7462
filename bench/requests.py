"""Requests per second and latency of `POST /v1/gp-lookup` against a service of its own, on loopback.

    python -m bench.requests --data-dir DIR [--seconds 10] [--rounds 5] [--connections 64] [--rate N] [--json]

One worker, pinned to one processor; this program on another. A closed loop: every connection asks again as soon as it
has its answer, so the latencies are those of a full queue. With `--rate` arrivals are paced and latency counts from
when a request was due. Random persons of the generation in service; every answer's status line is checked, every 64th
body too.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import uvloop

from bench.lookups import sample
from lookup._fast.index import Index
from lookup.manifest import CURRENT, read_pointer
from register.ids import format_national_id

READY_SECONDS = 60
PERSONS = 50_000


class Client(asyncio.Protocol):
    """One keep-alive connection. `latencies` are in seconds; `wrong` counts answers that are not an answer."""

    def __init__(self, requests: list[bytes], first: int, due: float, interval: float, end: float) -> None:
        self.requests, self.next = requests, first
        self.due, self.interval, self.end = due, interval, end
        self.buffer = b""
        self.latencies: list[float] = []
        self.wrong = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to ask."""
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self.wait()

    def wait(self) -> None:
        """Send when the next request is due: at once without pacing."""
        now = time.perf_counter()
        if now >= self.end:
            self.transport.close()
            self.done.set_result(None)
        elif self.interval and self.due > now:
            asyncio.get_running_loop().call_later(self.due - now, self.wait)
        else:
            self.sent = self.due if self.interval else now
            self.due += self.interval
            self.next = (self.next + 1) % len(self.requests)
            self.transport.write(self.requests[self.next])

    def data_received(self, data: bytes) -> None:
        """Take in what came; with a whole answer, check it and go on."""
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self.buffer.lower().find(b"content-length:", 0, head)
        length = int(self.buffer[at + 15 : self.buffer.find(b"\r\n", at)])
        if len(self.buffer) < head + 4 + length:
            return
        self.latencies.append(time.perf_counter() - self.sent)
        right = self.buffer.startswith(b"HTTP/1.1 200 ")
        if len(self.latencies) % 64 == 0:
            right = right and json.loads(self.buffer[head + 4 :])["status"] in ("assigned", "vacant", "none")
        self.wrong += not right
        self.buffer = b""
        self.wait()

    def connection_lost(self, error: Exception | None) -> None:
        """Only we close connections: anything else is a failure."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the service closed a connection"))


def prepared(folder: Path, port: int) -> list[bytes]:
    """Requests for random persons, as bytes."""
    index = Index((folder / "pointers.bin").read_bytes(), (folder / "index.mdb").read_bytes())
    out = []
    for nin in sample(index, PERSONS, 5):
        body = b'{"nin":"%s"}' % format_national_id(nin).encode()
        head = f"POST /v1/gp-lookup HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        out.append(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return out


async def measure(port: int, requests: list[bytes], args: argparse.Namespace) -> tuple[float, list[float], int]:
    """(answers per second, latencies, wrong answers) of one round."""
    started = time.perf_counter()
    interval = args.connections / args.rate if args.rate else 0.0
    clients = []
    for i in range(args.connections):
        due = started + interval * i / args.connections
        first = len(requests) * i // args.connections
        client = Client(requests, first, due, interval, started + args.seconds)
        await asyncio.get_running_loop().create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    latencies = [latency for client in clients for latency in client.latencies]
    return len(latencies) / (time.perf_counter() - started), latencies, sum(client.wrong for client in clients)


def start(data_dir: Path) -> tuple[subprocess.Popen[bytes], int, float]:
    """A service of one worker on a free port: (process, port, seconds from start to ready)."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "lookup", "serve", "--data-dir", str(data_dir), "--port", "0", "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    for line in process.stdout:
        if b'"listening"' in line:
            port = int(json.loads(line)["port"])
            break
    else:
        raise SystemExit("the service did not start")
    while time.perf_counter() - started < READY_SECONDS:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
            return process, port, time.perf_counter() - started
        except (urllib.error.URLError, OSError):
            time.sleep(0.002)
    raise SystemExit("the service did not become ready")


def main() -> int:
    """Start the service, run the rounds, stop it, print the result."""
    parser = argparse.ArgumentParser(description="requests per second and latency of gp-lookup")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0, help="requests per second; 0: as fast as they are answered")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))
    name = read_pointer(args.data_dir, CURRENT)
    if name is None:
        raise SystemExit("no generation in service there")
    os.sched_setaffinity(0, {processors[0]})
    process, port, ready_seconds = start(args.data_dir)
    os.sched_setaffinity(0, {processors[-1]})
    try:
        requests = prepared(args.data_dir / "gen" / name, port)
        rounds = [uvloop.run(measure(port, requests, args)) for _ in range(args.rounds)]
    finally:
        process.terminate()
        process.wait()
    latencies = sorted(latency for _, some, _ in rounds for latency in some)
    result = {
        "requests_per_second": statistics.median(rate for rate, _, _ in rounds),
        "wrong": sum(wrong for *_, wrong in rounds),
        "ready_seconds": ready_seconds,
        **{f"p{p}_ms": latencies[int(len(latencies) * p / 100)] * 1e3 for p in (50, 99, 99.9)},
    }
    if args.json:
        print(json.dumps(result))
    else:
        print("  ".join(f"{name} {value:.4g}" for name, value in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
