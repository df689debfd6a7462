"""Which feeds a load takes: by sequence and content digest, never by clock.

One feed, or a folder of feeds, of which those are taken that lead on from what is in service: incremental ones as long
as each continues from the one before, or else the newest full one and those behind it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from loader.errors import BadFeed, BadGeneration, OutOfOrder, UsageError
from loader.publish import admit, in_service, is_whole, refused_serials
from loader.read import Feed, open_feed
from lookup.generation import Generation, NotServable, open_generation
from lookup.manifest import GENERATIONS, read_manifest, read_refused, verify_files
from register.feed import MANIFEST


class FlrExport(NamedTuple):
    """That what is loaded is the real register's export. `as_of` None: it is as old as the archive says."""

    as_of: datetime | None = None


class Asked(NamedTuple):
    """What the operator asks for: a feed or a folder of feeds, the key they are signed with, and what is allowed.

    With `flr_export` it is an archive; `store` is a URL to fetch feeds from, to a folder of the loader's own.
    """

    folder: Path
    key: Path | None = None
    rebuild: bool = False
    allow_older: str | None = None
    flr_export: FlrExport | None = None
    store: str | None = None


class Chosen(NamedTuple):
    """The feeds to take, in their order: one full one, or incremental ones; none when there is nothing new.

    `current` is what CURRENT names, `base` the same, opened, for incremental ones; `more`: such wait behind a full one.
    """

    feeds: list[Feed]
    serial: int
    current: str | None
    base: Generation | None = None
    more: bool = False


class _At(NamedTuple):
    """A state that an incremental feed may continue from."""

    serial: int
    digest: str


def read_feeds(asked: Asked) -> list[Feed]:
    """The one feed, or those of the folder. Raises SourceUnreachable or BadFeed."""
    if (asked.folder / MANIFEST).exists() or not asked.folder.is_dir():
        return [open_feed(asked.folder, asked.key)]
    return [open_feed(path.parent, asked.key) for path in sorted(asked.folder.glob(f"*/{MANIFEST}"))] or [
        open_feed(asked.folder, asked.key)
    ]


def choose(data_dir: Path, feeds: list[Feed], asked: Asked) -> Chosen:
    """Decide. Raises BadFeed, OutOfOrder, BadGeneration or UsageError."""
    if (asked.rebuild or asked.allow_older) and (len(feeds) > 1 or feeds[0].manifest.kind != "full"):
        raise UsageError("--rebuild and --allow-older are for one full feed")
    return _one(data_dir, feeds[0], asked) if len(feeds) == 1 else _several(data_dir, feeds)


def _one(data_dir: Path, feed: Feed, asked: Asked) -> Chosen:
    said = feed.manifest
    if said.kind == "full":
        admission = admit(data_dir, said.sequence, rebuild=asked.rebuild, allow_older=asked.allow_older)
        return Chosen([feed] if admission.build else [], admission.serial, admission.current)
    current, at = _at(data_dir)
    if _is_past(feed, at):
        return _nothing_new(data_dir, current, at)
    if current is None or not list(_chain([feed], at, refused_serials(data_dir))):
        raise OutOfOrder(_gap(data_dir, feed, at))
    return Chosen([feed], said.sequence or at.serial + 1, current, _open_base(data_dir, current))


def _several(data_dir: Path, feeds: list[Feed]) -> Chosen:
    current, at = _at(data_dir)
    refused = refused_serials(data_dir)
    newest = max(map(_sequence, feeds))
    chain = [] if current is None else list(_chain(feeds, at, refused))
    full = max((feed for feed in feeds if _may_be_taken(feed, at, refused)), key=_sequence, default=None)
    if chain and current is not None and (full is None or _sequence(chain[-1]) >= _sequence(full)):
        try:
            return Chosen(chain, _sequence(chain[-1]), current, _open_base(data_dir, current))
        except BadGeneration:
            if full is None:
                raise
    if full is not None:
        behind = _At(_sequence(full), full.manifest.content_digest)
        return Chosen([full], behind.serial, current, more=any(_chain(feeds, behind, refused)))
    if newest > at.serial:
        raise OutOfOrder(_gap(data_dir, min((one for one in feeds if _sequence(one) > at.serial), key=_sequence), at))
    return _nothing_new(data_dir, current, at)


def _open_base(data_dir: Path, current: str) -> Generation:
    """What is in service, verified and opened, for incremental feeds to be applied to. Raises BadGeneration."""
    try:
        folder = data_dir / GENERATIONS / current
        return open_generation(folder, verify_files(folder, side_by_side=True))
    except NotServable as error:
        raise BadGeneration(f"{current}, which is in service: {error}; load a full feed") from None


def _may_be_taken(feed: Feed, at: _At, refused: set[int]) -> bool:
    said = feed.manifest
    return said.kind == "full" and _sequence(feed) > at.serial and said.sequence not in refused


def _chain(feeds: Iterable[Feed], at: _At, refused: set[int]) -> Iterator[Feed]:
    """The incremental feeds that continue from a state, each from the one before, up to one that was refused."""
    left = (feed for feed in feeds if feed.manifest.kind == "incremental" and feed.manifest.sequence not in refused)
    for feed in sorted(left, key=lambda feed: feed.manifest.sequence or 0):
        if _continues(feed, at):
            at = _At(feed.manifest.sequence or at.serial + 1, feed.manifest.content_digest)
            yield feed


def _sequence(feed: Feed) -> int:
    if feed.manifest.sequence is None:
        raise BadFeed(f"{feed.folder.name}/{MANIFEST}: one of several feeds has to have a sequence")
    return feed.manifest.sequence


def _at(data_dir: Path) -> tuple[str | None, _At]:
    """What is in service, by name, and as a state; nothing continues from what is refused, or cannot be read."""
    current, serial = in_service(data_dir)
    if current is None:
        return None, _At(0, "")
    try:
        refused = {refusal.name for refusal in read_refused(data_dir)}
        digest = read_manifest(data_dir / GENERATIONS / current)[0].content_digest
    except NotServable:
        return current, _At(serial, "")
    return current, _At(serial, "" if current in refused else digest)


def _is_past(feed: Feed, at: _At) -> bool:
    """Whether what an incremental feed leads to is in service, or older than that."""
    said = feed.manifest
    return said.content_digest == at.digest if said.sequence is None else said.sequence <= at.serial


def _continues(feed: Feed, at: _At) -> bool:
    said = feed.manifest
    return said.base_sequence in (None, at.serial) and said.base_digest == at.digest and not _is_past(feed, at)


def _gap(data_dir: Path, feed: Feed, at: _At) -> str:
    said = feed.manifest
    for sequence in (said.sequence, said.base_sequence):
        if sequence is not None and sequence in refused_serials(data_dir):
            return f"sequence {sequence} was refused: a full feed of a sequence higher than {sequence} is needed"
    if said.base_sequence == at.serial:
        return f"a gap: the feed continues from another state of sequence {at.serial}: a full feed is needed"
    return f"a gap: the feed continues from {said.base_sequence}, {at.serial} is in service: a full feed is needed"


def _nothing_new(data_dir: Path, current: str | None, at: _At) -> Chosen:
    if current is not None and not is_whole(data_dir, current):
        raise BadGeneration(f"{current}, which is in service, does not verify: load a full feed with --rebuild")
    return Chosen([], at.serial, current)
