"""Access and audit as an operator has them: the real command, real clients and tokens, real files, workers killed."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.issuer import PUBLIC_URL, Client, KeyServer, LocalIssuer, serving, settings
from tests import tiny
from tests.lookup import village
from tests.lookup.wires import Unanswered, Wire, form, request
from tests.service import ROOT, Service

PERSON = next(nin for nin in village.PERSONS if nin != village.PROTECTED)
AT = {"at": "2026-11-24T12:00:00"}
ORGANIZATION = "974767880"
TAKEN_UP_SECONDS = 5


def run(*arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "lookup", *arguments],
        input=typed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


class Register:
    """A data folder, the service over it, and what an operator does."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        tiny.announce(self.data, village.generation(self.data).name)

    def serve(self, workers: int = 2, **environment: str) -> Service:
        command = [sys.executable, "-m", "lookup", "serve", "--data-dir", str(self.data), "--port", "0"]
        return Service(self.data, workers=workers, command=command, **environment)

    def clients(self, *arguments: str) -> Any:
        done = run("clients", *arguments, "--data-dir", str(self.data))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in arguments else None

    def add(self, name: str, *roles: str) -> str:
        """The Authorization header of a new client."""
        asked = [argument for role in roles for argument in ("--role", role)]
        return basic(**self.clients("add", name, "--org", ORGANIZATION, *asked, "--json"))

    def audit(self, *arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
        return run("audit", *arguments, "--data-dir", str(self.data), typed=typed)

    def looked_at(self, nin: str) -> list[Any]:
        done = self.audit("insight", "--json", typed=nin + "\n")
        assert done.returncode == 0, done.stderr
        assert nin not in done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()] if done.stdout else []


def basic(name: str, password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def asking(*fields: str, nin: str = PERSON) -> bytes:
    return request("/v1/gp-lookup", {"nin": nin, **AT}, *fields)


def odd(*fields: str) -> bytes:
    """The same question, as the compiled path does not take it."""
    return request("/v1/gp-lookup", json.dumps({"nin": PERSON, **AT}).replace("nin", "\\u006ein").encode(), *fields)


def statuses(service: Service, *fields: str, connections: int = 12) -> set[int]:
    """What a caller is answered over some connections, which come to all workers."""
    found = set()
    for _ in range(connections):
        with Wire(service) as wire:
            found.add(wire.ask(asking(*fields)).status)
    return found


def until(service: Service, expected: set[int], *fields: str) -> None:
    """All workers answer so within TAKEN_UP_SECONDS."""
    end = time.monotonic() + TAKEN_UP_SECONDS
    while (found := statuses(service, *fields)) != expected:
        assert time.monotonic() < end, (found, service.lines[-3:])


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path)


def test_a_fresh_install_answers_nobody_until_a_client_is_registered(register: Register) -> None:
    with register.serve() as service:
        service.wait("serving")
        assert any("nobody may ask yet" in line for line in service.lines)
        assert statuses(service) == {401}
        assert statuses(service, basic("admin", "admin"), connections=4) == {401}
        assert service.ask("/readyz")[0] == 200
        who = register.add("ward", "FlrLookup")
        until(service, {200}, who)


def test_who_is_disabled_or_has_another_password_is_refused_by_every_worker(register: Register) -> None:
    ward, clinic = register.add("ward", "FlrLookup"), register.add("clinic", "FlrLookup")
    with register.serve() as service, Wire(service) as kept:
        service.wait("serving")
        assert kept.ask(asking(ward)).status == 200
        assert statuses(service, ward) == statuses(service, clinic) == {200}
        register.clients("disable", "ward")
        newer = basic(**register.clients("rotate", "clinic", "--grace", "0", "--json"))
        until(service, {401}, ward)
        until(service, {401}, clinic)
        assert kept.ask(asking(ward)).status == 401
        assert statuses(service, newer) == {200}
        register.clients("enable", "ward")
        until(service, {200}, ward)


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(register: Register) -> None:
    register.add("ward", "FlrLookup")
    with register.serve(workers=1) as service:
        service.wait("serving")
        answers = []
        for who in (basic("ward", "zebra-9"), basic("nobody", "zebra-9"), "Authorization: Basic !", "Cookie: a=b"):
            for ask in (asking, odd):
                with Wire(service) as wire:
                    answers.append(wire.ask(ask(who)))
        assert {answer.status for answer in answers} == {401}
        assert len({(answer.body, answer.fields["www-authenticate"]) for answer in answers}) == 1
        assert all("zebra-9" not in line and "emVicmEtO" not in line for line in service.lines)


class TestTokens:
    @pytest.fixture
    def issuer(self) -> Iterator[tuple[LocalIssuer, KeyServer]]:
        issuer = LocalIssuer()
        with serving(issuer) as keys:
            yield issuer, keys

    def test_bearer_and_bound_tokens_on_both_paths(
        self, register: Register, issuer: tuple[LocalIssuer, KeyServer], tmp_path: Path
    ) -> None:
        own, keys = issuer
        file = tmp_path / "issuers.toml"
        file.write_text(settings(own, keys.url))
        environment = {"FLR_ISSUERS_FILE": str(file), "FLR_PUBLIC_URLS": PUBLIC_URL}
        now = time.time()
        with register.serve(**environment) as service:
            service.wait("serving")
            bearer = f"Authorization: Bearer {own.mint(at=now).decode()}"
            assert statuses(service, bearer) == {200}
            client = Client()
            token = own.mint(at=now, cnf={"jkt": client.key.thumbprint()})
            bound = f"Authorization: DPoP {token.decode()}"
            for ask in (asking, odd):
                proof = f"DPoP: {client.proof('POST', PUBLIC_URL + '/v1/gp-lookup', token, at=time.time()).decode()}"
                found = []
                for _ in range(12):
                    with Wire(service) as wire:
                        found.append(wire.ask(ask(bound, proof)).status)
                assert found == [200] + [401] * 11, ask
            assert statuses(service, bound) == {401}
            assert statuses(service, f"Authorization: Bearer {token.decode()}") == {401}
            other = f"DPoP: {Client().proof('POST', PUBLIC_URL + '/v1/gp-lookup', token, at=time.time()).decode()}"
            assert statuses(service, bound, other) == {401}
            expired = f"Authorization: Bearer {own.mint(at=now - 7200).decode()}"
            assert statuses(service, expired, connections=4) == {401}


class TestAudit:
    def test_every_answer_about_a_person_has_its_record(self, register: Register) -> None:
        ward = register.add("ward", "FlrRead", "FlrReadAllPatients")
        operator = register.add("operator", "FlrOperator")
        granted = ("--org", ORGANIZATION, "--role", "FlrLookup", "--protected")
        trusted = basic(**register.clients("add", "trusted", *granted, "--json"))
        name, _, value = ward.partition(": ")
        with register.serve() as service:
            service.wait("serving")
            with Wire(service) as wire:
                assert wire.ask(asking(ward, "nhn-event-id: event-1")).status == 200
                assert wire.ask(request("/v1/gp-confirm", {"nin": PERSON, "hprNumber": 1, **AT}, ward)).status == 200
                body = {"nins": [PERSON, village.UNKNOWN, "1"] * 30, **AT}
                assert wire.ask(request("/v1/gp-lookup/batch", body, ward)).status == 200
                assert wire.ask(odd(ward)).status == 200
                assert wire.ask(request("/v1/gp-history", {"nin": PERSON}, ward)).status == 200
                assert wire.ask(form("/fhir/R4/Patient/_search", {"identifier": PERSON}, ward)).status == 200
                for nin, status in ((village.UNKNOWN, 200), (village.PROTECTED, 403)):
                    assert wire.ask(form("/fhir/R4/Patient/_search", {"identifier": nin}, ward)).status == status
                allowed = form("/fhir/R4/Patient/_search", {"identifier": village.PROTECTED}, trusted)
                assert wire.ask(allowed).status == 200
            shown = service.ask("/metrics", **dict([operator.split(": ")]))[2].decode()
            assert 'flr_client_requests_total{client="ward"} 8.0' in shown
            assert 'flr_client_numbers_today{client="ward"} 67.0' in shown
            assert "flr_audit_unavailable 0.0" in shown
            path = f"/v1/contracts/{village.SHARED}/patients?at={AT['at']}"
            status, _, listed = service.ask(path, **{name: value})
            assert status == 200
            assert service.ask("/v1/gps/7000001")[0] == 401
        numbers = {patient["nin"] for patient in json.loads(listed)["patients"]}
        assert PERSON in numbers
        verified = register.audit("verify", "--json")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        found = register.looked_at(PERSON)
        assert sorted(one["operation"] for one in found) == sorted(
            ["gpConfirm", *["gpLookupBatch"] * 30, *["gpLookup"] * 2, "gpHistory", "contractPatients", "fhirPatient"]
        )
        assert {one["client"] for one in found} == {"ward"}
        assert [one["event_id"] for one in found if one["operation"] == "gpLookup"].count("event-1") == 1
        assert {one["outcome"] for one in register.looked_at(village.UNKNOWN)} == {"unknown"}
        protected = register.looked_at(village.PROTECTED)
        assert [(one["client"], one["outcome"], one["protected"]) for one in protected] == [
            ("ward", "withheld", True),
            ("trusted", "assigned", True),
        ]
        exported = [json.loads(line) for line in register.audit("export").stdout.splitlines()]
        assert [one["outcome"] for one in exported].count("unauthenticated") == 1

    def test_where_nothing_can_be_recorded_nothing_is_told_of_persons(self, register: Register, tmp_path: Path) -> None:
        ward = register.add("ward", "Administrator")
        place = tmp_path / "audit"
        place.write_text("not a folder")
        name, _, value = ward.partition(": ")
        with register.serve(FLR_AUDIT_DIR=str(place)) as service:
            service.wait("serving")
            assert statuses(service, ward) == {503}
            with Wire(service) as wire:
                answer = wire.ask(asking(ward))
                assert json.loads(answer.body)["type"] == "urn:flr:problem:audit-unavailable"
                for nin in (PERSON, village.UNKNOWN):
                    answer = wire.ask(form("/fhir/R4/Patient/_search", {"identifier": nin}, ward))
                    assert (answer.status, answer.fields["retry-after"]) == (503, "5")
                    assert b"audit-unavailable" in answer.body
                assert wire.ask(request("/v1/gp-lookup/batch", {"nins": [PERSON] * 500, **AT}, ward)).status == 503
                assert wire.ask(request("/v1/gps/7000001", None, ward)).status in (200, 404)
                assert wire.ask(odd(ward)).status == 503
            assert service.ask(f"/v1/contracts/{village.SHARED}/patients", **{name: value})[0] == 503
            assert service.ask("/readyz")[0] == 200
            assert b"flr_audit_unavailable 2.0" in service.ask("/metrics", **{name: value})[2]
            place.unlink()
            until(service, {200}, ward)

    def test_a_killed_worker_has_recorded_all_that_it_has_answered(self, register: Register) -> None:
        who = {name: register.add(name, "FlrLookup") for name in ("one", "two", "three")}
        answered = dict.fromkeys(who, 0)
        over = threading.Event()

        def ask(name: str) -> None:
            while not over.is_set():
                try:
                    with Wire(service) as wire:
                        while not over.is_set():
                            wire.send(asking(who[name]) * 8)
                            for _ in range(8):
                                answered[name] += wire.answer().status == 200
                except (Unanswered, OSError, AssertionError):
                    continue

        with register.serve(FLR_AUDIT_SEGMENT_BYTES="65536") as service:
            service.wait("serving")
            threads = [threading.Thread(target=ask, args=(name,)) for name in who]
            for thread in threads:
                thread.start()
            killed = 0
            while killed < 6:
                time.sleep(1 if min(answered.values()) else 0.1)
                if not min(answered.values()):
                    continue
                for file in sorted((register.data / "run").glob("*.json"))[:1]:
                    os.kill(int(file.stem), signal.SIGKILL)
                    killed += 1
            over.set()
            for thread in threads:
                thread.join()
        assert min(answered.values()) > 100
        assert register.audit("verify").returncode == 0
        found = register.looked_at(PERSON)
        for name, count in answered.items():
            assert sum(one["client"] == name for one in found) >= count
