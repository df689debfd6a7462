"""What comes back on a connection, held against what was asked on it: in order, each with its own key, to the octet.

Every question carries an event id of its own, some a traceparent too, and has one right answer in each generation. The
first octet that cannot belong to the right answer to the question at the head of the queue raises Wrong, which tells
what is wrong and never what was asked. Heads are read strictly, once for each that is new: with date and keys taken
out, most are octet for octet one that was read before.
"""

import json
import re
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

HEAD_END = b"\r\n\r\n"
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [ -~]*")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ ]?([!-~](?:[ -~]*[!-~])?|)")
CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
# what an answer says besides its body; the other fields are free
MEANT = (
    b"allow",
    b"cache-control",
    b"content-length",
    b"content-type",
    b"etag",
    b"flr-as-of",
    b"flr-generation",
    b"flr-stale",
    b"retry-after",
    b"transfer-encoding",
)
EVENT, TRACE = b"<event>", b"<trace>"  # in the place of the keys: no server sends them by itself
MOST_HEADS = 20_000
SHOWN_OCTETS = 40


class Wrong(AssertionError):
    """An answer that is not the one that was due."""


class Facts(NamedTuple):
    """What a head says. `length` is the body's, where it is told; without it a body is chunked."""

    status: int
    length: int | None
    close: bool
    event: bytes | None
    trace: bytes | None
    generation: int | None
    meant: tuple[bytes | None, ...]


class Answer(NamedTuple):
    """A right answer: its status, what it says by fields (MEANT), and its body."""

    status: int
    meant: tuple[bytes | None, ...]
    body: bytes

    def __repr__(self) -> str:
        """No content."""
        return f"<Answer {self.status}>"


@dataclass(slots=True, frozen=True, eq=False, repr=False)
class Question:
    """A request but for its keys: the event id stands between `parts` 0 and 1, a traceparent between 1 and 2.

    `answers` are the right ones by generation (None: the answer names none). Without any the request is to be refused:
    400, and nothing after it. `last` is whether the service closes after the answer.
    """

    kind: str
    parts: tuple[bytes, ...]
    answers: dict[int | None, Answer]
    last: bool = False
    bodiless: bool = False  # HEAD: the answer's length is that of the body it does not have

    def __repr__(self) -> str:
        """No content."""
        return f"<Question {self.kind}>"


def read_head(head: bytes) -> Facts:
    """The facts of a head, without its last empty line. Raises Wrong."""
    first, *lines = head.removesuffix(b"\r\n").split(b"\r\n")
    status = STATUS_LINE.fullmatch(first)
    if status is None:
        raise Wrong(f"no status line, but {shown(first)}")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        field = FIELD.fullmatch(line)
        if field is None:
            raise Wrong(f"not a field: {shown(line)}")
        name = field[1].lower()
        if name in fields:
            raise Wrong(f"{name.decode()} twice")
        fields[name] = field[2]
    number, generation = int(status[1]), fields.get(b"flr-generation")
    return Facts(
        number,
        _length(number, fields),
        fields.get(b"connection", b"").lower() == b"close",
        fields.get(b"nhn-event-id"),
        fields.get(b"traceparent"),
        None if generation is None else int(generation),
        tuple(map(fields.get, MEANT)),
    )


def _length(status: int, fields: dict[bytes, bytes]) -> int | None:
    length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if status == 304:
        return 0
    if coding not in (None, b"chunked"):
        raise Wrong("a coding of no answer of ours")
    if length is None:
        return None
    if coding is not None or not length.isdigit():
        raise Wrong("a Content-Length beside a Transfer-Encoding, or one that is no number")
    return int(length)


def shown(octets: bytes) -> str:
    """Octets for a message, with every digit that could be of a number put out of sight."""
    return re.sub(r"[0-9]{4,}", "[digits]", repr(bytes(octets[:SHOWN_OCTETS])))


def unchunked(data: bytes, at: int) -> tuple[bytes, int] | None:
    """A chunked body from `at` on and where it ends; None when it is not whole yet. Raises Wrong."""
    pieces = []
    while True:
        head = CHUNK.match(data, at)
        if head is None:
            if len(data) - at > 10 or not re.fullmatch(rb"[0-9a-fA-F]{0,8}\r?", data[at:]):
                raise Wrong(f"no chunk, but {shown(data[at:])}")
            return None
        size, at = int(head[1], 16), head.end()
        end = at + size
        if len(data) < end + 2:
            return None
        if data[end : end + 2] != b"\r\n":
            raise Wrong("a chunk that does not end where it says")
        pieces.append(data[at:end])
        at = end + 2
        if not size:
            return b"".join(pieces), at


class Queue:
    """The questions that wait for their answers on one connection. `heads` may be shared with others."""

    def __init__(self, heads: dict[bytes, Facts]) -> None:
        self.waiting: deque[tuple[Question, bytes, bytes]] = deque()
        self.rest = b""
        self.ended = False  # the answer after which there is none has come
        self._heads = heads

    def ask(self, question: Question, event: bytes, trace: bytes) -> None:
        """This question has been, or is about to be, sent."""
        self.waiting.append((question, event, trace))

    def take(self, data: bytes) -> int:
        """What has been received: the number of answers that are whole with it. Raises Wrong."""
        data, at, taken = self.rest + data if self.rest else data, 0, 0
        while at < len(data):
            if self.ended or not self.waiting:
                raise Wrong(f"more than was asked for: {shown(data[at:])}")
            question = self.waiting[0][0]
            try:
                after = self._answer(data, at, *self.waiting[0])
            except Wrong as wrong:
                raise Wrong(f"{question.kind}: {wrong}") from None
            if after is None:
                break
            self.waiting.popleft()
            self.ended = question.last
            at = after
            taken += 1
        self.rest = data[at:]
        return taken

    def _answer(self, data: bytes, at: int, question: Question, event: bytes, trace: bytes) -> int | None:
        """Where the answer that begins at `at` ends, if it is whole, and right."""
        end = data.find(HEAD_END, at)
        if end < 0:
            return None
        facts = self._facts(data[at : end + 2], event, trace)
        at = end + 4
        if question.bodiless:
            _check(question, facts, b"")
            return at
        if facts.length is None:
            whole = unchunked(data, at)
            if whole is None:
                return None
            _check(question, facts, whole[0])
            return whole[1]
        after = at + facts.length
        if len(data) < after:
            return None
        _check(question, facts, data[at:after])
        return after

    def _facts(self, head: bytes, event: bytes, trace: bytes) -> Facts:
        bare = head.replace(event, EVENT)
        if trace:
            bare = bare.replace(trace, TRACE)
        date = bare.lower().find(b"\r\ndate: ")
        if date >= 0:
            bare = bare[:date] + bare[bare.find(b"\r\n", date + 2) :]
        facts = self._heads.get(bare)
        if facts is None:
            if len(self._heads) > MOST_HEADS:
                self._heads.clear()
            facts = self._heads[bare] = read_head(bare)
        if (facts.trace is not None) != bool(trace) or facts.trace not in (None, TRACE):
            raise Wrong("the traceparent of another request, or none")
        return facts


def _check(question: Question, facts: Facts, body: bytes) -> None:
    """Raise Wrong unless this is the answer to the question."""
    if not question.answers:
        _check_refusal(facts, body)
        return
    if facts.event != EVENT:
        raise Wrong(f"the event id of {'no' if facts.event is None else 'another'} request, status {facts.status}")
    answer = question.answers.get(facts.generation)
    if answer is None:
        raise Wrong(f"status {facts.status} of generation {facts.generation}")
    if facts.status != answer.status:
        raise Wrong(f"status {facts.status} for {answer.status}")
    if facts.meant != answer.meant:
        both = zip(MEANT, facts.meant, answer.meant, strict=True)
        raise Wrong(f"another {' and '.join(name.decode() for name, got, wanted in both if got != wanted)}")
    if body != answer.body:
        pairs = enumerate(zip(body, answer.body, strict=False))
        first = next((i for i, (got, wanted) in pairs if got != wanted), min(len(body), len(answer.body)))
        raise Wrong(f"another body, from octet {first} of {len(body)} on")
    if facts.close != question.last:
        raise Wrong("to be closed" if facts.close else "not said to be closed")


def _check_refusal(facts: Facts, body: bytes) -> None:
    """400, as a problem, and the last answer. Whose it was need not be told: the request may be none."""
    if facts.status != 400:
        raise Wrong(f"status {facts.status} for what is to be refused")
    if not facts.close:
        raise Wrong("refused, and not closed")
    if facts.event not in (None, EVENT):
        raise Wrong("the event id of another request")
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or problem.get("type") != "urn:flr:problem:invalid-request":
        raise Wrong("refused without the problem")
