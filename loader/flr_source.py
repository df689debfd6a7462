"""The real register's export turned into a full feed.

It is converted in the staging area (loader/flr_conversion.py) and then loaded as any feed. A fault is told by
entry, line and column of the archive, also one that the load itself finds. What the export does not hold, or the
register does not take from it, is listed in docs/flr-export.md; what is left out because it leads to something that is
not there is counted in the warnings.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from loader.errors import BadFeed, UsageError
from loader.flr_archive import Archive
from loader.flr_conversion import Conversion
from loader.flr_spool import Origins, Persons
from loader.progress import Progress
from loader.publish import Staging, require_space
from loader.read import Feed, open_feed
from register.feed import FeedWriter
from register.ids import mask
from register.localtime import OSLO, local_micros

SPACE_SHARE = 8  # of what is unpacked, a share of one to so many is written while it is turned into a feed


class Converted(NamedTuple):
    """The feed that an export was turned into, and what is to be said of it."""

    feed: Feed
    warnings: list[str]


@contextmanager
def converted(path: Path, as_of: datetime | None, data_dir: Path, progress: Progress) -> Iterator[Converted]:
    """The export as a feed, for as long as the context lasts; a BadFeed that leaves it is told by the archive's places.

    `as_of` None: when the archive says its newest entry was made. Raises SourceUnreachable, BadFeed or UsageError.
    """
    with Staging(data_dir) as staging:
        with Archive(path) as archive:
            made = as_of or archive.newest()
            if made is None:
                raise UsageError(f"{path.name} does not say when it was made: --as-of TIME does")
            require_space(data_dir, archive.size_bytes // SPACE_SHARE)
            origins = Origins(staging.folder / "origins", [entry.name for entry in archive.entries])
            persons = Persons(staging.folder / "persons")
            folder = staging.folder / "feed"
            with FeedWriter(folder, suffix=".ndjson.zst") as writer:
                conversion = Conversion(writer, persons, origins, local_micros(made.timestamp()))
                with progress.step("convert", archive.size_bytes):
                    for number, entry in enumerate(archive.entries):
                        conversion.read(number, entry, archive, progress)
                    conversion.finish()
                told = made.astimezone(OSLO).isoformat(timespec="seconds")
                writer.finish(sequence=None, as_of=told, source=mask(f"flr-export {path.name}"))
        try:
            yield Converted(open_feed(folder), conversion.warnings())
        except BadFeed as error:
            raise origins.traced(error) from None
