"""The whole way once, for people: a synthetic population, a load, a running service, its answers, a clean stop.

Run by `make demo`. Each part is the real program in a process of its own, as an operator would start it. Leaves
nothing behind, unless `--dir` names a folder to keep. Exits 1, with the reason, when anything is not as it should be.
No test person's number is printed.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import msgspec

from bench.provider import Provider, serving
from bench.trying import provider_of, settings_of
from flr_client import Assigned, Basic, Bearer, Client, FlrError, Found, NoGp, Unknown, Vacant, Withheld
from lookup.rest import examples

NATIONAL_PERSONS = 5_600_000
READY_SECONDS = 300
STOP_SECONDS = 60
ORGANIZATION = "974767880"
ROLES = ("FlrRead", "FlrReadAllPatients", "FlrExport", "FlrOperator")  # so that all the documented examples work
TIMED_REQUESTS = 200
ANSWERS: tuple[tuple[str, str, type[Found]], ...] = (
    ("has a GP", examples.NIN, Assigned),
    ("on a list without a GP", examples.VACANT_NIN, Vacant),
    ("on no list", examples.NONE_NIN, NoGp),
    ("protected, and not for this client", examples.WITHHELD_NIN, Withheld),
    ("a number that nobody has", examples.UNKNOWN_NIN, Unknown),
)


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


class Service:
    """A `flr-lookup serve` of our own, with one worker, on a free loopback port."""

    def __init__(self, data: Path, log: Path, given: Callable[[str], dict[str, str]]) -> None:
        """`given` says what its environment is to have besides, by its URL."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        arguments = ["--data-dir", str(data), "--host", "127.0.0.1", "--port", port, "--workers", "1"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [command("flr-lookup"), "serve", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "FLR_DRAIN_SECONDS": "0", **given(self.url)},
                start_new_session=True,  # Ctrl-C is for us; we then stop the service in good order
            )

    def stop(self) -> None:
        """SIGTERM, and see that it ends by itself, with exit code 0. Does nothing when it has ended already."""
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

    def wait_until_ready(self) -> None:
        """Return when /readyz answers 200."""
        until = time.monotonic() + READY_SECONDS
        last = "no answer"
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise DemoError(f"the service ended with exit code {self._process.returncode} before it was ready")
            try:
                status = httpx.get(f"{self.url}/readyz", timeout=10, trust_env=False).status_code
            except httpx.HTTPError as error:
                last = type(error).__name__
            else:
                if status == httpx.codes.OK:
                    return
                last = f"status {status}"
            time.sleep(0.05)
        raise DemoError(f"/readyz was not 200 within {READY_SECONDS} s, last: {last}")


def register_client(data: Path) -> tuple[str, str]:
    """Register a client, and give its name and password."""
    roles = [word for role in ROLES for word in ("--role", role)]
    arguments = ["clients", "add", "--org", ORGANIZATION, *roles, "--json", "--data-dir", str(data)]
    done = subprocess.run([command("flr-lookup"), *arguments], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise DemoError(f"flr-lookup clients add ended with exit code {done.returncode}")
    made = json.loads(done.stdout)
    return made["name"], made["password"]


def look_up(register: Client, asked: str, kind: type[Found]) -> Found:
    """The answer for a person of the showcase, which must be of this kind."""
    found = register.lookup(asked).value
    if not isinstance(found, kind):
        raise DemoError(f"gp-lookup: {type(found).__name__} in the place of {kind.__name__}")
    return found


def look_all_up(register: Client) -> None:
    """Show the answer for a person with a GP, and that each of the five answers comes as itself."""
    found = look_up(register, examples.NIN, Assigned)
    print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    for what, asked, kind in ANSWERS:
        look_up(register, asked, kind)
        print(f"   {kind.__name__:<10}{what}")
    taken = []
    for _ in range(TIMED_REQUESTS):
        begun = time.perf_counter()
        register.lookup(examples.NIN)
        taken.append(time.perf_counter() - begun)
    print(f"   {statistics.median(taken) * 1000:.2f} ms an answer, the client library's work in it: ", end="")
    print(f"median of {TIMED_REQUESTS}, one client, one connection")


def show_audit(data: Path) -> None:
    """Verify the audit, and show the last that it knows of who looked at a person."""
    run(command("flr-lookup"), "audit", "verify", "--data-dir", str(data))
    arguments = ["audit", "insight", "--json", "--data-dir", str(data)]
    done = subprocess.run(
        [command("flr-lookup"), *arguments], input=examples.NIN, stdout=subprocess.PIPE, text=True, check=False
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or not records:
        raise DemoError("the audit does not know who looked at the person")
    for record in records[-2:]:
        print("  ", record["time"], record["client"], record["operation"], record["outcome"])
    print(f"   {len(records)} in all")


def demo(folder: Path, persons: int, seed: int, *, stay: bool) -> None:
    """The whole way, in `folder`, which holds nothing of ours yet."""
    feed, data, log = folder / "feed", folder / "data", folder / "service.log"
    for path in (feed, data):
        if path.exists():
            raise DemoError(f"{path} is already there: remove it, or name another folder")
    with step(f"a population of {persons:,} persons"):
        population = ["--persons", str(persons), "--out", str(feed), "--seed", str(seed), "--as-of", "today"]
        run(sys.executable, "-m", "bench.population", *population, "--examples")
    with step("flr-loader load: read, build, verify, publish"):
        run(command("flr-loader"), "load", str(feed), "--data-dir", str(data))
    with step("flr-lookup clients add: a client, for nobody may ask who is not registered"):
        name, password = register_client(data)
    with serving(provider_of(folder)) as provider:
        service = Service(data, log, partial(settings_of, folder, provider))
        served(service, (name, password), provider, folder, stay=stay)


def served(service: Service, who: tuple[str, str], provider: Provider, folder: Path, *, stay: bool) -> None:
    """What is to be seen of a service by this client, and its end."""
    data, log = folder / "data", folder / "service.log"
    try:
        with step(f"flr-lookup serve: {service.url}, one worker, until /readyz says 200"):
            service.wait_until_ready()
        asked = "POST /v1/gp-lookup, by the client library, for persons of the showcase"
        with step(asked), Client(service.url, Basic(*who)) as register:
            look_all_up(register)
        token = provider.issuer.mint(at=time.time()).decode()
        asked = "the same, with a token of a local issuer, shaped as HelseID's"
        with step(asked), Client(service.url, Bearer(token)) as register:
            look_up(register, examples.NIN, Assigned)
        if stay:
            wait_for_interrupt(service.url, *who)
        with step("SIGTERM: the service stops"):
            service.stop()
        with step("flr-lookup audit verify, and insight: who looked at that person?"):
            show_audit(data)
    except (DemoError, FlrError) as error:
        last_lines = log.read_text(errors="replace").splitlines()[-30:]
        raise DemoError(
            "\n".join([str(error) or type(error).__name__, "the service's last lines:", *last_lines])
        ) from error
    finally:
        with contextlib.suppress(DemoError):  # what went wrong first is what is told
            service.stop()


def wait_for_interrupt(url: str, name: str, password: str) -> None:
    """Leave the service running until Ctrl-C, and say how to call it."""
    print(f"-- serving; the API, to read and to try: {url}/schema    Ctrl-C stops")
    print(f"   the page for clinicians: {url}/oppslag    numbers to type stand in docs/page.md")
    print("   the examples of docs/integrators, in another terminal:")
    told = {"FLR_URL": url, "FLR_USER": name, "FLR_PASSWORD": password}
    print("\n".join(f"export {variable}={value}" for variable, value in told.items()), flush=True)
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
        ("docs/integrators/README.md", "how to call it, with examples that work against the demo"),
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
