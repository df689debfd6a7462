"""Fetching files from object storage to staging/, in parts, two at a time; what has come is not fetched again.

A file grows part by part in `staging/fetching/`, which `sweep` spares: after a broken transfer the next run goes on
where the file ends. How long a file is says how much of it is there; whether it is the right one its sha256 decides,
when it is whole.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from loader.errors import SourceUnreachable, StorageError
from loader.objects import PART_BYTES, TRANSFERS, Missing, Objects
from loader.progress import Progress
from loader.publish import FETCHING, FOLDER_MODE, STAGING, require_space

TRIES, BETWEEN_SECONDS = 3, 0.5  # of a part that broke off; the library tries again only until an answer begins


class Wanted(NamedTuple):
    """A file that a manifest lists."""

    key: str
    path: Path
    bytes: int
    sha256: str


class Differs(Exception):
    """A file is not what the manifest says, though all of it was fetched just now. Holds its name."""


def parking(data_dir: Path, name: str) -> Path:
    """The folder that files are fetched to. What was fetched for something else is removed."""
    fetching = data_dir / STAGING / FETCHING
    fetching.mkdir(mode=FOLDER_MODE, exist_ok=True)
    for other in fetching.iterdir():
        if other.name != name:
            shutil.rmtree(other)
    (fetching / name).mkdir(mode=FOLDER_MODE, exist_ok=True)
    return fetching / name


def unpark(data_dir: Path) -> None:
    """Remove whatever was fetched, and what of it was not."""
    with suppress(FileNotFoundError):
        shutil.rmtree(data_dir / STAGING / FETCHING)


def parked(data_dir: Path) -> list[str]:
    """The names of what has been fetched, whole or in part."""
    fetching = data_dir / STAGING / FETCHING
    return sorted(folder.name for folder in fetching.iterdir()) if fetching.exists() else []


def fetch(objects: Objects, files: Sequence[Wanted], data_dir: Path, progress: Progress) -> int:
    """Fetch what is not there yet of these files; returns how many bytes that was.

    Raises SourceUnreachable (what has come stays), StorageError (nothing does, there may be no room) or Differs.
    """
    there = sum(min(_size(file.path), file.bytes) for file in files)
    total = sum(file.bytes for file in files)
    require_space(data_dir, total - there)
    with progress.step("fetch", total):
        progress.advance(there)
        try:
            return asyncio.run(_all(objects, files, progress))
        except OSError as error:
            unpark(data_dir)
            raise StorageError(f"what was fetched could not be kept: {error.strerror}") from error


async def _all(objects: Objects, files: Sequence[Wanted], progress: Progress) -> int:
    transfers = _Transfers(objects, progress)
    came = await asyncio.gather(*(transfers.one(file) for file in files), return_exceptions=True)
    for error in came:
        if isinstance(error, BaseException):
            raise error
    return sum(fetched for fetched in came if isinstance(fetched, int))


class _Transfers:
    """Some transfers, few of them at a time. When one fails, the others end with the part that they are at."""

    def __init__(self, objects: Objects, progress: Progress) -> None:
        self.objects, self.progress = objects, progress
        self._gate = asyncio.Semaphore(TRANSFERS)
        self._failed = asyncio.Event()

    async def one(self, file: Wanted) -> int:
        """Fetch what is missing of a file, and hold it against its sha256; returns how many bytes came."""
        async with self._gate:
            try:
                return await self._one(file)
            except BaseException:
                self._failed.set()
                raise

    async def _one(self, file: Wanted) -> int:
        if _size(file.path) > file.bytes:
            file.path.unlink()
        resumed = _size(file.path) > 0
        fetched = await self._rest(file)
        if self._failed.is_set() or _is_right(file):
            return fetched
        file.path.unlink()
        if resumed:  # by something else that was there: from the start, once
            fetched += await self._rest(file)
            if self._failed.is_set() or _is_right(file):
                return fetched
            file.path.unlink()
        raise Differs(file.path.name)

    async def _rest(self, file: Wanted) -> int:
        """Fetch what is missing at a file's end."""
        began = have = _size(file.path)
        with file.path.open("ab") as out:
            while have < file.bytes and not self._failed.is_set():
                part = await _part(self.objects, file.key, have, min(have + PART_BYTES, file.bytes))
                out.write(part)
                out.flush()
                have += len(part)
                self.progress.advance(len(part))
        return have - began


async def _part(objects: Objects, key: str, start: int, end: int) -> memoryview:
    for number in range(1, TRIES):
        try:
            return await objects.part(key, start, end)
        except Missing:
            raise
        except SourceUnreachable:
            await asyncio.sleep(number * BETWEEN_SECONDS)
    return await objects.part(key, start, end)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _is_right(file: Wanted) -> bool:
    with file.path.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest() == file.sha256
