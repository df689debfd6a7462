"""An answer on its way, without a service around it: who is recorded, and a reader that takes as much as it is let."""

import asyncio
import base64
import io
import re
import zipfile
from typing import Any

from lookup.app import create_app
from lookup.current import ServiceState
from lookup.soap.operations import SOAP11
from tests.service import PATIENCE_SECONDS
from tests.soap.clients import MEDIA


class Audit:
    """Keeps what is recorded, as long as there is room."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.told: list[tuple[int, bool]] = []

    def record(self, _: object, outcome: str, subjects: list[tuple[int, str, bool]]) -> bool:
        assert {outcome, *(one for _, one, _ in subjects)} == {"listed"}
        self.told += [(nin, protected) for nin, _, protected in subjects]
        self.room -= 1
        return self.room >= 0


class Reader:
    """Asks the application, and takes only as many messages of the answer as it is let."""

    def __init__(self, state: ServiceState, path: str, question: bytes, lets: int = 10_000) -> None:
        self.path, self.question = path, question
        self._app, self._lets = create_app(state), asyncio.Semaphore(lets)
        self.messages: list[Any] = []
        self.stuck = asyncio.Event()  # it takes no more
        self.task = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        question = iter([{"type": "http.request", "body": self.question, "more_body": False}])

        async def receive() -> Any:
            message = next(question, None)
            return message or await asyncio.sleep(PATIENCE_SECONDS)

        async def send(message: Any) -> None:
            if self._lets.locked():
                self.stuck.set()
            await self._lets.acquire()
            self.messages.append(message)

        headers = [(b"content-type", MEDIA[SOAP11].encode())]
        scope = {"type": "http", "method": "POST", "path": self.path, "query_string": b"", "headers": headers}
        await self._app({**scope, "http_version": "1.1"}, receive, send)  # type: ignore[arg-type]

    def go_on(self) -> None:
        """Take all there is."""
        for _ in range(10_000):
            self._lets.release()

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])

    @property
    def whole(self) -> bool:
        return not self.messages[-1]["more_body"]

    @property
    def octets(self) -> bytes:
        """The result of an operation whose result is octets."""
        (found,) = re.findall(b"Result>([^<]*)</[^>]*Result>", self.body)
        return base64.b64decode(found, validate=True)

    def entries(self) -> dict[str, bytes]:
        """The documents of an archive."""
        with zipfile.ZipFile(io.BytesIO(self.octets)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


async def whole(state: ServiceState, path: str, question: bytes) -> Reader:
    """A reader that has taken all there is."""
    reader = Reader(state, path, question)
    await reader.task
    return reader
