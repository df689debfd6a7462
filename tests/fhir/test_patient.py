"""The search for a person: what each kind of person is answered, in resources that a FHIR library takes."""

from typing import Any

import pytest
from litestar.testing import TestClient

from lookup.current import ServiceState
from tests.fhir.searchset import FNR, HER, HPR, OID, ORGANIZATION, Searchset, identifiers, outcome, searchset
from tests.lookup import village
from tests.lookup.serving import state_of
from tests.lookup.village import LISTED, NOBODY, OLD_NUMBER, ON_DOUBLE, ON_VACANT, PROTECTED, UNKNOWN

PATH = "/fhir/R4/Patient/_search"


def about(client: TestClient, nin: str, **fields: str) -> Searchset:
    answer = client.post(PATH, data={"identifier": f"{FNR}|{nin}", **fields})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["flr-generation"] == "42"
    assert answer.headers["flr-as-of"] == village.AS_OF
    return searchset(answer.content)


def names(found: Searchset, references: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    """(HER-ID, name) of each reference."""
    return [(one["identifier"]["value"] if "identifier" in one else None, one["display"]) for one in references]


def test_a_person_on_a_list_has_the_gp_first_and_then_who_shares_the_list(client: TestClient) -> None:
    found = about(client, LISTED)
    (patient,) = found.matches
    assert patient["meta"] == {"profile": ["http://hl7.no/fhir/StructureDefinition/no-basis-Patient"]}
    assert identifiers(patient) == {FNR: LISTED}
    assert set(patient) == {"resourceType", "id", "meta", "identifier", "generalPractitioner"}
    assert names(found, patient["generalPractitioner"]) == [
        ("4000002", "Per Lie"),
        ("4000001", "Kari Lie"),
        ("4000003", "Anne Lie"),
    ]
    assert found.kinds() == {"PractitionerRole": 4, "Practitioner": 4, "Organization": 1}
    role = found.follow(patient["generalPractitioner"][0])
    assert role == {
        "resourceType": "PractitionerRole",
        "id": role["id"],
        "meta": {"profile": ["http://hl7.no/fhir/StructureDefinition/no-basis-PractitionerRole"]},
        "identifier": [{"system": HER, "value": "4000002"}],
        "active": True,
        "period": {"start": "2021-01-01T00:00:00+01:00"},
        "practitioner": role["practitioner"],
        "organization": role["organization"],
        "code": [{"coding": [{"system": f"{OID}.1.7750", "code": "LPFL", "display": "Fastlege"}]}],
    }
    assert role["practitioner"]["display"] == "Per Lie"
    doctor = found.follow(role["practitioner"])
    assert identifiers(doctor) == {HPR: str(village.PER)}
    assert doctor["name"] == [{"family": "Lie", "given": ["Per"]}]
    assert doctor["meta"] == {"profile": ["http://hl7.no/fhir/StructureDefinition/no-basis-Practitioner"]}


def test_the_office_is_there_with_numbers_and_addresses(client: TestClient) -> None:
    found = about(client, LISTED)
    (office,) = [one for one in found.included if one["resourceType"] == "Organization"]
    assert office == {
        "resourceType": "Organization",
        "id": office["id"],
        "meta": {"profile": ["http://hl7.no/fhir/StructureDefinition/no-basis-Organization"]},
        "identifier": [{"system": ORGANIZATION, "value": str(village.OFFICE)}, {"system": HER, "value": "81234"}],
        "name": "Storgata legesenter",
        "telecom": [{"system": "phone", "value": "22000000"}],
        "address": [
            {
                "type": "physical",
                "line": ["Storgata 1"],
                "city": "Oslo",
                "district": "Oslo",
                "postalCode": "0155",
                "country": "NO",
            },
            {"type": "postal", "line": ["Postboks 12"]},
        ],
    }
    assert all(found.follow(one["organization"]) == office for one in found.included if "organization" in one)


def test_a_substitute_is_there_but_is_nobodys_gp_and_ends_inside_the_period(client: TestClient) -> None:
    found = about(client, LISTED)
    (substitute,) = [
        one
        for one in found.included
        if one["resourceType"] == "PractitionerRole" and one["code"][0]["coding"][0]["code"] == "LPVI"
    ]
    assert "identifier" not in substitute
    assert substitute["code"][0]["coding"][0]["display"] == "Vikar"
    assert substitute["period"] == {
        "start": "2026-11-01T00:00:00+01:00",
        "end": "2026-11-30T23:59:59.999999+01:00",
    }
    assert f"urn:uuid:{substitute['id']}" not in {one["reference"] for one in found.matches[0]["generalPractitioner"]}


def test_a_list_without_a_gp_is_its_service_which_is_a_part_of_the_office(client: TestClient) -> None:
    found = about(client, ON_VACANT)
    (patient,) = found.matches
    assert names(found, patient["generalPractitioner"]) == [("90002", "Liste uten fastlege")]
    assert patient["generalPractitioner"][0]["type"] == "Organization"
    service = found.follow(patient["generalPractitioner"][0])
    assert (service["name"], identifiers(service)) == ("Liste uten fastlege", {HER: "90002"})
    assert found.follow(service["partOf"])["name"] == "Storgata legesenter"
    assert service["partOf"]["identifier"] == {"system": HER, "value": "81234"}
    (substitute,) = [one for one in found.included if one["resourceType"] == "PractitionerRole"]
    assert identifiers(substitute) == {HER: "4000009"}


def test_one_without_a_service_of_its_own_is_the_office(client: TestClient) -> None:
    found = about(client, ON_DOUBLE)
    (patient,) = found.matches
    assert names(found, patient["generalPractitioner"]) == [("81234", "Liste uten fastlege")]
    assert found.follow(patient["generalPractitioner"][0])["name"] == "Storgata legesenter"
    assert found.kinds() == {"PractitionerRole": 2, "Practitioner": 2, "Organization": 1}


def test_a_list_that_has_a_gp_has_no_service_in_its_answer(client: TestClient, state: ServiceState) -> None:
    assert all(one["name"] != "Liste uten fastlege" for one in about(client, LISTED).included if "telecom" in one)
    assert about(client, LISTED).kinds()["Organization"] == 1


def test_a_known_person_without_a_gp_is_a_patient_without_one(client: TestClient) -> None:
    found = about(client, NOBODY)
    (patient,) = found.matches
    assert set(patient) == {"resourceType", "id", "meta", "identifier"}
    assert identifiers(patient) == {FNR: NOBODY}
    assert found.included == []


def test_a_number_never_seen_is_an_empty_searchset(client: TestClient) -> None:
    assert about(client, UNKNOWN) == (0, [], [], [], {})


def test_an_old_number_is_answered_as_the_newest_one(client: TestClient) -> None:
    found = about(client, OLD_NUMBER)
    assert identifiers(found.matches[0]) == {FNR: LISTED}
    assert len(found.matches[0]["generalPractitioner"]) == 3


def test_a_protected_person_is_withheld_where_that_is_set(opened: Any) -> None:
    from lookup.app import create_app

    with TestClient(create_app(state_of(opened, withhold_protected=True))) as client:
        answer = client.post(PATH, data={"identifier": PROTECTED})
        assert (answer.status_code, outcome(answer.content)) == (403, ("forbidden", "forbidden"))
        assert about(client, LISTED).total == 1


def test_a_patients_id_is_another_each_time_and_the_others_are_the_same(client: TestClient) -> None:
    first, second = about(client, LISTED), about(client, LISTED)
    assert first.matches[0]["id"] != second.matches[0]["id"]
    assert first.included == second.included


def test_the_number_alone_means_the_same(client: TestClient) -> None:
    answer = client.post(PATH, data={"identifier": LISTED})
    assert identifiers(searchset(answer.content).matches[0]) == {FNR: LISTED}


@pytest.mark.parametrize("system", [f"{OID}.4.2", f"{OID}.4.3"])
def test_a_number_of_another_kind_than_is_said_is_no_number(client: TestClient, system: str) -> None:
    answer = client.post(PATH, data={"identifier": f"{system}|{LISTED}"})
    assert (answer.status_code, outcome(answer.content)) == (400, ("value", "invalid-nin"))


@pytest.mark.parametrize(
    ("nin", "system"),
    [("41814061033", ".4.2"), ("70019950032", ".4.2"), ("30108299920", ".4.1"), ("02013299903", ".4.1")],
)
def test_each_kind_of_number_has_its_system(client: TestClient, nin: str, system: str) -> None:
    assert searchset(client.post(PATH, data={"identifier": f"{OID}{system}|{nin}"}).content).total == 0


def test_a_strict_rule_holds_here_too(opened: Any) -> None:
    from lookup.app import create_app

    with TestClient(create_app(state_of(opened, strict_nin=True))) as client:
        answer = client.post(PATH, data={"identifier": "02013299903"})
        assert (answer.status_code, outcome(answer.content)) == (400, ("value", "invalid-nin"))


def test_what_came_of_it_is_counted(client: TestClient) -> None:
    for nin in (LISTED, ON_VACANT, NOBODY, UNKNOWN, "1"):
        client.post(PATH, data={"identifier": nin})
    text = client.get("/metrics").text
    for word in ("assigned", "vacant", "none", "unknown", "invalid"):
        assert f'flr_lookups_total{{outcome="{word}"}} 1.0' in text
    assert f'flr_requests_total{{route="{PATH}",status="200"}} 4.0' in text
