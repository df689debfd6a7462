"""What goes wrong on the way: never an answer, told by its kind, asked again only where that is safe."""

import json
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from flr_client import (
    NEVER,
    AuditUnavailable,
    CannotSay,
    FlrError,
    Forbidden,
    NotServedHere,
    Quota,
    Resync,
    Retries,
    Unauthenticated,
    Unavailable,
    Unready,
)
from flr_client.persons import Assigned, Withheld
from tests import tiny
from tests.flr_client.asking import Either

URL = "http://register.example"
NIN = tiny.number(1)
HEADERS = {"FLR-Generation": "7", "FLR-As-Of": "2026-11-24T03:00:00+01:00"}
QUICK = Retries(first_seconds=0.001, longest_seconds=0.5)
WITHHELD = httpx.Response(200, headers=HEADERS, json={"status": "withheld", "gp": None, "sharedWith": []})


def problem(status: int, word: str, headers: dict[str, str] | None = None, **more: str) -> httpx.Response:
    return httpx.Response(status, json={"type": f"urn:flr:problem:{word}", **more}, headers=headers or {})


class Script:
    """Answers one after another, whatever is asked; an answer that is an error is raised. `asked` is what was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers: Iterator[httpx.Response | Exception] = iter(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)  # used up once


def failing(either: Either, script: Script, retries: Retries = NEVER) -> FlrError:
    """The error that a lookup ends with."""
    with either(URL, handler=script, retries=retries) as register, pytest.raises(FlrError) as caught:
        register.ask("lookup", NIN)
    error = caught.value
    assert NIN not in f"{error!r} {error}"
    assert error.__context__ is None  # an error of httpx would hold the request
    return error


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(401, "unauthenticated"), Unauthenticated),
        (problem(403, "forbidden"), Forbidden),
        (problem(503, "unready", {"Retry-After": "5"}), Unready),
        (problem(503, "audit-unavailable"), AuditUnavailable),
        (problem(503, "not-served-here"), NotServedHere),
        (problem(429, "quota"), Quota),
        (problem(500, "internal"), Unavailable),
        (problem(400, "of-a-later-version"), Unavailable),
        (httpx.Response(401), Unauthenticated),
        (httpx.Response(429, headers={"Retry-After": "9"}), Quota),
        (httpx.Response(404, text="<html>no such page"), Unavailable),  # says nothing of any person
        (httpx.Response(502), Unavailable),
        (httpx.Response(200, text="welcome to this network"), Unavailable),
        (httpx.Response(200, headers=HEADERS, text="<html>"), Unavailable),
        (httpx.Response(200, headers=HEADERS, json={"status": "assigned"}), Unavailable),
        (httpx.Response(200, json={"status": "none"}), Unavailable),  # of no generation
        (httpx.ReadTimeout("slow"), Unavailable),
        (httpx.RemoteProtocolError("cut short"), Unavailable),
        (httpx.ConnectError("nobody there"), Unavailable),
    ],
)
def test_every_trouble_is_of_its_kind(either: Either, answer: httpx.Response | Exception, kind: type[FlrError]) -> None:
    error = failing(either, Script(answer))
    assert type(error) is kind
    said = getattr(answer, "headers", {}).get("retry-after")
    if said is not None:
        assert isinstance(error, CannotSay)
        assert error.retry_after == int(said)


def test_a_resync_names_where_to_begin(either: Either) -> None:
    script = Script(problem(410, "resync", position="9.1"))
    with either(URL, handler=script) as register, pytest.raises(Resync) as caught:
        register.ask("events", "1.1")
    assert caught.value.position == "9.1"


@pytest.mark.parametrize(
    "first",
    [
        httpx.ConnectError("nobody there"),
        httpx.ConnectTimeout("slow"),
        problem(503, "unready", {"Retry-After": "0"}),
        problem(429, "quota", {"Retry-After": "0"}),
    ],
)
def test_what_was_not_taken_is_asked_again(either: Either, first: httpx.Response | Exception) -> None:
    script = Script(first, WITHHELD)
    with either(URL, handler=script, retries=QUICK) as register:
        assert isinstance(register.ask("lookup", NIN).value, Withheld)
    one, other = script.asked
    assert (one.content, one.url) == (other.content, other.url)
    assert NIN not in str(one.url)


@pytest.mark.parametrize(
    "first",
    [
        httpx.ReadTimeout("slow"),  # it may have been answered, and recorded
        problem(500, "internal"),
        problem(503, "unready"),  # has not said when
        problem(429, "quota", {"Retry-After": "40000"}),  # tomorrow
        problem(403, "forbidden", {"Retry-After": "0"}),
    ],
)
def test_what_cannot_be_mended_by_waiting_is_not(either: Either, first: httpx.Response | Exception) -> None:
    script = Script(first)
    failing(either, script, QUICK)
    assert len(script.asked) == 1


def test_it_does_not_go_on_for_ever(either: Either) -> None:
    script = Script(*[problem(503, "unready", {"Retry-After": "0"})] * 3)
    assert isinstance(failing(either, script, QUICK), Unready)
    assert len(script.asked) == QUICK.attempts


def test_backoff_grows_and_is_bounded() -> None:
    from flr_client.reply import Lost

    retries = Retries(attempts=99, first_seconds=1, longest_seconds=5)
    lost = Lost(sent=False, what="ConnectError")
    for attempt, longest in ((1, 1), (2, 2), (3, 4), (4, 5), (50, 5)):
        waits = [retries.wait(attempt, lost) or 0.0 for _ in range(50)]
        assert longest / 2 <= min(waits) <= max(waits) <= longest
        assert len(set(waits)) > 1


def test_nobody_at_the_other_end(either: Either) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        either(f"http://127.0.0.1:{port}", retries=QUICK) as register,
        pytest.raises(Unavailable, match="ConnectError"),
    ):
        register.ask("lookup", NIN)


def stale(value: str) -> httpx.Response:
    return httpx.Response(200, headers={**HEADERS, "FLR-Stale": value}, json={"status": "none"})


def test_staleness_is_told(either: Either) -> None:
    with either(URL, handler=Script(stale("true"), WITHHELD)) as register:
        assert [register.ask("lookup", NIN).stale for _ in range(2)] == [True, False]


def batch_of(serial: int, size: int) -> Callable[[], httpx.Response]:
    results = [{"nin": NIN, "status": "none"}] * size
    headers = {"FLR-Generation": str(serial), "FLR-As-Of": f"2026-11-2{serial}T03:00:00+01:00"}
    return lambda: httpx.Response(200, headers=headers, json={"generation": serial, "results": results})


def test_a_batch_in_parts_says_which_register_each_answer_is_from(either: Either) -> None:
    with either(URL, handler=Script(batch_of(8, 1000)(), batch_of(7, 1)())) as register:
        answer = register.ask("batch", [NIN] * 1001)
    assert (answer.serial, answer.as_of.day) == (7, 27)
    assert [one.serial for one in answer.value[998:]] == [8, 8, 7]


NAMED = {"firstName": "Ås", "middleName": None, "lastName": '"]}', "sex": None, "addresses": []}
PATIENT = {
    "nin": NIN,
    "from": "2022-01-01T00:00:00",
    "to": None,
    "beginCode": "a,]}{",
    "membershipId": 4,
    "person": {**NAMED, "dateOfBirth": None, "dateOfDeath": None},
}
LISTED = {"contractId": 1, "at": "2026-11-23T10:00:00", "patients": [PATIENT, PATIENT], "count": 2, "withheld": 1}
WHOLE = json.dumps(LISTED, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_a_list_may_come_in_any_pieces(size: int) -> None:
    from flr_client.patients import PatientReader

    reader = PatientReader()
    got = [one for at in range(0, len(WHOLE), size) for one in reader.feed(WHOLE[at : at + size])]
    assert [(one.nin, one.person.last_name if one.person else "", one.begin_code) for one in got] == [
        (NIN, '"]}', "a,]}{")
    ] * 2
    assert (reader.end().count, reader.end().withheld) == (2, 1)


@pytest.mark.parametrize(
    "body",
    [*(WHOLE[:cut] for cut in (0, 5, 60, 200, -30, -1)), WHOLE.replace(b'"count":2', b'"count":3'), WHOLE[:-1] + b"]"],
)
def test_a_list_that_is_not_whole_is_no_list(either: Either, body: bytes) -> None:
    script = Script(httpx.Response(200, headers=HEADERS, content=body))
    with either(URL, handler=script) as register, pytest.raises(Unavailable, match="not whole"):
        register.patients(1)


def test_a_list_of_something_else(either: Either) -> None:
    script = Script(httpx.Response(200, headers=HEADERS, content=WHOLE.replace(b'"nin":', b'"number":')))
    with either(URL, handler=script) as register, pytest.raises(Unavailable, match="shape") as caught:
        register.patients(1)
    assert caught.value.__context__ is None
    assert Assigned.__name__ not in str(caught.value)
