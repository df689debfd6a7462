"""The judge can tell: readers that are lax, each in one way, are caught, and what the hot path accepts is not."""

import random
from collections.abc import Callable

import pytest

from lookup.canonical import Head
from lookup.question import Question
from tests.wire.departures import DEPARTURES
from tests.wire.draft import draft
from tests.wire.judge import FAST, PLAIN, Twin, Violation, judge

BODY = b'{"nin":"01810012381","at":"2026-11-24T12:00:00"}'
POST = (
    b"POST /v1/gp-lookup HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 48\r\nX: y\r\n\r\n"
    + BODY
)
GET = b"GET /v1/her/77 HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"


def lax(old: bytes, new: bytes) -> Twin:
    """A twin that takes `old` in a head for `new`."""

    def read_head(data: bytes) -> Head | str:
        head = PLAIN.read_head(data)
        if isinstance(head, Head):
            return head
        head = PLAIN.read_head(data.replace(old, new, 1))
        return head._replace(size=head.size + len(old) - len(new)) if isinstance(head, Head) else head

    return PLAIN._replace(read_head=read_head)


def mistaken(change: Callable[[Head], Head]) -> Twin:
    """A twin that reads a head rightly, and then tells something else."""

    def read_head(data: bytes) -> Head | str:
        head = PLAIN.read_head(data)
        return change(head) if isinstance(head, Head) else head

    return PLAIN._replace(read_head=read_head)


def mishearing(change: Callable[[Question], Question | None]) -> Twin:
    """A twin that takes one question for another."""

    def read_question(route: int, body: bytes) -> Question | None:
        question = PLAIN.read_question(route, body)
        return None if question is None else change(question)

    return PLAIN._replace(read_question=read_question)


def test_what_is_accepted_is_counted() -> None:
    assert judge(POST) == judge(GET) == 1
    assert judge(POST + GET + GET + POST) == 4
    assert judge(POST + GET[:-1]) == 1
    assert judge(POST[:-1]) == judge(b"") == judge(b"x" + GET) == 0
    assert judge(GET + POST.replace(b'{"nin"', b'["nin"') + GET) == 1


@pytest.mark.parametrize(
    ("whole", "right", "wrong"),
    [
        (GET, b"HTTP/1.1", b"HTTP/1.0"),
        (GET, b"HTTP/1.1", b"http/1.1"),
        (GET, b"GET ", b"get "),
        (GET, b"GET ", b"GET  "),
        (GET, b"GET ", b"HEAD "),
        (GET, b"/77", b"/077"),
        (GET, b"/77", b"/77?x"),
        (GET, b"GET ", b"\r\nGET "),
        (GET, b"Host: h", b"Hos: h"),
        (GET, b"Host: h", b"Host: h\r\nHost: i"),
        (GET, b"Host: h", b"Host : h"),
        (GET, b"X: y", b"X: y\r\n z"),
        (GET, b"X: y", b"X: y\0"),
        (GET, b"X: y", b"X: y\rz"),
        (GET, b"X: y\r\n", b"X: y\n"),
        (GET, b"X: y", b"X y"),
        (GET, b"X: y", b"(X): y"),
        (GET, b"X: y", b"Connection: close"),
        (GET, b"X: y", b"Connection: Upgrade\r\nUpgrade: websocket"),
        (GET, b"X: y", b"Transfer-Encoding: chunked"),
        (GET, b"X: y", b"Content-Length: 0"),
        (GET, b"X: y", b"If-None-Match: x"),
        (GET, b"X: y", b"Cookie: a\r\nCookie: b"),
        (POST, b"X: y", b"Transfer-Encoding: chunked"),
        (POST, b"X: y", b"Content-Encoding: gzip"),
        (POST, b"X: y", b"Content-Length: 48"),
        (POST, b"X: y", b"Content-Length: 49"),
        (POST, b": 48", b": +48"),
        (POST, b": 48", b": 48, 48"),
        (POST, b": 48", b": 048"),
        (POST, b": 48", b": 0x30"),
        (POST, b"application/json", b"text/plain"),
        (POST, b"X: y", b"Expect: 100-continue"),
    ],
)
def test_a_lax_reading_is_a_violation(whole: bytes, right: bytes, wrong: bytes) -> None:
    assert right in whole
    assert judge(whole, (lax(wrong, right),)) == 1
    with pytest.raises(Violation):
        judge(whole.replace(right, wrong, 1), (lax(wrong, right),))
    with pytest.raises(Violation):
        judge(POST + whole.replace(right, wrong, 1), (lax(wrong, right),))


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head._replace(route=(head.route + 1) % 2),
        lambda head: head._replace(size=head.size - 1),
        lambda head: head._replace(size=head.size - 1, length=head.length + 1),
        lambda head: head._replace(length=head.length - 1),
        lambda head: head._replace(number=head.number + 1),
        lambda head: head._replace(trace=b"x"),
        lambda head: head._replace(event=b"x"),
    ],
)
def test_a_mistaken_head_is_a_violation(change: Callable[[Head], Head]) -> None:
    # A number is only looked at where one stands in the target; the other mistakes show with a body.
    with pytest.raises(Violation):
        judge(GET if change(Head(0, 9, 9, 0, b"", b"")).number else POST, (mistaken(change),))


@pytest.mark.parametrize(
    "change",
    [
        lambda question: question._replace(nins=()),
        lambda question: question._replace(nins=(b"01810012382",)),
        lambda question: question._replace(at=None),
        lambda question: question._replace(at=question.at + b"Z"),
        lambda question: question._replace(hpr_number=1),
    ],
)
def test_a_question_misheard_is_a_violation(change: Callable[[Question], Question]) -> None:
    with pytest.raises(Violation):
        judge(POST, (mishearing(change),))


def test_a_body_that_the_ordinary_path_refuses_is_a_violation() -> None:
    twin = PLAIN._replace(read_question=lambda route, body: Question((), None, 0))
    for body in (b"[", b"[]", b'{"nins":[]}', b'{"nin":1}', BODY.replace(b"}", b',"x":1}'), BODY.replace(b"{", b"{{")):
        with pytest.raises(Violation):
            judge(POST.replace(b"48", b"%d" % len(body)).replace(BODY, body), (twin,))


def test_another_time_is_a_violation() -> None:
    with pytest.raises(Violation):
        judge(POST, (PLAIN._replace(read_at=lambda text: 0),))
    assert judge(POST, (PLAIN._replace(read_at=lambda text: None),)) == 1


def test_twins_that_differ_are_a_violation() -> None:
    with pytest.raises(Violation, match="twins differ"):
        judge(POST, (FAST, mistaken(lambda head: head._replace(event=b"x"))))
    with pytest.raises(Violation, match="twins differ"):
        judge(POST, (FAST, mishearing(lambda question: None)))


@pytest.mark.parametrize("seed", range(100))
def test_what_is_canonical_is_accepted_and_a_departure_is_not(seed: int) -> None:
    chance = random.Random(seed)
    before, after = draft(chance).octets(), draft(chance).octets()
    assert judge(before + after) == 2
    assert judge(before + chance.choice(DEPARTURES).of(chance) + after) == 1
