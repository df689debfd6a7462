"""The table of operations and roles: the served routes, the OpenAPI page and the documentation agree with it."""

import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from lookup.access.roles import OPEN, OPERATIONS, Role, as_markdown
from lookup.app import HANDLED, TEMPLATES, create_app
from lookup.current import ServiceState
from lookup.exchange import PARAMETER_TYPE
from lookup.metrics import Counters
from lookup.page import addresses, routes
from lookup.settings import Settings
from lookup.soap import face
from lookup.soap.operations import AT, SERVICES

SECURITY = Path(__file__).resolve().parents[2] / "docs" / "security.md"


SOAP = {name for service in SERVICES for name in service.operations}
PAGE = {"pageLookup"}  # served only where there is a page
OTHERS = [row for row in OPERATIONS if row.name not in SOAP | PAGE]


def test_every_route_is_in_the_table_or_open_to_all() -> None:
    served = {
        (handler.operation_id, method, PARAMETER_TYPE.sub("", path))
        for handler in HANDLED
        if handler not in face.ROUTES
        for path in handler.paths
        for method in handler.http_methods
    }
    opened = {(name, method, path) for name, method, path in served if name in OPEN}
    assert served - opened == {(row.name, row.method, row.path) for row in OTHERS}
    others = {path for path in TEMPLATES if path.partition("#")[0] not in AT} - {*addresses.ALL}
    assert {path.split("/")[1] for path in others} - {path.split("/")[1] for _, _, path in served - opened} == {
        *OPEN
    } - {"fhirMetadata"}


def test_every_operation_of_soap_is_in_the_table_at_the_first_of_its_addresses() -> None:
    rows = {(row.name, row.method, row.path) for row in OPERATIONS if row.name in SOAP}
    assert rows == {(name, "POST", next(iter(service.paths))) for service in SERVICES for name in service.operations}


def test_what_the_page_asks_is_in_the_table_and_its_addresses_are_counted() -> None:
    (router,) = routes.ROUTES
    assert {route.path for route in router.routes} == {*addresses.ALL} <= {*TEMPLATES}
    assert [(row.method, row.path) for row in OPERATIONS if row.name in PAGE] == [("POST", addresses.HOME)]


def test_an_operation_stands_once_and_admits_somebody() -> None:
    assert len({row.name for row in OPERATIONS}) == len(OPERATIONS)
    assert len({(row.method, row.path) for row in OTHERS}) == len(OTHERS)
    assert all(row.roles and not row.roles & row.own_unit for row in OPERATIONS)
    assert all(Role.ADMINISTRATOR in row.roles for row in OPERATIONS)


def test_who_looks_persons_up_sees_no_lists_and_who_operates_no_persons() -> None:
    opened = {role: {row.name for row in OPERATIONS if role in row.roles | row.own_unit} for role in Role}
    personal = {row.name for row in OPERATIONS if row.personal}
    assert opened[Role.LOOKUP] & personal == {
        *("gpLookup", "gpConfirm", "fhirPatient", "pageLookup"),
        *("GetPatientGPDetails", "GetPatientsGPDetails", "GetPatientsGPDetailsAtTime"),
    }
    assert opened[Role.OPERATOR] & personal == set()
    assert opened[Role.OPERATOR] == {"status", "metrics", "ops", "opsState"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The operations of the OpenAPI page, by name."""
    with TestClient(create_app(ServiceState(Settings(), Counters(1)))) as client:
        document = client.get("/schema/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"basic", "bearer", "dpop", "certificate"}
    return {one["operationId"]: one for path in document["paths"].values() for one in path.values()}


def test_the_page_says_whom_each_operation_admits(described: dict[str, Any]) -> None:
    left = dict(described)
    for row in OTHERS:
        page = left.pop(row.name)
        assert [set(one) for one in page["security"]] == [{"basic"}, {"bearer"}, {"dpop"}, {"certificate"}]
        assert {"401", "403", "429"} <= set(page["responses"])
        own, admitted = "; on contracts of its own", page["description"].splitlines()[-1]
        usual, _, further = admitted.partition(own)
        assert set(re.findall(r"Flr\w+|Administrator", usual)) == row.roles
        assert set(re.findall(r"Flr\w+|Administrator", further)) == row.own_unit
    assert {*left} | {"schema"} == {*OPEN}
    for page in left.values():
        assert "security" not in page
        assert page["description"].endswith("For anybody.")
        assert not {"401", "403", "429"} & set(page["responses"])


def test_what_an_operation_does_still_stands_first(described: dict[str, Any]) -> None:
    assert described["gpLookup"]["description"].splitlines()[0]
    assert described["gpLookup"]["requestBody"]["content"].keys() == {"application/json"}
    assert [one["name"] for one in described["events"]["parameters"]] == ["after", "limit"]


def test_the_documentation_has_the_table() -> None:
    assert as_markdown() in SECURITY.read_text()
