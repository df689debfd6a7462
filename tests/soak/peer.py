"""A small server that answers rightly, but for one fault at a time: to show that the soak sees it.

What is asked for is a number in the target: `/7` is answered "generation 1: answer 7" and so on. `/last` is the last,
`/refuse` is refused.
"""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.soak.answers import MEANT, Answer, Question
from tests.soak.line import Decks

COUNT = 200
REFUSAL = b'{"type":"urn:flr:problem:invalid-request"}'
FAULTS_AFTER = 300  # requests


def body(generation: int, number: bytes) -> bytes:
    return b"generation %d: answer %b" % (generation, number)


def answer(generation: int, number: bytes) -> Answer:
    meant = {b"content-length": b"%d" % len(body(generation, number)), b"flr-generation": b"%d" % generation}
    return Answer(200, tuple(map(meant.get, MEANT)), body(generation, number))


def question(number: bytes, *, last: bool = False) -> Question:
    answers = {generation: answer(generation, number) for generation in (1, 2)}
    return Question("number", (b"GET /%b HTTP/1.1\r\nnhn-event-id: " % number, b"\r\n\r\n"), dict(answers), last=last)


def decks() -> Decks:
    numbers = [question(b"%d" % number) for number in range(COUNT)]
    refused = Question("refused", (b"GET /refuse HTTP/1.1\r\nnhn-event-id: ", b"\r\n\r\n"), {}, last=True)
    return Decks(numbers, numbers, numbers, [question(b"last", last=True)], [refused])


class Handler(socketserver.StreamRequestHandler):
    server: "Peer"

    def handle(self) -> None:
        try:
            while self.one():
                pass
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(65536):
                pass
        except OSError:
            return

    def one(self) -> bool:
        """Answer one request; whether there may be another."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return False
            head += line
        number, event = re.findall(rb"GET /(\w+) .*nhn-event-id: (\S+)", head, re.S)[0]
        refused, last = number == b"refuse", number in {b"refuse", b"last"}
        fault = self.server.due(refused=refused)
        if fault == "no answer":
            return True
        if fault == "refusal answered":
            refused = False
        octets = self.right(number, event, refused=refused, last=last)
        self.wfile.write(faulty(fault, octets, event))
        return not last and fault != "cut"

    def right(self, number: bytes, event: bytes, *, refused: bool, last: bool) -> bytes:
        generation = self.server.generation
        content = REFUSAL if refused else body(generation, number)
        fields = [
            b"HTTP/1.1 %d X" % (400 if refused else 200),
            b"date: Wed, 25 Nov 2026 12:00:00 GMT",
            b"nhn-event-id: " + event,
            b"content-length: %d" % len(content),
            b"flr-generation: %d" % generation,
            *([b"connection: close"] if last else []),
        ]
        return b"\r\n".join(fields) + b"\r\n\r\n" + content


def faulty(fault: str | None, octets: bytes, event: bytes) -> bytes:
    """An answer, with the fault in it."""
    match fault:
        case "another's event":
            return octets.replace(event, event[:-1] + (b"0" if event[-1:] != b"0" else b"1"))
        case "no event":
            return octets.replace(b"nhn-event-id: " + event + b"\r\n", b"")
        case "another's body":
            return octets[:-1] + (b"0" if octets[-1:] != b"0" else b"1")
        case "another generation's body":
            return octets.replace(b"generation 1:", b"generation 2:")
        case "an octet more":
            return octets + b"x"
        case "twice":
            return octets * 2
        case "cut":
            return octets[:-3]
        case "another status":
            return octets.replace(b" 200 ", b" 404 ")
        case "said to be closed":
            return octets.replace(b"date: ", b"connection: close\r\ndate: ")
        case "a field twice":
            return octets.replace(b"date: ", b"content-length: 5\r\ndate: ")
        case "refusal not closed":
            return octets.replace(b"connection: close\r\n", b"")
    return octets


class Peer(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def __init__(self, fault: str | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault, self.asked, self.generation = fault, 0, 1
        self.lock = threading.Lock()

    def due(self, *, refused: bool) -> str | None:
        """The fault, once, when its time has come."""
        with self.lock:
            self.asked += 1
            self.generation = 1 if self.fault or self.asked % 100 < 50 else 2
            about_refusals = str(self.fault).startswith("refusal")
            if self.asked < FAULTS_AFTER or refused != about_refusals:
                return None
            fault, self.fault = self.fault, None
            return fault


@contextmanager
def serving(fault: str | None = None) -> Iterator[int]:
    """The port of a peer with a fault."""
    with Peer(fault) as peer:
        thread = threading.Thread(target=peer.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield peer.server_address[1]
        finally:
            peer.shutdown()
            thread.join()
