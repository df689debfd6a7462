"""A real `flr-lookup serve` in a process of its own: started on a free port, asked over HTTP, its events read."""

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60


class Service:
    """Use as a context manager; leaving it stops the service and fails when it does not end with exit code 0."""

    def __init__(
        self,
        data_dir: Path,
        *arguments: str,
        workers: int = 2,
        command: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
        **environment: str,
    ) -> None:
        """`command` is another way to start it, which has the data folder and the address already."""
        usual = [sys.executable, "-m", "lookup", "serve", "--data-dir", str(data_dir), "--port", "0"]
        self.process = subprocess.Popen(
            [*(command or usual), "--workers", str(workers), *arguments],
            pass_fds=pass_fds,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FLR_DRAIN_SECONDS": "0", **environment},
        )
        self.lines: list[str] = []
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address: dict[str, Any] = {}

    def __enter__(self) -> "Service":
        try:
            self.address = self.wait("listening")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE_SECONDS)
        finally:
            self.process.kill()
            self._reader.join()
        assert kind is not None or code == 0, self.lines

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.lines.append(line)
                try:
                    self._events.put(json.loads(line))
                except ValueError:
                    self._events.put({"event": None, "line": line})
        self._events.put({"event": "the end"})

    def wait(self, event: str, **values: object) -> dict[str, Any]:
        """The next event of this name and with these values; those before it are passed over."""
        while True:
            got = self._events.get(timeout=PATIENCE_SECONDS)
            if got["event"] == event and values.items() <= got.items():
                return got
            assert got["event"] != "the end", self.lines

    def ask(self, path: str, body: object = None, method: str | None = None) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.address["port"], timeout=PATIENCE_SECONDS)
        try:
            payload = None if body is None else json.dumps(body)
            headers = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method or ("GET" if body is None else "POST"), path, payload, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        _, _, text = self.ask("/metrics")
        (value,) = [line.split()[1] for line in text.decode().splitlines() if line.split()[0] == name]
        return float(value)
