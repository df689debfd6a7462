"""Callers who ask at their own pace, whoever answers or does not: none of their requests may fail.

An open loop: request i is due at the start + i / rate, goes out on a kept connection that is free (a new one, where all
are busy and there may be more), and its latency counts from when it was due. A failure is whatever a client would have
to tell its user: a connection refused or reset, one that is closed instead of an answer or in the middle of it, an
answer that is none or of another status than was expected, none in time. A connection that the service closes while
nothing is in flight, without having said so in the answer before, is no failure, and is counted (`unannounced`): the
next request might have been on its way. Leaves out what the answers say.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

PATIENCE_SECONDS = 60.0


class Failure(Exception):
    """A request that a client would have to call failed; the message is why."""


@dataclass
class Outcome:
    """What came of it. `connections` were made, `announced` ended with an answer that said so."""

    answered: int = 0
    connections: int = 0
    announced: int = 0
    unannounced: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def worst_seconds(self) -> float:
        """The longest that a request has waited for its answer."""
        return max(self.seconds, default=0.0)


class Pace:
    """Asks from when it is entered until it is left: `requests` in turn, each of which is to be answered with 200."""

    def __init__(
        self,
        port: int,
        requests: Sequence[bytes],
        *,
        rate: float = 200.0,
        connections: int = 32,
        enter: Callable[[], None] = lambda: None,
    ) -> None:
        """`enter` is called first in the thread that asks: to have it ask from another network, say."""
        self.enter = enter
        self.port, self.requests, self.rate, self.connections = port, requests, rate, connections
        self.outcome = Outcome()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._ask_all)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def answered_more(self, count: int = 50) -> None:
        """Wait until that many more have been answered. Fails when nothing is answered any more."""
        until, wanted = time.monotonic() + PATIENCE_SECONDS, self.outcome.answered + count
        while self.outcome.answered < wanted:
            assert time.monotonic() < until, f"no more answers: {dict(self.outcome.failures)}"
            time.sleep(0.01)

    def _ask_all(self) -> None:
        self.enter()
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._free: asyncio.Queue[_Line] = asyncio.Queue()
        for _ in range(self.connections):
            self._free.put_nowait(_Line(self))
        start, asked = time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            while not self._ending.is_set():
                due = start + asked / self.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(self._ask(self.requests[asked % len(self.requests)], due))
                asked += 1
        while not self._free.empty():
            self._free.get_nowait().close()

    async def _ask(self, request: bytes, due: float) -> None:
        line = await self._free.get()  # the one that has rested longest: none rests for long
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await line.ask(request)
            self.outcome.answered += 1
            self.outcome.seconds.append(time.monotonic() - due)
        except (Failure, OSError, TimeoutError) as error:
            self.outcome.failures[f"{type(error).__name__} {error}"] += 1
            line.close()
        finally:
            self._free.put_nowait(line)


class _Line:
    """A place for a connection; those in it come and go."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> None:
        """Send, and read the answer to its end. Raises Failure and OSError."""
        reader, writer = await self._open()
        writer.write(request)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise Failure(
                "closed in the middle of a head" if error.partial else "closed instead of an answer"
            ) from None
        status, *lines = head.decode("latin-1").split("\r\n")
        if not status.startswith("HTTP/1.1 200 "):
            raise Failure(f"answered {status[:12]!r}")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        try:
            await reader.readexactly(int(fields["content-length"]))
        except asyncio.IncompleteReadError:
            raise Failure("closed in the middle of a body") from None
        if fields.get("connection") == "close":
            self.pace.outcome.announced += 1
            self.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is not None and self._reader.at_eof():
            self.pace.outcome.unannounced += 1
            self.close()
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.pace.port)
            self.pace.outcome.connections += 1
        return self._reader, self._writer

    def close(self) -> None:
        """The next request takes a new connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
