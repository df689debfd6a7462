"""HER-IDs, doctors, contracts and offices over the village, and their entity tags."""

from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from lookup import shapes
from lookup.generation import Generation
from lookup.rest.reverse import matches
from tests.lookup import village
from tests.lookup.village import ANNE, KARI, OLA, PER


def get(client: TestClient, path: str, shape: type) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200
    msgspec.json.decode(answer.content, type=shape)
    return answer.json()


def test_a_her_id_of_a_gp(client: TestClient) -> None:
    answer = get(client, "/v1/her/4000002", shapes.HerAnswer)
    assert (answer["kind"], answer["herId"], answer["current"]) == ("gp", 4000002, True)
    assert answer["gp"] == {"hprNumber": PER, "firstName": "Per", "middleName": None, "lastName": "Lie"}
    parent = {"herId": 81234, "organizationNumber": village.OFFICE, "name": "Storgata legesenter"}
    assert answer["parent"] == parent
    assert [c["id"] for c in answer["contracts"]] == [village.SHARED]
    assert answer["office"]["organizationNumber"] == village.OFFICE


@pytest.mark.parametrize(
    ("at", "doctor", "current"),
    [
        ("2004-01-01T00:00:00", ANNE, False),  # before anything: the latest it was
        ("2005-01-01T00:00:00", KARI, True),
        ("2011-12-31T23:59:59.999999", KARI, True),
        ("2012-01-01T00:00:00", ANNE, False),  # between the two
        ("2026-12-01T00:00:00", ANNE, True),
    ],
)
def test_a_her_id_is_one_doctor_after_another(client: TestClient, at: str, doctor: int, current: bool) -> None:
    answer = get(client, f"/v1/her/4000050?at={at}", shapes.HerAnswer)
    assert (answer["gp"]["hprNumber"], answer["current"]) == (doctor, current)


def test_a_her_id_of_an_office(client: TestClient) -> None:
    answer = get(client, "/v1/her/81234", shapes.HerAnswer)
    assert (answer["kind"], answer["gp"]) == ("office", None)
    assert answer["parent"] == {"herId": None, "organizationNumber": village.PARENT, "name": "Kommunen"}
    assert [c["id"] for c in answer["contracts"]] == [100, 101, 102]


def test_a_her_id_of_a_service(client: TestClient) -> None:
    answer = get(client, "/v1/her/90002", shapes.HerAnswer)
    assert (answer["kind"], answer["gp"], answer["parent"]["herId"]) == ("service", None, 81234)
    assert [c["id"] for c in answer["contracts"]] == [village.ONE_SUBSTITUTE]


def test_a_doctor(client: TestClient) -> None:
    everything = get(client, f"/v1/gps/{ANNE}", shapes.GpAnswer)
    assert everything["languages"] == [{"code": "no", "name": "Norsk"}]
    on = [(c["contract"]["id"], c["relationship"]) for c in everything["contracts"]]
    assert on == [(104, "LPFL"), (103, "LPFL"), (100, "LPDL"), (102, "LPVI")]
    at = get(client, f"/v1/gps/{ANNE}?at=2013-01-01T00:00:00", shapes.GpAnswer)
    assert [c["contract"]["id"] for c in at["contracts"]] == [103]
    assert village.DOCTOR not in str(everything)


def test_a_contract(client: TestClient) -> None:
    everything = get(client, f"/v1/contracts/{village.SHARED}", shapes.ContractAnswer)
    assert [c["id"] for c in everything["doctorCycles"]] == [2, 1, 3, 4]
    assert [o["id"] for o in everything["outposts"]] == [1, 2]
    assert everything["coopMunicipalities"] == [{"code": "4601", "name": None}]
    assert (everything["maxPatients"], everything["from"], everything["to"]) == (1000, "2015-01-01T00:00:00", None)
    at = get(client, f"/v1/contracts/{village.SHARED}?at=2020-06-01T00:00:00", shapes.ContractAnswer)
    assert [c["id"] for c in at["doctorCycles"]] == [1]
    assert [o["id"] for o in at["outposts"]] == [2]


def test_the_contracts_of_an_office(client: TestClient) -> None:
    path = f"/v1/offices/{village.OFFICE}/contracts"
    assert [c["id"] for c in get(client, path, shapes.OfficeAnswer)["contracts"]] == [100, 101, 102, 104]
    at = get(client, path + "?at=2026-12-20T00:00:00", shapes.OfficeAnswer)
    assert [c["id"] for c in at["contracts"]] == [100, 102, 104]


def test_a_historical_office_has_a_negative_number(client: TestClient) -> None:
    answer = get(client, f"/v1/offices/{village.OLD_OFFICE}/contracts", shapes.OfficeAnswer)
    assert (answer["office"]["name"], [c["id"] for c in answer["contracts"]]) == ("Gamle kontor", [103])


@pytest.mark.parametrize(
    ("path", "start"),
    [
        (f"/v1/contracts/{village.SHARED}", "always"),
        (f"/v1/contracts/{village.SHARED}?at=2026-11-24T12:00:00", "20261101T000000"),
        (f"/v1/contracts/{village.SHARED}?at=2026-12-24T12:00:00", "20261201T000000"),
        (f"/v1/gps/{OLA}", "always"),
        (f"/v1/offices/{village.OFFICE}/contracts?at=2026-12-20T00:00:00", "20261215T000000"),
        ("/v1/her/4000002", "20261101T000000"),
    ],
)
def test_entity_tags(client: TestClient, opened: Generation, path: str, start: str) -> None:
    answer = client.get(path)
    assert answer.headers["etag"] == f'"{opened.name}-{start}"'
    assert answer.headers["cache-control"] == "private, max-age=0, must-revalidate"
    for given in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}', "*"):
        unchanged = client.get(path, headers={"if-none-match": given})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == answer.headers["etag"]
        assert unchanged.headers["flr-generation"] == "42"
    assert client.get(path, headers={"if-none-match": '"other"'}).content == answer.content


@pytest.mark.parametrize(("given", "same"), [("", False), ("*, x", False), ('W/"a"', True), ('"b","a"', True)])
def test_if_none_match(given: str, same: bool) -> None:
    assert matches(given, '"a"') is same
