"""Feeds in object storage: fetched to staging/ and then read as any folder. Manifests first; of the data files only
those of the feeds that are taken, and of a feed all of them or none.

A place is one feed, which has `manifest.json`, or (s3:// only: HTTP has no listing) holds several.
"""

import hashlib
import re
from contextlib import suppress
from pathlib import Path

from loader.errors import BadFeed, SourceUnreachable
from loader.fetch import Differs, Wanted, fetch, parking, unpark
from loader.objects import Missing, Objects
from loader.progress import Progress
from loader.publish import FOLDER_MODE
from loader.read import Feed
from loader.settings import Settings
from loader.signature import SIGNATURE, SIGNATURE_BYTES
from register.feed import MANIFEST

MAX_MANIFEST_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")


class FeedStore:
    """The feeds of one place, and the folder that they are fetched to."""

    def __init__(self, place: str, settings: Settings, progress: Progress) -> None:
        self._objects = Objects(place, settings)
        self._data_dir, self._progress = settings.data_dir, progress
        self._folder = Path()

    def manifests(self) -> Path:
        """Fetch every manifest, with its signature; returns the folder. Raises SourceUnreachable or BadFeed."""
        self._folder = parking(self._data_dir, "feed-" + hashlib.sha256(self._objects.place.encode()).hexdigest()[:16])
        for left in (self._folder / MANIFEST, *self._folder.glob(f"*/{MANIFEST}")):
            left.unlink(missing_ok=True)  # of feeds that may be there no longer
        if self._manifest("") or (self._objects.scheme == "s3" and any([*map(self._manifest, self._objects.names())])):
            return self._folder
        raise SourceUnreachable(f"{self._objects.place}: no feed here: {MANIFEST} is missing")

    def _manifest(self, name: str) -> bool:
        """Fetch the manifest of one feed, and its signature, if there are such."""
        prefix = f"{name}/" if name else ""
        try:
            manifest = self._objects.read(f"{prefix}{MANIFEST}", MAX_MANIFEST_BYTES)
        except Missing:
            return False
        if name and not _NAME.fullmatch(name):
            raise BadFeed("a feed has a name that is not allowed")
        folder = self._folder / name
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        (folder / SIGNATURE).unlink(missing_ok=True)
        with suppress(Missing):
            (folder / SIGNATURE).write_bytes(self._objects.read(f"{prefix}{SIGNATURE}", SIGNATURE_BYTES))
        (folder / MANIFEST).write_bytes(manifest)
        return True

    def fetch(self, feeds: list[Feed]) -> int:
        """Fetch all data files of these feeds; returns how many bytes came. Raises SourceUnreachable or BadFeed."""
        files = [
            Wanted(self._key(feed, entry.name), feed.folder / entry.name, entry.bytes, entry.sha256)
            for feed in feeds
            for entry in feed.manifest.files
        ]
        try:
            return fetch(self._objects, files, self._data_dir, self._progress) if files else 0
        except Missing as error:
            raise BadFeed(f"{error}, and {MANIFEST} lists it") from None
        except Differs as error:
            raise BadFeed(f"{error}: sha256 differs from the manifest's") from None

    def _key(self, feed: Feed, name: str) -> str:
        return name if feed.folder == self._folder else f"{feed.folder.name}/{name}"

    def done(self) -> None:
        """What was fetched is in service, or of no use."""
        unpark(self._data_dir)
