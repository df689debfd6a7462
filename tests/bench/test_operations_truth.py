"""What a load test takes for right, held against the oracle; and that it tells right answers from wrong ones."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bench.operations import judging
from bench.operations.judging import UNTRUE, Answer
from bench.operations.truth import Facts, Truth, now
from tests import crooked
from tests.oracle import Register

AT = now()


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crooked.write_feed(tmp_path_factory.mktemp("truth") / "feed", seed=5)


@pytest.fixture(scope="module")
def truth(feed: Path) -> Truth:
    return Truth(feed, AT)


@pytest.fixture(scope="module")
def oracle(feed: Path) -> Register:
    return Register(feed)


def facts_of(answer: dict[str, Any]) -> Facts:
    if answer["contract"] is None:
        return Facts(answer["status"])
    gp = answer["gp"] and answer["gp"]["hprNumber"]
    since = datetime.fromisoformat(answer["membership"]["from"])
    return Facts(answer["status"], answer["herId"], gp, answer["contract"]["id"], since)


def test_of_every_person_it_knows_what_the_oracle_knows(truth: Truth, oracle: Register) -> None:
    numbers = [*oracle.persons, *oracle.changes]
    wanted = {nin: facts_of(oracle.lookup(nin, AT)) for nin in numbers}
    assert {nin: truth.facts(nin, AT) for nin in numbers} == wanted
    assert {facts.status for facts in wanted.values()} == {"assigned", "vacant", "none"}
    assert truth.facts("02013299997", AT) is None
    for hpr_number in {cycle["hprNumber"] for cycle in oracle.tables["doctor_cycles"]}:
        for nin in numbers[::7]:
            assert truth.confirms(nin, hpr_number, AT) == oracle.confirm(nin, hpr_number, AT)


def test_of_every_list_and_her_id_too(truth: Truth, oracle: Register) -> None:
    listed = [truth.patients(number, AT) for number in oracle.contracts]
    assert listed == [[row["nin"] for row in oracle.patients(number, AT)[0]] for number in oracle.contracts]
    assert sum(map(len, listed)) > 0
    owned = {her_id: owner for her_id in truth.her_ids if (owner := truth.owner(her_id, AT)) is not None}
    assert owned
    assert all(owner in oracle.her(her_id, AT) for her_id, owner in owned.items())


def answer(truth: Truth, body: object, status: int = 200) -> Answer:
    return Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode(), truth, (AT, AT))


def test_a_right_lookup_is_right_and_anybody_elses_is_not(truth: Truth, oracle: Register) -> None:
    right = {nin: oracle.lookup(nin, AT) for nin in oracle.persons}
    verdicts = {nin: judging.lookup(answer(truth, told), nin, True).wrong for nin, told in right.items()}
    assert set(verdicts.values()) == {None}
    nin, told = next(pair for pair in right.items() if pair[1]["status"] == "assigned")
    others = [other for other in right.values() if facts_of(other) != facts_of(told)]
    assert others
    assert {judging.lookup(answer(truth, other), nin, True).wrong for other in others} == {UNTRUE}
    unknown = {"type": "urn:flr:problem:unknown-person", "title": "", "status": 404}
    assert judging.lookup(answer(truth, unknown, 404), nin, True).wrong == UNTRUE


def test_a_batch_is_right_when_each_of_it_is(truth: Truth, oracle: Register) -> None:
    nins = [*list(oracle.persons)[:20], *list(oracle.changes)[:5]]
    results = [oracle.batch_result(nin, AT) for nin in nins]
    assert judging.batch(answer(truth, {"generation": 1, "results": results}), nins).wrong is None
    told = [facts_of(result) for result in results]
    first = next(place for place in range(len(told)) if told[place] != told[place + 1])
    swapped = [*results[:first], results[first + 1], results[first], *results[first + 2 :]]
    assert judging.batch(answer(truth, {"generation": 1, "results": swapped}), nins).wrong == UNTRUE


def test_confirmations_her_ids_and_lists(truth: Truth, oracle: Register) -> None:
    nin = next(nin for nin in oracle.persons if oracle.lookup(nin, AT)["status"] == "assigned")
    hpr_number = oracle.lookup(nin, AT)["gp"]["hprNumber"]
    assert judging.confirm(answer(truth, {"confirmed": True}), nin, hpr_number).wrong is None
    assert judging.confirm(answer(truth, {"confirmed": False}), nin, hpr_number).wrong == UNTRUE
    her_id, kind, number = next((one, *owner) for one in truth.her_ids if (owner := truth.owner(one, AT)) is not None)
    part, name = ("gp", "hprNumber") if kind == "gp" else ("office", "organizationNumber")
    for told, wrong in ((number, None), (number + 1, UNTRUE)):
        body = {"kind": kind, "herId": her_id, part: {name: told}}
        assert judging.her(answer(truth, body), her_id).wrong == wrong
    contract_id = next(number for number in oracle.contracts if truth.patients(number, AT))
    rows = [{"nin": one} for one in truth.patients(contract_id, AT)]
    for kept, wrong in ((rows, None), (rows[1:], UNTRUE)):
        assert judging.patients(answer(truth, {"patients": kept, "count": len(kept)}), contract_id).wrong == wrong


ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'
DETAILS = (
    '<R xmlns="http://schemas.nhn.no/reg/flr"><GetPatientGPDetailsResult><GPContractId>{}</GPContractId><GPHerId>{}</GPHerId>'
    '<PatientNIN>{}</PatientNIN><Period><From xmlns="http://schemas.nhn.no/reg/Common/en">{}</From></Period>'
    "</GetPatientGPDetailsResult></R>"
)
FAULT = '<s:Fault><detail><GenericFault xmlns="http://register.nhn.no/Common"><Message>{}</Message></GenericFault></detail></s:Fault>'


def test_over_soap(truth: Truth, oracle: Register) -> None:
    def details(nin: str, inside: str, status: int = 200, *, valid: bool = True) -> str | None:
        return judging.soap_details(answer(truth, ENVELOPE.format(inside).encode(), status), nin, valid).wrong

    nin = next(nin for nin in oracle.persons if oracle.lookup(nin, AT)["herId"] is not None)
    none = next(nin for nin in oracle.persons if oracle.lookup(nin, AT)["status"] == "none")
    told = facts_of(oracle.lookup(nin, AT))
    assert told.since is not None
    assert told.contract_id is not None
    right = (told.contract_id, told.her_id, nin, told.since.isoformat())
    assert details(nin, DETAILS.format(*right)) is None
    wrongs = [(told.contract_id + 1, *right[1:]), (*right[:2], none, right[3]), (*right[:3], "2001-01-01T00:00:00")]
    assert {details(nin, DETAILS.format(*wrong)) for wrong in wrongs} == {UNTRUE}
    no_gp = FAULT.format(judging.NO_GP_FAULT)
    assert details(none, no_gp, 500) is None
    assert details(nin, no_gp, 500) == UNTRUE
    assert details(none, "<s:Fault/>", 500) == UNTRUE
    assert details(nin, FAULT.format(judging.BAD_NUMBER_FAULT), 500, valid=False) is None
    assert details(nin, no_gp, 500, valid=False) is not None
    assert details(nin, DETAILS.format(*right), valid=False) == UNTRUE
    for status, body in ((200, b"<"), (200, ENVELOPE.format("").encode()), (401, b"")):
        assert judging.soap_details(answer(truth, body, status), nin, True).wrong == f"status {status}"
