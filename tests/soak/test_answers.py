"""Answers held against questions: in any pieces, and nothing that is not right passes."""

import random
from itertools import pairwise

import pytest

from tests.soak.answers import MEANT, Answer, Facts, Question, Queue, Wrong, read_head, shown, unchunked

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nnhn-event-id: <event>\r\nFLR-Generation: 7\r\n"
MEANT_CHUNKED = tuple(b"chunked" if name == b"transfer-encoding" else None for name in MEANT)


def queue(*questions: Question, trace: bytes = b"") -> Queue:
    made = Queue({})
    for number, question in enumerate(questions):
        made.ask(question, b"key-%d" % number, trace)
    return made


def meant(**fields: bytes) -> tuple[bytes | None, ...]:
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return tuple(map(named.get, MEANT))


def simple(text: bytes, **more: bool) -> Question:
    return Question("simple", (), {None: Answer(200, meant(content_length=b"%d" % len(text)), text)}, **more)


def sent(number: int, text: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nNHN-Event-Id: key-%d\r\n%b\r\n%b" % (
        len(text),
        number,
        more,
        text,
    )


def test_a_head_is_read() -> None:
    facts = read_head(HEAD)
    assert facts == Facts(200, 2, False, b"<event>", None, 7, meant(content_length=b"2", flr_generation=b"7"))


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"),
        HEAD.replace(b" 200 ", b" 20 "),
        HEAD.replace(b"length: 2", b"length: -2"),
        HEAD.replace(b"length: 2", b"length: 2\r\ncontent-length: 2"),
        HEAD.replace(b"length: 2", b"length: 2\r\ntransfer-encoding: chunked"),
        HEAD.replace(b"content-length: 2", b"transfer-encoding: gzip"),
        HEAD.replace(b"nhn-event-id:", b"nhn-event-id :"),
        HEAD.replace(b"nhn-event-id: <event>", b"nothing"),
        HEAD.replace(b"<event>", b"<event>\r\n folded"),
        HEAD.replace(b"<event>", b"<event>\n"),
    ],
)
def test_heads_are_read_strictly(head: bytes) -> None:
    with pytest.raises(Wrong):
        read_head(head)


def test_answers_come_in_any_pieces() -> None:
    texts = [b"one", b"", b"three" * 50]
    stream = b"".join(sent(number, text) for number, text in enumerate(texts))
    chance = random.Random(1)
    for _ in range(200):
        waiting = queue(*map(simple, texts))
        cuts = sorted({0, len(stream), *(chance.randrange(len(stream)) for _ in range(chance.randint(0, 20)))})
        assert sum(waiting.take(stream[a:b]) for a, b in pairwise(cuts)) == len(texts)
        assert (len(waiting.waiting), waiting.rest, waiting.ended) == (0, b"", False)


@pytest.mark.parametrize(
    "octets",
    [
        sent(1, b"one") + sent(0, b"two"),
        sent(0, b"two") + sent(1, b"one"),
        sent(0, b"onetwo"),
        sent(0, b"one") + sent(0, b"two"),
        sent(0, b"one") + sent(1, b"two") + b"H",
        sent(0, b"one") + b"\r\n" + sent(1, b"two"),
        sent(0, b"one", b"nhn-event-id: key-0\r\n"),
        sent(0, b"one", b"traceparent: key-0\r\n"),
        sent(0, b"one", b"connection: close\r\n"),
        sent(0, b"one", b"etag: x\r\n"),
        sent(0, b"one", b"flr-generation: 1\r\n"),
        sent(0, b"one").replace(b"key-0", b"xkey-0"),
    ],
)
def test_nothing_else_passes(octets: bytes) -> None:
    right = queue(simple(b"one"), simple(b"two"))
    assert right.take(sent(0, b"one") + sent(1, b"two")) == 2
    with pytest.raises(Wrong):
        queue(simple(b"one"), simple(b"two")).take(octets)


def test_every_generation_has_its_answer() -> None:
    answers: dict[int | None, Answer] = {
        serial: Answer(200, meant(content_length=b"1", flr_generation=b"%d" % serial), b"%d" % serial)
        for serial in (1, 2)
    }
    question = Question("generations", (), answers)
    for serial in (1, 2):
        assert queue(question).take(sent(0, b"%d" % serial, b"flr-generation: %d\r\n" % serial)) == 1
        with pytest.raises(Wrong, match="another body"):
            queue(question).take(sent(0, b"%d" % (3 - serial), b"flr-generation: %d\r\n" % serial))
    with pytest.raises(Wrong, match="generation 3"):
        queue(question).take(sent(0, b"3", b"flr-generation: 3\r\n"))


def test_a_traceparent_comes_back() -> None:
    for field, right in ((b"traceparent: t-1\r\n", True), (b"traceparent: t-2\r\n", False), (b"", False)):
        waiting = queue(simple(b"one"), trace=b"t-1")
        if right:
            assert waiting.take(sent(0, b"one", field)) == 1
        else:
            with pytest.raises(Wrong, match="traceparent"):
                waiting.take(sent(0, b"one", field))


def test_the_last_answer_is_the_last() -> None:
    last = queue(simple(b"one", last=True), simple(b"two"))
    assert last.take(sent(0, b"one", b"Connection: close\r\n")) == 1
    assert last.ended
    with pytest.raises(Wrong, match="more than was asked for"):
        last.take(sent(1, b"two"))
    with pytest.raises(Wrong, match="not said to be closed"):
        queue(simple(b"one", last=True)).take(sent(0, b"one"))


def test_heads_without_bodies() -> None:
    bodiless = Question("HEAD", (), {None: Answer(200, meant(content_length=b"3"), b"")}, bodiless=True)
    octets = sent(0, b"one").removesuffix(b"one")
    waiting = queue(bodiless, simple(b"two"))
    assert waiting.take(octets + sent(1, b"two")) == 2
    with pytest.raises(Wrong):
        queue(bodiless).take(octets + b"one")


def test_chunked_answers() -> None:
    question = Question("chunked", (), {None: Answer(200, MEANT_CHUNKED, b"one, two")})
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nnhn-event-id: key-0\r\n\r\n"
    stream = head + b"5\r\none, \r\n3\r\ntwo\r\n0\r\n\r\n"
    for cut in range(len(stream)):
        waiting = queue(question)
        assert waiting.take(stream[:cut]) + waiting.take(stream[cut:]) == 1
    for wrong in (b"5\r\none, x", b"zz\r\n", b"5\r\none, \r\n0\r\n\r\n", b"8\r\none, TWO\r\n0\r\n\r\n"):
        with pytest.raises(Wrong):
            queue(question).take(head + wrong + b"0\r\n\r\n")
    assert unchunked(b"1\r\nx\r\n0\r\n\r\nmore", 0) == (b"x", 11)


def test_refusals() -> None:
    refused = Question("refused", (), {}, last=True)
    body = b'{"type":"urn:flr:problem:invalid-request"}'
    right = sent(0, body, b"Connection: close\r\n").replace(b"200 OK", b"400 Bad Request")
    assert queue(refused).take(right) == 1
    assert queue(refused).take(right.replace(b"NHN-Event-Id: key-0\r\n", b"")) == 1
    for wrong in (
        right.replace(b"400 Bad Request", b"200 OK"),
        right.replace(b"Connection: close\r\n", b""),
        right.replace(b"key-0", b"key-1"),
        right.replace(b"invalid-request", b"invalid-reqeust"),
        right.replace(body, b"x" * len(body)),
    ):
        with pytest.raises(Wrong):
            queue(refused).take(wrong)


def test_what_is_shown_holds_no_number() -> None:
    assert shown(b"0123456789" * 3) == "b'[digits]'"
    assert shown(b"HTTP/1.1 200 OK") == "b'HTTP/1.1 200 OK'"
