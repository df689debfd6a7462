"""The real register's export turned into a full feed.

It is converted in the staging area (loader/flr_conversion.py, loader/flr_assembly.py) and then loaded as any feed. A
fault is told by entry, line and column of the archive, also one that the load itself finds. What the export does not
hold, or the register does not take from it, is listed in docs/flr-export.md; what is left out because it leads to
something that is not there is counted in the warnings.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from loader.crew import share_out
from loader.errors import BadFeed, UsageError
from loader.flr_archive import Archive
from loader.flr_assembly import Assembly
from loader.flr_conversion import Conversion, Piece
from loader.flr_spool import Origins, Persons
from loader.progress import Progress
from loader.publish import Staging, require_space
from loader.read import Feed, open_feed
from loader.settings import Settings
from register.feed import FeedWriter
from register.ids import mask
from register.localtime import OSLO, local_micros

SHARED_FROM_BYTES = 1 << 25  # what comes to less is read before a crew is at work
SPACE_SHARE = 8  # of what is unpacked, a share of one to so many is written while it is turned into a feed


class Converted(NamedTuple):
    """The feed that an export was turned into, and what is to be said of it."""

    feed: Feed
    warnings: list[str]


@contextmanager
def converted(path: Path, as_of: datetime | None, settings: Settings, progress: Progress) -> Iterator[Converted]:
    """The export as a feed, for as long as the context lasts; a BadFeed that leaves it is told by the archive's places.

    `as_of` None: when the archive says its newest entry was made. Raises SourceUnreachable, BadFeed or UsageError.
    """
    with Staging(settings.data_dir) as staging:
        with Archive(path) as archive:
            made = as_of or archive.newest()
            if made is None:
                raise UsageError(f"{path.name} does not say when it was made: --as-of TIME does")
            require_space(settings.data_dir, archive.size_bytes // SPACE_SHARE)
            names = [entry.name for entry in archive.entries]
            origins, folder = Origins(staging.folder / "origins", names), staging.folder / "feed"
            at = local_micros(made.timestamp())
            with (
                progress.step("convert", archive.size_bytes),
                Persons(staging.folder / "persons") as persons,
                FeedWriter(folder, suffix=".ndjson.zst") as writer,
            ):
                assembly = Assembly(writer, persons, origins)
                helpers = settings.process_count if archive.size_bytes >= SHARED_FROM_BYTES else 0
                pieces = share_out(_convert, _Reading(path, archive, at), range(len(names)), helpers)
                for entry, piece in zip(archive.entries, pieces, strict=True):
                    assembly.add(piece)
                    progress.advance(entry.size_bytes)
                assembly.finish()
                told = made.astimezone(OSLO).isoformat(timespec="seconds")
                writer.finish(sequence=None, as_of=told, source=mask(f"flr-export {path.name}"))
        try:
            yield Converted(open_feed(folder), assembly.warnings())
        except BadFeed as error:
            raise origins.traced(error) from None


class _Reading:
    """The archive as each process of the crew has it: opened for itself, since a file that was inherited has one
    position for all.
    """

    def __init__(self, path: Path, archive: Archive, at: int) -> None:
        self.path, self.at = path, at
        self._archive, self._process = archive, os.getpid()

    def archive(self) -> Archive:
        """Raises BadFeed when it is not the one any more that was looked through."""
        if self._process != os.getpid():
            mine = Archive(self.path)
            if [entry[:2] for entry in mine.entries] != [entry[:2] for entry in self._archive.entries]:
                raise BadFeed(f"{self.path.name}: has changed while it was read")
            self._archive, self._process = mine, os.getpid()
        return self._archive


def _convert(reading: _Reading, number: int) -> Piece:
    archive = reading.archive()
    return Conversion(number, reading.at).read(archive, archive.entries[number])
