"""What a real service answers, as the clients give it: five answers that are five types, and everything else."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from flr_client import (
    Answer,
    Assigned,
    InvalidNin,
    InvalidRequest,
    NoGp,
    NotKnown,
    Unknown,
    UnknownContract,
    UnknownGp,
    UnknownHerId,
    UnknownOffice,
    UnknownPerson,
    Vacant,
)
from flr_client.persons import Invalid
from tests.flr_client.asking import Awaited, Waiting
from tests.lookup import village
from tests.lookup.village import NOW
from tests.service import Service

Register = Waiting | Awaited


def found(register: Register, nin: str, at: datetime | None = NOW) -> Any:
    return register.ask("lookup", nin, at).value


def test_a_person_with_a_gp(register: Register) -> None:
    answer: Answer[Any] = register.ask("lookup", village.LISTED, NOW)
    assert (answer.serial, answer.as_of, answer.stale) == (42, datetime.fromisoformat(village.AS_OF), False)
    assigned = answer.value
    assert isinstance(assigned, Assigned)
    assert (assigned.gp.hpr_number, assigned.her_id, assigned.contract.id) == (village.PER, 4000002, village.SHARED)
    assert [doctor.hpr_number for doctor in assigned.shared_with] == [village.KARI, village.ANNE]
    assert [doctor.substitute_for_hpr_number for doctor in assigned.substitutes] == [village.PER]
    assert assigned.office.organization_number == village.OFFICE
    assert assigned.membership.valid_from == datetime(2022, 1, 1)


def test_the_answers_are_of_types_that_differ(register: Register) -> None:
    kinds = [type(found(register, nin)) for nin in (village.ON_VACANT, village.NOBODY, village.UNKNOWN)]
    assert kinds == [Vacant, NoGp, Unknown]
    assert found(register, village.ON_VACANT).her_id == 4000009
    with pytest.raises(InvalidNin):
        found(register, "12345678999")


def test_time_counts_and_may_have_an_offset(register: Register) -> None:
    begins = datetime(2026, 11, 25)
    assert isinstance(found(register, village.MOVING, begins - timedelta(microseconds=1)), NoGp)
    assert isinstance(found(register, village.MOVING, begins), Assigned)
    zoned = begins.replace(tzinfo=timezone(timedelta(hours=1)))
    assert isinstance(found(register, village.MOVING, zoned), Assigned)
    assert isinstance(found(register, village.MOVING, zoned - timedelta(seconds=1)), NoGp)


def test_a_batch_of_any_size_is_in_order(register: Register) -> None:
    three = [village.NOBODY, "nonsense", village.OLD_NUMBER]
    answer = register.ask("batch", iter([*three, *[village.UNKNOWN] * 1997, village.LISTED]), NOW)
    assert (answer.serial, len(answer.value)) == (42, 2001)
    assert [type(one.found) for one in answer.value[:3]] == [NoGp, Invalid, Assigned]
    assert answer.value[2].nin == village.LISTED  # the newest number
    assert {type(one.found) for one in answer.value[3:2000]} == {Unknown}
    assert isinstance(answer.value[2000].found, Assigned)
    assert register.ask("batch", [], NOW).value == []


def test_confirm_and_history(register: Register) -> None:
    asked = [village.PER, village.ANNE, village.OLA]
    assert [register.ask("confirm", village.LISTED, hpr, NOW).value for hpr in asked] == [True, True, False]
    history = register.ask("history", village.MOVING).value
    assert [one.contract.id for one in history] == [village.SHARED, village.CLOSED]
    assert [doctor.hpr_number for doctor in history[1].doctors] == [village.ANNE, village.KARI]
    for name, more in (("confirm", (village.PER,)), ("history", ())):
        with pytest.raises(UnknownPerson):
            register.ask(name, village.UNKNOWN, *more)


@pytest.mark.parametrize("at", [None, NOW])
def test_the_other_way_round(register: Register, service: Service, at: datetime | None) -> None:
    query = "" if at is None else f"?at={at.isoformat()}"
    for name, number, path in (
        ("her", 4000002, "/v1/her/4000002"),
        ("gp", village.KARI, f"/v1/gps/{village.KARI}"),
        ("contract", village.SHARED, f"/v1/contracts/{village.SHARED}"),
        ("office_contracts", village.OFFICE, f"/v1/offices/{village.OFFICE}/contracts"),
    ):
        value = register.ask(name, number, at).value
        assert json.loads(msgspec.json.encode(value)) == json.loads(service.ask(path + query)[2])


def test_what_is_not_there_is_of_its_kind(register: Register) -> None:
    kinds = {"her": UnknownHerId, "gp": UnknownGp, "contract": UnknownContract, "office_contracts": UnknownOffice}
    for name, kind in kinds.items():
        with pytest.raises(kind) as caught:
            register.ask(name, 123456)
        assert isinstance(caught.value, NotKnown)
    with pytest.raises(InvalidRequest, match="limit"):
        register.ask("events", "42.0", 0)


def test_status(register: Register) -> None:
    status = register.ask("status").value
    assert (status.serial, status.counts) == (42, village.COUNTS)


def test_a_list_comes_patient_by_patient(register: Register) -> None:
    patients, summary, serial = register.patients(village.SHARED, at=NOW)
    assert [one.nin for one in patients] == sorted([village.LISTED, village.PROTECTED])
    assert (summary.count, summary.withheld, summary.contract_id, serial) == (2, 0, village.SHARED, 42)
    assert [one.person for one in patients] == [None, None]
    patients, _, _ = register.patients(village.SHARED, at=NOW, particulars=True)
    assert {one.person.last_name for one in patients if one.person} == {"Person"}
    assert [one.person.addresses == () for one in patients if one.person] == [
        one.nin == village.PROTECTED for one in patients
    ]
    with pytest.raises(UnknownContract):
        register.patients(999)


def test_nothing_shows_a_number(register: Register) -> None:
    answer = register.ask("batch", [village.LISTED], NOW)
    patients, _, _ = register.patients(village.SHARED, at=NOW, particulars=True)
    page = register.ask("events", "41.12.11111111", 5).value
    shown = repr([answer, answer.value, answer.value[0].found, patients, page, page.events])
    assert village.LISTED not in shown
    assert "Person" not in shown
