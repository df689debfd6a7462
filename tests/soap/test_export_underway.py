"""An export while it is on its way: how many at a time, whom it has told of, a swap in its middle, readers who go."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uvicorn

from lookup.app import create_app
from lookup.current import ServiceState
from lookup.generation import open_generation
from lookup.soap import archive, export
from lookup.soap.operations import EXPORT, SOAP11
from tests.lookup import village
from tests.lookup.serving import state_of
from tests.service import PATIENCE_SECONDS
from tests.soap import hamlet
from tests.soap.clients import MEDIA, request
from tests.soap.underway import Audit, Reader, whole

BOTH = "<GetFullPersonInfo>true</GetFullPersonInfo><GetHistoricalData>true</GetHistoricalData>"
(PATH,) = EXPORT.paths
QUESTION = request(EXPORT, "ExportGPContracts", SOAP11, f"<searchParameters>{BOTH}</searchParameters>")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PIECE_BYTES", 1)


@pytest.fixture
def state(hamlet_generation: Path) -> ServiceState:
    return state_of(open_generation(hamlet_generation))


async def _whole(state: ServiceState) -> Reader:
    return await whole(state, PATH, QUESTION)


def test_as_many_at_a_time_as_there_are_places(state: ServiceState) -> None:
    async def scenario() -> None:
        slow = [Reader(state, PATH, QUESTION, 2) for _ in range(archive.AT_ONCE)]
        for reader in slow:
            await reader.stuck.wait()
        refused = await _whole(state)
        assert (refused.status, b"GenericFault" in refused.body) == (503, False)
        assert (b"retry-after", b"5") in refused.messages[0]["headers"]
        slow[0].task.cancel()
        await asyncio.gather(slow[0].task, return_exceptions=True)
        assert (await _whole(state)).status == 200  # who has gone leaves the place
        slow[1].go_on()
        await slow[1].task
        assert slow[1].whole
        slow[1].entries()

    asyncio.run(scenario())


def test_a_swap_in_the_middle_changes_nothing(state: ServiceState, tmp_path: Path) -> None:
    other = open_generation(village.generation(tmp_path, people=False))

    async def scenario() -> None:
        before = (await _whole(state)).entries()
        reader = Reader(state, PATH, QUESTION, 2)
        await reader.stuck.wait()
        state.current.swap(other, pinned=False)
        refused = await _whole(state)
        assert (refused.status, b"GenericFault" in refused.body) == (503, False)  # this one has no particulars
        reader.go_on()
        await reader.task
        assert reader.entries() == before

    asyncio.run(scenario())


def test_everybody_who_is_told_of_is_recorded_before(state: ServiceState) -> None:
    everybody = {int(nin) for some in hamlet.PATIENTS.values() for nin in some}

    async def scenario() -> None:
        state.audit = audit = Audit(100)  # type: ignore[assignment]
        assert (await _whole(state)).status == 200
        assert len(audit.told) == len(everybody)
        assert {nin for nin, _ in audit.told} == everybody
        assert [nin for nin, protected in audit.told if protected] == [int(hamlet.PROTECTED)]
        state.audit = Audit(0)  # type: ignore[assignment]
        cut = await _whole(state)
        assert (cut.status, cut.whole) == (200, False)
        assert b"</ExportGPContractsResult>" not in cut.body

    asyncio.run(scenario())


@pytest.fixture
def address(state: ServiceState) -> Iterator[tuple[str, int]]:
    server = uvicorn.Server(uvicorn.Config(create_app(state), log_config=None, lifespan="off", loop="uvloop"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def test_a_reader_who_is_killed_ends_it(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a socket: nothing is made, and nobody recorded as told of, for whom there is nobody to read it."""
    over = threading.Event()

    async def endless(*_: object) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 50_000
        finally:
            over.set()

    monkeypatch.setattr(export, "archived", endless)
    with socket.create_connection(address, PATIENCE_SECONDS) as connection:
        fields = f"Host: a\r\nContent-Type: {MEDIA[SOAP11]}\r\nContent-Length: {len(QUESTION)}"
        connection.sendall(f"POST /v2/flrexport HTTP/1.1\r\n{fields}\r\n\r\n".encode() + QUESTION)
        assert connection.recv(12) == b"HTTP/1.1 200"
        assert not over.is_set()
    assert over.wait(PATIENCE_SECONDS)
