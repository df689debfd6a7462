"""The consumers, as locust's users, and the curve they follow; `python -m bench.operations` starts it.

What each asks is the least that the real one asks: e-Resept who the GP is and whether a doctor is; Kjernejournal also
where to write to; an EHR the real register's own operations, over SOAP; NAV batches and whole lists; and somebody
follows the change feed.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from locust import LoadTestShape, events, task
from locust.env import Environment
from locust.runners import WorkerRunner

from bench.operations import judging
from bench.operations.asking import Asking, chance, plan, recorder
from bench.operations.plan import BEGUN, DONE
from bench.operations.profiles import CONSUMERS
from bench.operations.truth import now

JSON, XML = "application/json", "text/xml; charset=utf-8"
BATCH = 200
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<{0} xmlns="http://schemas.nhn.no/reg/flr">{1}</{0}></s:Body></s:Envelope>'
)
ACTION = '"http://schemas.nhn.no/reg/flr/IFlrReadOperations/{}"'


class Rest(Asking):
    """Asks over REST."""

    abstract = True

    def post(self, operation: str, path: str, question: object, judge: Any) -> None:
        """Ask about persons, in a body."""
        self.ask(operation, path, judge, msgspec.json.encode(question), Content_Type=JSON, Accept=JSON)

    def lookup(self) -> None:
        """One person's GP."""
        nin, valid = self.draw()
        self.post("lookup", "/v1/gp-lookup", {"nin": nin}, partial(judging.lookup, nin=nin, valid=valid))

    def confirm(self) -> None:
        """Whether a doctor is the person's GP: mostly the one who is."""
        nin = chance.choice(self.first.numbers)
        hpr_number = self.doctor_of(nin)
        judge = partial(judging.confirm, nin=nin, hpr_number=hpr_number)
        self.post("confirm", "/v1/gp-confirm", {"nin": nin, "hprNumber": hpr_number}, judge)

    def her(self) -> None:
        """What a HER-ID is."""
        her_id = chance.choice(self.first.her_ids)
        self.ask("her", f"/v1/her/{her_id}", partial(judging.her, her_id=her_id), Accept=JSON)


def mixed(*weighted: tuple[int, Callable[[Rest], None]]) -> list[Any]:
    """What a user asks, each as often as its weight says."""
    return [question for weight, question in weighted for _ in range(weight)]


class EResept(Rest):
    """Prescriptions, issued and dispensed."""

    consumer = "e-resept"
    weight = CONSUMERS[consumer].share
    tasks = mixed((4, Rest.lookup), (1, Rest.confirm))


class Kjernejournal(Rest):
    """The summary care record."""

    consumer = "kjernejournal"
    weight = CONSUMERS[consumer].share
    tasks = mixed((3, Rest.lookup), (1, Rest.her))


class Legevakt(Rest):
    """An emergency clinic."""

    consumer = "legevakt"
    weight = CONSUMERS[consumer].share
    tasks = mixed((2, Rest.lookup), (1, Rest.her))


class Amk(Rest):
    """An emergency call centre: one question, and somebody who waits."""

    consumer = "amk"
    weight = CONSUMERS[consumer].share
    tasks = mixed((1, Rest.lookup))


class JournalSoap(Asking):
    """An EHR that asks as it asks today's register."""

    consumer = "journal-soap"
    weight = CONSUMERS[consumer].share

    @task(4)
    def details(self) -> None:
        """One patient's GP."""
        nin, valid = self.draw()
        judge = partial(judging.soap_details, nin=nin, valid=valid)
        self.soap("GetPatientGPDetails", f"<patientNin>{nin}</patientNin>", judge)

    @task(1)
    def confirm(self) -> None:
        """Whether a doctor is the patient's GP."""
        nin = chance.choice(self.first.numbers)
        hpr_number = self.doctor_of(nin)
        inside = f"<patientNin>{nin}</patientNin><hprNumber>{hpr_number}</hprNumber>"
        self.soap("ConfirmGP", inside, partial(judging.soap_confirm, nin=nin, hpr_number=hpr_number))

    def soap(self, operation: str, inside: str, judge: Any) -> None:
        """Ask by SOAP 1.1."""
        body = ENVELOPE.format(operation, inside).encode()
        self.ask(operation, "/v2/flr/Basic", judge, body, Content_Type=XML, SOAPAction=ACTION.format(operation))


class Nav(Rest):
    """NAV's batches, and every third time a list."""

    consumer = "nav"
    fixed_count = CONSUMERS[consumer].steady
    interval_seconds = 1.0
    asked = 0

    @task
    def batch_or_list(self) -> None:
        """Many persons at once, or everybody on a list."""
        self.asked += 1
        if self.asked % 3:
            nins = chance.choices(self.first.numbers, k=BATCH)
            self.post("batch", "/v1/gp-lookup/batch", {"nins": nins}, partial(judging.batch, nins=nins))
        else:
            contract_id = chance.choice(self.first.contracts(now()))
            judge = partial(judging.patients, contract_id=contract_id)
            self.ask("patients", f"/v1/contracts/{contract_id}/patients", judge, Accept=JSON)


class Follower(Asking):
    """Keeps a copy of its own by the change feed: at once while there is more, and else once a second."""

    consumer = "follower"
    fixed_count = CONSUMERS[consumer].steady
    interval_seconds = 1.0
    position: str | None = None

    @task
    def events(self) -> None:
        """What has happened since."""
        if self.position is None:
            latest = self.ask("latest", "/v1/events/latest", judging.events, Accept=JSON)
            self.position = None if latest is None else msgspec.json.decode(latest.body)["position"]
            return
        more = True
        while more:
            page = self.ask("events", f"/v1/events?after={self.position}&limit=1000", judging.events, Accept=JSON)
            if page is None:
                return
            told = msgspec.json.decode(page.body, type=judging.Page)
            recorder.followed(int(told.next.partition(".")[0]), len(told.events), time.time(), more=told.more)
            self.position, more = told.next, told.more


class Curve(LoadTestShape):
    """As many users as the profile has at this moment; it goes on until all has happened that is to happen."""

    def tick(self) -> tuple[int, float] | None:
        """(users, how many more or fewer in a second); None when the run is over."""
        share = float(self.get_run_time()) / plan.seconds  # type: ignore[no-untyped-call]
        over = share >= 1 and (Path(plan.folder) / DONE).exists()
        return None if over else (plan.users(share), 1000.0)


def _begin(environment: Environment, **_: object) -> None:
    if not isinstance(environment.runner, WorkerRunner):
        new = Path(plan.folder) / f"{BEGUN}.new"
        new.write_text(str(time.time()))
        new.rename(new.with_name(BEGUN))


def _end(environment: Environment, **_: object) -> None:
    recorder.recording.write(Path(plan.folder), os.getpid())


def _fail(exception: Exception, **_: object) -> None:
    """What goes wrong in a user itself is no answer judged, and must not look like a right one."""
    recorder.answer("locust", type(exception).__name__, time.time(), 0.0, "went wrong by itself")


_hooks: Any = events  # which carry no types
_hooks.test_start.add_listener(_begin)
_hooks.user_error.add_listener(_fail)
_hooks.quitting.add_listener(_end)
