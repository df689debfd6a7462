"""HTTP itself, over a bare socket to a real service, on the ordinary path and with the compiled one before it."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tiny
from tests.lookup.swaps import LOOKUP, until
from tests.lookup.wires import Unanswered, Wire, ask, metrics, request
from tests.service import Service

LIVEZ = request("/livez")
HOT = request("/v1/gp-lookup", LOOKUP)
HISTORY = request("/v1/gp-history", {"nin": tiny.ASSIGNED})
CHUNKED = (
    b"POST /v1/gp-history HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture(scope="module", params=["hot", "ordinary"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = tmp_path_factory.mktemp("data")
    tiny.announce(data, tiny.generation(data).name)
    limits = {
        "FLR_HEAD_SECONDS": "1",
        "FLR_BODY_SECONDS": "1",
        "FLR_KEEP_ALIVE_SECONDS": "2",
        "FLR_WRITE_SECONDS": "2",
        "FLR_MAX_CONNECTIONS_PER_ADDRESS": "300",
    }
    hot = "true" if request.param == "hot" else "false"
    with Service(data, workers=1, FLR_HOT_PATH=hot, **limits) as service:
        service.wait("serving")
        yield service


def chunked(*chunks: bytes) -> bytes:
    return CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


POST = b"POST /v1/gp-lookup HTTP/1.1\r\nHost: a\r\n"
REFUSED = {
    "no host": b"GET /livez HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "an empty host": b"GET /livez HTTP/1.1\r\nHost: \r\n\r\n",
    "a host with a blank": b"GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n",
    "length and coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "a hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "an empty length": POST + b"Content-Length: \r\n\r\n",
    "a huge length": POST + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "another coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "two codings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding in HTTP/1.0": b"POST /v1/gp-lookup HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded field": b"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "a bare line feed": b"GET /livez HTTP/1.1\nHost: a\n\n",
    "a bare line feed in a field": b"GET /livez HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "a bare carriage return": b"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "a NUL": b"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "a control character": b"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n",
    "a blank before the colon": b"GET /livez HTTP/1.1\r\nHost : a\r\n\r\n",
    "a name that is no token": b"GET /livez HTTP/1.1\r\nHost: a\r\nX(y): b\r\n\r\n",
    "a field without a colon": b"GET /livez HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "no version": b"GET /livez\r\nHost: a\r\n\r\n",
    "another version": b"GET /livez HTTP/3.0\r\nHost: a\r\n\r\n",
    "a small version": b"GET /livez http/1.1\r\nHost: a\r\n\r\n",
    "an unknown method": b"FROB /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    "a small method": b"get /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank in the target": b"GET /li vez HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target beyond ASCII": b"GET /l\xc3\xb8 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a connect": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "a head too large": b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20000 + b"\r\n\r\n",
    "a head that does not end": b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40000,
    "a target too large": b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "too many fields": b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 200 + b"\r\n",
    "a bad chunk": CHUNKED + b"zz\r\n",
    "a chunk longer than it says": CHUNKED + b"2\r\n{}x\r\n0\r\n\r\n",
    "a huge chunk": CHUNKED + b"fffffffffffffffff\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_framed_wrongly_is_refused_after_the_answers_before_it(service: Service, name: str) -> None:
    before = service.metric("flr_refused_framing_total")
    for valid in (b"", LIVEZ, HOT, HOT + HISTORY + HOT + LIVEZ):
        with Wire(service) as wire:
            wire.send(valid + REFUSED[name])
            for _ in range(valid.count(b" HTTP/1.1\r\n")):
                assert wire.answer().status == 200
            answer = wire.answer()
            assert (answer.status, json.loads(answer.body)["type"]) == (400, "urn:flr:problem:invalid-request")
            assert answer.fields["connection"] == "close"
            assert answer.fields["content-type"] == "application/problem+json"
            assert wire.is_closed()
    assert service.metric("flr_refused_framing_total") == before + 4


def test_what_is_behind_a_refused_message_is_not_read(service: Service) -> None:
    with Wire(service) as wire:
        wire.send(REFUSED["no host"] + LIVEZ + HOT)
        assert wire.answer().status == 400
        assert wire.is_closed()


@pytest.mark.parametrize("data", [HISTORY, HOT, chunked(b'{"nin": "', tiny.ASSIGNED.encode(), b'"}')])
def test_octet_by_octet(service: Service, data: bytes) -> None:
    whole = ask(service, data)
    assert whole.status == 200
    with Wire(service) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in data:
            wire.send(bytes([octet]))
        assert wire.answer() == whole


def test_http_1_0_is_answered_and_closed(service: Service) -> None:
    with Wire(service) as wire:
        wire.send(b"GET /livez HTTP/1.0\r\n\r\n")
        assert wire.answer().status == 200
        assert wire.is_closed()


@pytest.mark.parametrize("data", [LIVEZ, HOT, HISTORY, chunked(json.dumps({"nin": tiny.ASSIGNED}).encode())])
def test_an_upgrade_is_answered_as_if_not_asked_for(service: Service, data: bytes) -> None:
    wish = b"Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
    host = b"Host: localhost\r\n" if b"localhost" in data else b"Host: x\r\n"
    wishing = data.replace(host, wish)
    with Wire(service) as wire:
        for part in (wishing, wishing + LIVEZ + wishing + HOT):
            wire.send(part)
            for _ in range(part.count(b" HTTP/1.1\r\n")):
                assert wire.answer().status == 200


def test_a_hundred_pipelined_requests_of_all_kinds_are_answered_in_order(service: Service) -> None:
    kinds = [HOT, HISTORY, LIVEZ, request("/livez", method="HEAD"), request("/nowhere")]
    singles = [ask(service, data) if b"HEAD" not in data else None for data in kinds]
    with Wire(service) as wire:
        wire.send(b"".join(kinds) * 100)
        for i in range(500):
            head = i % 5 == 3
            answer = wire.answer(head=head)
            assert answer.status == 200 if head else answer == singles[i % 5]


def test_expect_100_continue(service: Service) -> None:
    body = json.dumps({"nin": tiny.ASSIGNED}).encode()
    with Wire(service) as wire:
        wire.send(request("/v1/gp-history", body, "Expect: 100-continue").removesuffix(body))
        assert wire.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(body)
        assert wire.answer().status == 200


@pytest.mark.parametrize("data", [LIVEZ, HOT, HOT + HISTORY + LIVEZ + HOT, HOT * 30])
def test_a_client_that_has_closed_its_side_gets_its_answers(service: Service, data: bytes) -> None:
    with Wire(service) as wire:
        wire.send(data)
        wire.socket.shutdown(socket.SHUT_WR)
        for _ in range(data.count(b" HTTP/1.1\r\n")):
            assert wire.answer().status == 200
        assert wire.is_closed()


@pytest.mark.parametrize("data", [LIVEZ[:-1], HOT[:30], HOT[:-1], HISTORY[:-1], CHUNKED, HOT + HOT[:-1]])
def test_a_message_that_will_never_be_whole_has_no_answer(service: Service, data: bytes) -> None:
    with Wire(service) as wire:
        wire.send(data)
        wire.socket.shutdown(socket.SHUT_WR)
        for _ in range(data.count(b" HTTP/1.1\r\n") - 1):
            assert wire.answer().status == 200
        assert wire.is_closed()


@pytest.mark.parametrize(
    ("data", "answers", "reason"),
    [
        (b"", 0, "idle"),
        (LIVEZ, 1, "idle"),
        (HOT, 1, "idle"),
        (b"G", 0, "head"),
        (HOT[:40], 0, "head"),
        (LIVEZ[:-1], 0, "head"),
        (LIVEZ + HOT + LIVEZ[:-1], 2, "head"),
        (HOT + HOT[:40], 1, "head"),
        (HOT[:-1], 0, "body"),
        (HISTORY[:-1], 0, "body"),
        (CHUNKED + b"2\r\n", 0, "body"),
    ],
)
def test_who_is_too_slow_is_ended_and_counted(service: Service, data: bytes, answers: int, reason: str) -> None:
    metric = f'flr_connections_ended_total{{reason="{reason}"}}'
    before = metrics(service)[metric]
    with Wire(service) as wire:
        wire.send(data)
        for _ in range(answers):
            assert wire.answer().status == 200
        assert wire.is_gone()
    until(lambda: metrics(service)[metric] == before + 1)


def test_who_does_not_read_is_ended(service: Service) -> None:
    metric = 'flr_connections_ended_total{reason="write"}'
    before = metrics(service)[metric]
    batch = request("/v1/gp-lookup/batch", {"nins": [tiny.ASSIGNED] * 1000})
    with Wire(service) as wire:
        wire.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            wire.send(batch * 1000)
        until(lambda: metrics(service)[metric] == before + 1)


def test_a_slow_reader_gets_everything(service: Service) -> None:
    batch = request("/v1/gp-lookup/batch", {"nins": [tiny.ASSIGNED] * 1000})
    single = request("/v1/gp-lookup/batch", {"nins": [tiny.ASSIGNED]})
    with Wire(service) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        wire.send((batch + single) * 8)
        wire.socket.shutdown(socket.SHUT_WR)
        for _ in range(8):
            time.sleep(0.05)
            assert len(json.loads(wire.answer().body)["results"]) == 1000
            assert len(json.loads(wire.answer().body)["results"]) == 1
        assert wire.is_closed()


def test_aborted_clients_leave_nothing(service: Service) -> None:
    batch = request("/v1/gp-lookup/batch", {"nins": [tiny.ASSIGNED] * 1000})
    patients = request(f"/v1/contracts/{tiny.ASSIGNED_CONTRACT}/patients")
    for data in (
        b"",
        HOT[:-1],
        HOT * 20,
        HISTORY * 20,
        batch * 5,
        patients * 5,
        LIVEZ[:-1],
        REFUSED["a bad chunk"],
    ) * 10:
        with Wire(service) as wire:
            wire.send(data)
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(lambda: service.metric("flr_connections") == 1)  # the one that asks


def test_too_many_connections_from_one_address_are_refused(service: Service) -> None:
    wires = []
    try:
        before = service.metric("flr_connections_refused_total")
        for _ in range(299):
            wires.append(Wire(service))
            wires[-1].send(LIVEZ)
            assert wires[-1].answer().status == 200
        with Wire(service) as last, Wire(service) as over:
            last.send(LIVEZ)
            assert last.answer().status == 200
            with pytest.raises((ConnectionError, Unanswered)):
                over.ask(LIVEZ)
    finally:
        for wire in wires:
            wire.socket.close()
    until(lambda: service.metric("flr_connections") == 1)
    assert service.metric("flr_connections_refused_total") == before + 1


def test_octets_are_counted(service: Service) -> None:
    before = metrics(service)
    with Wire(service) as wire:
        for data in (HOT, LIVEZ):
            wire.ask(data)
    after = metrics(service)
    received = after["flr_received_bytes_total"] - before["flr_received_bytes_total"]
    assert len(HOT) + len(LIVEZ) < received < len(HOT) + len(LIVEZ) + 300  # that of the scrape, too
    assert after["flr_sent_bytes_total"] - before["flr_sent_bytes_total"] > 1000


def test_it_is_still_well(service: Service, tmp_path: Path) -> None:
    until(lambda: service.metric("flr_connections") == 1)
    assert service.metric("flr_worker_restarts_total") == 0
    assert [line for line in service.lines if '"level": "error"' in line] == []
