"""The load generator: what it sends, how it reads answers however they come, and that it counts every mistake."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.generator import ANY_LENGTH, MISTAKES, Load, Prepared, Round, Shape, run, write_requests
from bench.latency import bin_of
from tests.bench.talker import Say, Talker, answer

REQUESTS = [b"POST /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(100, 105)]
SHAPE = Shape(connections=3, seconds=0.15, warm_seconds=0, grace_seconds=0.2)
RIGHT = answer(b"0123456789")


def outcome(folder: Path, say: Say, shape: Shape = SHAPE, answer_bytes: int = 10) -> tuple[Round, list[bytes]]:
    """What the generator tells of a server that speaks like this, and what the server was asked."""
    path = write_requests(folder / "requests", [Prepared(octets, answer_bytes) for octets in REQUESTS])
    with Talker(say, request_bytes=len(REQUESTS[0])) as talker:
        return run(talker.port, path, shape), talker.asked


def in_octets(text: bytes) -> list[bytes]:
    return [text[i : i + 1] for i in range(len(text))]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6;x=y\r\n456789\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [[RIGHT], in_octets(RIGHT), [RIGHT[:-1], RIGHT[-1:]], [CHUNKED], in_octets(CHUNKED), [answer(b"0" * 10, "201 X")]],
    ids=["whole", "octets", "last octet", "chunks", "chunks in octets", "another of its class"],
)
def test_answers_are_read_however_they_come(tmp_path: Path, pieces: list[bytes]) -> None:
    told, asked = outcome(tmp_path, lambda *_: pieces)
    assert told.load.answers == len(asked) > 3
    assert told.load.mistakes == {}
    assert told.load.histogram.count == told.load.measured
    assert told.load.measured <= told.load.answers <= told.load.measured + 3
    assert set(asked) == set(REQUESTS)


def test_an_empty_body_is_an_answer(tmp_path: Path) -> None:
    told, asked = outcome(tmp_path, lambda *_: [answer(b"")], answer_bytes=0)
    assert (told.load.answers, told.load.mistakes) == (len(asked), {})


def test_large_answers_are_read(tmp_path: Path) -> None:
    body = b"x" * 3_000_000
    told, asked = outcome(tmp_path, lambda *_: [answer(body)], replace(SHAPE, grace_seconds=5), len(body))
    assert (told.load.answers, told.load.mistakes) == (len(asked), {})


def test_requests_go_out_in_their_order(tmp_path: Path) -> None:
    _, asked = outcome(tmp_path, lambda *_: [RIGHT], Shape(connections=1, seconds=0.2, warm_seconds=0))
    assert asked == [REQUESTS[i % len(REQUESTS)] for i in range(len(asked))]


def test_requests_are_pipelined(tmp_path: Path) -> None:
    """The server holds its answers back until eight requests have come."""

    def say(number: int, _: bytes) -> Iterable[bytes]:
        return [RIGHT * 8] if number % 8 == 7 else []

    told, asked = outcome(tmp_path, say, Shape(connections=1, seconds=0.2, warm_seconds=0, depth=8))
    assert (told.load.answers, told.load.mistakes) == (len(asked), {})
    assert len(asked) >= 16


@pytest.mark.parametrize(
    ("pieces", "mistake"),
    [
        ([answer(b"0123456789", "404 Not Found")], "wrong_status"),
        ([answer(b"012345678")], "wrong_length"),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "malformed"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"], "malformed"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"], "malformed"),
        ([b"+OK\r\n\r\n                "], "malformed"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4000], "malformed"),
        ([RIGHT, RIGHT], "malformed"),
        ([], "unanswered"),
    ],
)
def test_every_mistake_is_counted(tmp_path: Path, pieces: list[bytes], mistake: str) -> None:
    told, _ = outcome(tmp_path, lambda *_: pieces)
    assert told.load.mistakes[mistake] >= 1
    unsound = {"wrong_status", "wrong_length"}
    assert mistake not in unsound or told.load.mistakes == {mistake: told.load.answers}


def test_a_cut_answer_is_counted_and_asked_no_more(tmp_path: Path) -> None:
    def say(number: int, _: bytes) -> Iterable[bytes] | None:
        return None if number % 10 == 9 else [RIGHT]

    told, asked = outcome(tmp_path, say)
    cut = len(asked) // 10
    assert told.load.mistakes == {"closed": cut, "lost": cut, "reconnected": cut}
    assert told.load.answers == len(asked) - cut
    assert cut >= 1


def test_a_stall_is_seen_by_all_that_were_due(tmp_path: Path) -> None:
    """Arrivals go on while the server is silent, and their time counts from when they were due."""
    stalled = threading.Event()

    def say(number: int, _: bytes) -> Iterable[bytes]:
        if number >= 20:
            stalled.wait(0.5)
            stalled.set()
        return [RIGHT]

    shape = Shape(connections=2, seconds=1, warm_seconds=0, rate=400)
    told, asked = outcome(tmp_path, say, shape)
    assert told.load.mistakes == {}
    assert told.load.answers == told.load.measured == len(asked) == 400
    # 0.5 s without an answer: those of its first 0.25 s, and no fewer, have waited for more than 0.25 s.
    assert sum(n for number, n in told.load.bins if number >= bin_of(250_000_000)) >= 90


def test_a_load_beside_is_counted_for_itself(tmp_path: Path) -> None:
    path = write_requests(tmp_path / "requests", [Prepared(REQUESTS[0], 10)])
    other = write_requests(tmp_path / "beside", [Prepared(REQUESTS[1], ANY_LENGTH)])

    def say(_: int, asked: bytes) -> Iterable[bytes]:
        return [RIGHT] if asked == REQUESTS[0] else [answer(b"no", "503 Service Unavailable")]

    with Talker(say, request_bytes=len(REQUESTS[0])) as talker:
        told = run(talker.port, path, SHAPE, beside=other, beside_connections=2)
    assert told.load.mistakes == {}
    assert told.load.answers == talker.asked.count(REQUESTS[0])
    assert told.beside.mistakes == {"wrong_status": told.beside.answers}
    assert told.beside.answers == talker.asked.count(REQUESTS[1]) >= 1


@pytest.mark.parametrize(
    ("said", "mistakes"),
    [(b"$10\r\n0123456789\r\n", set()), (b"$-1\r\n", {"wrong_status"}), (b"-ERR no\r\n", {"wrong_status"})],
)
def test_redis_is_read(tmp_path: Path, said: bytes, mistakes: set[str]) -> None:
    for pieces in ([said], in_octets(said)):
        told, _ = outcome(tmp_path, lambda *_, pieces=pieces: pieces, replace(SHAPE, resp=True))
        assert set(told.load.mistakes) == mistakes
        assert told.load.answers >= 3


def test_mistakes_are_those_of_the_generator() -> None:
    assert set(MISTAKES) < set(Load.__struct_fields__)
