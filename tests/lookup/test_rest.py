"""The REST face over the village: the questions about persons, and what every answer carries."""

from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from lookup import shapes
from lookup.app import create_app
from lookup.generation import Generation
from tests.lookup import village
from tests.lookup.serving import state_of
from tests.lookup.village import ANNE, KARI, LISTED, MOVING, NOBODY, OLA, OLD_NUMBER, PER, PROTECTED

NONE = {
    "status": "none",
    "herId": None,
    "gp": None,
    "sharedWith": [],
    "substitutes": [],
    "contract": None,
    "office": None,
    "membership": None,
}


def lookup(client: TestClient, nin: str, at: str | None = None) -> dict[str, Any]:
    answer = client.post("/v1/gp-lookup", json={"nin": nin} if at is None else {"nin": nin, "at": at})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    msgspec.json.decode(answer.content, type=shapes.LookupAnswer)
    return answer.json()


def counted(client: TestClient, line: str) -> bool:
    return line in client.get("/metrics").text.splitlines()


def test_lookup_now(client: TestClient) -> None:
    answer = lookup(client, LISTED)
    assert (answer["status"], answer["gp"]["hprNumber"], answer["contract"]["id"]) == ("assigned", PER, village.SHARED)
    assert [s["hprNumber"] for s in answer["substitutes"]] == [OLA]
    assert answer["membership"] == {"from": "2022-01-01T00:00:00", "to": None, "beginCode": "BGVA"}
    assert counted(client, 'flr_lookups_total{outcome="assigned"} 1.0')


def test_lookup_of_an_old_number_is_that_of_the_new(client: TestClient) -> None:
    assert lookup(client, OLD_NUMBER) == lookup(client, LISTED)


def test_lookup_on_vacant_lists(client: TestClient) -> None:
    one, two = lookup(client, village.ON_VACANT), lookup(client, village.ON_DOUBLE)
    assert (one["status"], one["gp"], one["herId"], one["membership"]["beginCode"]) == ("vacant", None, 4000009, None)
    assert (two["status"], two["gp"], two["herId"], two["membership"]["beginCode"]) == ("vacant", None, None, "BGFL")
    assert counted(client, 'flr_lookups_total{outcome="vacant"} 2.0')


def test_lookup_without_a_gp(client: TestClient) -> None:
    assert lookup(client, NOBODY) == NONE
    assert lookup(client, village.DOCTOR) == NONE


@pytest.mark.parametrize(
    ("nin", "at", "status"),
    [
        (MOVING, "2026-11-24T23:59:59.999999", "none"),
        (MOVING, "2026-11-25T00:00:00", "assigned"),
        (MOVING, "2026-11-24T23:00:00Z", "assigned"),
        (MOVING, "2026-11-25T00:00:00+01:00", "assigned"),
        (MOVING, "2011-06-01T00:00:00", "assigned"),  # before the window
        (MOVING, "2014-01-01T00:00:00", "none"),
        (village.ON_VACANT, "2026-12-14T23:59:59.999999", "vacant"),
        (village.ON_VACANT, "2026-12-15T00:00:00", "none"),  # the contract closes, the membership goes on
        (village.EARLY, "2026-11-30T23:59:59.999999", "none"),  # a membership older than its contract
        (village.EARLY, "2026-12-01T00:00:00", "assigned"),
        (LISTED, "2036-01-01T00:00:00", "assigned"),  # after the window
    ],
)
def test_lookup_at_a_time(client: TestClient, nin: str, at: str, status: str) -> None:
    assert lookup(client, nin, at)["status"] == status


def test_inside_and_outside_the_window_the_same_answer_has_the_same_bytes(client: TestClient) -> None:
    # From 2026-12-01 on nothing changes on this list: one time is rendered ahead, the other on demand.
    ahead = client.post("/v1/gp-lookup", json={"nin": LISTED, "at": "2027-01-02T00:00:00"})
    on_demand = client.post("/v1/gp-lookup", json={"nin": LISTED, "at": "2027-01-03T00:00:00"})
    assert ahead.content == on_demand.content


def test_at_null_is_now(client: TestClient) -> None:
    assert client.post("/v1/gp-lookup", json={"nin": LISTED, "at": None}).json() == lookup(client, LISTED)


def test_batch_answers_each_in_the_order_asked(client: TestClient) -> None:
    nins = [OLD_NUMBER, "not a\tnumber", village.UNKNOWN, NOBODY, OLD_NUMBER]
    answer = client.post("/v1/gp-lookup/batch", json={"nins": nins, "at": "2026-11-24T12:00:00"})
    assert answer.status_code == 200
    assert list(answer.json()) == ["generation", "results"]
    listed = {"nin": LISTED, **lookup(client, LISTED)}
    assert answer.json() == {
        "generation": 42,
        "results": [
            listed,
            {"nin": "not a\tnumber", "status": "invalid"},
            {"nin": village.UNKNOWN, "status": "unknown"},
            {"nin": NOBODY, **NONE},
            listed,
        ],
    }
    msgspec.json.decode(answer.content, type=shapes.BatchAnswer)
    assert counted(client, 'flr_lookups_total{outcome="invalid"} 1.0')


def test_batch_of_none_and_of_a_thousand(client: TestClient) -> None:
    assert client.post("/v1/gp-lookup/batch", json={"nins": []}).json() == {"generation": 42, "results": []}
    results = client.post("/v1/gp-lookup/batch", json={"nins": [NOBODY] * 1000}).json()["results"]
    assert results == [{"nin": NOBODY, **NONE}] * 1000


@pytest.mark.parametrize(
    ("nin", "doctor", "at", "expected"),
    [
        (LISTED, PER, None, True),
        (OLD_NUMBER, KARI, None, True),
        (LISTED, ANNE, None, True),
        (LISTED, OLA, None, False),  # a substitute
        (LISTED, 1, None, False),
        (NOBODY, PER, None, False),
        (village.ON_VACANT, OLA, None, False),
        (MOVING, KARI, "2011-06-01T00:00:00", True),  # before the window
        (MOVING, ANNE, "2011-06-01T00:00:00", False),
    ],
)
def test_confirm(client: TestClient, nin: str, doctor: int, at: str | None, expected: bool) -> None:
    answer = client.post("/v1/gp-confirm", json={"nin": nin, "hprNumber": doctor, "at": at})
    assert (answer.status_code, answer.json()) == (200, {"confirmed": expected})


@pytest.mark.parametrize("path", ["/v1/gp-lookup", "/v1/gp-confirm", "/v1/gp-history"])
def test_every_person_asked_for_is_counted(opened: Generation, path: str) -> None:
    more = {"hprNumber": PER} if path == "/v1/gp-confirm" else {}
    found = {"/v1/gp-lookup": "assigned", "/v1/gp-confirm": "confirmed", "/v1/gp-history": "history"}[path]
    with TestClient(create_app(state_of(opened, withhold_protected=True))) as client:
        for nin in (LISTED, "1", village.UNKNOWN, PROTECTED):
            client.post(path, json={"nin": nin, **more})
        for outcome in (found, "invalid", "unknown", "withheld"):
            assert counted(client, f'flr_lookups_total{{outcome="{outcome}"}} 1.0'), outcome


def test_history_is_newest_first_with_the_doctors_of_its_time(client: TestClient) -> None:
    answer = client.post("/v1/gp-history", json={"nin": MOVING})
    msgspec.json.decode(answer.content, type=shapes.HistoryAnswer)
    new, old = answer.json()["memberships"]
    assert list(new) == ["id", "from", "to", "beginCode", "endCode", "updated", "contract", "office", "doctors"]
    assert (new["id"], new["from"], new["to"], new["endCode"]) == (6, "2026-11-25T00:00:00", None, None)
    assert [d["hprNumber"] for d in new["doctors"]] == [PER, KARI, ANNE, OLA]
    assert (old["id"], old["to"], old["endCode"]) == (5, "2014-01-01T00:00:00", "OHBV")
    assert old["contract"]["id"] == village.CLOSED
    assert old["office"]["organizationNumber"] == village.OLD_OFFICE
    assert [d["hprNumber"] for d in old["doctors"]] == [ANNE, KARI]


def test_history_of_who_has_none(client: TestClient) -> None:
    assert client.post("/v1/gp-history", json={"nin": NOBODY}).json() == {"memberships": []}


def test_a_protected_person_answers_as_others_to_who_has_the_right(client: TestClient) -> None:
    assert lookup(client, PROTECTED)["status"] == "assigned"


def test_a_protected_person_is_withheld_from_who_has_not(opened: Generation) -> None:
    with TestClient(create_app(state_of(opened, withhold_protected=True))) as client:
        withheld = {**NONE, "status": "withheld"}
        assert lookup(client, PROTECTED) == withheld
        batch = client.post("/v1/gp-lookup/batch", json={"nins": [PROTECTED, NOBODY]}).json()["results"]
        assert batch == [{"nin": PROTECTED, **withheld}, {"nin": NOBODY, **NONE}]
        listed = client.get(f"/v1/contracts/{village.SHARED}/patients").json()
        assert (listed["count"], listed["withheld"]) == (1, 1)
        assert [p["nin"] for p in listed["patients"]] == [LISTED]
        assert lookup(client, LISTED)["status"] == "assigned"


def test_an_answer_from_the_register_says_which(client: TestClient) -> None:
    for answer in (
        client.post("/v1/gp-lookup", json={"nin": LISTED}),
        client.post("/v1/gp-lookup", json={"nin": village.UNKNOWN}),
        client.get("/v1/gps/1"),
        client.get("/v1/status"),
        client.get(f"/v1/contracts/{village.SHARED}/patients"),
    ):
        assert (answer.headers["flr-generation"], answer.headers["flr-as-of"]) == ("42", village.AS_OF)
        assert answer.headers["cache-control"] == "no-store"
        assert "flr-stale" not in answer.headers


def test_an_old_register_says_so(opened: Generation) -> None:
    with TestClient(create_app(state_of(opened, stale_warn_hours=8))) as client:
        assert client.get("/v1/gps/1").headers["flr-stale"] == "true"
    with TestClient(create_app(state_of(opened, stale_warn_hours=0))) as client:
        assert "flr-stale" not in client.get("/v1/gps/1").headers


def test_correlation_ids_come_back_when_they_are_sane(client: TestClient) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = client.get("/livez", headers={"traceparent": trace, "nhn-event-id": "e-1"})
    assert (answer.headers["traceparent"], answer.headers["nhn-event-id"]) == (trace, "e-1")
    for odd in ({"traceparent": "00-x"}, {"nhn-event-id": "a b"}, {"nhn-event-id": "x" * 129}):
        assert not {"traceparent", "nhn-event-id"} & client.get("/livez", headers=odd).headers.keys()
