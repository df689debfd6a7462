"""The public list of contracts: all of it as it lies on disk, or those of a municipality, or page by page.

The whole list is sent from the generation's file, which is held for as long as that takes, in the coding that the
caller accepts. A part of it is put together from the rendered contracts.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple, cast

from litestar import get
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from lookup.exchange import Exchange, StreamTooSlow, exchange_of
from lookup.generation import Generation
from lookup.problems import InvalidRequest, NotServedHere
from lookup.public_list import BEGIN, BETWEEN, END, GZIP, IDENTITY, ZSTD, PublicList
from lookup.rest import schema
from lookup.rest.asking import AnyRequest, read_query
from lookup.rest.encoding import chosen
from lookup.rest.reverse import CACHE_CONTROL, matches

JSON, NDJSON = "application/json", "application/x-ndjson"
CODINGS = (ZSTD, GZIP, IDENTITY)
MAX_PAGE, MAX_PAGE_SIZE, PAGE_SIZE = 1_000_000, 10_000, 1000
CHUNK_BYTES = 1 << 20
ITEMS_A_PIECE = 64
Octets = bytes | memoryview


class Part(NamedTuple):
    """What of the list is asked for; `page` from 1, None for all at once."""

    municipality: int | None
    page: int | None
    size: int
    lines: bool

    @property
    def is_whole(self) -> bool:
        """Whether it is the list as it lies ready."""
        return self.municipality is None and self.page is None and not self.lines


@get("/v1/contracts", sync_to_thread=False, **schema.CONTRACTS)
def contracts(request: AnyRequest) -> ASGIResponse:
    """The contracts of the country, of a municipality, or a page of either."""
    exchange = exchange_of(request.scope)
    asked = _asked(request)
    generation = exchange.take()
    listed = generation.contracts
    if listed is None:
        raise NotServedHere("this generation has no public list of contracts")
    ready = CODINGS if asked.is_whole else (IDENTITY,)
    coding = chosen(request.headers.get("accept-encoding"), ready)
    headers = whole_fields(generation, coding)
    if matches(",".join(request.headers.getall("if-none-match", [])), headers["ETag"]):
        headers.pop("Content-Encoding", None)
        return ASGIResponse(status_code=304, headers=headers)
    headers["Content-Type"] = NDJSON if asked.lines else JSON
    if asked.is_whole:
        body = listed.whole(coding)
        return _Stream(exchange, generation, headers, len(body), _chunks(exchange, body))
    places = listed.items(asked.municipality)
    headers["FLR-Total"] = str(len(places))
    if asked.page is not None:
        links = _links(request, asked, len(places))
        headers |= {"Link": links} if links else {}
        places = places[(asked.page - 1) * asked.size : asked.page * asked.size]
    size = _size(places, lines=asked.lines)
    return _Stream(exchange, generation, headers, size, _items(exchange, listed, places, lines=asked.lines))


def whole_fields(generation: Generation, coding: str) -> dict[str, str]:
    """The fields of the head that are the list's own."""
    etag = f'"{generation.name}-{coding}"'
    fields = {"ETag": etag, "Cache-Control": CACHE_CONTROL, "Vary": "Accept, Accept-Encoding"}
    return fields if coding == IDENTITY else fields | {"Content-Encoding": coding}


def _asked(request: AnyRequest) -> Part:
    query = read_query(request, "municipality", "page", "pageSize", "format")
    municipality, page, size = query.get("municipality"), query.get("page"), query.get("pageSize")
    if municipality is not None and not (_is_number(municipality) and len(municipality) in (3, 4)):
        raise InvalidRequest("municipality is a municipality's number, 0301 or 301")
    kind = query.get("format")
    if kind not in (None, "json", "ndjson"):
        raise InvalidRequest("format is json or ndjson")
    lines = kind == "ndjson" or (kind is None and request.headers.get("accept", "").strip() == NDJSON)
    at = None if page is None and size is None else _number(page, 1, MAX_PAGE, "page")
    number = None if municipality is None else int(municipality)
    return Part(number, at, _number(size, PAGE_SIZE, MAX_PAGE_SIZE, "pageSize"), lines)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str | None, otherwise: int, most: int, name: str) -> int:
    if text is None:
        return otherwise
    if not _is_number(text) or not 1 <= int(text[:9]) <= most or len(text) > len(str(most)):
        raise InvalidRequest(f"{name} is a number from 1 to {most}")
    return int(text)


def _links(request: AnyRequest, asked: Part, total: int) -> str:
    """Where the pages beside this one are (RFC 8288)."""
    assert asked.page is not None
    last = max(1, -(-total // asked.size))
    pages = {"first": 1, "prev": asked.page - 1, "next": asked.page + 1, "last": last}
    query = [(name, value) for name, value in request.query_params.multi_items() if name not in ("page", "pageSize")]
    rest = "".join(f"&{name}={value}" for name, value in query)
    return ", ".join(
        f'</v1/contracts?page={page}&pageSize={asked.size}{rest}>; rel="{name}"'
        for name, page in pages.items()
        if 1 <= page <= last
    )


def _size(places: list[tuple[int, int]], *, lines: bool) -> int:
    items = sum(size for _, size in places)
    if lines:
        return items + len(places)
    return len(BEGIN) + items + len(BETWEEN) * max(0, len(places) - 1) + len(END)


async def _chunks(exchange: Exchange, body: memoryview) -> AsyncGenerator[Octets, None]:
    """The list from where it is mapped: the transport sends it from there, and holds the map for as long."""
    yield body[:CHUNK_BYTES]
    for begin in range(CHUNK_BYTES, len(body), CHUNK_BYTES):
        await exchange.state.lane.turn()
        yield body[begin : begin + CHUNK_BYTES]


async def _items(
    exchange: Exchange, listed: PublicList, places: list[tuple[int, int]], *, lines: bool
) -> AsyncGenerator[Octets, None]:
    begin, between, end = (b"", b"\n", b"\n" if places else b"") if lines else (BEGIN, BETWEEN, END)
    yield begin
    for first in range(0, len(places), ITEMS_A_PIECE):
        await exchange.state.lane.turn()
        some = map(listed.item, places[first : first + ITEMS_A_PIECE])
        yield (between if first else b"") + between.join(some)
    yield end


class _Stream(ASGIResponse):
    """An answer of a known length, in pieces; it holds its generation, and may take `stream_seconds` in all."""

    def __init__(
        self,
        exchange: Exchange,
        generation: Generation,
        headers: dict[str, str],
        size: int,
        pieces: AsyncGenerator[Octets, None],
    ) -> None:
        super().__init__()
        self.exchange, self.generation, self.pieces = exchange, generation, pieces
        self.fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self.fields.append((b"content-length", b"%d" % size))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self.exchange.state.settings.stream_seconds), aclosing(self.pieces) as pieces:
                await send({"type": "http.response.start", "status": 200, "headers": self.fields})
                if not self.exchange.head:
                    async for piece in pieces:
                        # The types know octets alone; what sends them takes any view of some.
                        await send({"type": "http.response.body", "body": cast("bytes", piece), "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            raise StreamTooSlow from None


ROUTES: list[Any] = [contracts]
