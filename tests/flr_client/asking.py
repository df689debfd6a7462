"""Either client asked in the same way, so that each test is of both: `Awaited` is AsyncClient in a loop of its own."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self

import httpx

from flr_client import AsyncClient, Client, Page
from flr_client.patients import Summary
from flr_client.persons import Patient

Handler = Callable[[httpx.Request], httpx.Response]


class Waiting:
    """The client that waits."""

    def __init__(self, url: str, auth: httpx.Auth | None = None, handler: Handler | None = None, **more: Any) -> None:
        transport = None if handler is None else httpx.MockTransport(handler)
        self.client = Client(url, auth, transport=transport, **more)

    def __enter__(self) -> Self:
        self.client.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.__exit__()

    def ask(self, name: str, *arguments: Any, **more: Any) -> Any:
        return getattr(self.client, name)(*arguments, **more)

    def follow(self, position: str, take: Callable[[Page], bool], keep: Callable[[str], object], **more: Any) -> None:
        """Until `take` says that it has enough, or the feed ends."""
        for page in self.client.follow(position, keep=keep, **more):
            if take(page):
                break

    def patients(self, contract: int, **more: Any) -> tuple[list[Patient], Summary, int]:
        with self.client.patients(contract, **more) as listed:
            patients = list(listed)
            assert listed.summary is not None
            return patients, listed.summary, listed.provenance.serial


class Awaited:
    """The client that is awaited."""

    def __init__(self, url: str, auth: httpx.Auth | None = None, handler: Handler | None = None, **more: Any) -> None:
        self._runner = asyncio.Runner()
        transport = None if handler is None else httpx.MockTransport(handler)
        self.client = AsyncClient(url, auth, transport=transport, **more)

    def __enter__(self) -> Self:
        self._run(self.client.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self.client.__aexit__())
        self._runner.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def ask(self, name: str, *arguments: Any, **more: Any) -> Any:
        return self._run(getattr(self.client, name)(*arguments, **more))

    def follow(self, position: str, take: Callable[[Page], bool], keep: Callable[[str], object], **more: Any) -> None:
        async def kept(behind: str) -> None:
            keep(behind)

        async def following() -> None:
            async for page in self.client.follow(position, keep=kept, **more):
                if take(page):
                    break

        self._run(following())

    def patients(self, contract: int, **more: Any) -> tuple[list[Patient], Summary, int]:
        async def listing() -> tuple[list[Patient], Summary, int]:
            async with self.client.patients(contract, **more) as listed:
                patients = [patient async for patient in listed]
                assert listed.summary is not None
                return patients, listed.summary, listed.provenance.serial

        return self._run(listing())  # type: ignore[no-any-return]


BOTH = [Waiting, Awaited]
Either = type[Waiting] | type[Awaited]
