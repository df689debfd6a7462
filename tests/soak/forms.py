"""The forms in which a question goes over the wire: canonical, long, odd, chunked, the last one; and what is refused.

Whatever the form, the right answer is the same. A request that is refused is answered 400, and nothing after it is.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping

from tests.soak.answers import Answer, Question
from tests.soak.contents import Content

EVENT_FIELD = b"nhn-event-id: "
TRACE_FIELD = b"traceparent: "
HOST = b"Host: flr.example"
LONG = (
    b"Accept: application/json",
    b"Accept-Encoding: gzip, deflate, br",
    b"User-Agent: Journal/7.2 (soak)",
    b"Authorization: Bearer " + b"eyJhbGciOiJFUzI1NiJ9." * 36,
    b"X-Forwarded-For: 192.0.2.7",
)
Answers = Mapping[int | None, Answer]


def first_line(content: Content, version: bytes = b"HTTP/1.1") -> bytes:
    """The request line."""
    return b"%b %b %b" % (content.method.encode(), content.target.encode(), version)


def framing(content: Content) -> list[bytes]:
    """The fields that go with the body."""
    if content.body is None:
        return []
    return [b"Content-Type: " + content.media_type, b"Content-Length: %d" % len(content.body)]


def parts(lines: list[bytes], body: bytes) -> tuple[bytes, ...]:
    """A request, cut where its keys come: after the fields EVENT_FIELD and TRACE_FIELD."""
    octets = b"\r\n".join([*lines, b"", body])
    return tuple(re.split(rb"(?<=\r\nnhn-event-id: )|(?<=\r\ntraceparent: )", octets))


def _question(content: Content, lines: list[bytes], answers: Answers, form: str, **more: bool) -> Question:
    return _sent(content, lines, content.body or b"", answers, form, **more)


def _sent(content: Content, lines: list[bytes], body: bytes, answers: Answers, form: str, **more: bool) -> Question:
    kind = f"{content.kind}, {form}" if form else content.kind
    return Question(kind, parts(lines, body), dict(answers), bodiless=content.method == "HEAD", **more)


def plain(content: Content, answers: Answers, _: random.Random) -> Question:
    """As short as it can be, and canonical."""
    lines = [first_line(content), HOST, EVENT_FIELD, *framing(content), *content.fields]
    return _question(content, lines, answers, "")


def long(content: Content, answers: Answers, _: random.Random) -> Question:
    """Canonical too, with a head of a kilobyte and a traceparent."""
    lines = [first_line(content), HOST, *LONG[:4], EVENT_FIELD, TRACE_FIELD, *framing(content), *LONG[4:]]
    return _question(content, [*lines, *content.fields], answers, "long")


def odd(content: Content, answers: Answers, chance: random.Random) -> Question:
    """Fields in another order and case, blanks where they are free."""
    fields = [HOST, *framing(content), *content.fields]
    chance.shuffle(fields)
    fields = [chance.choice([bytes.lower, bytes.upper, bytes])(field) for field in fields]
    return _question(content, [first_line(content), EVENT_FIELD, *fields], answers, "odd")


def chunked(content: Content, answers: Answers, chance: random.Random) -> Question:
    """The body in chunks. A question without a body is asked as it is."""
    if not content.body:
        return plain(content, answers, chance)
    fields = [b"Content-Type: " + content.media_type, b"Transfer-Encoding: chunked", EVENT_FIELD]
    cuts = sorted(chance.randrange(len(content.body) + 1) for _ in range(chance.randint(0, 5)))
    pieces = [content.body[a:b] for a, b in zip([0, *cuts], [*cuts, len(content.body)], strict=True) if b > a]
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return _sent(content, [first_line(content), HOST, *fields], body, answers, "chunked")


def closing(content: Content, answers: Answers, _: random.Random) -> Question:
    """With Connection: close."""
    lines = [first_line(content), HOST, EVENT_FIELD, b"Connection: close", *framing(content), *content.fields]
    return _question(content, lines, answers, "close", last=True)


def old(content: Content, answers: Answers, _: random.Random) -> Question:
    """As HTTP/1.0, which needs no Host, and which is closed."""
    lines = [first_line(content, b"HTTP/1.0"), EVENT_FIELD, *framing(content), *content.fields]
    return _question(content, lines, answers, "HTTP/1.0", last=True)


Form = Callable[[Content, Answers, random.Random], Question]
FORMS: dict[Form, int] = {plain: 20, long: 6, odd: 3, chunked: 1}
LAST_FORMS: tuple[Form, ...] = (closing, old)


def refused(content: Content) -> Iterator[Question]:
    """A question in every form that is to be refused. It is one with a body."""
    assert content.body is not None
    line, size = first_line(content), len(content.body)
    media_type = b"Content-Type: application/json"
    length = b"Content-Length: %d" % size
    head = [line, HOST, EVENT_FIELD, media_type]

    def broken(kind: str, lines: list[bytes], body: bytes = content.body or b"") -> Question:
        return Question(f"refused: {kind}", parts(lines, body), {}, last=True)

    yield broken("no Host", [line, EVENT_FIELD, media_type, length])
    yield broken("two Hosts", [*head, length, HOST])
    yield broken("two different Hosts", [*head, length, b"Host: other.example"])
    yield broken("Content-Length and Transfer-Encoding", [*head, length, b"Transfer-Encoding: chunked"])
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (size, content.body)
    yield broken("Transfer-Encoding and Content-Length", [*head, b"Transfer-Encoding: chunked", length], chunks)
    for kind, odd_length in (
        ("with a sign", b"+%d" % size),
        ("below zero", b"-1"),
        ("in hexadecimal", b"0x%x" % size),
        ("a list", b"%d, %d" % (size, size)),
        ("nothing", b""),
        ("words", b"ten"),
        ("beyond every number", b"9" * 40),
    ):
        yield broken(f"Content-Length {kind}", [*head, b"Content-Length: " + odd_length])
    yield broken("Content-Length twice", [*head, length, length])
    yield broken("two Content-Lengths", [*head, length, b"Content-Length: %d" % (size + 1)])
    yield broken("an unknown coding", [*head, b"Transfer-Encoding: gzip, chunked"], chunks)
    yield broken("a chunk without a size", [*head, b"Transfer-Encoding: chunked"], b"zz\r\n{}\r\n0\r\n\r\n")
    yield broken("a field that is none", [*head, b"no colon", length])
    yield broken("a blank before the colon", [*head, b"X-One : 1", length])
    yield broken("a folded field", [*head, b"X-One: 1", b" 2", length])
    yield broken("NUL in a field", [*head, b"X-One: a\0b", length])
    yield broken("CR in a field", [*head, b"X-One: a\rb", length])
    yield broken("no request line", [b"hello", HOST, EVENT_FIELD])
    yield broken("a version that is none", [first_line(content, b"HTTQ/1.1"), HOST, EVENT_FIELD, length])
