"""TLS on the public listener: what is accepted and what is not, and the same answers as without."""

import os
import signal
import socket
import ssl
import warnings
from collections.abc import Iterator
from mmap import PAGESIZE
from pathlib import Path

import pytest

from lookup.runfile import live_workers
from tests import tiny
from tests.lookup.authority import Authority, Files
from tests.lookup.secure import ByHand, SecureService, SecureWire
from tests.lookup.swaps import LOOKUP, until
from tests.lookup.wires import Wire, request
from tests.service import PATIENCE_SECONDS

HOT = request("/v1/gp-lookup", LOOKUP)
BATCH = request("/v1/gp-lookup/batch", {"nins": [tiny.ASSIGNED, tiny.NOBODY, tiny.number(50)] * 300})
HISTORY = request("/v1/gp-history", {"nin": tiny.ASSIGNED})
TIMES = 200
QUESTIONS = [HOT, BATCH, HISTORY, request("/v1/gp-lookup", {"nin": "1"}), request("/readyz"), request("/v1/her/81234")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(authority: Authority) -> Files:
    return authority.issue("server")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tiny.announce(folder, tiny.generation(folder).name)
    return folder


@pytest.fixture(scope="module", params=["hot", "ordinary"])
def service(
    request: pytest.FixtureRequest, folder: Path, authority: Authority, files: Files
) -> Iterator[SecureService]:
    hot = "true" if request.param == "hot" else "false"
    limits = {"FLR_HEAD_SECONDS": "1", "FLR_MAX_CONNECTIONS_PER_ADDRESS": "4"}
    with SecureService(folder, authority, files, FLR_HOT_PATH=hot, **limits) as service:
        service.hot = hot == "true"
        service.wait("serving")
        yield service


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_these_versions_are_spoken(service: SecureService, version: ssl.TLSVersion) -> None:
    context = service.authority.client()
    context.minimum_version = context.maximum_version = version
    with SecureWire(service, context) as wire:
        assert wire.ask(HOT).status == 200
        assert wire.socket.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        assert wire.socket.session is None or not wire.socket.session.has_ticket
        assert wire.socket.cipher()[0].startswith(("ECDHE-", "TLS_"))


def test_the_newest_is_preferred(service: SecureService) -> None:
    with SecureWire(service) as wire:
        assert wire.socket.version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA")],
    ids=["1.1", "1.2 without forward secrecy"],
)
def test_what_is_older_is_refused(service: SecureService, version: ssl.TLSVersion, ciphers: str) -> None:
    context = service.authority.client()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers)
    before = service.metrics()["flr_failed_handshakes_total"]
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        SecureWire(service, context)
    until(lambda: service.metrics()["flr_failed_handshakes_total"] == before + 1)


def test_answers_are_those_without_it(service: SecureService) -> None:
    with SecureWire(service) as secure:
        for question in QUESTIONS:
            with Wire(service.plain) as plain:  # type: ignore[arg-type]
                assert secure.ask(question) == plain.ask(question)


def test_pipelined_questions_are_answered_in_order(service: SecureService) -> None:
    with SecureWire(service) as secure:
        expected = [secure.ask(question) for question in QUESTIONS]
        for _ in range(3):
            secure.send(b"".join(QUESTIONS))
            assert [secure.answer() for _ in QUESTIONS] == expected


def test_a_question_in_many_records(service: SecureService) -> None:
    with SecureWire(service) as secure:
        expected = secure.ask(HOT)
        for octet in HOT:
            secure.send(bytes([octet]))
        assert secure.answer() == expected


def test_who_says_that_no_more_comes_has_what_was_written(service: SecureService) -> None:
    for question, sure in ((HOT, service.hot), (BATCH + HOT, False), (HISTORY, False)):
        with ByHand(service) as client:
            client.tls.write(question)
            client.say_that_no_more_comes()
            client.flush()
            answer = client.rest()
            assert answer.startswith(b"HTTP/1.1 200") or (answer == b"" and not sure)
    with ByHand(service) as client:
        client.say_that_no_more_comes()
        client.flush()
        assert client.rest() == b""
    assert [line for line in service.lines if '"warning"' in line] == []


def test_a_last_answer_ends_with_the_word_that_it_does(service: SecureService) -> None:
    with ByHand(service) as client:
        client.tls.write(HOT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        client.flush()
        assert client.rest().startswith(b"HTTP/1.1 200")


def test_http_without_tls_gets_nothing(service: SecureService) -> None:
    before = service.metrics()["flr_failed_handshakes_total"]
    with Wire(service) as wire:
        wire.send(HOT)
        assert wire.is_gone()
    until(lambda: service.metrics()["flr_failed_handshakes_total"] == before + 1)


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01\x00"], ids=["nothing", "half a hello"])
def test_a_handshake_has_its_time(service: SecureService, said: bytes) -> None:
    name = 'flr_connections_ended_total{reason="handshake"}'
    before = service.metrics()[name]
    with Wire(service) as wire:
        wire.send(said)
        assert wire.is_gone()
    assert service.metrics()[name] == before + 1
    until(lambda: service.metrics()["flr_connections"] == 1)  # that which asks


def test_a_handshake_counts_against_the_limits(service: SecureService) -> None:
    address = ("127.0.0.1", service.address["port"])
    until(lambda: service.metrics()["flr_connections"] == 1)
    silent = [socket.create_connection(address, timeout=PATIENCE_SECONDS) for _ in range(4)]
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as fifth:
        fifth.settimeout(0.5)  # before the time of any handshake is up
        assert fifth.recv(1) == b""
    for each in silent:
        each.close()
    with SecureWire(service) as wire:
        assert wire.ask(HOT).status == 200


def test_a_new_certificate_without_a_restart(folder: Path, authority: Authority, tmp_path: Path) -> None:
    files = authority.issue("renewed", with_rsa=True)
    with SecureService(folder, authority, files, FLR_RUN_DIR=str(tmp_path)) as service:
        service.wait("serving")
        with SecureWire(service) as kept:
            assert kept.serial() == files.serial
            fresh = authority.issue("renewed")
            service.process.send_signal(signal.SIGHUP)
            service.wait("certificate")
            until(lambda: serial(service) == fresh.serial)
            assert kept.ask(HOT).status == 200
            assert kept.serial() == files.serial

        authority.issue("other")
        fresh.key.write_bytes(authority.folder.joinpath("other.key").read_bytes())
        service.process.send_signal(signal.SIGHUP)
        assert "KEY_VALUES_MISMATCH" in service.wait("certificate not taken up")["why"]
        assert serial(service) == fresh.serial
        (worker,) = live_workers(tmp_path)
        os.kill(worker.pid, signal.SIGKILL)
        service.wait("worker died")
        assert serial(service) == fresh.serial

        newest = authority.issue("renewed")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: serial(service) == newest.serial)
        assert service.metrics()["flr_certificate_expires_timestamp_seconds"] > 1.8e9


def serial(service: SecureService) -> int:
    with SecureWire(service) as wire:
        assert wire.ask(HOT).status == 200
        return wire.serial()


def test_connections_leave_nothing_behind(folder: Path, authority: Authority, files: Files, tmp_path: Path) -> None:
    with SecureService(folder, authority, files, FLR_RUN_DIR=str(tmp_path), FLR_CORE_DUMPS="true") as service:
        service.wait("serving")
        (worker,) = live_workers(tmp_path)
        process = Path("/proc", str(worker.pid))
        context = authority.client()

        def come_and_go(times: int) -> tuple[int, int]:
            for turn in range(times):
                with SecureWire(service, context) as wire:
                    assert wire.ask(HISTORY if turn % 10 == 0 else HOT).status == 200
                if turn % 5 == 0:
                    with Wire(service) as failed:
                        failed.send(b"nonsense\r\n\r\n")
            until(lambda: service.metrics()["flr_connections"] == 1)
            return int((process / "statm").read_text().split()[1]) * PAGESIZE, len(list((process / "fd").iterdir()))

        (octets_before, open_before), (octets, opened) = come_and_go(100), come_and_go(TIMES)
        assert opened <= open_before + 3  # that which asks, and what the system has not closed yet
        assert octets - octets_before < TIMES * 5000  # the buffers of one alone are more
