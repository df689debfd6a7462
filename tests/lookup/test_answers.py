"""The rules of the answer, on contracts written by hand."""

import itertools
from datetime import datetime, timedelta

import msgspec
import pytest

from lookup.answers import (
    NONE_ANSWER,
    WITHHELD_ANSWER,
    ContractView,
    boundaries,
    fragment_at,
    fragments,
    office_shape,
    single_answer,
)
from lookup.index import Fragment
from lookup.record import Membership
from register.localtime import FOREVER, to_micros
from register.model import Office
from tests.lookup import village
from tests.lookup.village import ANNE, KARI, OLA, PER, day

NOON = to_micros(village.NOW)
MICROSECOND = timedelta(microseconds=1)


def shared_part(view: ContractView, at: datetime) -> dict:
    json = fragment_at(view, to_micros(at)).json
    assert json.startswith(b'{"status":"')
    assert json.endswith(b',"membership":')
    return msgspec.json.decode(json + b"null}")


def cycles(view: ContractView, *rows: tuple) -> ContractView:
    """The view with these cycles instead: (id, doctor, relationship, from, to)."""
    made = [
        village._cycle(n, view.contract.id, hpr, kind, since, to, her_id=100 + n) for n, hpr, kind, since, to in rows
    ]
    return view._replace(cycles=tuple(made))


def test_the_answer_has_the_members_of_the_api_in_their_order() -> None:
    fragment = fragment_at(village.view(village.SHARED), NOON)
    answer = single_answer(fragment.json, Membership(0, to_micros(day(2022)), FOREVER, 1, 0, 0, 1), "BGVA")
    decoded = msgspec.json.decode(answer)
    assert list(decoded) == ["status", "herId", "gp", "sharedWith", "substitutes", "contract", "office", "membership"]
    gp = ["hprNumber", "herId", "firstName", "middleName", "lastName", "from", "to"]
    assert list(decoded["gp"]) == list(decoded["sharedWith"][0]) == gp
    assert list(decoded["substitutes"][0]) == [*gp[:5], "substituteForHprNumber", *gp[5:]]
    assert list(decoded["contract"]) == ["id", "name", "status", "municipality"]
    assert list(decoded["office"]) == ["organizationNumber", "herId", "name", "addresses", "electronicAddresses"]
    assert decoded["membership"] == {"from": "2022-01-01T00:00:00", "to": None, "beginCode": "BGVA"}
    assert answer == msgspec.json.encode(decoded)  # no blanks, nothing escaped that need not be


def test_the_gp_is_the_latest_and_everybody_else_shares() -> None:
    part = shared_part(village.view(village.SHARED), village.NOW)
    assert (part["status"], part["herId"], part["gp"]["hprNumber"]) == ("assigned", 4000002, PER)
    assert [gp["hprNumber"] for gp in part["sharedWith"]] == [KARI, ANNE]
    assert [s["hprNumber"] for s in part["substitutes"]] == [OLA]
    assert part["substitutes"][0]["substituteForHprNumber"] == PER
    assert part["office"]["name"] == "Storgata legesenter"
    assert part["office"]["addresses"][0]["municipality"] == {"code": "0301", "name": "Oslo"}
    assert part["office"]["addresses"][1] == {
        "type": "PST",
        "streetAddress": None,
        "postbox": "12",
        "postalCode": None,
        "city": None,
        "municipality": None,
        "country": None,
    }


def test_ties_go_to_the_highest_id_and_shared_lists_put_gps_first() -> None:
    since = day(2020)
    view = cycles(
        village.view(village.SHARED),
        (5, KARI, "LPFL", since, None),
        (9, PER, "LPFL", since, None),
        (7, ANNE, "LPDL", day(2025), None),
        (8, OLA, "LPDL", day(2025), None),
    )
    part = shared_part(view, village.NOW)
    assert part["gp"]["hprNumber"] == PER
    assert [gp["hprNumber"] for gp in part["sharedWith"]] == [KARI, OLA, ANNE]
    assert fragment_at(view, NOON).confirmers == (PER, KARI, OLA, ANNE)


def test_a_doctor_with_two_cycles_confirms_once() -> None:
    view = cycles(village.view(village.SHARED), (1, KARI, "LPFL", day(2020), None), (2, KARI, "LPDL", day(2021), None))
    assert fragment_at(view, NOON).confirmers == (KARI,)


def test_a_vacant_list_is_addressed_by_its_only_substitute() -> None:
    part = shared_part(village.view(village.ONE_SUBSTITUTE), village.NOW)
    assert (part["status"], part["gp"], part["herId"]) == ("vacant", None, 4000009)
    assert fragment_at(village.view(village.ONE_SUBSTITUTE), NOON).confirmers == ()


def test_a_vacant_list_with_two_substitutes_has_no_address() -> None:
    part = shared_part(village.view(village.TWO_SUBSTITUTES), village.NOW)
    assert (part["status"], part["herId"]) == ("vacant", None)
    assert [s["hprNumber"] for s in part["substitutes"]] == [ANNE, OLA]


def test_a_list_with_only_a_shared_list_doctor_is_vacant_and_confirms() -> None:
    view = cycles(village.view(village.SHARED), (3, ANNE, "LPDL", day(2022), None))
    part = shared_part(view, village.NOW)
    assert (part["status"], part["gp"], part["herId"]) == ("vacant", None, None)
    assert [gp["hprNumber"] for gp in part["sharedWith"]] == [ANNE]
    assert fragment_at(view, NOON).confirmers == (ANNE,)


@pytest.mark.parametrize(
    ("at", "substitutes"),
    [
        (day(2026, 11) - MICROSECOND, 0),
        (day(2026, 11), 1),
        (day(2026, 12) - MICROSECOND, 1),
        (day(2026, 12), 0),
    ],
)
def test_periods_are_half_open_to_the_microsecond(at: datetime, substitutes: int) -> None:
    assert len(shared_part(village.view(village.SHARED), at)["substitutes"]) == substitutes


def test_a_contract_that_is_not_in_force_has_no_answer() -> None:
    view = village.view(village.ONE_SUBSTITUTE)
    assert fragment_at(view, to_micros(day(2026, 12, 15))) == Fragment(to_micros(day(2026, 12, 15)), FOREVER, (), b"")
    assert fragment_at(view, to_micros(day(2026, 12, 15)) - 1).json
    assert not fragment_at(view, to_micros(day(2015)) - 1).json


def test_boundaries_are_the_changes_inside_with_the_start_first() -> None:
    view = village.view(village.SHARED)
    start, end = to_micros(day(2021)), to_micros(day(2026, 12))
    expected = [day(2021), day(2022), day(2026, 11)]
    assert boundaries(view, start, end) == [to_micros(time) for time in expected]


@pytest.mark.parametrize("contract", [village.SHARED, village.ONE_SUBSTITUTE, village.CLOSED, village.COMING])
def test_what_is_rendered_ahead_is_what_is_rendered_on_demand(contract: int) -> None:
    view = village.view(contract)
    ahead = fragments(view, village.WINDOW.valid_from, village.WINDOW.to)
    assert (ahead[0].valid_from, ahead[-1].to) == (village.WINDOW.valid_from, village.WINDOW.to)
    assert all(a.to == b.valid_from for a, b in itertools.pairwise(ahead))
    for fragment in ahead:
        for at in (fragment.valid_from, fragment.to - 1):
            now = fragment_at(view, at)
            assert (now.json, now.confirmers) == (fragment.json, fragment.confirmers)


def test_texts_leave_unescaped_and_times_to_the_microsecond() -> None:
    view = village.view(village.SHARED)
    view = view._replace(contract=msgspec.structs.replace(view.contract, name='Ås "liste"'))
    since = to_micros(datetime(2022, 1, 1, 10, 25, 2, 450_000))
    membership = Membership(0, since, to_micros(day(2027)), 1, 0, 0, 1)
    answer = single_answer(fragment_at(view, NOON).json, membership, None)
    assert '"name":"Ås \\"liste\\""'.encode() in answer
    expected = b'"membership":{"from":"2022-01-01T10:25:02.450000","to":"2027-01-01T00:00:00","beginCode":null}}'
    assert answer.endswith(expected)


def test_an_office_without_display_name_shows_its_name() -> None:
    office = Office(organization_number=-7, name="Gamle kontor", valid_from=day(1990), updated=day(1990))
    assert office_shape(office, {}).name == "Gamle kontor"


def test_without_a_gp_every_member_is_there() -> None:
    empty = b'"herId":null,"gp":null,"sharedWith":[],"substitutes":[],"contract":null,"office":null,"membership":null}'
    assert b'{"status":"none",' + empty == NONE_ANSWER
    assert b'{"status":"withheld",' + empty == WITHHELD_ANSWER
