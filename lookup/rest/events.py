"""The change feed: what has happened to the register behind a position, page by page.

A page is put together in short turns (lookup.lane), and is of one generation. Whether a person is protected is asked of
that generation too: who has come to be protected since is left out of older events.
"""

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import msgspec
from litestar import get
from litestar.response.base import ASGIResponse

from lookup import shapes
from lookup.audit.record import MAX_SUBJECTS
from lookup.core import parse
from lookup.events import Event, Events, Position, read_position
from lookup.exchange import Exchange, exchange_of
from lookup.generation import Generation
from lookup.manifest import NotServable, read_refused, split_name
from lookup.problems import InvalidRequest, NotServedHere, Resync, Unready
from lookup.record import Damaged
from lookup.rest import schema
from lookup.rest.asking import AnyRequest, read_query
from lookup.rest.patients import LISTED

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_encoder = msgspec.json.Encoder()


class _Body(msgspec.Struct, rename="camel"):
    nin: str | None = None
    new_nin: str | None = None


class _Told(msgspec.Struct):
    """As much of an event as tells whom it is about."""

    body: _Body


_decoder = msgspec.json.Decoder(_Told)


@get("/v1/events", **schema.EVENTS)
async def events(request: AnyRequest) -> ASGIResponse:
    """The events behind a position."""
    exchange = exchange_of(request.scope)
    query = read_query(request, "after", "limit")
    position = read_position(query.get("after", ""))
    if position is None:
        raise InvalidRequest("after is a position: that of an event, of a page's next, or of /v1/events/latest")
    limit = _limit(query.get("limit", str(DEFAULT_LIMIT)))
    generation = exchange.take()
    feed = _feed(generation)
    place = feed.place(position)
    if place is None:
        raise _lost(exchange, feed, position)
    body = await _page(exchange, generation, feed, range(place, min(place + limit, feed.total)))
    return ASGIResponse(body=body, media_type="application/json")


@get("/v1/events/latest", sync_to_thread=False, **schema.EVENTS_LATEST)
def latest(request: AnyRequest) -> ASGIResponse:
    """The newest position."""
    if request.scope["query_string"]:
        raise InvalidRequest("this resource takes no query")
    generation = exchange_of(request.scope).take()
    answer = shapes.LatestAnswer(position=str(_feed(generation).latest), serial=generation.serial)
    return ASGIResponse(body=_encoder.encode(answer), media_type="application/json")


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and not text.startswith("0") and len(text) <= len(str(MAX_LIMIT))):
        raise InvalidRequest(f"limit is a number from 1 to {MAX_LIMIT}")
    if int(text) > MAX_LIMIT:
        raise InvalidRequest(f"limit is a number from 1 to {MAX_LIMIT}")
    return int(text)


def _feed(generation: Generation) -> Events:
    if generation.events is None:
        raise NotServedHere("this node has no change feed")
    return generation.events


def _lost(exchange: Exchange, feed: Events, position: Position) -> Exception:
    """What to say to a position that is not in the feed: start again, or, of one yet to come here, ask again later.

    A node, or a worker, that is behind the one that gave the position must not send its followers back to an export.
    """
    if position.serial > feed.highest and not _is_refused(exchange, position.serial):
        return Unready("this node has not come as far as the position")
    return Resync(str(feed.latest))


def _is_refused(exchange: Exchange, serial: int) -> bool:
    """Whether a feed of this serial may have been part of a generation that was rolled back."""
    try:
        refusals = read_refused(exchange.state.settings.data_dir)
        return any(split_name(refusal.name)[0] >= serial for refusal in refusals)
    except NotServable:
        return False


async def _page(exchange: Exchange, generation: Generation, feed: Events, numbers: range) -> bytes:
    """The body of a page that looks at the events of these numbers."""
    lane, withhold = exchange.state.lane, exchange.withhold
    shown: list[bytes] = []
    told: dict[int, tuple[int, str, bool]] = {}
    block: Iterator[Event] = iter(())
    over = 0.0
    for number in numbers:
        if perf_counter() >= over:
            over = await lane.turn()
        event = next(block, None)
        if event is None:
            block = feed.read(number)
            event = next(block)
        subjects = _subjects(generation, event)
        if not (withhold and any(protected for _, _, protected in subjects)):
            shown.append(_json(event))
            told.update((subject[0], subject) for subject in subjects)
    everybody = list(told.values())
    for first in range(0, len(everybody), MAX_SUBJECTS):
        exchange.record_all(LISTED, everybody[first : first + MAX_SUBJECTS])
    behind = feed.latest if numbers.stop == feed.total else feed.position(numbers.stop)
    more = b"true" if numbers.stop < feed.total else b"false"
    return b'{"events":[%b],"next":"%b","more":%b,"withheld":%d}' % (
        b",".join(shown),
        str(behind).encode(),
        more,
        len(numbers) - len(shown),
    )


def _subjects(generation: Generation, event: Event) -> list[tuple[int, str, bool]]:
    """The persons that an event is about (number, "listed", whether they are protected or were when it happened)."""
    try:
        body = _decoder.decode(event.json).body
    except (msgspec.DecodeError, UnicodeError):
        raise Damaged("an event is not of its type") from None
    numbers = [parse(nin) for nin in (body.nin, body.new_nin) if nin is not None]
    persons = [generation.index.person(nin) for nin in numbers]
    protected = event.protected or any(person is not None and person[1].protected for person in persons)
    return [(nin, LISTED, protected) for nin in numbers]


def _json(event: Event) -> bytes:
    """The event as it stands, with its position and time between name and record."""
    name, comma, body = event.json.partition(b',"body":')
    if not comma:
        raise Damaged("an event is not of its type")
    return b'{"position":"%b",%b,"time":"%b"%b%b' % (
        str(event.position).encode(),
        name[1:],
        event.as_of.encode(),
        comma,
        body,
    )


ROUTES: list[Any] = [events, latest]
