"""A user that asks as one consumer does: paced, at the next node where one does not answer, every answer judged.

For processes of locust alone: importing it puts gevent in the place of sockets and threads.
"""

import contextlib
import http.client
import os
import random
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec
from locust.contrib.fasthttp import FastHttpUser

from bench import callers
from bench.callers import Verdict
from bench.operations.judging import NO_GENERATION, Answer
from bench.operations.plan import EACH, PLAN, Plan
from bench.operations.recording import Recorder
from bench.operations.truth import Truth, now

CANNOT_SAY = {0, 429, 502, 503, 504}  # no answer, or one that says that there is none now
UNKNOWN_SHARE, MISTYPED_SHARE, NOT_THE_DOCTOR_SHARE = 0.03, 0.02, 0.1
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, msgspec.MsgspecError)
CHECK_SECONDS = 0.5

chance = random.Random()
plan = Plan.read(Path(os.environ[PLAN]))
truths = {serial: Truth(Path(feed), now()) for serial, feed in plan.feeds.items()}
recorder = Recorder()
_passed_over: set[int] = set()
_made = 0


def _check(node: int) -> None:
    """Pass a node over until it says that it is ready, as a balancer does that looks after its nodes."""
    where = urlsplit(plan.nodes[node]).netloc
    while node in _passed_over:
        time.sleep(CHECK_SECONDS)
        connection = http.client.HTTPConnection(where, timeout=CHECK_SECONDS)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                _passed_over.discard(node)


class Asking(FastHttpUser):
    """One of a consumer's clients. It has a node of its own, and goes to the others when that one does not answer."""

    abstract = True
    consumer: ClassVar[str]
    interval_seconds: ClassVar[float] = 1 / EACH
    host = plan.nodes[0]
    insecure = False
    connection_timeout, network_timeout = 2.0, 10.0

    def on_start(self) -> None:
        """Begin at a moment of one's own, and take a node."""
        global _made  # noqa: PLW0603 -- users of all kinds take turns
        _made += 1
        self.node = _made % len(plan.nodes)
        self.first = truths[min(truths)]
        self.due = time.perf_counter() + chance.random() * self.interval_seconds
        time.sleep(self.due - time.perf_counter())

    def wait_time(self) -> float:
        """Seconds until the next question is due; one that is overdue is asked now, and the later ones after it."""
        current = time.perf_counter()
        self.due = max(self.due + self.interval_seconds, current)
        return self.due - current

    def draw(self) -> tuple[str, bool]:
        """A number to ask for, and whether it is one."""
        kind = chance.random()
        nin = callers.made_up(chance) if kind < UNKNOWN_SHARE else chance.choice(self.first.numbers)
        valid = kind < 1 - MISTYPED_SHARE
        return nin if valid else callers.mistyped(nin, chance), valid

    def doctor_of(self, nin: str) -> int:
        """The HPR number of a person's GP, or now and then another one."""
        facts = self.first.facts(nin, now())
        if facts is None or facts.hpr_number is None or chance.random() < NOT_THE_DOCTOR_SHARE:
            return chance.randint(1, 999_999_999)
        return facts.hpr_number

    def ask(
        self,
        operation: str,
        path: str,
        judge: Callable[[Answer], Verdict],
        body: bytes | None = None,
        **fields: str,
    ) -> Answer | None:
        """Ask, judge, and take it down; the answer, when it was right. Fields are written with _ for -."""
        event = uuid.uuid4().hex
        sent = {name.replace("_", "-"): value for name, value in fields.items()} | {"nhn-event-id": event}
        if self.consumer in plan.credentials:
            sent["Authorization"] = plan.credentials[self.consumer]
        at, begun, started = now(), time.time(), time.perf_counter()
        node, response = self._response(operation, path, body, sent)
        seconds = time.perf_counter() - started
        with response:
            answer, wrong = self._judged(response, node, event, judge, at, begun)
            if wrong is None:
                response.success()
            else:
                response.failure(wrong)
        recorder.answer(self.consumer, operation, begun, seconds, wrong, lost=response.status_code in CANNOT_SAY)
        return answer if wrong is None else None

    def _response(self, operation: str, path: str, body: bytes | None, sent: dict[str, str]) -> tuple[int, Any]:
        """(node, response) of the first node that answers, or of the last that does not.

        Where there are several, the first is asked once more in the end: a connection that is kept may have been closed
        meanwhile, to any of them. A single node is asked once, so that nothing it drops is passed over.
        """
        client: Any = self.client  # whose types do not know octets
        nodes = sorted(range(len(plan.nodes)), key=lambda node: (node in _passed_over, node != self.node))
        for node in [*nodes, *nodes[:1]] if len(nodes) > 1 else nodes:
            response = client.request(
                "GET" if body is None else "POST",
                plan.nodes[node] + path,
                name=operation,
                data=body,
                headers=sent,
                allow_redirects=False,
                catch_response=True,
            )
            if response.status_code:
                break
            recorder.passed_over(time.time())
            if node not in _passed_over:
                _passed_over.add(node)
                threading.Thread(target=_check, args=(node,), daemon=True).start()
        return node, response

    def _judged(
        self, response: Any, node: int, event: str, judge: Callable[[Answer], Verdict], at: datetime, begun: float
    ) -> tuple[Answer | None, str | None]:
        status = response.status_code
        if not status:
            return None, f"no answer: {type(response.error).__name__}"
        if status in CANNOT_SAY:
            return None, f"status {status}"
        if response.headers.get("nhn-event-id") != event:
            return None, "the event id of another request, or none"
        serial = int(response.headers.get("flr-generation", 0))
        if serial not in truths:
            return None, f"status {status}, {NO_GENERATION}"
        recorder.told(node, serial, begun, time.time())
        answer = Answer(status, response.content or b"", truths[serial], (at, now()))
        try:
            return answer, judge(answer).wrong
        except UNREADABLE:
            return None, "an answer that cannot be read"
