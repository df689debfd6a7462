"""What the soak asks, and the right answers: from the oracle where it knows them, and to the octet by asking once.

All of it is over the crooked world, whose persons all differ. Questions that name no time are about persons whose
answer does not change within a day of the service's own time.
"""

import http.client
import json
import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from tests import crooked
from tests.moments import DAY, ends
from tests.oracle import Register, valid
from tests.soak.answers import MEANT, Answer

AHEAD_DAYS = (0, 0, 0, 1, 10, 30)  # times for which answers are rendered already
OTHER_TIMES = (datetime(2019, 5, 17, 8, 30), datetime(2027, 3, 28, 3, 30))
OTHER_SHARE = 0.02
JSON = b"application/json"
SIZES = {3: 60, 12: 60, 100: 6, 1000: 1}  # of batches, and how many


class Times(NamedTuple):
    """The times that are asked for: `now` is when the soak begins, Norwegian wall-clock."""

    now: datetime
    chance: random.Random

    def draw(self) -> datetime:
        """Some time, mostly near."""
        if self.chance.random() < OTHER_SHARE:
            return self.chance.choice(OTHER_TIMES)
        return self.now + DAY * self.chance.choice(AHEAD_DAYS)

    def soon(self, moment: datetime) -> bool:
        """Whether this may come before the soak has ended."""
        return self.now <= moment <= self.now + DAY


class Content(NamedTuple):
    """A question without its form. `truth` is (status, JSON of the answer) where the oracle knows it."""

    kind: str
    method: str
    target: str
    body: bytes | None = None
    media_type: bytes = JSON
    fields: tuple[bytes, ...] = ()
    truth: tuple[int, Any] | None = None

    def __repr__(self) -> str:
        """No content."""
        return f"<Content {self.kind}>"


def _post(kind: str, target: str, question: object, **more: Any) -> Content:
    return Content(kind, "POST", target, json.dumps(question, separators=(",", ":")).encode(), **more)


def _problem(status: int, word: str) -> tuple[int, Any]:
    return status, f"urn:flr:problem:{word}"


def contents(register: Register, chance: random.Random, now: datetime) -> list[Content]:
    """Everything that is asked, from `now` on."""
    times = Times(now, chance)
    return [
        *_lookups(register, chance, times),
        *_batches(register, chance, times),
        *_confirmations(register, chance, times),
        *_histories(register, chance),
        *_things(register, chance, times),
        *_faults(register),
    ]


def _never_seen(register: Register, chance: random.Random, count: int) -> list[str]:
    """Valid numbers that the register does not have."""
    found: list[str] = []
    while len(found) < count:
        nin = f"{chance.randint(1, 28):02d}{chance.randint(81, 92)}{chance.randrange(10**7):07d}"
        if valid(nin) and not register.known(nin):
            found.append(nin)
    return found


def _mistyped(nin: str, chance: random.Random) -> str:
    return nin[:-1] + str((int(nin[-1]) + chance.randint(1, 9)) % 10)


def _all(register: Register) -> list[str]:
    return [*register.persons, *register.changes]


def _lookups(register: Register, chance: random.Random, times: Times) -> Iterator[Content]:
    target = "/v1/gp-lookup"
    soon = [numbers for moment, numbers in ends(register).items() if times.soon(moment)]
    moving = set().union(*soon)
    for nin in _all(register):
        at = times.draw()
        truth = 200, register.lookup(nin, at)
        yield _post("lookup at", target, {"nin": nin, "at": at.isoformat()}, truth=truth)
        if register.newest(nin) not in moving:
            yield _post("lookup", target, {"nin": nin}, truth=(200, register.lookup(nin, times.now)))
    for nin in _never_seen(register, chance, 100):
        yield _post("lookup unknown", target, {"nin": nin}, truth=_problem(404, "unknown-person"))
        wrong = _mistyped(nin, chance)
        yield _post("lookup invalid", target, {"nin": wrong}, truth=_problem(400, "invalid-nin"))


def _batches(register: Register, chance: random.Random, times: Times) -> Iterator[Content]:
    numbers = _all(register) + _never_seen(register, chance, 50)
    numbers += [_mistyped(nin, chance) for nin in numbers[:50]]
    for size, count in SIZES.items():
        for _ in range(count):
            at, asked = times.draw(), chance.choices(numbers, k=size)
            truth = 200, [register.batch_result(nin, at) for nin in asked]
            question = {"nins": asked, "at": at.isoformat()}
            yield _post(f"batch of {size}", "/v1/gp-lookup/batch", question, truth=truth)


def _confirmations(register: Register, chance: random.Random, times: Times) -> Iterator[Content]:
    for nin in chance.sample(_all(register), 200):
        at = times.draw()
        gp = register.lookup(nin, at)["gp"]
        doctor = gp["hprNumber"] if gp and chance.random() < 0.7 else 7000 + chance.randrange(crooked.DOCTORS)
        question = {"nin": nin, "hprNumber": doctor, "at": at.isoformat()}
        yield _post(
            "confirm", "/v1/gp-confirm", question, truth=(200, {"confirmed": register.confirm(nin, doctor, at)})
        )


def _histories(register: Register, chance: random.Random) -> Iterator[Content]:
    for nin in chance.sample(_all(register), 60):
        yield _post("history", "/v1/gp-history", {"nin": nin})


def _things(register: Register, chance: random.Random, times: Times) -> Iterator[Content]:
    """Contracts, doctors, offices, HER-IDs, patient lists, by GET and HEAD; with a tag that matches; health."""
    for her_id in _settled_her_ids(register, times):
        yield Content("HER-ID", "GET", f"/v1/her/{her_id}")
    yield Content("unknown HER-ID", "GET", "/v1/her/2147483647", truth=_problem(404, "unknown-her-id"))
    at = times.now.isoformat()
    paths = [f"/v1/contracts/{number}" for number in register.contracts]
    paths += [f"/v1/gps/{number}" for number in register.doctors]
    paths += [f"/v1/offices/{number}/contracts?at={at}" for number in register.offices]
    for path in paths:
        yield Content("thing", "GET", path)
        yield Content("thing's head", "HEAD", path)
    for path in paths[::4]:
        yield Content("thing unchanged", "GET", path, fields=(b"If-None-Match: *",))
    for number in chance.sample(sorted(register.contracts), 10):
        path = f"/v1/contracts/{number}/patients?at={at}"
        yield Content("patient list", "GET", path)
        yield Content("patient list's head", "HEAD", path)
    for path in ("/livez", "/readyz"):
        yield Content("health", "GET", path)
        yield Content("health's head", "HEAD", path)


def _settled_her_ids(register: Register, times: Times) -> list[int]:
    """HER-IDs of doctors of whom nothing changes before the soak has ended."""

    def moves(row: dict[str, Any]) -> bool:
        return any(times.soon(datetime.fromisoformat(row[name])) for name in ("from", "to") if row[name])

    cycles = register.tables["doctor_cycles"]
    contracts = {number for number, row in register.contracts.items() if moves(row)}
    moving = {row["herId"] for row in cycles if moves(row) or row["contractId"] in contracts}
    return sorted({row["herId"] for row in cycles} - moving - {None})


def _faults(register: Register) -> Iterator[Content]:
    """Questions that get a problem and leave the connection as it is."""
    nin = next(iter(register.persons))
    target = "/v1/gp-lookup"
    shape = _problem(400, "invalid-request")
    yield Content("no such route", "GET", "/v1/nothing", truth=_problem(404, "not-found"))
    yield Content("no such method", "GET", target, truth=_problem(405, "method-not-allowed"))
    yield Content("unknown contract", "GET", "/v1/contracts/9", truth=_problem(404, "unknown-contract"))
    yield _post("misspelt member", target, {"nin": nin, "a": None}, truth=shape)
    yield _post("no time", target, {"nin": nin, "at": "noon"}, truth=shape)
    yield _post("no body to speak of", target, "", truth=shape)
    yield Content("not JSON", "POST", target, b'{"nin":', truth=shape)
    media_type = _problem(415, "unsupported-media-type")
    yield _post("not as JSON", target, {"nin": nin}, media_type=b"text/plain", truth=media_type)
    yield Content("too large", "POST", target, b" " * 5000 + b"{}", truth=_problem(413, "too-large"))


def learn(port: int, asked: list[Content]) -> tuple[int, list[Answer]]:
    """(the generation in service, its answers), one question at a time on one connection; the truth is held against."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    answers = []
    serials = set()
    for content in asked:
        fields = {} if content.body is None else {"Content-Type": content.media_type.decode()}
        fields |= dict(field.decode().split(": ") for field in content.fields)
        connection.request(content.method, content.target, content.body, fields)
        got = connection.getresponse()
        said = {name.lower(): value.encode() for name, value in got.getheaders()}
        body = got.read()
        serials.add(said.get("flr-generation"))
        assert _true(content, got.status, body), f"{content.kind}: not the oracle's answer, but status {got.status}"
        answers.append(Answer(got.status, tuple(said.get(name.decode()) for name in MEANT), body))
    connection.close()
    (serial,) = serials - {None}
    return int(serial or 0), answers


def _true(content: Content, status: int, body: bytes) -> bool:
    """Whether an answer is what the oracle says; what it says nothing of has to be a 200 or 304 at least."""
    if content.truth is None:
        return status in (200, 304)
    wanted_status, wanted = content.truth
    answer = json.loads(body)
    if isinstance(wanted, str):
        answer = answer["type"]
    elif isinstance(wanted, list):
        answer = answer["results"]
    return (status, answer) == (wanted_status, wanted)
