"""Callers in a realistic mix, for load tests by operations: single lookups, batches, confirmations, HER-IDs.

    locust -f bench/locustfile.py --headless --host http://127.0.0.1:8080 -u 50 -r 50 -t 60s --rate 500 \
        --numbers FEED --html report.html

Arrivals are paced: `--rate` is of all users together, and a user who has fallen behind catches up with nothing, so the
rate reached is told beside the rate asked for. Without `--numbers` the callers make up numbers of the synthetic
series, and most answers are 404, as they should be. Every answer's status and shape is checked (bench.callers).
Requests are named by their route, and no question and no answer is ever in a report or a failure. For access
control, `--basic`, `--bearer` and `--header`; give secrets by environment.
"""

import logging
import random
import sys
import time
import uuid
from argparse import ArgumentParser
from base64 import b64encode
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from locust import events, task
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from locust.runners import WorkerRunner

from bench import callers
from bench.callers import Verdict

BATCHES = (10, 10, 10, 50, 50, 200)
UNKNOWN_SHARE, MISTYPED_SHARE = 0.05, 0.02  # of the numbers asked for
NOT_THE_DOCTOR_SHARE = 0.1  # of the confirmations
REMEMBERED = 2000

chance = random.Random()
outcomes: Counter[str] = Counter()  # of this process's answers; the master's are those of all its workers
log = logging.getLogger("callers")


def _options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("Fastlegeregisteret")
    add: Callable[..., Any] = group.add_argument
    add("--rate", type=float, default=100, env_var="LOCUST_RATE", help="requests per second, of all users together")
    add("--numbers", env_var="LOCUST_NUMBERS", help="a feed folder, or a file of synthetic national ids, one a line")
    add("--header", action="append", default=[], help="NAME: VALUE sent with every request; may be repeated")
    add("--basic", env_var="LOCUST_BASIC", help="USER:PASSWORD of Basic authentication")
    add("--bearer", env_var="LOCUST_BEARER", help="a bearer token")


def _begin(environment: Environment, **_: object) -> None:
    """Read what is to be asked for before the first user asks."""
    outcomes.clear()
    options: Any = environment.parsed_options
    try:
        Caller.numbers = callers.read_numbers(Path(options.numbers)) if options.numbers else []
        Caller.sent = _headers(options)
    except (OSError, ValueError) as error:
        sys.exit(f"locust: {error}")


def _headers(options: Any) -> dict[str, str]:
    """What every request carries for access control."""
    sent = {}
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon:
            raise ValueError("--header is NAME: VALUE")
        sent[name.strip()] = value.strip()
    if options.basic:
        sent["Authorization"] = f"Basic {b64encode(options.basic.encode()).decode()}"
    if options.bearer:
        sent["Authorization"] = f"Bearer {options.bearer}"
    return sent


def _report(data: dict[str, Any], **_: object) -> None:
    data["outcomes"] = dict(outcomes)
    outcomes.clear()


def _gather(data: dict[str, Any], **_: object) -> None:
    outcomes.update(data["outcomes"])


def _tell(environment: Environment, **_: object) -> None:
    """What came of it, which the report does not show, and whether the callers kept up."""
    if isinstance(environment.runner, WorkerRunner) or not outcomes:
        return
    options: Any = environment.parsed_options
    total = outcomes.total()
    log.info("answers: %s", ", ".join(f"{name} {n / total:.1%}" for name, n in outcomes.most_common()))
    if not options.numbers:
        log.info("no --numbers: the numbers were made up, so that unknown-person is the right answer to nearly all")
    reached = environment.stats.total.total_rps
    log.info("requests per second: %.1f asked for, %.1f reached", options.rate, reached)


_hooks: Any = events  # which carry no types
_hooks.init_command_line_parser.add_listener(_options)
_hooks.test_start.add_listener(_begin)
_hooks.report_to_master.add_listener(_report)
_hooks.worker_report.add_listener(_gather)
_hooks.quitting.add_listener(_tell)


class Caller(FastHttpUser):
    """A clinical system. `doctors` and `her_ids` are what answers have told: (number, its GP's HPR number); HER-IDs."""

    insecure = False  # a certificate that does not verify fails the request: a token may be on the line
    numbers: ClassVar[list[str]] = []
    sent: ClassVar[dict[str, str]] = {}
    doctors: ClassVar[deque[tuple[str, int]]] = deque(maxlen=REMEMBERED)
    her_ids: ClassVar[deque[int]] = deque(maxlen=REMEMBERED)
    interval_seconds: float
    due: float

    def on_start(self) -> None:
        """Begin at a moment of one's own: locust's constant_throughput would have all users ask in step."""
        options: Any = self.environment.parsed_options
        self.interval_seconds = (options.num_users or 1) / options.rate
        self.due = time.perf_counter() + chance.random() * self.interval_seconds
        time.sleep(self.due - time.perf_counter())

    def wait_time(self) -> float:
        """Seconds until the next question is due; one that is overdue is asked now, and the later ones after it."""
        now = time.perf_counter()
        self.due = max(self.due + self.interval_seconds, now)
        return self.due - now

    @task(80)
    def lookup(self) -> None:
        """One person's GP."""
        nin, valid = self.draw()
        answer = self.post("/v1/gp-lookup", {"nin": nin}, partial(callers.of_lookup, valid=valid))
        hpr_number, her_ids = callers.told_by(answer)
        self.her_ids.extend(her_ids)
        if hpr_number is not None:
            self.doctors.append((nin, hpr_number))

    @task(3)
    def batch(self) -> None:
        """The GPs of a day's appointments."""
        drawn = [self.draw() for _ in range(chance.choice(BATCHES))]
        asked, valid = [nin for nin, _ in drawn], [valid for _, valid in drawn]
        self.post("/v1/gp-lookup/batch", {"nins": asked}, partial(callers.of_batch, asked=asked, valid=valid))

    @task(12)
    def confirm(self) -> None:
        """Whether a doctor is the person's GP: mostly the one who is."""
        nin, hpr_number = chance.choice(self.doctors) if self.doctors else (callers.made_up(chance), 1)
        if chance.random() < NOT_THE_DOCTOR_SHARE:
            hpr_number = chance.randint(1, 999_999_999)
        self.post("/v1/gp-confirm", {"nin": nin, "hprNumber": hpr_number}, callers.of_confirm)

    @task(5)
    def her(self) -> None:
        """What a HER-ID is."""
        missing = not self.her_ids or chance.random() < UNKNOWN_SHARE
        her_id = chance.randint(1, 2**31 - 1) if missing else chance.choice(self.her_ids)
        self.ask("GET", f"/v1/her/{her_id}", "/v1/her/{herId}", None, partial(callers.of_her, her_id=her_id))

    def draw(self) -> tuple[str, bool]:
        """A number to ask for, and whether it is one."""
        kind = chance.random()
        nin = chance.choice(self.numbers) if self.numbers and kind > UNKNOWN_SHARE else callers.made_up(chance)
        valid = kind < 1 - MISTYPED_SHARE
        return nin if valid else callers.mistyped(nin, chance), valid

    def post(self, route: str, question: object, judge: Callable[[int, bytes], Verdict]) -> bytes:
        """Ask about persons, in a body; the answer's body."""
        return self.ask("POST", route, route, question, judge)

    def ask(
        self, method: str, path: str, route: str, question: object, judge: Callable[[int, bytes], Verdict]
    ) -> bytes:
        """Send one request, judge its answer, and have it counted under its route."""
        event = uuid.uuid4().hex
        sent = {"Accept": "application/json", "nhn-event-id": event, **self.sent}
        with self.client.request(
            method, path, name=route, json=question, headers=sent, allow_redirects=False, catch_response=True
        ) as response:
            if not response.status_code:
                response.failure(f"no answer: {type(response.error).__name__}")
                return b""
            body = response.content or b""
            verdict = judge(response.status_code, body)
            wrong = verdict.wrong
            if response.headers.get("nhn-event-id") != event:
                wrong = wrong or "the event id of another request, or none"
            outcomes[verdict.outcome] += 1
            if wrong is None:
                response.success()
            else:
                response.failure(wrong)
            return body
