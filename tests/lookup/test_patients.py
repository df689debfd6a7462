"""Patient lists over the village, one generation for each answer, and a real socket."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from litestar.testing import TestClient

from lookup import lane, shapes
from lookup.app import create_app
from lookup.current import ServiceState
from lookup.generation import Generation, open_generation
from lookup.rest import patients
from tests.lookup import village
from tests.lookup.serving import state_of
from tests.lookup.village import LISTED, MOVING, PROTECTED


def test_a_patient_list_is_ordered_by_national_id(client: TestClient) -> None:
    answer = client.get(f"/v1/contracts/{village.SHARED}/patients?at=2026-11-25T00:00:00")
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    msgspec.json.decode(answer.content, type=shapes.PatientsAnswer)
    assert list(body) == ["contractId", "at", "patients", "count", "withheld"]
    assert [p["nin"] for p in body["patients"]] == sorted([LISTED, PROTECTED, MOVING])
    assert (body["contractId"], body["at"], body["count"], body["withheld"]) == (100, "2026-11-25T00:00:00", 3, 0)
    moving = next(p for p in body["patients"] if p["nin"] == MOVING)
    expected = {"from": "2026-11-25T00:00:00", "to": None, "beginCode": "BGVA", "membershipId": 6}
    assert moving == {"nin": MOVING, **expected}


@pytest.mark.parametrize(
    ("contract", "at", "expected"),
    [
        (village.SHARED, "2026-11-24T23:59:59.999999", 2),
        (village.ONE_SUBSTITUTE, "2026-12-14T23:59:59.999999", 1),
        (village.ONE_SUBSTITUTE, "2026-12-15T00:00:00", 0),
        (village.COMING, "2026-11-30T00:00:00", 0),
        (village.CLOSED, "2013-12-31T00:00:00", 1),
        (village.CLOSED, "2014-01-01T00:00:00", 0),
    ],
)
def test_who_is_on_a_list_at_a_time(client: TestClient, contract: int, at: str, expected: int) -> None:
    body = client.get(f"/v1/contracts/{contract}/patients?at={at}").json()
    assert (body["count"], len(body["patients"])) == (expected, expected)


def test_a_list_in_many_pieces_is_the_same(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/v1/contracts/{village.SHARED}/patients?at=2026-11-25T00:00:00"
    whole = client.get(path).content
    monkeypatch.setattr(patients, "PATIENTS_A_PIECE", 1)
    monkeypatch.setattr(patients, "BUCKETS_AT_ONCE", 1)
    monkeypatch.setattr(lane, "TURN_SECONDS", 0.0)
    assert client.get(path).content == whole


def test_patient_data_without_a_protected_persons_address(client: TestClient) -> None:
    body = client.get(f"/v1/contracts/{village.SHARED}/patients?includePatientData=true").json()
    by_nin = {p["nin"]: p["person"] for p in body["patients"]}
    assert by_nin[LISTED]["addresses"][0]["streetAddress"] == "Storgata 1"
    assert by_nin[LISTED]["firstName"] == "Test"
    assert by_nin[PROTECTED]["addresses"] == []
    assert "person" not in client.get(f"/v1/contracts/{village.SHARED}/patients?includePatientData=false").text


def test_a_stream_that_takes_too_long_is_cut_and_never_looks_whole(
    opened: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_ending(*_: object) -> Any:
        yield b'{"contractId":100,'
        await asyncio.sleep(3600)

    monkeypatch.setattr(patients, "_pieces", never_ending)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    path = f"/v1/contracts/{village.SHARED}/patients"
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "http_version": "1.1"}
    asyncio.run(create_app(state_of(opened, stream_seconds=0.1))(scope, receive, send))  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"] is True


def test_an_answer_belongs_to_the_generation_it_began_with(
    client: TestClient, state: ServiceState, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_generation(village.generation(tmp_path, people=False))
    real = patients.members_of

    async def swapped_meanwhile(*arguments: Any) -> Any:
        state.current.swap(other, pinned=False)
        return await real(*arguments)

    monkeypatch.setattr(patients, "members_of", swapped_meanwhile)
    path = f"/v1/contracts/{village.SHARED}/patients?includePatientData=true"
    answer = client.get(path)
    assert (answer.status_code, answer.json()["count"]) == (200, 2)
    assert client.get(path).status_code == 503  # the other one has no persons' particulars


@pytest.fixture
def address(state: ServiceState) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(state), log_config=None, lifespan="off", loop="uvloop"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def test_over_a_socket(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        answer = client.post("/v1/gp-lookup", json={"nin": LISTED})
        assert (answer.status_code, answer.json()["status"]) == (200, "assigned")
        listed = client.get(f"/v1/contracts/{village.SHARED}/patients")
        assert listed.headers["transfer-encoding"] == "chunked"
        assert listed.json()["count"] == 2
        head = client.head(f"/v1/contracts/{village.SHARED}")
        body = client.get(f"/v1/contracts/{village.SHARED}").content
        assert (head.content, head.headers["content-length"]) == (b"", str(len(body)))


def test_a_cut_stream_is_seen_as_cut_over_a_socket(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> Any:
        yield b'{"contractId":100,'
        raise ValueError("half way")

    monkeypatch.setattr(patients, "_pieces", broken)
    with httpx.Client(base_url=address) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(f"/v1/contracts/{village.SHARED}/patients")
