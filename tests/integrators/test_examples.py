"""Every example of the API's page, sent to a register with the showcase: it is answered as the page says.

An example of a request is answered by the answer's example of the same name.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.integrators.demonstrated import Demonstrated

# What an answer tells of the day, the moment or the register, and not of what was asked: not held against the example.
VARYING = {"gpLookupBatch": ("generation",), "contractPatients": ("at",)}
# What tells of nothing else: only the members are held.
OF_THE_REGISTER = {"status", "eventsLatest", "opsState"}
GONE = 410  # an event feed's position is of the register that has given it
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class Asked(NamedTuple):
    """An operation of the page, and an example of its request; `name` is None where it needs none."""

    operation: str
    method: str
    path: str
    name: str | None
    body: Any
    media_type: str | None
    query: dict[str, Any]


@pytest.fixture(scope="module")
def http(register: Demonstrated) -> Iterator[httpx.Client]:
    login = httpx.BasicAuth(register.name, register.password)
    with httpx.Client(base_url=register.url, auth=login, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def document(http: httpx.Client) -> Any:
    return http.get("/schema/openapi.json").json()


def asked(document: Any) -> Iterator[tuple[Asked, Any]]:
    """Every example of a request, with what the page says of its operation."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = operation["operationId"]
            parameters = operation.get("parameters", [])
            needed = {p["name"]: p["schema"]["examples"][0] for p in parameters if p["in"] == "query" and p["required"]}
            numbers = [p for p in parameters if p["in"] == "path"]
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                for example, told in content["examples"].items():
                    yield Asked(name, method, path, example, told["value"], media_type, needed), operation
            for number in numbers:
                for example, told in number["examples"].items():
                    filled = path.replace(f"{{{number['name']}}}", str(told["value"]))
                    yield Asked(name, method, filled, example, None, None, needed), operation
            if "requestBody" not in operation and not numbers:
                yield Asked(name, method, path, None, None, None, needed), operation


def answered(http: httpx.Client, one: Asked) -> httpx.Response:
    content: dict[str, Any] = {JSON: {"json": one.body}, FORM: {"data": one.body}, None: {}}[one.media_type]
    return http.request(one.method, one.path, params=one.query, **content)


def same(text: str) -> Any:
    """A searchset as JSON with every id of a Patient, which is drawn for each answer, the same."""
    for drawn in set(re.findall(r'"resourceType":"Patient","id":"([^"]+)"', text)):
        text = text.replace(drawn, "drawn")
    return json.loads(text)


def test_every_example_is_answered_as_the_page_says(http: httpx.Client, document: Any) -> None:
    seen = set()
    for one, operation in asked(document):
        response = answered(http, one)
        seen.add((one.operation, one.name))
        where = f"{one.operation} {one.name or ''}"
        if one.operation == "events":
            assert (response.status_code, str(GONE) in operation["responses"]) == (GONE, True)
            continue
        assert response.status_code == 200, (where, response.status_code)
        if one.operation in ("metrics", "ops"):  # no JSON
            continue
        (content,) = operation["responses"]["200"]["content"].values()
        examples = {example["summary"]: example["value"] for example in content["examples"].values()}
        expected = next(iter(examples.values())) if one.name is None else examples[one.name]
        answer, value = same(response.text), same(json.dumps(expected, separators=(",", ":")))
        for member in VARYING.get(one.operation, ()):
            assert type(answer.pop(member)) is type(value.pop(member)), where
        if one.operation in OF_THE_REGISTER:
            answer, value = sorted(answer), sorted(value)
        if one.operation == "contractsExport":
            assert all(contract in answer for contract in value)
            continue
        assert answer == value, where
    assert len(seen) > 25
    assert {name for operation, name in seen if operation == "gpLookup"} == {"assigned", "vacant", "none", "withheld"}


def test_the_feed_is_answered_from_its_own_newest_position(http: httpx.Client) -> None:
    latest = http.get("/v1/events/latest").json()["position"]
    page = http.get("/v1/events", params={"after": latest}).json()
    assert (page["events"], page["next"], page["more"]) == ([], latest, False)
