"""The whole way once, for people: a synthetic population, a load, a running service, one answer, a clean stop.

Run by `make demo`. Each part is the real program in a process of its own, as an operator would start it. Leaves
nothing behind, unless `--dir` names a folder to keep. Exits 1, with the reason, when anything is not as it should be.
The test person's number is never printed.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec
import zstandard

from register.feed import MANIFEST, Manifest
from register.model import DoctorCycle, Membership, Record

NATIONAL_PERSONS = 5_600_000
READY_SECONDS = 300
STOP_SECONDS = 60
TIMED_REQUESTS = 200


R = TypeVar("R", bound=Record)


class DemoError(Exception):
    """Something is not as it should be; the message says what."""


def persons_of(text: str) -> int:
    """The number of persons asked for; `national` is all of Norway."""
    return NATIONAL_PERSONS if text == "national" else int(text.replace("_", ""))


def command(name: str) -> str:
    """A console script of the environment that this runs in."""
    return str(Path(sys.executable).with_name(name))


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and afterwards how long it took."""
    print(f"-- {what}", flush=True)
    begun = time.perf_counter()
    yield
    print(f"   {time.perf_counter() - begun:.1f} s", flush=True)


def run(*arguments: str) -> None:
    """Run a program to its end; it writes to our terminal."""
    code = subprocess.run(arguments, stdin=subprocess.DEVNULL, check=False).returncode
    if code:
        raise DemoError(f"{Path(arguments[0]).name} {arguments[1]} ended with exit code {code}")


def records(feed: Path, table: str, kind: type[R]) -> Iterator[R]:
    """The records of one table of a feed, one by one."""
    manifest = msgspec.json.decode((feed / MANIFEST).read_bytes(), type=Manifest)
    decoder = msgspec.json.Decoder(kind)
    for entry in manifest.files:
        if entry.table != table:
            continue
        path = feed / entry.name
        with path.open("rb") as file:
            plain = zstandard.ZstdDecompressor().stream_reader(file) if path.suffix == ".zst" else file
            with io.BufferedReader(cast("io.RawIOBase", plain), 1 << 20) as lines:
                yield from map(decoder.decode, lines)


def assigned_numbers(feed: Path) -> Iterator[str]:
    """National ids of persons who are on a list that has a GP now."""
    now = datetime.now(ZoneInfo("Europe/Oslo")).replace(tzinfo=None)

    def in_force(record: DoctorCycle | Membership) -> bool:
        return record.valid_from <= now and (record.to is None or now < record.to)

    cycles = records(feed, "doctor_cycles", DoctorCycle)
    with_gp = {cycle.contract_id for cycle in cycles if cycle.relationship == "LPFL" and in_force(cycle)}
    for membership in records(feed, "memberships", Membership):
        if membership.to is None and membership.contract_id in with_gp and in_force(membership):
            yield membership.nin


class Service:
    """A `flr-lookup serve` of our own, with one worker, on a free loopback port."""

    def __init__(self, data: Path, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        arguments = ["--data-dir", str(data), "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [command("flr-lookup"), "serve", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "FLR_DRAIN_SECONDS": "0"},
                start_new_session=True,  # Ctrl-C is for us; we then stop the service in good order
            )

    def stop(self) -> None:
        """SIGTERM, and see that it ends by itself, with exit code 0. Does nothing when it has ended already."""
        self._connection.close()
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise DemoError(f"the service did not stop within {STOP_SECONDS} s of SIGTERM") from None
        if code:
            raise DemoError(f"the service stopped with exit code {code}")

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """One request on the kept connection: HTTP status and body."""
        payload = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            self._connection.request(method, path, payload, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except BaseException:
            self._connection.close()
            raise

    def wait_until_ready(self) -> None:
        """Return when /readyz answers 200."""
        until = time.monotonic() + READY_SECONDS
        last = "no answer"
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise DemoError(f"the service ended with exit code {self._process.returncode} before it was ready")
            try:
                status, _ = self.ask("GET", "/readyz")
            except (OSError, http.client.HTTPException) as error:
                last = type(error).__name__
            else:
                if status == http.HTTPStatus.OK:
                    return
                last = f"status {status}"
            time.sleep(0.05)
        raise DemoError(f"/readyz was not 200 within {READY_SECONDS} s, last: {last}")


def look_one_up(service: Service, feed: Path) -> tuple[dict[str, Any], float]:
    """The answer for the first test person with a GP who may be shown, and the median seconds of an answer."""
    for nin in assigned_numbers(feed):
        status, body = service.ask("POST", "/v1/gp-lookup", {"nin": nin})
        if status != http.HTTPStatus.OK:
            raise DemoError(f"gp-lookup answered {status}: {body.decode(errors='replace')}")
        answer: dict[str, Any] = json.loads(body)
        if answer["status"] == "withheld":
            continue
        if answer["status"] != "assigned" or not answer["gp"]:
            raise DemoError(f"a person on a list with a GP was answered with status {answer['status']!r}")
        if nin.encode() in body:
            raise DemoError("the answer repeats the number asked for")
        return answer, median_seconds(service, nin)
    raise DemoError("the feed holds nobody who has a GP now")


def median_seconds(service: Service, nin: str) -> float:
    """How long an answer takes, as this single client sees it over one connection."""
    taken = []
    for _ in range(TIMED_REQUESTS):
        begun = time.perf_counter()
        service.ask("POST", "/v1/gp-lookup", {"nin": nin})
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def demo(folder: Path, persons: int, seed: int, *, stay: bool) -> None:
    """The whole way, in `folder`, which holds nothing of ours yet."""
    feed, data, log = folder / "feed", folder / "data", folder / "service.log"
    for path in (feed, data):
        if path.exists():
            raise DemoError(f"{path} is already there: remove it, or name another folder")
    with step(f"a population of {persons:,} persons"):
        population = ["--persons", str(persons), "--out", str(feed), "--seed", str(seed), "--as-of", "today"]
        run(sys.executable, "-m", "bench.population", *population)
    with step("flr-loader load: read, build, verify, publish"):
        run(command("flr-loader"), "load", str(feed), "--data-dir", str(data))
    service = Service(data, log)
    try:
        with step(f"flr-lookup serve: port {service.port}, one worker, until /readyz says 200"):
            service.wait_until_ready()
        with step("POST /v1/gp-lookup for a test person"):
            answer, seconds = look_one_up(service, feed)
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        print(f"   {seconds * 1000:.2f} ms an answer: median of {TIMED_REQUESTS}, one client, one connection")
        if stay:
            wait_for_interrupt(service.port)
        with step("SIGTERM: the service stops"):
            service.stop()
    except (DemoError, ConnectionError, TimeoutError, http.client.HTTPException) as error:
        last_lines = log.read_text(errors="replace").splitlines()[-30:]
        raise DemoError(
            "\n".join([str(error) or type(error).__name__, "the service's last lines:", *last_lines])
        ) from error
    finally:
        with contextlib.suppress(DemoError):  # what went wrong first is what is told
            service.stop()


def wait_for_interrupt(port: int) -> None:
    """Leave the service running until Ctrl-C."""
    print(f"-- serving; the API, to read and to try: http://127.0.0.1:{port}/schema    Ctrl-C stops", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
    print()


def where_next(*, stayed: bool) -> None:
    """What to look at after the demo."""
    rows = [
        ("make demo PERSONS=national", "the same with all of Norway: minutes, and some GB on disk"),
        ("make test", "the tests"),
        (".venv/bin/flr-loader --help", "what operations run from cron"),
        (".venv/bin/flr-lookup --help", "what clinical systems ask"),
        ("README.md, ARCHITECTURE.md, docs/", "the map, the reasons, the formats"),
    ]
    if not stayed:
        rows.insert(
            0, ("make demo DEMO_ARGS=--stay", "the same, and it goes on serving: try the API on its /schema page")
        )
    print("\nWhere to look next:")
    for what, why in rows:
        print(f"  {what:<36}{why}")


def main() -> int:
    """Parse the arguments, run the demo, and say how it went by exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--persons", type=persons_of, default=100_000, help="how many, or `national` (default 100000)")
    parser.add_argument("--seed", type=int, default=1, help="of the population (default 1)")
    parser.add_argument("--dir", type=Path, help="keep feed, data and service.log here (default: a temporary folder)")
    parser.add_argument("--stay", action="store_true", help="go on serving until Ctrl-C")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the service is stopped too
    try:
        with contextlib.ExitStack() as stack:
            folder = arguments.dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flr-demo-")))
            folder.mkdir(parents=True, exist_ok=True)
            demo(folder, arguments.persons, arguments.seed, stay=arguments.stay)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    where_next(stayed=arguments.stay)
    return 0


if __name__ == "__main__":
    sys.exit(main())
