"""Withholding and limits are the same in FHIR as elsewhere, behind a real gate."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lookup.access.roles import Role
from tests import tiny
from tests.access.asked import asking, word_of
from tests.access.test_guarded import guarded, numbers
from tests.guarded import credential
from tests.lookup import village
from tests.lookup.wires import Wire, form, request
from tests.service import Service

PATH = "/fhir/R4/Patient/_search"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("data")
    tiny.announce(folder, village.generation(folder).name)
    with ExitStack() as stack:
        yield guarded(folder, stack, "true")


def test_protected_persons_are_withheld_from_whoever_has_no_right(service: Service) -> None:
    asked = {"identifier": village.PROTECTED}
    one, other = credential("one", Role.LOOKUP), credential("other", Role.LOOKUP, protected=True)
    with Wire(service) as wire:
        refused = wire.ask(form(PATH, asked, one))
        assert (refused.status, word_of(refused)) == (403, "forbidden")
        told = json.loads(wire.ask(form(PATH, asked, other)).body)
    assert told["entry"][0]["resource"]["identifier"][0]["value"] == village.PROTECTED
    assert told["entry"][0]["resource"]["generalPractitioner"]


def test_persons_count_in_the_account_that_the_other_calls_count_in(service: Service) -> None:
    who = credential("curious", Role.LOOKUP, limits={"persons_per_day": 20})
    with Wire(service) as wire:
        statuses = [wire.ask(form(PATH, {"identifier": nin}, who)).status for nin in numbers(40)]
        assert statuses == sorted(statuses)
        assert 20 <= statuses.count(200) <= 24  # how many different persons is an estimate
        assert statuses[-1] == 429
        refused = wire.ask(asking("fhirPatient", who))
        assert (refused.status, word_of(refused)) == (429, "quota")
        assert 0 < int(refused.fields["retry-after"]) <= 86_400
        assert wire.ask(asking("gpLookup", who)).status == 429


def test_headers_come_back_and_head_is_no_search(service: Service) -> None:
    who = credential("caller", Role.LOOKUP)
    with Wire(service) as wire:
        answer = wire.ask(form(PATH, {"identifier": village.LISTED}, who, "nhn-event-id: event-1"))
        assert (answer.status, answer.fields["nhn-event-id"]) == (200, "event-1")
        wire.send(request("/fhir/R4/metadata", None, method="HEAD"))
        assert wire.answer(head=True).status == 200
