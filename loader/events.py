"""The events of an incremental feed, read one after the other. Nothing of their content is ever told."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from loader.errors import BadFeed
from loader.read import Feed, blocks, parse
from register.feed import EVENTS, Event
from register.model import Record

_decode = msgspec.json.Decoder(Event).decode


class Change(NamedTuple):
    """One event: its name, the table that it is about, what happens to the record, and where it stands in the feed."""

    event: str
    table: str
    action: str
    record: Record
    line: bytes
    file: int
    number: int

    def __repr__(self) -> str:
        """No content: it may be about a person."""
        return f"<{self.event}>"


def read_events(feed: Feed, first: int = 0) -> Iterator[Change]:
    """Every event, in the order in which they apply; their files are numbered from `first`. Raises BadFeed.

    That a file is the one that the manifest lists is known only at its end: what was made of its events must not be
    used before.
    """
    for file, entry in feed.files("events"):
        for block in blocks(feed, file):
            for number, line in block.numbered():
                yield _change(entry.name, first + file, number, line)


def _change(name: str, file: int, number: int, line: bytes) -> Change:
    try:
        event = _decode(line)
    except (ValueError, msgspec.MsgspecError):
        raise BadFeed(f"{name}:{number}: not an event: an object with the members event and body") from None
    if event.event not in EVENTS:
        raise BadFeed(f"{name}:{number}: no event has that name")
    table, action = EVENTS[event.event]
    ((record, canonical),) = parse(table, name, [(number, bytes(event.body))])
    return Change(event.event, table, action, record, canonical, file, number)
