"""An answer whose result is octets of any length: the envelope around base64 that leaves as it is made.

A stream may take `stream_seconds` in all; one that is cut short lacks its end, and never looks whole.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from lookup.exchange import Exchange, StreamTooSlow
from lookup.lane import Lane
from lookup.soap import envelope
from lookup.soap.call import Streamed
from lookup.soap.operations import RESPONSE, Operation, Service

TRIPLE = 3  # octets that are four characters of base64


class Stream(ASGIResponse):
    """The streamed answer."""

    def __init__(
        self,
        exchange: Exchange,
        service: Service,
        version: str,
        operation: Operation,
        addressed: envelope.Addressed | None,
        streamed: Streamed,
    ) -> None:
        super().__init__()
        self.exchange, self.media = exchange, envelope.MEDIA_TYPES[version] + envelope.CHARSET
        begin = envelope.head(version, addressed, service.action(operation.name) + RESPONSE)
        self.begin_octets = f"{begin}{envelope.begin_result(service, operation)}".encode()
        self.end_octets = f"{envelope.end_result(operation)}{envelope.END}".encode()
        self.over = asyncio.get_running_loop().time() + exchange.state.settings.stream_seconds
        self.pieces = _encoded(streamed.chunks, exchange.state.lane)
        self.first = b""

    async def begin(self) -> "Stream":
        """Make the first piece, before anything is sent: what goes wrong until then is still a fault."""
        try:
            async with asyncio.timeout_at(self.over):
                self.first = await anext(self.pieces, b"")
        except BaseException:
            await self.pieces.aclose()
            raise
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, for as long as there is somebody to read it."""
        left = asyncio.ensure_future(self.exchange.left())
        try:
            async with asyncio.timeout_at(self.over), aclosing(self.pieces) as pieces:
                headers = [(b"content-type", self.media.encode())]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": self.begin_octets + self.first, "more_body": True})
                async for piece in pieces:
                    if left.done():  # what is sent now goes nowhere, and would be recorded as told
                        return
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    await asyncio.sleep(0)  # to nobody it is sent at once, and pieces may come as soon: let it be seen
                await send({"type": "http.response.body", "body": self.end_octets, "more_body": False})
        except TimeoutError:
            raise StreamTooSlow from None
        finally:
            left.cancel()


async def _encoded(chunks: AsyncIterator[bytes] | Iterable[bytes], lane: Lane) -> AsyncGenerator[bytes, None]:
    """The octets as base64; what does not come out even waits for the next piece."""
    left = b""
    async with aclosing(_each(chunks, lane)) as each:
        async for chunk in each:
            whole = left + chunk
            even = len(whole) // TRIPLE * TRIPLE
            left = whole[even:]
            if even:
                yield b64encode(whole[:even])
    if left:
        yield b64encode(left)


async def _each(chunks: AsyncIterator[bytes] | Iterable[bytes], lane: Lane) -> AsyncGenerator[bytes, None]:
    """The chunks; a generator that gives them is over when this is, not when it is next collected."""
    if isinstance(chunks, AsyncGenerator):
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
    elif isinstance(chunks, AsyncIterator):
        async for chunk in chunks:
            yield chunk
    else:
        for chunk in chunks:
            yield chunk
            await lane.turn()
