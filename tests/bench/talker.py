"""A small server for tests of the load generator: says what it is told to, and remembers what it was asked."""

import socketserver
import threading
from collections.abc import Callable, Iterable
from typing import Any

Say = Callable[[int, bytes], Iterable[bytes] | None]


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nServer: x\r\ncontent-LENGTH: %d\r\n\r\n%b" % (status.encode(), len(body), body)


class Talker(socketserver.ThreadingTCPServer):
    """A context manager. `say` gets the request's number and octets; it gives pieces to send, or None to hang up."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, say: Say, *, request_bytes: int) -> None:
        """Requests are told apart by their size alone."""
        self.say, self.request_bytes = say, request_bytes
        self.asked: list[bytes] = []
        self.counting = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Line)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> "Talker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Line(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: Any

    def handle(self) -> None:
        while len(asked := self.rfile.read(self.server.request_bytes)) == self.server.request_bytes:
            with self.server.counting:
                number = len(self.server.asked)
                self.server.asked.append(asked)
            pieces = self.server.say(number, asked)
            if pieces is None:
                return
            try:
                for piece in pieces:
                    self.connection.sendall(piece)
            except OSError:
                return
