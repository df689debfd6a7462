"""The way through a worker without sockets: every request is answered, as a service would."""

import json
from pathlib import Path

import pytest

from bench.inside import PIPELINED, Inside, contenders
from lookup.manifest import GENERATIONS
from tests.lookup import village


@pytest.fixture
def inside(tmp_path: Path) -> Inside:
    folder = village.generation(tmp_path / "made")
    generations = tmp_path / GENERATIONS
    generations.mkdir()
    return Inside(folder.rename(generations / folder.name))


def test_every_request_is_answered(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bytes] = []
    monkeypatch.setattr(inside.transport, "write", answers.append)
    for name, (pieces, requests) in contenders(inside, 100_000).items():
        answers.clear()
        for piece in pieces[:50]:
            inside.connection.data_received(piece)
        assert len(answers) == min(50, len(pieces)), name
        for text in answers:
            assert text.count(b"HTTP/1.1 200 OK\r\n") == requests
            body = json.loads(text.rpartition(b"\r\n\r\n")[2])
            assert "confirmed" in body if name == "gp-confirm" else body["status"] in ("assigned", "vacant", "none")


def test_the_time_of_nothing_is_not_told(inside: Inside) -> None:
    pieces, requests = contenders(inside, 50_000)["gp-lookup, 16 in one read"]
    assert requests == PIPELINED
    assert inside.nanoseconds(pieces[:1]) > 0
    with pytest.raises(RuntimeError, match="nothing was answered"):
        inside.nanoseconds([b"POST /v1/gp-lookup HTTP/1.1\r\n"])
