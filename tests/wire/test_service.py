"""Streams over a socket to real services: the compiled path in front answers what the ordinary path alone answers.

More of the same: `python -m tests.wire.fuzz_served`.
"""

import json
import random
from collections.abc import Iterator

import h11
import pytest

from tests.lookup import village
from tests.lookup.swaps import until
from tests.lookup.wires import request
from tests.wire.cases import case, pool
from tests.wire.departures import DEPARTURES, Departure
from tests.wire.sockets import Both, Told, both, in_reads, is_early, parted

SEED = 20261125
# What RFC 9112 lets a server take although h11 does not (sections 2.2 and 3). It does not move where a message ends.
TAKEN_ALL_THE_SAME = {"an empty line in front", "two blanks behind the method", "two blanks behind the target"}
LOOKUP = request("/v1/gp-lookup", {"nin": village.LISTED})
HISTORY = request("/v1/gp-history", {"nin": village.LISTED})
HER = request("/v1/her/4000001")
BATCH = request("/v1/gp-lookup/batch", {"nins": [village.LISTED] * 1000})


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("data")) as services:
        yield services


def refused_by_h11(data: bytes) -> bool:
    """Whether a strict parser refuses what a stream begins with."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    try:
        while connection.their_state in (h11.IDLE, h11.SEND_BODY) and connection.next_event() is not h11.NEED_DATA:
            pass
    except h11.RemoteProtocolError:
        return True
    return False


def test_any_stream(services: Both) -> None:
    statuses = set()
    for number in range(300):
        statuses.update(services.same(*in_reads(case(SEED, number).stream, random.Random(number))).statuses)
    assert {200, 400, 404} <= statuses


@pytest.mark.parametrize("departure", DEPARTURES, ids=[departure.name for departure in DEPARTURES])
def test_a_departure_behind_requests_that_are_valid(services: Both, departure: Departure) -> None:
    data = departure.of(random.Random(1))
    told = services.same(LOOKUP + HER + data + LOOKUP)
    assert told.statuses[:2] == [200, 200]
    if refused_by_h11(data) and departure.name not in TAKEN_ALL_THE_SAME:
        assert told.statuses[2:] == [400]
        _, fields, body = told.answers[-1]
        assert b"connection: close" in fields
        assert json.loads(body)["type"] == "urn:flr:problem:invalid-request"


@pytest.mark.parametrize("number", range(3))
def test_octet_by_octet(services: Both, number: int) -> None:
    stream = pool(SEED)[number][:1500] + LOOKUP + HISTORY + HER
    assert services.same(*(stream[i : i + 1] for i in range(len(stream)))) == services.same(stream)


def test_in_two_pieces_split_anywhere(services: Both) -> None:
    stream = HER + LOOKUP + HER
    whole = services.same(stream)
    assert whole.statuses == [200, 200, 200]
    for at in range(1, len(stream)):
        assert services.same(stream[:at], stream[at:]) == whole


def test_cut_anywhere(services: Both) -> None:
    stream = HER + LOOKUP
    for size in range(len(stream)):
        assert services.same(stream[:size]).statuses == ([200] if size >= len(HER) else [])


@pytest.mark.parametrize("last", [HISTORY, LOOKUP, LOOKUP[:-1], HISTORY[:-1], b"x", b"GET /\0", HER[:-2] + b"X: \0"])
def test_what_stands_behind_a_batch_when_the_client_sends_no_more(services: Both, last: bytes) -> None:
    """A batch is answered in turns: what came behind it is looked at when the client has closed its side long since."""
    told = services.same(BATCH + last)
    assert told.end == "closed"
    assert told.statuses[0] == 200
    assert len(json.loads(told.answers[0][2])["results"]) == 1000
    services.same(LOOKUP + BATCH + HER + BATCH + last)
    services.same(BATCH[:-9], BATCH[-9:] + BATCH, last)


def test_many_pipelined(services: Both) -> None:
    chance = random.Random(5)
    for many in (10, 100, 300):
        kinds = chance.choices([LOOKUP, HER, LOOKUP, HISTORY, request("/v1/her/1"), *pool(SEED)[:20]], k=many)
        assert len(services.same(b"".join(kinds)).answers) == many


def test_the_compiled_path_has_answered(services: Both) -> None:
    before = [service.metric("flr_handovers_total") for service in services]
    for _ in range(5):
        services.same(LOOKUP + HER + BATCH)
    after = [service.metric("flr_handovers_total") for service in services]
    assert after == [before[0] + 1, 0]  # the one that asked for the metrics


def test_an_answer_more_is_told_from_another_answer() -> None:
    fine, early, other = (parted(b"HTTP/1.1 %d X\r\n\r\n" % status) for status in (200, 413, 404))
    assert is_early(Told([fine], "closed"), Told([fine, early], "closed"))
    assert is_early(Told([early], "closed"), Told([], "closed"))
    assert not is_early(Told([fine], "closed"), Told([fine, fine], "closed"))
    assert not is_early(Told([other], "closed"), Told([fine, early], "closed"))
    assert not is_early(Told([], "closed"), Told([fine, early], "closed"))
    assert not is_early(Told([fine], "closed"), Told([fine], "closed"))


def test_nothing_is_left_behind(services: Both) -> None:
    for service in services:
        until(lambda service=service: service.metric("flr_connections") == 1)  # type: ignore[misc]
        assert service.metric("flr_worker_restarts_total") == 0
        assert [line for line in service.lines if '"level": "error"' in line] == []
