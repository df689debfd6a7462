"""One connection from its opening to its end: how it writes, how it reads, and how it ends, all by chance.

A line asks in bursts, pipelined, written whole, in pieces or octet by octet; some read slowly; some ask on before they
have their answers. In the end it leaves as it should, or is half closed, or is reset or closed in the middle of a
request or an answer, or asks its last question: one that says so, or one that is refused.
"""

import random
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.soak.answers import Facts, Question, Queue, Wrong

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closed with a reset
GULP = 1 << 18
AHEAD = 32  # so many answers may be missing when some lines ask on
PATIENCE_SECONDS = 30.0
TURNED_SHARE = 0.2
MOST_HEAVY = 8
ENDINGS = {"polite": 4, "half-closed": 2, "reset": 2, "left": 2, "last": 2, "refused": 2}  # and how often


class Decks(NamedTuple):
    """Questions as often as they are to be drawn.

    `hot` ones are canonical; `mixed` ones are everything; `heavy` ones have long answers. The others end a line.
    """

    hot: Sequence[Question]
    mixed: Sequence[Question]
    heavy: Sequence[Question]
    last: Sequence[Question]
    refused: Sequence[Question]

    def __repr__(self) -> str:
        """Not all of them."""
        return f"<Decks of {', '.join(str(len(deck)) for deck in self)}>"


class Keys:
    """Event ids and traceparents that nobody else has."""

    def __init__(self, process: int) -> None:
        self.process, self.count = process, 0

    def next(self, question: Question) -> tuple[bytes, bytes]:
        """The two keys of a question; the second is empty where it carries none."""
        self.count += 1
        event = b"soak-%03d-%010d" % (self.process, self.count)
        return event, b"00-%032x-%016x-01" % (self.count, self.process + 1) if len(question.parts) > 2 else b""


class Means(NamedTuple):
    """What the lines of one process share. `heads` are those that have been read."""

    port: int
    decks: Decks
    keys: Keys
    draw: random.Random
    endings: Mapping[str, int]
    heads: dict[bytes, Facts]


class Line:
    """Made open. `manner` says what is asked: "hot", "mixed" or "slow".

    `socket` is to be watched: for reading from `deaf_until` on and, while `writing`, for writing.
    """

    def __init__(self, means: Means, manner: str) -> None:
        self.means, self.manner, draw = means, manner, means.draw
        self.ending = draw.choices(list(means.endings), list(means.endings.values()))[0]
        self.bursts = draw.choice((1, 1, 2, 4, 16, 64))
        self.depth = MOST_HEAVY if manner == "slow" else draw.choice((1, 2, 8, 16, 32, 64, 64, 64))
        self.cutting = draw.choices(("whole", "pieces", "octets"), (24, 4, 1))[0]
        self.slow = manner == "slow"
        self.ahead = draw.choice((0, AHEAD))
        self.queue = Queue(means.heads)
        self.out, self.written = memoryview(b""), 0
        self.cuts: list[int] = []  # where writes are to stop, the last first
        self.leave_written: int | None = None  # leave in the middle: after so many octets of the last burst, or
        self.leave_answered: int | None = None  # after so many answers
        self.asked = self.answered = 0
        self.sent_all = self.gone = False
        self.deaf_until = 0.0
        self.touched = self.opened = time.monotonic()
        self.socket = self._open()
        self._next_burst()

    def _open(self) -> socket.socket:
        connection = socket.socket()
        if self.slow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.means.draw.choice((4096, 32768)))
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(("127.0.0.1", self.means.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        return connection

    # -- asking

    def _next_burst(self) -> None:
        draw, decks = self.means.draw, self.means.decks
        self.bursts -= 1
        deck, most = {"hot": decks.hot, "mixed": decks.mixed, "slow": decks.heavy}[self.manner], self.depth
        if self.manner == "hot" and not self.bursts and draw.random() < TURNED_SHARE:
            deck = decks.mixed  # so that lines go over to the ordinary path in the middle of their life
        at, depth = draw.randrange(len(deck) - most), draw.randint(1, most)
        questions = deck[at : at + depth]
        before = self.asked
        octets = bytearray().join(map(self._ask, questions))
        if not self.bursts:
            octets += self._last_words(questions)
        self.out, self.written = memoryview(octets), 0
        self._cut(len(octets))
        if not self.bursts and self.ending in {"reset", "left"}:
            if draw.random() < 0.5:
                self.leave_written = draw.randint(0, len(octets))
                self.cuts = [self.leave_written, *(cut for cut in self.cuts if cut < self.leave_written)]
            else:
                self.leave_answered = before + draw.randrange(depth)

    def _last_words(self, others: Sequence[Question]) -> bytes:
        """What ends the last burst, as the line is to end."""
        draw, decks = self.means.draw, self.means.decks
        unheard = b"".join(self._ask(question, heard=False) for question in others[: draw.randint(0, 2)])
        if self.ending == "last":
            return self._ask(draw.choice(decks.last))
        if self.ending == "refused":
            return self._ask(draw.choice(decks.refused)) + unheard
        if self.ending == "half-closed" and draw.random() < 0.5:  # in the middle of a request
            octets = self._ask(others[0], heard=False)
            return octets[: draw.randint(1, len(octets) - 1)]
        return b""

    def _ask(self, question: Question, *, heard: bool = True) -> bytes:
        event, trace = self.means.keys.next(question)
        if heard:
            self.queue.ask(question, event, trace)
            self.asked += 1
        if trace:
            return b"%b%b%b%b%b" % (question.parts[0], event, question.parts[1], trace, question.parts[2])
        return b"%b%b%b" % (question.parts[0], event, question.parts[1])

    def _cut(self, size: int) -> None:
        draw = self.means.draw
        if self.cutting == "whole":
            self.cuts = []
        elif self.cutting == "pieces":
            self.cuts = sorted({draw.randrange(size) for _ in range(draw.randint(1, 20))}, reverse=True)
        else:
            start = draw.randrange(size)
            self.cuts = list(range(start, min(size, start + draw.randint(1, 80))))[::-1]

    @property
    def writing(self) -> bool:
        """Whether there is something to write."""
        return self.written < len(self.out)

    def write(self) -> None:
        """Write up to the next cut, as far as the kernel takes it. Raises Wrong."""
        end = self.cuts[-1] if self.cuts else len(self.out)
        try:
            self.written += self.socket.send(self.out[self.written : end])
        except BlockingIOError:
            return
        except OSError as error:
            raise Wrong(f"{type(error).__name__} in writing, {self._state()}") from None
        self.touched = time.monotonic()
        while self.cuts and self.cuts[-1] <= self.written:
            self.cuts.pop()
        if self.leave_written is not None and self.leave_written <= self.written:
            self._leave()
        elif not self.writing:
            self._burst_written()

    def _burst_written(self) -> None:
        if self.slow:
            self.deaf_until = time.monotonic() + self.means.draw.choice((0.002, 0.02, 0.1))
        if self.bursts:
            if len(self.queue.waiting) <= self.ahead:
                self._next_burst()
            return
        self.sent_all = True
        if self.ending == "half-closed":
            self.socket.shutdown(socket.SHUT_WR)

    # -- hearing

    def read(self) -> int:
        """Take in what has come: the number of answers. Raises Wrong."""
        size = self.means.draw.choice((100, 4096, 65536)) if self.slow else GULP
        try:
            data = self.socket.recv(size)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Wrong(f"{type(error).__name__}, {self._state()}") from None
        self.touched = time.monotonic()
        if not data:
            self._end()
            return 0
        taken = self.queue.take(data)
        self.answered += taken
        if self.sent_all and self.leave_answered is not None and self.answered >= self.leave_answered:
            self._leave()
        elif not self.writing and len(self.queue.waiting) <= self.ahead:
            self._go_on()
        return taken

    def _go_on(self) -> None:
        if self.bursts:
            self._next_burst()
        elif self.ending == "polite" and not self.queue.waiting:
            self._leave()

    def _end(self) -> None:
        """The service has closed: rightly after the last answer, or when we had no more to send."""
        rightly = self.queue.ended or (self.sent_all and self.ending == "half-closed")
        if not rightly or self.queue.waiting or self.queue.rest:
            raise Wrong(f"closed, {self._state()}")
        self._leave()

    def _leave(self) -> None:
        self.gone = True
        if self.ending == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()

    def hurry(self) -> None:
        """The soak is over: leave as soon as what has been asked is answered."""
        if self.slow:
            self.slow, self.deaf_until = False, 0.0
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, GULP)
        if self.bursts:
            self.bursts, self.ending, self.sent_all = 0, "polite", not self.writing
            if self.sent_all:
                self._go_on()

    def check_time(self, now: float) -> None:
        """Raise Wrong when nothing has moved for too long."""
        if now - self.touched > PATIENCE_SECONDS:
            raise Wrong(f"nothing for {PATIENCE_SECONDS:.0f} s, {self._state()}")

    def _state(self) -> str:
        """What may help to find the reason of what is wrong."""
        first = f", first {self.queue.waiting[0][0].kind}" if self.queue.waiting else ""
        written = "all" if self.sent_all else f"{self.written} of {len(self.out)} octets"
        return (
            f"{len(self.queue.waiting)} unanswered{first}; {written} written {self.cutting}, {self.answered} answered, "
            f"{time.monotonic() - self.opened:.1f} s old, {self.manner}, to end {self.ending}"
        )
