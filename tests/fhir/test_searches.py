"""The searches for doctors and offices: by each number there is, and what is not found."""

from datetime import datetime

import pytest
from litestar.testing import TestClient

from lookup.current import ServiceState
from register.localtime import to_micros
from tests.fhir.searchset import HER, HPR, ORGANIZATION, Searchset, identifiers, searchset
from tests.lookup import village


def find(client: TestClient, kind: str, **form: str) -> Searchset:
    answer = client.post(f"/fhir/R4/{kind}/_search", data={name.replace("__", ":"): form[name] for name in form})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["cache-control"] == "no-store"
    return searchset(answer.content)


def roles(found: Searchset) -> list[tuple[str | None, str, str]]:
    """(HER-ID, HPR number, relationship) of each role found."""
    return [
        (
            identifiers(one).get(HER),
            identifiers(found.follow(one["practitioner"]))[HPR],
            one["code"][0]["coding"][0]["code"],
        )
        for one in found.matches
    ]


ALL_AT_OFFICE = [
    ("4000002", "7000002", "LPFL"),
    ("4000001", "7000001", "LPFL"),
    ("4000003", "7000003", "LPDL"),
    (None, "7000004", "LPVI"),
    ("4000009", "7000004", "LPVI"),
    ("4000011", "7000003", "LPVI"),
    ("4000010", "7000004", "LPVI"),
]


class TestRoles:
    def test_by_her_id(self, client: TestClient) -> None:
        for number in (f"{HER}|4000001", "4000001"):
            found = find(client, "PractitionerRole", identifier=number)
            assert roles(found) == [("4000001", "7000001", "LPFL")]
            assert found.kinds() == {"Practitioner": 1, "Organization": 1}
            assert identifiers(found.follow(found.matches[0]["organization"]))[ORGANIZATION] == str(village.OFFICE)

    @pytest.mark.parametrize("number", ["4000050", "81234", "90002", "1", "2147483648", "9999999999"])
    def test_a_her_id_that_no_doctor_has_now(self, client: TestClient, number: str) -> None:
        assert find(client, "PractitionerRole", identifier=number) == (0, [], [], [], {})

    @pytest.mark.parametrize("name", ["practitioner__identifier", "practitioner.identifier"])
    def test_by_doctor(self, client: TestClient, name: str) -> None:
        found = find(client, "PractitionerRole", **{name: f"{HPR}|{village.OLA}"})
        assert sorted(roles(found), key=str) == [
            ("4000009", "7000004", "LPVI"),
            ("4000010", "7000004", "LPVI"),
            (None, "7000004", "LPVI"),
        ]
        assert found.kinds() == {"Practitioner": 1, "Organization": 1}

    def test_a_doctor_never_seen(self, client: TestClient) -> None:
        for number in ("7654321", "2147483647", "9999999999"):
            assert find(client, "PractitionerRole", practitioner__identifier=number).total == 0

    @pytest.mark.parametrize("name", ["organization__identifier", "organization.identifier"])
    @pytest.mark.parametrize("number", [f"{ORGANIZATION}|{village.OFFICE}", f"{HER}|81234"])
    def test_by_office(self, client: TestClient, name: str, number: str) -> None:
        found = find(client, "PractitionerRole", **{name: number})
        assert roles(found) == ALL_AT_OFFICE
        assert found.kinds() == {"Practitioner": 4, "Organization": 1}

    @pytest.mark.parametrize("number", [f"{ORGANIZATION}|999999999", f"{HER}|4000001", f"{HER}|90002", f"{HER}|3"])
    def test_an_office_never_seen(self, client: TestClient, number: str) -> None:
        assert find(client, "PractitionerRole", organization__identifier=number).total == 0


class TestDoctors:
    def test_by_hpr_number(self, client: TestClient) -> None:
        for number in (f"{HPR}|{village.KARI}", str(village.KARI)):
            found = find(client, "Practitioner", identifier=number)
            (doctor,) = found.matches
            assert identifiers(doctor) == {HPR: "7000001"}
            assert doctor["name"] == [{"family": "Lie", "given": ["Kari"]}]
            assert found.included == []

    def test_is_the_same_one_everywhere(self, client: TestClient) -> None:
        (doctor,) = find(client, "Practitioner", identifier=str(village.KARI)).matches
        assert doctor in find(client, "PractitionerRole", identifier="4000001").included

    @pytest.mark.parametrize("number", ["7654321", "4000001", "9999999999"])
    def test_one_never_seen(self, client: TestClient, number: str) -> None:
        assert find(client, "Practitioner", identifier=number) == (0, [], [], [], {})


class TestOffices:
    @pytest.mark.parametrize("number", [f"{ORGANIZATION}|{village.OFFICE}", f"{HER}|81234"])
    def test_by_either_number_with_what_it_is_a_part_of(self, client: TestClient, number: str) -> None:
        found = find(client, "Organization", identifier=number)
        (office,) = found.matches
        assert identifiers(office) == {ORGANIZATION: str(village.OFFICE), HER: "81234"}
        assert office["partOf"] == {
            "type": "Organization",
            "identifier": {"system": ORGANIZATION, "value": str(village.PARENT)},
            "display": "Kommunen",
        }

    def test_the_service_of_a_list_without_a_gp(self, client: TestClient) -> None:
        found = searchset(
            client.post("/fhir/R4/Organization/_search", data={"identifier": f"{HER}|90002"}).content, alone=True
        )
        (service,) = found.matches
        assert (service["name"], identifiers(service)) == ("Liste uten fastlege", {HER: "90002"})
        assert service["partOf"]["identifier"] == {"system": HER, "value": "81234"}

    @pytest.mark.parametrize(
        "number", [f"{ORGANIZATION}|999999999", f"{ORGANIZATION}|81234", f"{HER}|4000001", f"{HER}|9999999999"]
    )
    def test_one_never_seen(self, client: TestClient, number: str) -> None:
        assert find(client, "Organization", identifier=number) == (0, [], [], [], {})

    def test_what_is_over_is_not_found(self, client: TestClient, state: ServiceState) -> None:
        form = {"identifier": f"{HER}|90002"}
        assert client.post("/fhir/R4/Organization/_search", data=form).json()["total"] == 1
        state.clock.now = lambda: to_micros(datetime(2027, 1, 1))  # type: ignore[method-assign]
        assert find(client, "Organization", **form) == (0, [], [], [], {})
        assert find(client, "PractitionerRole", identifier="4000009").total == 0
        assert [identifiers(one)[HER] for one in find(client, "PractitionerRole", identifier="4000050").matches] == [
            "4000050"
        ]
