"""Access on the served path: the compiled one and the ordinary one let the same callers through, and refuse the others
with the same octets, whatever number is asked about.
"""

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lookup.access.quota import ENOUGH_NUMBERS
from lookup.access.roles import OPERATIONS, Role
from register.ids import control_digits
from register.localtime import OSLO
from tests import tiny
from tests.access.asked import PATHS, PERSON, asking, word_of
from tests.guarded import credential
from tests.lookup import village
from tests.lookup.wires import Answer, Wire, request
from tests.service import Service

OFFSET = village.NOW.replace(tzinfo=OSLO).timestamp() - time.time()
DRAWN = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
ASKED = [one for one in OPERATIONS if one.name != "pageLookup"]  # by who has signed in alone: tests/page


class Both(NamedTuple):
    """The same generation behind the same gate, served in the two ways."""

    hot: Service
    ordinary: Service

    def same(self, data: bytes) -> Answer:
        answers = []
        for service in self:
            with Wire(service) as wire:
                answers.append(wire.ask(data))
        if data.startswith(b"POST /fhir/R4/Patient/"):  # where a person's id is drawn anew each time
            answers = [answer._replace(body=DRAWN.sub(b"", answer.body)) for answer in answers]
        if not data.startswith((b"GET /metrics", b"GET /ops")):  # which tells each service's own
            assert answers[0] == answers[1]
        return answers[0]


def guarded(data: Path, stack: ExitStack, hot: str, **environment: str) -> Service:
    command = [sys.executable, "-m", "tests.guarded", "serve", "--data-dir", str(data), "--port", "0"]
    environment |= {"FLR_CLOCK_OFFSET": str(OFFSET), "FLR_HOT_PATH": hot, "FLR_RUN_DIR": str(data / f"run-{hot}")}
    service = stack.enter_context(Service(data, workers=1, command=command, **environment))
    service.wait("serving")
    return service


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tiny.announce(folder, village.generation(folder).name)
    return folder


@pytest.fixture(scope="module")
def both(data: Path) -> Iterator[Both]:
    with ExitStack() as stack:
        yield Both(*(guarded(data, stack, hot, FLR_TEST_PROXY="1") for hot in ("true", "false")))


@pytest.fixture
def hot(both: Both) -> Service:
    return both.hot


def numbers(count: int) -> list[str]:
    """Synthetic numbers, valid and unknown."""
    texts = [f"{day:02d}8190{serial:03d}" for day in range(2, 29) for serial in range(10)]
    return [text + digits for text in texts if (digits := control_digits(text))][:count]


def verifications(service: Service, client: str) -> int:
    return sum(json.dumps({"event": "verified", "client": client}) in line for line in service.lines)


class TestRoles:
    @pytest.mark.parametrize("operation", ASKED, ids=lambda one: one.name)
    def test_every_operation_with_every_role_and_with_none(self, both: Both, operation: Any) -> None:
        refused = both.same(asking(operation.name))
        assert refused.status == 401
        assert refused.fields["www-authenticate"].startswith("Basic ")
        assert word_of(refused) == "unauthenticated"
        for role in Role:
            answer = both.same(asking(operation.name, credential(f"only {role}", role)))
            admitted = role in operation.roles
            if admitted or (role in operation.own_unit and answer.status != 403):
                assert answer.status not in (401, 403, 429), role
            else:
                assert answer.status == 403, role
                assert word_of(answer) == "forbidden"

    def test_whoever_has_no_role_is_known_and_refused(self, both: Both) -> None:
        assert both.same(asking("gpLookup", credential("nobody"))).status == 403

    @pytest.mark.parametrize("path", ["/livez", "/readyz", "/schema/openapi.json", "/fhir/R4/metadata"])
    def test_what_is_open_is_open(self, both: Both, path: str) -> None:
        for service in both:
            assert service.ask(path)[0] == 200

    def test_what_is_not_there_is_not_there_for_anybody(self, both: Both) -> None:
        assert both.same(request("/v1/nothing")).status == 404


class TestCredentials:
    @pytest.mark.parametrize(
        "fields",
        [
            (),
            ("Authorization: ",),
            ("Authorization: Test",),
            ("Authorization: Other abc",),
            ("Authorization: Test !!!",),
            (credential("x", Role.ADMINISTRATOR, refused=True),),
            (credential("x", Role.ADMINISTRATOR), credential("x", Role.ADMINISTRATOR)),
            (credential("x", Role.ADMINISTRATOR, key="k", scheme="Signed"),),
            (credential("x", Role.ADMINISTRATOR, key="k", scheme="Signed"), "DPoP: k POST /v1/gp-confirm"),
            (credential("x", Role.ADMINISTRATOR, key="k", scheme="Signed"), "DPoP: other POST /v1/gp-lookup"),
            (
                credential("x", Role.ADMINISTRATOR, key="k", scheme="Signed"),
                *["DPoP: k POST /v1/gp-lookup"] * 2,
            ),
            tuple([credential("x", Role.ADMINISTRATOR).replace("Authorization: Test", "Client-Cert:")] * 2),
        ],
        ids=range(12),
    )
    def test_one_that_is_not_taken_is_refused_without_a_word(self, both: Both, fields: tuple[str, ...]) -> None:
        answers = [both.same(request("/v1/gp-lookup", {"nin": nin}, *fields)) for nin in (PERSON, village.UNKNOWN, "1")]
        assert {answer.status for answer in answers} == {401}
        assert len({(answer.status, answer.body, tuple(answer.fields.items())) for answer in answers}) == 1

    def test_a_verifier_that_fails_opens_nothing(self, both: Both) -> None:
        answer = both.same(asking("gpLookup", credential("secret", Role.ADMINISTRATOR, broken=True)))
        assert answer.status == 503
        assert answer.fields["retry-after"] == "5"
        assert all("RuntimeError: secret" not in line for service in both for line in service.lines)

    def test_a_signed_request_is_taken(self, both: Both) -> None:
        who = credential("signer", Role.ADMINISTRATOR, key="k", scheme="Signed")
        for name in ("gpLookup", "gpConfirm", "gpHistory", "her"):
            (operation,) = [one for one in OPERATIONS if one.name == name]
            proof = f"DPoP: k {operation.method} {PATHS.get(name, operation.path)}"
            assert both.same(asking(name, who, proof)).status in (200, 404)
            assert both.same(asking(name, who)).status == 401

    def test_a_proof_is_good_once_also_for_a_request_that_both_paths_meet(self, hot: Service) -> None:
        who = credential("signs once", Role.LOOKUP, key="k", scheme="Signed")
        odd = b'{"nin": "\\u00%02x%s"}' % (ord(PERSON[0]), PERSON[1:].encode())
        for number, body in enumerate(({"nin": PERSON}, odd)):
            proof = f"DPoP: k POST /v1/gp-lookup#{number}"
            for status in (200, 401, 401):
                with Wire(hot) as wire:
                    assert wire.ask(request("/v1/gp-lookup", body, who, proof)).status == status

    def test_a_certificate_is_taken_from_the_proxy(self, both: Both) -> None:
        shown = credential("certified", Role.LOOKUP).removeprefix("Authorization: Test ")
        assert both.same(asking("gpLookup", f"Client-Cert: {shown}")).status == 200
        assert (
            both.same(asking("gpLookup", f"X-SSL-Client-Cert: {shown}")).status == 401
        )  # which the proxy leaves alone
        assert both.same(asking("gpLookup", "X-SSL-Client-Cert: x", f"Client-Cert: {shown}")).status == 200
        assert both.same(asking("gpLookup", f"Authorization: {shown}")).status == 401  # it is no password

    def test_a_certificate_from_anybody_else_is_nothing(self, data: Path) -> None:
        shown = credential("certified", Role.LOOKUP).removeprefix("Authorization: Test ")
        with ExitStack() as stack:
            for hot in ("true", "false"):
                service = guarded(data, stack, hot, FLR_RUN_DIR=str(data / f"run-alone-{hot}"))
                with Wire(service) as wire:
                    assert wire.ask(asking("gpLookup", f"Client-Cert: {shown}")).status == 401
                assert verifications(service, "certified") == 0

    def test_is_verified_once_and_again_when_it_expires(self, hot: Service) -> None:
        who = credential("brief", Role.LOOKUP, lasts=1)
        with Wire(hot) as wire:
            for _ in range(20):
                assert wire.ask(asking("gpLookup", who)).status == 200
            hot.wait("verified", client="brief")
            time.sleep(1.1)
            assert wire.ask(asking("gpLookup", who)).status == 200
            hot.wait("verified", client="brief")
        assert verifications(hot, "brief") == 2

    def test_is_verified_once_for_all_that_come_at_once(self, hot: Service) -> None:
        who = credential("crowd", Role.LOOKUP, seconds=0.3)
        with ExitStack() as stack:
            wires = [stack.enter_context(Wire(hot)) for _ in range(30)]
            for wire in wires:
                wire.send(asking("gpLookup", who) * 3)
            answers = [wire.answer() for wire in wires for _ in range(3)]
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert verifications(hot, "crowd") == 1

    def test_others_are_answered_while_one_is_verified(self, hot: Service) -> None:
        with Wire(hot) as slow, Wire(hot) as quick:
            slow.send(asking("gpLookup", credential("slow", Role.LOOKUP, seconds=1)))
            begun = time.monotonic()
            while time.monotonic() < begun + 0.5:
                assert quick.ask(asking("gpLookup", credential("quick", Role.LOOKUP))).status == 200
            assert verifications(hot, "slow") == 1
            slow.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                slow.socket.recv(1)
            slow.socket.settimeout(60)
            assert slow.answer().status == 200


class TestWaiting:
    """A message that waits for its caller to be verified, on the compiled path."""

    def test_answers_come_in_order(self, hot: Service) -> None:
        known, slow = credential("known", Role.LOOKUP), credential("late", Role.LOOKUP, seconds=0.2)
        refused = credential("late and refused", Role.LOOKUP, seconds=0.2, refused=True)
        data = b"".join(asking("gpLookup", who) for who in (known, slow, known, refused, known, slow))
        for size in (1 << 16, 997, 1):
            with Wire(hot) as wire:
                for at in range(0, len(data), size):
                    wire.send(data[at : at + size])
                assert [wire.answer().status for _ in range(6)] == [200, 200, 200, 401, 200, 200]

    def test_more_may_come_meanwhile(self, hot: Service) -> None:
        who = credential("meanwhile", Role.LOOKUP, seconds=0.3)
        data = asking("gpLookup", who)
        with Wire(hot) as wire:
            wire.send(data + data[:100])
            time.sleep(0.1)
            wire.send(data[100:])
            assert [wire.answer().status for _ in range(2)] == [200, 200]

    def test_a_client_that_goes_away_is_let_go(self, hot: Service) -> None:
        who = credential("gone", Role.LOOKUP, seconds=0.3)
        for _ in range(5):
            with Wire(hot) as wire:
                wire.send(asking("gpLookup", who))
                time.sleep(0.02)
        time.sleep(0.5)
        with Wire(hot) as wire:
            assert wire.ask(asking("gpLookup", who)).status == 200
        assert verifications(hot, "gone") == 1

    def test_a_client_that_sends_no_more_is_answered(self, hot: Service) -> None:
        with Wire(hot) as wire:
            wire.send(asking("gpLookup", credential("shut", Role.LOOKUP, seconds=0.3)))
            wire.socket.shutdown(socket.SHUT_WR)
            assert wire.answer().status == 200
            assert wire.is_closed()

    def test_what_is_not_canonical_is_verified_on_the_ordinary_path(self, hot: Service) -> None:
        who = credential("odd", Role.LOOKUP, seconds=0.1)
        odd = request("/v1/gp-lookup", b'{"nin": "\\u0030%s"}' % PERSON[1:].encode(), who)
        with Wire(hot) as wire:
            wire.send(asking("gpLookup", who) + odd)
            first = wire.answer()
            expected = 200 if PERSON.startswith("0") else 404
            assert wire.answer().status in (expected, 400)
            assert first.status == 200


class TestProtected:
    def test_are_withheld_from_whoever_has_no_right(self, both: Both) -> None:
        one, other = credential("one", Role.READ), credential("other", Role.READ, protected=True)
        body = {"nin": village.PROTECTED}
        assert json.loads(both.same(request("/v1/gp-lookup", body, one)).body)["status"] == "withheld"
        assert json.loads(both.same(request("/v1/gp-lookup", body, other)).body)["status"] == "assigned"
        confirm = body | {"hprNumber": village.KARI}
        assert both.same(request("/v1/gp-confirm", confirm, one)).status == 403
        assert both.same(request("/v1/gp-confirm", confirm, other)).status == 200
        assert both.same(request("/v1/gp-history", body, one)).status == 403
        assert both.same(request("/v1/gp-history", body, other)).status == 200

    def test_large_batches_of_both_kinds_of_callers_do_not_mix(self, hot: Service) -> None:
        """Batches are answered in turns, and between two turns others are."""
        body = {"nins": [village.PROTECTED, PERSON] * 400}
        callers = [credential("without", Role.READ), credential("with", Role.READ, protected=True)]
        wanted = [{"withheld", "assigned"}, {"assigned"}]
        with ExitStack() as stack:
            wires = [stack.enter_context(Wire(hot)) for _ in range(10)]
            for i, wire in enumerate(wires):
                wire.send(request("/v1/gp-lookup/batch", body, callers[i % 2]) * 3)
            for _ in range(3):
                for i, wire in enumerate(wires):
                    results = json.loads(wire.answer().body)["results"]
                    assert len(results) == 800
                    assert {result["status"] for result in results} == wanted[i % 2]

    def test_a_patient_list_counts_those_that_are_left_out(self, both: Both) -> None:
        told = []
        for protected in (False, True):
            who = credential(f"lists {protected}", Role.ALL_PATIENTS, protected=protected)
            name, _, value = who.partition(": ")
            told += [json.loads(service.ask(PATHS["contractPatients"], **{name: value})[2]) for service in both]
        assert [one["withheld"] for one in told] == [1, 1, 0, 0]
        assert told[0]["count"] + 1 == told[2]["count"]


class TestOwnUnit:
    @pytest.mark.parametrize(
        ("roles", "more", "status"),
        [
            ([Role.READ], {"unit": village.OFFICE}, 200),
            ([Role.READ], {"organization": village.OFFICE}, 200),
            ([Role.READ], {"unit": village.PARENT, "organization": village.PARENT}, 403),
            ([Role.READ], {}, 403),
            ([Role.LOOKUP], {"unit": village.OFFICE}, 403),
            ([Role.ALL_PATIENTS], {}, 200),
        ],
    )
    def test_a_reader_has_the_lists_of_its_own_unit_alone(
        self, hot: Service, roles: list[Role], more: dict[str, int], status: int
    ) -> None:
        name, _, value = credential(f"unit {roles} {more}", *roles, **more).partition(": ")
        assert hot.ask(PATHS["contractPatients"], **{name: value})[0] == status


class TestQuotas:
    @pytest.mark.parametrize("path", ["hot", "ordinary"])
    def test_requests(self, both: Both, path: str) -> None:
        who = credential(f"limited {path}", Role.LOOKUP, limits={"requests_per_second": 5})
        with Wire(getattr(both, path)) as wire:
            answers = [wire.ask(request("/v1/gp-lookup", {"nin": PERSON}, who)) for _ in range(12)]
            refused = [answer for answer in answers if answer.status == 429]
            assert 1 <= len(refused) <= 7
            assert {answer.status for answer in answers} == {200, 429}
            assert refused[0].fields["retry-after"] == "1"
            assert json.loads(refused[0].body)["type"] == "urn:flr:problem:quota"
            time.sleep(1.1)
            assert wire.ask(asking("gpLookup", who)).status == 200

    @pytest.mark.parametrize("path", ["hot", "ordinary"])
    def test_persons_of_a_day(self, both: Both, path: str) -> None:
        who = credential(f"curious {path}", Role.READ, limits={"persons_per_day": 20})
        with Wire(getattr(both, path)) as wire:
            assert wire.ask(request("/v1/gp-lookup/batch", {"nins": [PERSON] * 100}, who)).status == 200
            assert wire.ask(asking("gpLookup", who)).status == 200
            many = numbers(60)
            assert wire.ask(request("/v1/gp-lookup/batch", {"nins": many}, who)).status == 200
            refused = [wire.ask(request("/v1/gp-lookup", {"nin": nin}, who)) for nin in (PERSON, village.UNKNOWN, "1")]
        assert {answer.status for answer in refused} == {429}
        assert len({answer.body for answer in refused}) == 1
        assert 0 < int(refused[0].fields["retry-after"]) <= 86_400

    @pytest.mark.parametrize("path", ["hot", "ordinary"])
    def test_too_many_unknown_numbers(self, both: Both, path: str) -> None:
        who = credential(f"guessing {path}", Role.READ, limits={"unknown_share": 0.5})
        with Wire(getattr(both, path)) as wire:
            assert wire.ask(request("/v1/gp-lookup/batch", {"nins": [PERSON] * 100}, who)).status == 200
            guesses = {"nins": [village.UNKNOWN] * ENOUGH_NUMBERS}
            assert wire.ask(request("/v1/gp-lookup/batch", guesses, who)).status == 200
            assert wire.ask(asking("gpLookup", who)).status == 429

    def test_both_paths_count_in_the_same_account(self, hot: Service) -> None:
        who = credential("two ways", Role.READ, limits={"persons_per_day": 30})
        some = numbers(50)[:25]
        more = numbers(50)[25:]
        with Wire(hot) as wire:
            assert wire.ask(request("/v1/gp-lookup/batch", {"nins": some}, who)).status == 200
        with Wire(hot) as wire:
            odd = json.dumps({"nins": more}).replace("nins", "\\u006eins").encode()
            assert wire.ask(request("/v1/gp-lookup/batch", odd, who)).status == 200
        with Wire(hot) as wire:
            assert wire.ask(asking("gpLookup", who)).status == 429
