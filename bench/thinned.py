"""A smaller day: of an incremental feed the events of some persons and contracts, as a feed of its own.

Whatever happens to one person, under all their numbers, is kept or left out together, so that the events still apply.
"""

from pathlib import Path

import msgspec

from loader.errors import BadFeed
from loader.read import blocks, open_feed
from loader.state import State
from lookup.generation import Generation
from register.feed import EVENTS, FeedWriter

BY_NUMBER = ("persons", "memberships", "nin_changes")
NOT_KNOWN = "0" * 32
MANY = 997  # shares that all numbers fall into alike


class _Event(msgspec.Struct):
    event: str
    body: dict[str, object]


def thinned(lines: list[bytes], wanted: int) -> list[bytes]:
    """About `wanted` of a day's lines, in their order; all of what is about neither a person nor a contract alone."""
    share = wanted / max(1, len(lines))
    first: dict[object, object] = {}  # number -> the one that its person had first
    kept = []
    for line in lines:
        said = msgspec.json.decode(line, type=_Event)
        table, body = EVENTS[said.event][0], said.body
        if table == "nin_changes":
            first[body["newNin"]] = first.get(body["oldNin"], body["oldNin"])
        number = {"contracts": body.get("id"), "nin_changes": body.get("oldNin")}.get(table, body.get("nin"))
        if table not in (*BY_NUMBER, "contracts") or int(str(first.get(number, number))) % MANY < MANY * share:
            kept.append(line)
    return kept


def write_thinned(base: Generation, feed: Path, out: Path, wanted: int) -> Path:
    """Write the smaller feed, which continues from the same generation `base`. Raises BadFeed."""
    given = open_feed(feed)
    of_events = [number for number, _ in given.files("events")]
    lines = [line for number in of_events for block in blocks(given, number) for _, line in block.numbered()]
    kept = thinned(lines, wanted)
    assert given.manifest.base_sequence is not None
    assert given.manifest.base_digest is not None
    digest = NOT_KNOWN
    for _ in range(2):  # what the events lead to is known when they have been applied
        with FeedWriter(out) as writer:
            writer.digest = int(digest, 16)
            writer.write_lines("events", b"".join(line + b"\n" for line in kept), len(kept))
            writer.finish(
                sequence=given.manifest.sequence,
                as_of=given.manifest.as_of,
                source=given.manifest.source,
                base=(given.manifest.base_sequence, given.manifest.base_digest),
            )
        digest = _digest_behind(base, out)
    return out


def _digest_behind(base: Generation, feed: Path) -> str:
    state = State(base)
    try:
        state.apply(open_feed(feed))
    except BadFeed:
        if state.faults.texts:
            raise
    return f"{state.digest:032x}"
