"""Every route's problems: RFC 9457, the right word and status, and never a word of what was asked for."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog
from litestar.testing import TestClient

from lookup import problems, resident, shapes
from lookup.app import HANDLED, create_app
from lookup.generation import Generation, open_generation
from lookup.problems import PROBLEMS, Problem
from lookup.soap.operations import AT
from register.ids import Rule, control_digits
from tests.lookup import village
from tests.lookup.serving import state_of
from tests.lookup.village import LISTED, PROTECTED, UNKNOWN

BAD = LISTED[:-1] + str((int(LISTED[-1]) + 1) % 10)
POSTS = {
    "/v1/gp-lookup": {"nin": LISTED},
    "/v1/gp-lookup/batch": {"nins": [LISTED]},
    "/v1/gp-confirm": {"nin": LISTED, "hprNumber": 7000001},
    "/v1/gp-history": {"nin": LISTED},
}
GETS = (
    "/v1/her/4000001",
    "/v1/gps/7000001",
    "/v1/contracts/100",
    "/v1/contracts/100/patients",
    "/v1/offices/123456785/contracts",
)
FEED = ("/v1/events?after=42.0", "/v1/events/latest")
NOBODYS = (
    "/v1/her/0",
    "/v1/gps/0",
    "/v1/contracts/0",
    "/v1/contracts/0/patients",
    "/v1/offices/9999999999/contracts",
)
OTHERS = ("/livez", "/readyz", "/v1/status", "/metrics")
JSON = {"content-type": "application/json"}


def check(answer: Any, word: str, generation: str | None = "42") -> None:
    """The answer is this problem, names the generation in service, and repeats no number."""
    assert answer.headers.get("flr-generation") == generation
    assert answer.headers.get("flr-as-of") == (generation and village.AS_OF)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(answer.content, type=shapes.Problem)
    assert (problem.type, problem.status) == (f"urn:flr:problem:{word}", answer.status_code)
    assert (answer.status_code, problem.title) == PROBLEMS[word]
    assert answer.headers["cache-control"] == "no-store"
    for number in (LISTED, BAD, UNKNOWN, PROTECTED):
        assert number not in answer.text
        assert number not in str(answer.headers)


def test_the_walk_misses_no_route() -> None:
    templates = {path for handler in HANDLED for path in handler.paths if not path.startswith("/fhir/")}
    walked = {*POSTS, *OTHERS, *(path.partition("?")[0] for path in FEED)}
    # SOAP answers with faults (tests/soap); the list (test_export.py), /ops and the page have tests of their own.
    walked |= {*AT, "/v1/contracts", *(path for path in templates if path.startswith(("/ops", "/oppslag")))}
    for path in GETS:
        walked |= {t for t in templates if "{" in t and _fits(t, path)}
    assert walked == templates


def _fits(template: str, path: str) -> bool:
    parts, given = template.split("/"), path.split("/")
    return len(parts) == len(given) and all("{" in a or a == b for a, b in zip(parts, given, strict=True))


def test_every_error_has_a_word_in_the_table() -> None:
    kinds = Problem.__subclasses__()
    assert {kind.word for kind in kinds} < set(PROBLEMS)
    assert len({kind.word for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("path", POSTS)
def test_a_post_takes_json_of_its_shape_only(client: TestClient, path: str) -> None:
    good = POSTS[path]
    assert client.post(path, json=good).status_code == 200
    for body in (b"", b"{", b"[]", b"null", b'"x"', b'{"nin":"\xff"}', b'{"nins":["\\ud800"]}', b"[" * 3000):
        check(client.post(path, content=body, headers=JSON), "invalid-request")
    for member in good:
        wrong = {name: value for name, value in good.items() if name != member}
        check(client.post(path, json=wrong), "invalid-request")
        for value in (None, 0, True, {}, [1], [None], 10**30):
            check(client.post(path, json={**good, member: value}), "invalid-request")
    for content_type in ("", "text/plain", "application/jsonx", "application/json; charset=latin-1"):
        check(
            client.post(path, content=json.dumps(good), headers={"content-type": content_type}),
            "unsupported-media-type",
        )
    check(client.post(path, content=b"x", headers={**JSON, "content-encoding": "gzip"}), "unsupported-media-type")
    check(client.post(path, content=b" " * 70_000, headers=JSON), "too-large")
    check(client.post(f"{path}?at=2026-01-01T00:00:00", json=good), "invalid-request")


@pytest.mark.parametrize("path", POSTS)
def test_an_unknown_member_is_named_unless_it_could_be_a_number(client: TestClient, path: str) -> None:
    answer = client.post(path, json={**POSTS[path], "nim": 1})
    check(answer, "invalid-request")
    assert "nim" in answer.json()["detail"]
    check(client.post(path, json={**POSTS[path], LISTED: 1}), "invalid-request")
    check(client.post(path, json={**POSTS[path], f"a{LISTED}": 1}), "invalid-request")


@pytest.mark.parametrize("path", [path for path in POSTS if path != "/v1/gp-lookup/batch"])
def test_a_number_that_is_none_and_one_never_seen(client: TestClient, path: str) -> None:
    for text in ("", "1", BAD, f" {LISTED}", LISTED[:10] + "\uff11", "x" * 11, LISTED + "\n"):
        check(client.post(path, json={**POSTS[path], "nin": text}), "invalid-nin")
    check(client.post(path, json={**POSTS[path], "nin": UNKNOWN}), "unknown-person")


@pytest.mark.parametrize("path", [path for path in POSTS if path != "/v1/gp-history"])
def test_a_time_that_is_none(client: TestClient, path: str) -> None:
    for at in ("", "now", "2026-11-24", "2026-11-24 10:00:00", "2026-02-30T00:00:00", LISTED):
        check(client.post(path, json={**POSTS[path], "at": at}), "invalid-request")


def test_a_batch_that_is_too_long(client: TestClient) -> None:
    check(client.post("/v1/gp-lookup/batch", json={"nins": [LISTED] * 1001}), "invalid-request")


@pytest.mark.parametrize("number", [0, -1, 10**9, "7000001", 1.5])
def test_an_hpr_number_that_is_none(client: TestClient, number: Any) -> None:
    check(client.post("/v1/gp-confirm", json={"nin": LISTED, "hprNumber": number}), "invalid-request")


@pytest.mark.parametrize("path", GETS)
def test_a_query_that_is_not_of_its_shape(client: TestClient, path: str) -> None:
    at = "2026-11-24T12:00:00"
    for query in ("at=now", "at=", f"At={at}", f"at={at}&at={at}", f"{LISTED}=1", f"at={LISTED}"):
        check(client.get(f"{path}?{query}"), "invalid-request")


def test_include_patient_data_is_true_or_false(client: TestClient) -> None:
    check(client.get("/v1/contracts/100/patients?includePatientData=1"), "invalid-request")
    check(client.get("/v1/her/4000001?includePatientData=true"), "invalid-request")


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ("/v1/her/", "", "unknown-her-id"),
        ("/v1/gps/", "", "unknown-gp"),
        ("/v1/contracts/", "", "unknown-contract"),
        ("/v1/contracts/", "/patients", "unknown-contract"),
        ("/v1/offices/", "/contracts", "unknown-office"),
    ],
)
def test_a_number_in_a_path(client: TestClient, before: str, after: str, word: str) -> None:
    for unknown in ("0", "5", "99999999999", "9" * 18, "9" * 5000, "-5"):
        check(client.get(before + unknown + after), word)
    for odd in ("x", "1.0", "+1", "01", "-0", "1e3", "%EF%BC%91", LISTED, "-" + LISTED):
        check(client.get(before + odd + after), "invalid-request")


@pytest.mark.parametrize("path", [*POSTS, *GETS, *FEED, *OTHERS])
def test_methods_that_a_resource_does_not_have(client: TestClient, path: str) -> None:
    allowed = {"POST", "OPTIONS"} if path in POSTS else {"GET", "HEAD", "OPTIONS"}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        if method not in allowed:
            answer = client.request(method, path)
            check(answer, "method-not-allowed")
            assert set(answer.headers["allow"].split(", ")) == allowed
    head = client.head(path)
    assert head.content == b""
    assert head.status_code == (405 if path in POSTS else 200)
    if path not in (*POSTS, "/metrics"):
        expected = client.get(path).headers
        assert {n: v for n, v in head.headers.items() if n != "transfer-encoding"} == dict(expected)


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/gp", f"/v1/{LISTED}", "/schema/x", "/schema/x.json", "/schema/assets/x"]
)
def test_no_such_route(client: TestClient, path: str) -> None:
    check(client.get(path), "not-found")


def test_without_a_generation_nothing_is_answered_but_that_it_cannot() -> None:
    with TestClient(create_app(state_of(None))) as client:
        answers = [client.post(path, json=body) for path, body in POSTS.items()]
        answers += [client.get(path) for path in (*GETS, *FEED, *NOBODYS, "/readyz", "/v1/status")]
        for answer in answers:
            check(answer, "unready", generation=None)
            assert answer.headers["retry-after"].isdigit()
        check(client.get("/v1/her/x"), "invalid-request", generation=None)
        assert client.get("/livez").status_code == client.get("/metrics").status_code == 200


def test_a_register_too_old_to_answer_from(opened: Generation) -> None:
    with TestClient(create_app(state_of(opened, stale_refuse_hours=8))) as client:
        for path in (*GETS, *FEED, "/readyz"):
            check(client.get(path), "unready")
        check(client.post("/v1/gp-lookup", json={"nin": LISTED}), "unready")
        assert client.get("/v1/status").status_code == 200
    with TestClient(create_app(state_of(opened, stale_refuse_hours=10))) as client:
        assert client.get("/readyz").status_code == 200


def test_a_protected_person_is_forbidden_to_who_has_not_the_right(opened: Generation) -> None:
    with TestClient(create_app(state_of(opened, withhold_protected=True))) as client:
        for path in ("/v1/gp-confirm", "/v1/gp-history"):
            check(client.post(path, json={**POSTS[path], "nin": PROTECTED}), "forbidden")
            assert client.post(path, json=POSTS[path]).status_code == 200


def test_a_node_without_particulars(tmp_path: Any) -> None:
    generation = open_generation(village.generation(tmp_path, people=False))
    with TestClient(create_app(state_of(generation))) as client:
        answer = client.get("/v1/contracts/100/patients?includePatientData=true")
        check(answer, "not-served-here")
        assert answer.headers["retry-after"].isdigit()
        assert client.get("/v1/contracts/100/patients").status_code == 200


def test_the_strict_rule_refuses_what_only_2032_admits(opened: Generation) -> None:
    coming = next(_numbers_of_2032())
    with TestClient(create_app(state_of(opened))) as client:
        check(client.post("/v1/gp-lookup", json={"nin": coming}), "unknown-person")
    with TestClient(create_app(state_of(opened, strict_nin=True))) as client:
        check(client.post("/v1/gp-lookup", json={"nin": coming}), "invalid-nin")
        batch = client.post("/v1/gp-lookup/batch", json={"nins": [coming]}).json()["results"]
        assert batch == [{"nin": coming, "status": "invalid"}]
        assert client.post("/v1/gp-lookup", json={"nin": LISTED}).status_code == 200


def _numbers_of_2032() -> Iterator[str]:
    for serial in range(1000):
        nine = f"018190{serial:03d}"
        digits = control_digits(nine, Rule.FROM_2032, 1)
        if digits:
            yield nine + digits


@pytest.mark.parametrize("path", POSTS)
def test_an_unforeseen_error_tells_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object) -> None:
        raise ValueError(f"it was {LISTED}")

    for module, name in ((resident, "fragment_of"), (resident, "contract_view")):
        monkeypatch.setattr(module, name, failing)
    with structlog.testing.capture_logs() as logs:
        check(client.post(path, json=POSTS[path]), "internal")
    assert [(log["event"], log["error"]) for log in logs] == [("internal error", "ValueError")]
    assert LISTED not in str(logs)
    out = capsys.readouterr()
    assert LISTED not in out.out + out.err


def test_a_problem_hides_what_it_is_about() -> None:
    assert str(problems.InvalidNin()) == "invalid-nin"
