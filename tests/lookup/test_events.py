"""The change feed over HTTP, over the village: pages, who is left out, and what is said to positions it has not."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from loader.eventfile import NewBatch, write_events
from lookup import shapes
from lookup.app import create_app
from lookup.current import ServiceState
from lookup.generation import Generation, NotServable, open_generation
from register.feed import canonical_line
from tests.lookup import village
from tests.lookup.serving import state_of
from tests.lookup.test_generation import with_file
from tests.lookup.village import LISTED, MOVING, NOBODY, OLD_NUMBER, PROTECTED

BEGIN, LATEST = "42.0", "42.75.00000000"


def page(client: TestClient, after: str, limit: int | None = None) -> Any:
    answer = client.get("/v1/events", params={"after": after, **({} if limit is None else {"limit": limit})})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.headers["flr-generation"], answer.headers["flr-as-of"]) == ("42", village.AS_OF)
    msgspec.json.decode(answer.content, type=shapes.EventsAnswer)
    assert list(answer.json()) == ["events", "next", "more", "withheld"]
    return answer.json()


def problem(client: TestClient, query: str) -> tuple[int, Any]:
    answer = client.get(f"/v1/events?{query}")
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()


def withholding(opened: Generation) -> TestClient:
    return TestClient(create_app(state_of(opened, withhold_protected=True)))


def test_the_newest_position(client: TestClient) -> None:
    answer = client.get("/v1/events/latest")
    assert (answer.json(), answer.headers["cache-control"]) == ({"position": LATEST, "serial": 42}, "no-store")
    assert page(client, LATEST) == {"events": [], "next": LATEST, "more": False, "withheld": 0}


def test_an_event_is_its_position_name_time_and_record(client: TestClient) -> None:
    first, second = page(client, BEGIN, 2)["events"]
    assert list(first) == ["position", "event", "time", "body"]
    assert (first["event"], first["time"]) == ("ContractUpdated", village.AS_OF)
    assert first["body"] == json.loads(canonical_line(village.CONTRACTS[0]))
    assert (second["event"], second["body"]["nin"]) == ("PatientOnContractUpdated", LISTED)
    assert [event["position"].rpartition(".")[0] for event in (first, second)] == ["42.1", "42.2"]


@pytest.mark.parametrize("limit", [1, 3, 63, 64, 65, 74, 75, 76, 1000, None])
def test_pages_of_every_size_hold_the_same_events(client: TestClient, limit: int | None) -> None:
    whole = page(client, BEGIN, 1000)
    after, got, pages = BEGIN, [], 0
    while True:
        some = page(client, after, limit)
        assert len(some["events"]) <= (limit or 100)
        got += some["events"]
        after, pages = some["next"], pages + 1
        assert some["events"][-1]["position"] == after
        if not some["more"]:
            break
    assert (got, after, pages) == (whole["events"], LATEST, -(-75 // (limit or 100)))
    assert len({event["position"] for event in got}) == 75
    for n, event in enumerate(got):
        assert page(client, event["position"], 1000)["events"] == got[n + 1 :]


def test_protected_persons_are_left_out_and_counted(opened: Generation, client: TestClient) -> None:
    """Those who are protected now, and those who were then."""
    everybody = page(client, BEGIN, 1000)
    assert (len(everybody["events"]), everybody["withheld"]) == (75, 0)
    assert {PROTECTED, NOBODY} <= {event["body"].get("nin") for event in everybody["events"]}
    with withholding(opened) as some:
        shown = page(some, BEGIN, 1000)
        assert (len(shown["events"]), shown["withheld"]) == (73, 2)
        assert shown["events"] == [e for e in everybody["events"] if e["body"].get("nin") not in (PROTECTED, NOBODY)]
        two = page(some, everybody["events"][1]["position"], 2)
        assert (two["events"], two["withheld"], two["more"]) == ([], 2, True)
        assert two["next"] == everybody["events"][3]["position"]
        assert page(some, two["next"], 1)["events"][0]["body"]["oldNin"] == OLD_NUMBER
        assert page(some, LATEST) == page(client, LATEST)


def test_a_changed_number_of_a_protected_person_is_left_out(opened: Generation, monkeypatch: Any) -> None:
    told = json.loads(next(opened.events.read(4)).json)["body"]  # type: ignore[union-attr]
    assert (told["oldNin"], told["newNin"]) == (OLD_NUMBER, LISTED)
    protected = opened.index.person(int(PROTECTED))
    asked: list[int] = []

    class Index:
        def person(self, nin: int) -> Any:
            asked.append(nin)
            return protected if nin == int(LISTED) else None

    monkeypatch.setattr(opened, "index", Index())
    with withholding(opened) as client:
        answer = page(client, "42.4", 1)
    assert (answer["events"], answer["withheld"], asked) == ([], 1, [int(LISTED)])


@pytest.mark.parametrize(
    "after", ["", "x", "42", "42.", ".0", "-1.0", "42.-1", "042.0", "42.00", "42.1.0", "42.0.0000000g"]
)
def test_a_position_that_is_none(client: TestClient, after: str) -> None:
    status, said = problem(client, f"after={after}")
    assert (status, said["type"]) == (400, "urn:flr:problem:invalid-request")


def test_a_query_that_is_not_of_its_shape(client: TestClient) -> None:
    for limit in ("0", "-1", "1001", "01", "1.0", "x", "", "9" * 5000, "%D9%A1"):
        status, said = problem(client, f"after={BEGIN}&limit={limit}")
        assert (status, said["type"]) == (400, "urn:flr:problem:invalid-request"), limit
    for query in ("", "limit=1", f"after={BEGIN}&after={BEGIN}", f"after={BEGIN}&at=2026-11-24T00:00:00"):
        assert problem(client, query)[0] == 400, query
    assert client.get("/v1/events/latest?x=1").status_code == 400


@pytest.mark.parametrize(
    "after", ["1.0", "0.0", "41.0", "41.11", "41.12.2a2a2a2a", "41.13", "42.76", "42.3.2a2a2a2a", f"42.{10**17}"]
)
def test_from_a_position_that_is_not_kept_a_follower_starts_again(client: TestClient, after: str) -> None:
    status, said = problem(client, f"after={after}")
    assert (status, said["type"], said["position"]) == (410, "urn:flr:problem:resync", LATEST)
    assert page(client, said["position"])["events"] == []


def test_the_end_of_what_is_not_kept_is_where_the_rest_begins(client: TestClient) -> None:
    whole = page(client, BEGIN, 1000)
    for after in ("41.12", "41.12.11111111", "41.7.11111111"):
        assert page(client, after, 1000) == whole


def test_a_position_that_this_node_has_not_come_to(client: TestClient, state: ServiceState, tmp_path: Path) -> None:
    """It is asked for again later; unless it was rolled back here, or may have been."""
    state.settings = msgspec.structs.replace(state.settings, data_dir=tmp_path)
    ahead = "43.5.0a0a0a0a"
    status, said = problem(client, f"after={ahead}")
    assert (status, said["type"]) == (503, "urn:flr:problem:unready")
    refused = tmp_path / "refused.json"
    for serial, expected in ((42, 503), (43, 410), (44, 410)):
        refusal = {"name": f"{serial}-0a1b2c3d", "reason": "wrong", "at": village.AS_OF}
        refused.write_bytes(msgspec.json.encode([refusal]))
        status, said = problem(client, f"after={ahead}")
        assert status == expected
        assert said.get("position") == (LATEST if expected == 410 else None)
    refused.write_bytes(b"[")
    assert problem(client, f"after={ahead}")[0] == 503


def test_a_node_without_a_change_feed(tmp_path: Path) -> None:
    folder = village.generation(tmp_path)
    (folder / "events.bin").unlink()
    with TestClient(create_app(state_of(open_generation(folder)))) as client:
        for path in ("/v1/events/latest", f"/v1/events?after={BEGIN}"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:flr:problem:not-served-here")
        assert client.get("/v1/status").status_code == 200


def test_the_change_feed_of_another_generation_is_refused(tmp_path: Path) -> None:
    folder = village.generation(tmp_path)
    write_events(tmp_path / "other", None, [NewBatch(42, "1" * 32, village.AS_OF, 0, ())], keep=10)
    with pytest.raises(NotServable, match=r"events\.bin is of another generation"):
        open_generation(with_file(folder, "events.bin", (tmp_path / "other").read_bytes()))


def test_a_page_is_of_one_generation(
    client: TestClient, state: ServiceState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = page(client, BEGIN, 1000)
    other = open_generation(village.generation(tmp_path, people=False))
    real, swapped = state.lane.turn, []

    async def turn() -> float:
        swapped.append(state.current.swap(other, pinned=False))
        return await real()

    monkeypatch.setattr(state.lane, "turn", turn)
    assert page(client, BEGIN, 1000) == whole
    assert swapped[0] is not None
    assert MOVING in str(whole)
