"""Questions over SOAP to two services, one of which has the compiled path in front: the answers are the same with all
their fields, and both have counted and recorded the same, whoever asks and however they are known.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lookup.access.roles import Role
from lookup.audit.record import READ, Record
from lookup.audit.segment import segments
from lookup.soap.operations import READ as SERVICE
from lookup.soap.operations import SOAP11, SOAP12
from tests.audit.writing import contents
from tests.guarded import credential
from tests.lookup.wires import Answer, Wire, difference, request
from tests.served import load
from tests.service import PATIENCE_SECONDS, Service
from tests.soap import hamlet
from tests.soap.clients import MEDIA
from tests.soap.writers import PEOPLE, WRITERS, cxf, indented

PATHS = {version: path for path, version in SERVICE.paths.items()}
SEEN = ("flr_requests_total", "flr_lookups_total", "flr_client_", "flr_credentials_refused_total")
OPERATOR = credential("operator", Role.OPERATOR)


def question(version: str, body: str, *fields: str) -> bytes:
    asked = request(PATHS[version], body.encode(), *fields)
    return asked.replace(b"Content-Type: application/json", f"Content-Type: {MEDIA[version]}".encode())


class Seen(NamedTuple):
    """What a service has counted, and recorded: when it was is left out."""

    counted: dict[str, float]
    recorded: list[Record]


class One(NamedTuple):
    """A service, and where its audit is."""

    service: Service
    audit: Path

    def ask(self, data: bytes) -> Answer:
        with Wire(self.service) as wire:
            answer = wire.ask(data)
        if int(answer.fields.get("retry-after", 0)) > PATIENCE_SECONDS:
            answer.fields["retry-after"] = "at midnight"
        return answer

    def seen(self) -> Seen:
        text = self.ask(request("/metrics", None, OPERATOR)).body.decode()
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        folder = self.audit / "w0"
        paths = segments(folder) if folder.is_dir() else []
        records = [one for path in paths for one in contents(path) if one.kind == READ]
        return Seen(
            {name: float(value) for name, value in samples if name.startswith(SEEN)},
            [one._replace(sequence=0, time_ns=0, who=0) for one in records],
        )


class Both(NamedTuple):
    """The same generation, served in the two ways."""

    hot: One
    ordinary: One

    def same(self, *questions: bytes) -> list[Answer]:
        """What both answer to each question, on a connection of its own."""
        told, seen = [], []
        for one in self:
            before = one.seen()
            told.append([one.ask(data) for data in questions])
            after = one.seen()
            seen.append((difference(before.counted, after.counted, *SEEN), after.recorded[len(before.recorded) :]))
        assert told[0] == told[1]
        assert seen[0] == seen[1]
        return told[0]

    def handed_over(self) -> float:
        name, _, value = OPERATOR.partition(": ")
        return self.hot.service.metric("flr_handovers_total", **{name: value})


@contextmanager
def serving(data: Path, audits: Path) -> Iterator[Both]:
    with ExitStack() as stack:
        services = []
        for hot in ("true", "false"):
            audit = audits / f"audit-{hot}"
            command = [sys.executable, "-m", "tests.guarded", "serve", "--data-dir", str(data), "--port", "0"]
            settings = {"FLR_HOT_PATH": hot, "FLR_RUN_DIR": str(data / f"run-{hot}"), "FLR_AUDIT_DIR": str(audit)}
            service = stack.enter_context(Service(data, workers=1, command=command, **settings))
            service.wait("serving")
            services.append(One(service, audit))
        yield Both(*services)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hamlet")
    load(hamlet.feed(folder / "feed"), folder / "data")
    return folder / "data"


@pytest.fixture(scope="module")
def both(data: Path) -> Iterator[Both]:
    with serving(data, data) as services:
        yield services


def signed(client: str, *roles: Role, **more: Any) -> str:
    return credential(client, *roles, scheme="Signed", key="k", **more)


def proof(number: int, version: str = SOAP11, key: str = "k") -> str:
    return f"DPoP: {key} POST {PATHS[version]}#{number}"


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@pytest.mark.parametrize("protected", [True, False])
def test_everybody_of_each_kind(both: Both, version: str, protected: bool) -> None:
    who, before = credential(f"reader {version} {protected}", Role.READ, protected=protected), both.handed_over()
    trace = f"traceparent: 00-{'a' * 32}-{'b' * 16}-01"
    asked = [
        question(version, writer(version, nin), who, f"nhn-event-id: {place}", trace)
        for place, (writer, nin) in enumerate(product(WRITERS, PEOPLE))
    ]
    answers = both.same(*asked)
    assert {answer.status for answer in answers} == {200, 500}
    withheld = 0 if protected else len(WRITERS)
    assert both.handed_over() - before == withheld + 3  # and the metrics, three times


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_a_confirmation_at_any_time(both: Both, version: str) -> None:
    """Also at times of which nothing was rendered when the generation was built, and at none."""
    who, nil = credential(f"confirms {version}", Role.READ), 'i:nil="true"/>'
    times = ("2016-01-01T00:00:00", "2014-12-31T23:59:59.9", "2019-06-01T00:00:00", "2090-01-01T00:00:00")
    times += ("2026-11-26T12:00:00+01:00", "2026-03-29T02:30:00", "1970-01-01T00:00:00", "2026-02-30T00:00:00", "x")
    people = (hamlet.ON_ALONE, hamlet.NOBODY, hamlet.PROTECTED, hamlet.OLD_NUMBER, hamlet.UNKNOWN, hamlet.INVALID)
    written = [indented(version, nin).replace(nil, f">{at}</f:atTime>") for nin, at in product(people, times)]
    answers = both.same(*(question(version, text, who) for text in written))
    assert {b">true<" in answer.body for answer in answers if answer.status == 200} == {True, False}


def test_who_must_sign(both: Both) -> None:
    ask = cxf(SOAP11, hamlet.ON_ALONE)
    who, known = signed("signer", Role.READ), question(SOAP11, ask, credential("reader", Role.READ))
    statuses = {
        question(SOAP11, ask, who, proof(1)): 200,
        question(SOAP11, ask, who, proof(2, key="other")): 401,
        question(SOAP11, ask, who, proof(3, SOAP12)): 401,
        question(SOAP11, ask, who): 401,
        question(SOAP12, cxf(SOAP12, hamlet.ON_ALONE), who, proof(4, SOAP12)): 200,
        known: 200,
    }
    for asked, status in statuses.items():
        again = status if asked == known else 401
        assert [answer.status for answer in both.same(asked, asked)] == [status, again]


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_a_proof_is_good_once_whatever_the_answer(both: Both, version: str) -> None:
    """Of what the compiled path leaves to the ordinary one after it has looked at the proof."""
    refused = signed(f"may not {version}", Role.LOOKUP)
    withheld = signed(f"has no right {version}", Role.READ)
    asked = {
        question(version, indented(version, hamlet.ON_ALONE), refused, proof(10, version)): 403,
        question(version, cxf(version, hamlet.PROTECTED), withheld, proof(11, version)): 500,
        question(version, indented(version, hamlet.PROTECTED), withheld, proof(12, version)): 500,
        question(version, cxf(version, hamlet.ON_ALONE) + "<!-- -->", withheld, proof(13, version)): 200,
    }
    for data, status in asked.items():
        assert [answer.status for answer in both.same(data, data, data)] == [status, 401, 401]


def test_who_has_asked_about_enough_persons(both: Both) -> None:
    """The compiled path finds that, takes back what it has counted, and the ordinary one says so."""
    for place, who in enumerate((credential, signed)):
        limits = {"requests_per_second": 2, "persons_per_day": 1}
        field = who(f"curious {place}", Role.READ, limits=limits)
        first, second = (
            question(SOAP11, cxf(SOAP11, hamlet.ON_ALONE), field, proof(20 + 2 * place + i)) for i in range(2)
        )
        answers = both.same(first, second)
        assert [answer.status for answer in answers] == [200, 429]
        assert answers[1].fields["retry-after"] == "at midnight"


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_who_is_not_known(both: Both, version: str) -> None:
    ask = cxf(version, hamlet.ON_ALONE)
    wrong = credential(f"wrong {version}", Role.READ, refused=True)
    broken = credential(f"broken {version}", Role.READ, broken=True)
    for fields, status in (((), 401), ((wrong,), 401), ((broken,), 503), ((wrong, wrong), 401)):
        assert {answer.status for answer in both.same(question(version, ask, *fields))} == {status}


def test_nothing_is_told_that_cannot_be_recorded(data: Path, tmp_path: Path) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    people = (hamlet.ON_ALONE, hamlet.NOBODY, hamlet.PROTECTED, hamlet.UNKNOWN)
    with serving(data, no_folder) as services:
        for version, writer in product(PATHS, WRITERS):
            who = credential("reader", Role.READ)
            answers = services.same(*(question(version, writer(version, nin), who) for nin in people))
            assert {(answer.status, answer.body) for answer in answers} == {(503, answers[0].body)}
