"""A ZIP archive that is made while it leaves: what is held of it at a time is a piece, and what its entries hold.

A slow reader holds it up and costs nothing, one that goes away ends it. Leaves out what is in it.
"""

import asyncio
import zipfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import NamedTuple

from lookup.flr_document import LEVEL
from lookup.problems import Unready

PIECE_BYTES = 1 << 16
AT_ONCE = 2  # archives that one worker makes: each takes its share of the turns that all long answers have
TOO_MANY = "as many archives as are made at a time are being made"
_places = asyncio.Semaphore(AT_ONCE)


class Entry(NamedTuple):
    """An entry of an archive, and what it holds, as it is made."""

    info: zipfile.ZipInfo
    content: AsyncGenerator[bytes, None]


async def archived(entries: AsyncGenerator[Entry, None]) -> AsyncGenerator[bytes, None]:
    """The archive. Raises Unready when as many as there may be are being made, before there is any of it."""
    if _places.locked():
        raise Unready(TOO_MANY)
    async with _places:
        sink = _Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
            async with aclosing(entries):
                async for info, content in entries:
                    async with aclosing(content):
                        with archive.open(info, "w", force_zip64=True) as entry:
                            async for octets in content:
                                entry.write(octets)
                                for piece in sink.taken(PIECE_BYTES):
                                    yield piece
        for piece in sink.taken():
            yield piece


class _Sink:
    """What the archive is written to: it is taken away piece by piece, so that there is no going back in it."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def write(self, octets: bytes, /) -> int:
        """Take what is written, all of it."""
        self._octets += octets
        return len(octets)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Nothing is held."""

    def taken(self, least: int = 1) -> Iterator[bytes]:
        """What has been written, once it is enough to be sent."""
        if len(self._octets) >= least:
            octets, self._octets = bytes(self._octets), bytearray()
            yield octets
