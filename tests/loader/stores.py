"""Stores for tests: an S3 server (moto), and an HTTP server that counts and breaks off; each on a port of its own."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from moto.server import ThreadedMotoServer

PART_BYTES = 1 << 13  # of the tests' small files: as many parts as 8 MB make of a gigabyte


class S3:
    """An S3 server in threads of this process. Each `place` is a bucket of its own."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self.endpoint = "http://{}:{}".format(*self._server.get_host_and_port())
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "of-no-use",
            "AWS_REGION": "us-east-1",
        }
        self._buckets = 0

    def place(self) -> str:
        self._buckets += 1
        bucket = f"bucket-{self._buckets}"
        httpx.put(f"{self.endpoint}/{bucket}").raise_for_status()
        return f"s3://{bucket}/register"

    def stop(self) -> None:
        self._server.stop()


class HttpFolder:
    """A folder over HTTP, ranges and all. `/node/<n>/...` is the same folder, and counted for that node.

    `bytes` by file is what went out; `at_once` by node the most requests that were there at one moment. After
    `breaks_after` parts it breaks off in the middle of each of the `breaks` next ones. After `stuck_after` requests it
    answers none until it is stopped.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bytes: Counter[str] = Counter()
        self.at_once: Counter[str] = Counter()
        self.requests: list[str] = []
        self.breaks_after: int | None = None
        self.breaks = 1_000_000
        self.stuck_after: int | None = None
        self.is_stuck, self._stopped = threading.Event(), threading.Event()
        self.held: threading.Event | None = None
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.place = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def _counted(self, node: str) -> Iterator[Callable[[], None]]:
        """Count a request in; out when what is yielded is first called, at the end at the latest."""
        with self._lock:
            self._now[node] += 1
            self.at_once[node] = max(self.at_once[node], self._now[node])

        @cache
        def gone() -> None:
            with self._lock:
                self._now[node] -= 1

        try:
            yield gone
        finally:
            gone()

    def _breaks(self) -> bool:
        with self._lock:
            if self.breaks_after is None:
                return False
            self.breaks_after -= 1
            if self.breaks_after >= 0 or self.breaks == 0:
                return False
            self.breaks -= 1
            return True

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: N805 -- the handler's own self is meant by self
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                node = path.split("/")[1] if path.startswith("node/") else ""
                with outer._counted(node) as gone:
                    if outer.held is not None:
                        outer.held.wait(0.02)  # long enough for others to come meanwhile
                    self._answer(path.split("/", 2)[2] if node else path, gone)

            def _answer(self, name: str, gone: Callable[[], None]) -> None:
                outer.requests.append(name)
                if outer.stuck_after is not None and len(outer.requests) > outer.stuck_after:
                    outer.is_stuck.set()
                    outer._stopped.wait()
                path = outer.folder / name
                if not path.is_file():
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                data, asked = path.read_bytes(), self.headers.get("Range")
                start, end = 0, len(data)
                if asked is not None:
                    first, last = asked.removeprefix("bytes=").split("-")
                    start, end = int(first), min(len(data), int(last) + 1)
                self.send_response(200 if asked is None else 206)
                if asked is not None:
                    self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
                self.send_header("Content-Length", str(end - start))
                self.send_header("Last-Modified", "Tue, 24 Nov 2026 02:00:00 GMT")
                self.end_headers()
                if self.command == "HEAD":
                    return
                if asked is not None and outer._breaks():
                    self.close_connection = True
                    self.wfile.write(data[start : (start + end) // 2])
                    return
                with suppress(ConnectionError):  # the other transfer broke off, and ended this one
                    self.wfile.write(data[start : end - 1])
                    gone()  # who has the last octet may ask again before this thread has gone on
                    self.wfile.write(data[end - 1 : end])
                outer.bytes[Path(name).name] += end - start

        return Handler
