"""A load test by profile: makes a register, serves it, has its consumers ask, and holds what came of it to thresholds.

    python -m bench.operations normal|peak|month-start|node-loss [--quick] [--seconds 60] [--persons 50000]
        [--rate 54] [--threshold NAME=LIMIT] [--out NAME]

Everything is on loopback, in processes of its own, and ends by itself. Exits 1 when a threshold is missed, by a wrong
answer before all: each is held against what the feed says. Locust, in Python, is what asks: it manages some thousand
requests a second on a processor, and is for how the service behaves, not for how fast it is (that is `make bench`).
"""

import argparse
import contextlib
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

from bench.operations import page, recording
from bench.operations.page import Result
from bench.operations.plan import BEGUN, DONE, PLAN, Plan
from bench.operations.profiles import AVERAGE, PROFILES
from bench.operations.stage import Stage
from bench.operations.thresholds import Around, Row, measured, table
from bench.rounds import busy_seconds
from bench.servers import ROOT, NoServer

USAGE = 64
QUICK_SECONDS = 15.0
A_PROCESS = 800  # requests a second that locust, in Python, manages on a processor
STARTS_SECONDS, STOPS_SECONDS = 120, 60
AFTER_SECONDS = 2.0  # in which what has happened shows


class NoRun(Exception):
    """What asks could not be started, or ended before its time; the message says why."""


@contextlib.contextmanager
def asking(plan: Plan, processes: int) -> Iterator[subprocess.Popen[bytes]]:
    """Locust, running. It has ended, or is ended, when this is left."""
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "bench" / "operations" / "locustfile.py")]
    command += ["--headless", "--only-summary", "--stop-timeout", "15", "--exit-code-on-error", "0"]
    command += ["--loglevel", "WARNING", *(("--processes", str(processes)) if processes > 1 else ())]
    environment = {**os.environ, PLAN: str(plan.write()), "PYTHONPATH": str(ROOT)}
    with (Path(plan.folder) / "locust.log").open("wb") as said:
        process = subprocess.Popen(
            command, cwd=plan.folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run(plan: Plan, stage: Stage, processes: int) -> float:
    """Have the consumers ask, and do meanwhile what the profile has in store; the moment they began. Raises NoRun."""
    started, done = Path(plan.folder) / BEGUN, Path(plan.folder) / DONE
    with asking(plan, processes) as process:

        def wait(over: Callable[[], bool], seconds: float, what: str) -> None:
            until = time.monotonic() + seconds
            while not over():
                if process.poll() is not None or time.monotonic() > until:
                    said = (Path(plan.folder) / "locust.log").read_text(errors="replace")[-2000:]
                    raise NoRun(f"locust, {what}: exit code {process.poll()}\n{said}")
                time.sleep(0.02)

        wait(started.exists, STARTS_SECONDS, "before the first question")
        begun = float(started.read_text())
        for act in stage.acts:
            due = partial(_past, begun + plan.seconds * act.share)
            wait(due, plan.seconds + AFTER_SECONDS, "in the middle of the run")
            act.do()
            time.sleep(AFTER_SECONDS)
        done.touch()
        wait(lambda: process.poll() == 0, plan.seconds + STOPS_SECONDS, "to the end")
    return begun


def _past(moment: float) -> bool:
    return time.time() >= moment


def result_of(args: argparse.Namespace, folder: Path, limits: dict[str, float]) -> Result:
    """The whole way, in a folder of its own."""
    profile = PROFILES[args.profile]
    before, started = _of_others(), time.monotonic()
    with Stage(folder, profile, args.persons, args.workers) as stage:
        plan = Plan(
            profile.name,
            args.seconds,
            args.rate,
            stage.urls,
            {serial: str(feed) for serial, feed in stage.feeds.items()},
            stage.credentials,
            str(folder),
        )
        begun = run(plan, stage, args.processes or math.ceil(args.rate * max(profile.curve) / A_PROCESS))
        events = stage.events()
    others = max(0.0, (_of_others() - before) / (time.monotonic() - started))
    seen = recording.read(folder)
    around = Around(begun, stage.happenings, events, stage.audits_are_whole())
    values = measured(plan, seen, around)
    rows = [Row(threshold, values.get(threshold.measure)) for threshold in table(args.profile, limits)]
    return Result(plan, args.persons, begun, seen, stage.happenings, rows, others)


def _of_others() -> float:
    """Seconds that all processors have been at work for anybody but us, and what we have started and seen end."""
    ours = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy_seconds() - sum(one.ru_utime + one.ru_stime for one in ours)


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(prog="python -m bench.operations", description="a load test by profile")
    made.add_argument("profile", choices=PROFILES)
    made.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS:g} s, and a small register")
    made.add_argument("--seconds", type=float, help="how long they ask (default 60)")
    made.add_argument("--persons", type=int, help="in the register (default 50000)")
    made.add_argument("--rate", type=float, default=AVERAGE, help="requests a second, average of a day")
    made.add_argument("--processes", type=int, help="of locust (default: one for each 800 a second)")
    made.add_argument("--workers", type=int, default=1, help="of each node (default 1)")
    made.add_argument("--threshold", action="append", default=[], metavar="NAME=LIMIT", help="another limit")
    made.add_argument("--out", type=Path, help="where .html, .md and .svg are written, without its ending")
    return made


def limits_of(args: argparse.Namespace) -> dict[str, float]:
    """The limits that are given. Raises ValueError."""
    limits = {name: float(limit) for name, _, limit in (given.partition("=") for given in args.threshold)}
    table(args.profile, limits)
    return limits


def _end(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    arguments = parser()
    args = arguments.parse_args(argv)
    args.seconds = args.seconds or (QUICK_SECONDS if args.quick else 60.0)
    args.persons = args.persons or (5000 if args.quick else 50_000)
    try:
        limits = limits_of(args)
    except ValueError as error:
        arguments.print_usage(sys.stderr)
        print(f"operations: {error}", file=sys.stderr)
        return USAGE
    before = signal.signal(signal.SIGTERM, _end)  # so that all that was started is stopped, too
    try:
        with tempfile.TemporaryDirectory(prefix="flr-load-") as folder:
            result = result_of(args, Path(folder), limits)
    except (NoRun, NoServer, subprocess.CalledProcessError) as error:
        print(f"operations: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    out = args.out or Path("build") / f"load-{args.profile}"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".html").write_text(page.html(result))
    out.with_suffix(".svg").write_text(page.picture(result))
    text = page.markdown(result, f"{out.name}.svg")
    out.with_suffix(".md").write_text(text)
    print(text)
    return 0 if result.kept else 1


if __name__ == "__main__":
    sys.exit(main())
