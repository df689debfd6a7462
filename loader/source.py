"""Where a load takes its feeds from: a folder, a store that they are fetched from first, or the real register's export.

What was fetched stays until it is in service: a load that is stopped goes on from there. A converted export does not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from loader.choose import Asked, read_feeds
from loader.errors import BadFeed, UsageError
from loader.progress import Progress
from loader.read import Feed
from loader.settings import Settings


class Source(NamedTuple):
    """The feeds that there are. `fetch` those that are taken, before they are read; it returns how many bytes came."""

    feeds: list[Feed]
    fetch: Callable[[list[Feed]], int] = lambda _: 0


@contextmanager
def opened(asked: Asked, settings: Settings, progress: Progress, warnings: list[str]) -> Iterator[Source]:
    """What is asked for, for as long as the context lasts; `warnings` grows by what is to be said of it.

    Raises SourceUnreachable, BadFeed or UsageError.
    """
    if asked.flr_export is not None:
        from loader.flr_source import converted  # noqa: PLC0415 -- most loads can do without, and are small

        _hold(asked)
        with converted(asked.folder, asked.flr_export.as_of, settings, progress) as made:
            warnings += made.warnings
            yield Source([made.feed])
    elif asked.store is not None:
        from loader.feedstore import FeedStore  # noqa: PLC0415

        store = FeedStore(asked.store, settings, progress)
        yield Source(read_feeds(asked._replace(folder=store.manifests())), store.fetch)
        store.done()
    else:
        yield Source(read_feeds(asked))


def _hold(asked: Asked) -> None:
    """What is not to be asked of an export."""
    if asked.store is not None:
        raise UsageError("an flr-export is a file here, not a URL")
    if asked.rebuild or asked.allow_older:
        raise UsageError("--rebuild and --allow-older are for feeds with a sequence: an export always is the next")
    if asked.key is not None:
        raise BadFeed(f"{asked.folder.name}: an export is not signed, and feed_public_key asks for a signature")
