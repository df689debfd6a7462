"""What is refused under /fhir, and how: OperationOutcomes that repeat nothing, and never an error of ours."""

import string
from typing import Any
from urllib.parse import urlencode

import pytest
import structlog
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from lookup.app import create_app
from lookup.fhir import searching
from lookup.fhir.outcome import CODES
from lookup.fhir.parameters import ALL
from lookup.generation import Generation
from lookup.problems import PROBLEMS
from tests.fhir.searchset import FNR, HER, HPR, ORGANIZATION, outcome, searchset
from tests.lookup import village
from tests.lookup.serving import state_of
from tests.lookup.village import LISTED

FORM = {"content-type": "application/x-www-form-urlencoded"}
GOOD = {
    "/fhir/R4/Patient/_search": {"identifier": f"{FNR}|{LISTED}"},
    "/fhir/R4/PractitionerRole/_search": {"identifier": f"{HER}|4000001"},
    "/fhir/R4/Practitioner/_search": {"identifier": f"{HPR}|{village.KARI}"},
    "/fhir/R4/Organization/_search": {"identifier": f"{ORGANIZATION}|{village.OFFICE}"},
}
SEARCHES = pytest.mark.parametrize("path", GOOD)


def refused(answer: Any, status: int, code: str, word: str) -> None:
    """The answer is this refusal, of the generation in service."""
    assert (answer.status_code, *outcome(answer.content)) == (status, code, word)
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["flr-generation"] == "42"
    assert LISTED not in answer.text + str(answer.headers)


def test_the_walk_misses_no_search() -> None:
    assert {path for handler in searching.ROUTES for path in handler.paths} == {*GOOD, "/fhir/R4/metadata"}
    assert [searched.path for searched in ALL] == [*GOOD]


def test_every_problem_has_a_code() -> None:
    assert {*PROBLEMS, "not-supported", "not-acceptable"} == {*CODES}


@SEARCHES
def test_a_search_takes_a_form_in_the_body(client: TestClient, path: str) -> None:
    good = GOOD[path]
    assert client.post(path, data=good).status_code == 200
    body = urlencode(good)
    for content_type in ("application/x-www-form-urlencoded; charset=utf-8", "APPLICATION/X-WWW-FORM-URLENCODED"):
        assert client.post(path, content=body, headers={"content-type": content_type}).status_code == 200
    for content_type in ("application/json", "application/fhir+json", "text/plain", f"{FORM['content-type']}x", ""):
        answer = client.post(path, content=body, headers={"content-type": content_type})
        refused(answer, 415, "not-supported", "unsupported-media-type")
        assert "form" in answer.text
    refused(
        client.post(path, content=body, headers={**FORM, "content-encoding": "gzip"}),
        415,
        "not-supported",
        "unsupported-media-type",
    )
    for size in (5_000, 70_000):
        answer = client.post(path, content=b"a" * size, headers=FORM)
        refused(answer, 413, "too-long", "too-large")


@SEARCHES
@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"identifier",
            b"identifier=",
            b"=x",
            b"&",
            b"identifier=%zz",
            b"identifier=%ff",
            b"identifier=\xc3\xa6",
        ),
        *(b"identifier=1&identifier=1", b"other=1", b"_format=json", b"&".join([b"a=1"] * 21), b"identifier=x"),
        *(b"identifier=%EF%BC%91", b"identifier=-1", b"identifier=01", b"identifier=1%0A", b"identifier=urn:x|1"),
        *(b"identifier=|1", b"identifier=urn:oid:2.16.578.1.12.4.1.2|", b"identifier=1,2", b"identifier=1%2C2"),
    ],
)
def test_a_form_of_another_shape(client: TestClient, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers=FORM)
    code, word = outcome(answer.content)
    assert (answer.status_code, code) in {(400, "invalid"), (400, "not-supported"), (400, "value")}
    refused(answer, 400, code, word)


@SEARCHES
def test_a_form_has_at_most_twenty_fields_all_of_them_text(client: TestClient, path: str) -> None:
    good = urlencode(GOOD[path])
    assert client.post(path, content="&".join(["a=1"] * 19 + [good]), headers=FORM).status_code == 200
    for body in ("&".join(["a=1"] * 20 + [good]), f"{good}&a=%ff"):
        refused(client.post(path, content=body, headers=FORM), 400, "invalid", "invalid-request")


@SEARCHES
def test_several_numbers_at_a_time_are_refused_as_such(client: TestClient, path: str) -> None:
    number = GOOD[path]["identifier"]
    for several in (f"{number},{number}", f"{number},1", f"{number},"):
        answer = client.post(path, data={"identifier": several})
        refused(answer, 400, "not-supported", "not-supported")


@SEARCHES
def test_parameters_in_the_url_are_refused(client: TestClient, path: str) -> None:
    for query in (f"?identifier={LISTED}", "?_format=json"):
        refused(client.post(path + query, data=GOOD[path]), 400, "invalid", "invalid-request")
    kind = path.removesuffix("/_search")
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        for target in (f"{kind}?identifier={LISTED}", kind, f"{kind}/"):
            answer = client.request(method, target)
            assert (answer.status_code, answer.headers["allow"]) == (405, "")
            if method != "HEAD":
                refused(answer, 405, "not-supported", "method-not-allowed")
        answer = client.request(method, f"{path}?identifier={LISTED}")
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]
        if method != "HEAD":
            refused(answer, 405, "not-supported", "method-not-allowed")


@pytest.mark.parametrize("path", ["/fhir", "/fhir/", "/fhir/R4", f"/fhir/R4/Patient/{LISTED}", "/fhir/R4/Observation"])
def test_what_is_not_there(client: TestClient, path: str) -> None:
    answer = client.get(path)
    if path == "/fhir":
        assert answer.json()["type"] == "urn:flr:problem:not-found"
    else:
        refused(answer, 404, "not-found", "not-found")


def test_the_other_faces_keep_their_problems(client: TestClient) -> None:
    assert client.get("/v1/nothing").json()["type"] == "urn:flr:problem:not-found"
    assert client.get("/v1/gp-lookup").headers["content-type"] == "application/problem+json"
    assert client.post("/v1/gp-lookup", json={"nin": "1"}).json()["type"] == "urn:flr:problem:invalid-nin"


@SEARCHES
@pytest.mark.parametrize("modifier", ["not", "text", "missing", "of-type", "in", "exact", ""])
def test_a_modifier_is_refused(client: TestClient, path: str, modifier: str) -> None:
    for fields in ({}, GOOD[path]):
        answer = client.post(path, data={f"identifier:{modifier}": "1", **fields})
        refused(answer, 400, "not-supported", "not-supported")


@pytest.mark.parametrize("name", ["practitioner", "organization:missing", "practitioner:Practitioner.identifier"])
def test_a_reference_is_searched_for_by_identifier_alone(client: TestClient, name: str) -> None:
    answer = client.post("/fhir/R4/PractitionerRole/_search", data={name: f"{HER}|81234"})
    refused(answer, 400, "not-supported", "not-supported")


def test_two_numbers_at_a_time_are_refused(client: TestClient) -> None:
    both = {"identifier": "4000001", "practitioner:identifier": str(village.KARI)}
    refused(client.post("/fhir/R4/PractitionerRole/_search", data=both), 400, "invalid", "invalid-request")


@pytest.mark.parametrize("path", ["/fhir/R4/Organization/_search", "/fhir/R4/PractitionerRole/_search"])
def test_an_offices_number_names_its_system(client: TestClient, path: str) -> None:
    name = "identifier" if "Organization" in path else "organization:identifier"
    refused(client.post(path, data={name: str(village.OFFICE)}), 400, "not-supported", "not-supported")


@SEARCHES
def test_a_parameter_that_is_not_known_is_told_of_or_refused(client: TestClient, path: str) -> None:
    good = GOOD[path]
    more = good | {"birthdate": "1980-01-01", "_count": "1"}
    found = searchset(client.post(path, data=more).content, alone=True)
    (told,) = found.outcomes
    (issue,) = told["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "not-supported")
    assert issue["diagnostics"].startswith("2 ")
    assert found.total == 1
    for prefer in ("handling=strict", "return=minimal; handling = strict", 'respond-async, handling="strict"'):
        answer = client.post(path, data=more, headers={"prefer": prefer})
        refused(answer, 400, "not-supported", "not-supported")
        assert client.post(path, data=good, headers={"prefer": prefer}).status_code == 200
    for prefer in ("handling=lenient", "handling=strictly", "mishandling=strict"):
        assert client.post(path, data=more, headers={"prefer": prefer}).status_code == 200


@SEARCHES
def test_what_is_included_anyway_may_be_asked_for(client: TestClient, path: str) -> None:
    (searched,) = [one for one in ALL if one.path == path]
    for include in searched.includes:
        for name in ("_include", "_include:iterate"):
            answer = client.post(path, data=GOOD[path] | {name: include}, headers={"prefer": "handling=strict"})
            assert searchset(answer.content, alone=True).outcomes == []
    answer = client.post(path, data=GOOD[path] | {"_include": "Patient:link"})
    assert len(searchset(answer.content, alone=True).outcomes) == 1


@pytest.mark.parametrize("path", [*GOOD, "/fhir/R4/metadata"])
def test_answers_are_json_alone(client: TestClient, path: str) -> None:
    def ask(form: dict[str, str], **headers: str) -> Any:
        if path.endswith("metadata"):
            return client.get(path, headers=headers)
        return client.post(path, data=GOOD[path] | form, headers=headers)

    for accept in (
        "application/fhir+json",
        "application/fhir+json; fhirVersion=4.0",
        "application/json",
        "*/*",
        "application/xml, application/JSON;q=0.1",
        "application/*;q=0.5",
    ):
        assert ask({}, accept=accept).status_code == 200, accept
    for accept in ("application/fhir+xml", "text/html", "application/json;q=0", "application/fhir+json; q=0.00", ""):
        refused(ask({}, accept=accept), 406, "not-supported", "not-acceptable")
    if not path.endswith("metadata"):
        for form in ("json", "application/fhir+json", "application/json"):
            assert ask({"_format": form}).status_code == 200
        for form in ("xml", "application/fhir+xml", "ttl"):
            refused(ask({"_format": form}), 406, "not-supported", "not-acceptable")


@SEARCHES
def test_without_a_generation_nobody_is_unknown(path: str) -> None:
    with TestClient(create_app(state_of(None))) as client:
        answer = client.post(path, data=GOOD[path])
        assert (answer.status_code, outcome(answer.content)) == (503, ("transient", "unready"))
        assert answer.headers["retry-after"] == "5"
        assert client.get("/fhir/R4/metadata").status_code == 200


@SEARCHES
def test_an_unforeseen_error_says_nothing(client: TestClient, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(LISTED)

    for name in ("reply", "finding"):
        monkeypatch.setattr(searching, name, broken)
    with structlog.testing.capture_logs() as logs:
        answer = client.post(path, data=GOOD[path])
    assert (answer.status_code, outcome(answer.content)) == (500, ("exception", "internal"))
    assert LISTED not in answer.text + str(logs)
    assert len(logs) == 1


_NAMES = st.sampled_from(
    ["identifier", "practitioner:identifier", "organization.identifier", "_include", "_format", "identifier:not", "x"]
)
_VALUES = st.one_of(
    st.text(max_size=40),
    st.text(string.digits, min_size=1, max_size=30),
    st.builds(
        "{}|{}".format, st.sampled_from([FNR, HER, HPR, ORGANIZATION, "", "x"]), st.text(string.digits, max_size=12)
    ),
    st.sampled_from([LISTED, "4000001", "json"]),
)


@given(
    path=st.sampled_from([*GOOD]),
    body=st.one_of(st.binary(max_size=100), st.lists(st.tuples(_NAMES, _VALUES), max_size=4).map(urlencode)),
    prefer=st.sampled_from(["", "handling=strict"]),
)
@hypothesis_settings(max_examples=400)
def test_no_body_is_an_error_of_ours(served: TestClient, path: str, body: bytes | str, prefer: str) -> None:
    answer = served.post(path, content=body, headers={**FORM, "prefer": prefer})
    if answer.status_code == 200:
        searchset(answer.content, alone=True)
    else:
        assert answer.status_code in (400, 406)
        outcome(answer.content)


@pytest.fixture(scope="module")
def served(opened: Generation) -> Any:
    with TestClient(create_app(state_of(opened))) as client:
        yield client
