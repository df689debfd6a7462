"""A real `flr-lookup serve` in a process of its own: started on a free port, asked over HTTP, its events read."""

import contextlib
import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests import leaks

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
        usual = [sys.executable, "-m", "bench.unguarded", "serve", "--data-dir", str(data_dir), "--port", "0"]
        self.process = subprocess.Popen(
            [*(command or usual), "--workers", str(workers), *arguments],
            pass_fds=pass_fds,
            start_new_session=True,
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
            self._kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE_SECONDS)
        finally:
            self._kill()
        assert kind is not None or code == 0, self.lines

    def _kill(self) -> None:
        """All of it, workers that outlive their supervisor too: they would keep its stderr open."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.lines.append(line)
                try:
                    self._events.put(json.loads(line))
                except ValueError:
                    self._events.put({"event": None, "line": line})
        leaks.hear(f"flr-lookup, process {self.process.pid}", "".join(self.lines))
        self._events.put({"event": "the end"})

    def wait(self, event: str, **values: object) -> dict[str, Any]:
        """The next event of this name and with these values; those before it are passed over, but not for ever."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                got = self._events.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {event} within {PATIENCE_SECONDS} s: {self.lines[-5:]}") from None
            if got["event"] == event and values.items() <= got.items():
                return got
            assert got["event"] != "the end", self.lines

    def ask(
        self, path: str, body: object = None, method: str | None = None, **fields: str
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of one request on a connection of its own; `fields` are more of its head."""
        connection = http.client.HTTPConnection("127.0.0.1", self.address["port"], timeout=PATIENCE_SECONDS)
        try:
            payload = None if body is None else json.dumps(body)
            headers = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method or ("GET" if body is None else "POST"), path, payload, headers | fields)
            answer = connection.getresponse()
            said = answer.read()
            if path == "/metrics":
                leaks.hear(path, said)
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, said
        finally:
            connection.close()

    def metric(self, name: str, **fields: str) -> float:
        """The value of a metric, of this name with its labels."""
        _, _, text = self.ask("/metrics", **fields)
        (value,) = [line.split()[1] for line in text.decode().splitlines() if line.split()[0] == name]
        return float(value)
