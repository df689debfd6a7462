"""Health, status, metrics and the OpenAPI page."""

from typing import Any

import msgspec
from litestar.testing import TestClient

from lookup import shapes
from lookup.current import ServiceState
from lookup.generation import Generation
from lookup.ops.state import OpsState
from lookup.public_list import ListedContract
from tests.lookup import village
from tests.lookup.village import LISTED


def test_health_and_status(client: TestClient, state: ServiceState, opened: Generation) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    status = client.get("/v1/status")
    msgspec.json.decode(status.content, type=shapes.StatusAnswer)
    body = status.json()
    assert (body["serial"], body["digest8"], body["pinned"]) == (42, opened.digest8, False)
    assert (body["ageSeconds"], body["counts"]) == (9 * 3600, village.COUNTS)
    state.current.swap(opened, pinned=True)
    assert client.get("/v1/status").json()["pinned"] is True


def test_one_request_is_counted_by_its_template(client: TestClient) -> None:
    client.get(f"/v1/gps/{LISTED}")
    text = client.get("/metrics").text
    assert 'flr_requests_total{route="/v1/gps/{hprNumber}",status="400"} 1.0' in text
    assert LISTED not in text


def test_the_openapi_document_names_every_route_and_its_problems(client: TestClient) -> None:
    document = client.get("/schema/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/v1/gp-lookup",
        "/v1/gp-lookup/batch",
        "/v1/gp-confirm",
        "/v1/gp-history",
        "/v1/her/{herId}",
        "/v1/gps/{hprNumber}",
        "/v1/contracts",
        "/v1/contracts/{id}",
        "/v1/contracts/{id}/patients",
        "/v1/offices/{organizationNumber}/contracts",
        "/v1/events",
        "/v1/events/latest",
        "/v1/status",
        "/livez",
        "/readyz",
        "/metrics",
        "/ops",
        "/ops/state",
        "/fhir/R4/metadata",
        "/fhir/R4/Patient/_search",
        "/fhir/R4/PractitionerRole/_search",
        "/fhir/R4/Practitioner/_search",
        "/fhir/R4/Organization/_search",
    }
    lookup_page = document["paths"]["/v1/gp-lookup"]["post"]
    assert {"200", "400", "404", "413", "415", "503"} <= set(lookup_page["responses"])
    examples = lookup_page["responses"]["200"]["content"]["application/json"]["examples"]
    for example in examples.values():
        msgspec.convert(example["value"], shapes.LookupAnswer)
    assert lookup_page["requestBody"]["content"]["application/json"]["schema"]["required"] == ["nin"]


def test_every_example_of_the_page_has_its_shape(client: TestClient) -> None:
    document = client.get("/schema/openapi.json").json()
    seen = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            content = operation["responses"]["200"]["content"].get("application/json")
            if content is not None:
                schema = content["schema"]
                name = schema.get("items", schema)["$ref"].rpartition("/")[2]
                others = {"ListedContract": ListedContract, "OpsState": OpsState}
                shape: Any = others.get(name) or getattr(shapes, name)
                for example in content["examples"].values():
                    kind = list[shape] if "items" in schema else shape
                    msgspec.json.decode(msgspec.json.encode(example["value"]), type=kind)
                    seen += 1
    assert seen >= 12


def test_the_page_loads_everything_from_here(client: TestClient) -> None:
    page = client.get("/schema")
    assert page.headers["content-type"].startswith("text/html")
    assert "://" not in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
    for asset in ("/schema/start.js", "/schema/assets/swagger-ui-bundle.js", "/schema/assets/swagger-ui.css"):
        assert asset in page.text
        assert client.get(asset).status_code == 200
