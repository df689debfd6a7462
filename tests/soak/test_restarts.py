"""A few restarts in the ordinary tests; `make soak` does fifty. And the callers see what would be a lost request."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.soak.pace import Outcome, Pace
from tests.soak.restarts import play

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
REFUSED = ANSWER.replace(b"200 OK", b"503 Service Unavailable")
LAST = ANSWER.replace(b"content-length", b"connection: close\r\ncontent-length")


def test_each_kind_of_restart_loses_no_request(tmp_path: Path) -> None:
    turns: list[str] = []
    outcome = play(tmp_path, 5, 100.0, turns.append)
    assert turns == ["reload", "swap", "replace", "restart", "upgrade"]
    assert (dict(outcome.failures), outcome.unannounced) == ({}, 0)
    assert outcome.answered >= 300
    assert outcome.announced > 10


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """The port of a server that has these answers to the first questions of a connection, and then closes it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            for answer in answers:
                if not self.request.recv(1000):
                    return
                self.request.sendall(answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def asked(port: int) -> Outcome:
    pace = Pace(port, [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], rate=100.0, connections=1)
    with pace:
        until = threading.Event()
        while not (pace.outcome.failures or pace.outcome.unannounced or pace.outcome.announced):
            until.wait(0.01)
    return pace.outcome


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", "Failure closed instead of an answer"),
        (ANSWER[:20], "Failure closed in the middle of a head"),
        (ANSWER[:-1], "Failure closed in the middle of a body"),
        (REFUSED, "Failure answered 'HTTP/1.1 503'"),
    ],
)
def test_every_failure_is_seen(answer: bytes, failure: str) -> None:
    with answering(answer) as port:
        assert set(asked(port).failures) == {failure}


def test_nobody_there_is_a_failure() -> None:
    with answering() as port:
        pass
    assert [name.split()[0] for name in asked(port).failures] == ["ConnectionRefusedError"]


def test_an_end_that_was_announced_is_told_from_one_that_was_not() -> None:
    with answering(ANSWER, LAST) as port:
        announced = asked(port)
    assert (dict(announced.failures), announced.unannounced) == ({}, 0)
    with answering(ANSWER, ANSWER) as port:
        unannounced = asked(port)
    assert unannounced.announced == 0
    assert (
        unannounced.unannounced + sum(unannounced.failures.values()) > 0
    )  # which of the two is a race, and that is why
