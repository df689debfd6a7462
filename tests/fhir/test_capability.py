"""The CapabilityStatement says what is served, no more and no less; and so does the OpenAPI page."""

from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from litestar.testing import TestClient

from lookup.app import HANDLED
from lookup.fhir import shapes
from lookup.fhir.searching import ROUTES
from register.ids import control_digits
from tests.fhir.searchset import searchset


@pytest.fixture
def server(client: TestClient) -> dict[str, Any]:
    """The part of the statement that is about the server."""
    answer = client.get("/fhir/R4/metadata")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/fhir+json")
    statement = CapabilityStatement.model_validate_json(answer.content)
    assert (statement.status, statement.kind, statement.fhirVersion) == ("active", "instance", "4.0.1")
    (server,) = answer.json()["rest"]
    assert server["mode"] == "server"
    return dict(server)


def test_it_names_the_searches_that_are_routed_and_nothing_else(server: dict[str, Any]) -> None:
    routed = {path for handler in HANDLED for path in handler.paths if path.startswith("/fhir/")}
    assert {f"/fhir/R4/{one['type']}/_search" for one in server["resource"]} == routed - {"/fhir/R4/metadata"}
    for handler in ROUTES:
        assert handler.http_methods == ({"GET"} if handler.paths == {"/fhir/R4/metadata"} else {"POST"})
    for one in server["resource"]:
        assert [interaction["code"] for interaction in one["interaction"]] == ["search-type"]
        assert one["supportedProfile"] == [f"http://hl7.no/fhir/StructureDefinition/no-basis-{one['type']}"]


NUMBERS = {
    "urn:oid:2.16.578.1.12.4.1.4.1": "02013299997",
    "urn:oid:2.16.578.1.12.4.1.4.2": "41814061033",
    "urn:oid:2.16.578.1.12.4.1.4.3": next(
        f"8500001{i}{end}" for i in range(10, 99) if (end := control_digits(f"8500001{i}"))
    ),
}


def test_every_parameter_that_it_names_is_taken_with_every_system(client: TestClient, server: dict[str, Any]) -> None:
    tried = 0
    for one in server["resource"]:
        for parameter in one["searchParam"]:
            asked_by, _, systems = parameter["documentation"].rstrip(".").partition(", with a number of ")
            for name in asked_by.removeprefix("Asked by ").split(" or "):
                assert name.partition(":")[0].partition(".")[0] == parameter["name"]
                for system in systems.split(" or "):
                    form = {name: f"{system}|{NUMBERS.get(system, '1')}"}
                    answer = client.post(f"/fhir/R4/{one['type']}/_search", data=form)
                    assert (answer.status_code, searchset(answer.content).total) == (200, 0)
                    tried += 1
    assert tried == 13


def test_it_takes_no_query(client: TestClient) -> None:
    assert client.get("/fhir/R4/metadata?_format=json").status_code == 400


def test_the_examples_of_the_page_are_valid_resources(client: TestClient) -> None:
    document = client.get("/schema/openapi.json").json()
    seen = 0
    for path, operations in document["paths"].items():
        if not path.startswith("/fhir/"):
            continue
        for operation in operations.values():
            for status, response in operation["responses"].items():
                ((media_type, content),) = response["content"].items()
                assert media_type == "application/fhir+json"
                for example in content["examples"].values():
                    body = msgspec.json.encode(example["value"])
                    if status == "200" and "_search" in path:
                        searchset(body, alone=True)
                    elif status != "200":
                        msgspec.json.decode(body, type=shapes.OperationOutcome)
                    seen += 1
            if "_search" in path:
                assert {"400", "401", "403", "405", "406", "413", "415", "429", "500", "503"} <= set(
                    operation["responses"]
                )
                form = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]
                for example in form["examples"].values():
                    assert client.post(path, data=example["value"]).status_code == 200
                    assert {*example["value"]} <= {*form["schema"]["properties"]}
    assert seen > 40
