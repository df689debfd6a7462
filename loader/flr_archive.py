"""The archive that the real register's export comes in: a ZIP with one XML entry for each office.

Opened with distrust: entries that overlap, are encrypted, packed in an unusual way, or unpack to more than they
declare, or to more than can be meant, are refused, by what the directory says before anything is unpacked and by what
comes out while it is. Nothing is ever written under a name that the archive gives.
"""

import copy
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from loader.errors import BadFeed, SourceUnreachable
from register.localtime import OSLO

MAX_ENTRIES = 50_000
MAX_ENTRY_BYTES = 1 << 31
MAX_BYTES = 1 << 39
MAX_RATIO = 200  # of unpacked to packed; what we write comes to 30, deflate can be made to give a thousand
RATIO_FROM_BYTES = 1 << 20  # below that much unpacked nobody cares
CHUNK_BYTES = 1 << 16
LOCAL_HEADER_BYTES = 30
ENCRYPTED = 0x1
FIRST_YEAR = 1981  # 1980 is what writes who has no clock, or wants none
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Entry(NamedTuple):
    """One XML document of the archive: its name as it is told, and how much it says it is unpacked."""

    name: str
    size_bytes: int
    info: zipfile.ZipInfo


class Archive:
    """An archive that has been looked through. Use as a context manager. Raises SourceUnreachable or BadFeed."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise SourceUnreachable(f"{path}: {error.strerror}") from None
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            raise BadFeed(f"{path.name}: not a ZIP archive, or a damaged one") from None
        try:
            self.entries = self._entries()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def size_bytes(self) -> int:
        """How much the entries say they are unpacked."""
        return sum(entry.size_bytes for entry in self.entries)

    def newest(self) -> datetime | None:
        """When the newest entry was made, by the archive's word, which is local time; None when it does not say."""
        times = [entry.info.date_time for entry in self.entries if entry.info.date_time[0] >= FIRST_YEAR]
        try:
            return max((datetime(*time, tzinfo=OSLO) for time in times), default=None)
        except ValueError:
            return None

    def _entries(self) -> list[Entry]:
        infos = self._zip.infolist()
        if len(infos) > MAX_ENTRIES:
            raise BadFeed(f"more than {MAX_ENTRIES} entries")
        entries = [Entry(_shown(info.filename), info.file_size, info) for info in infos if not info.is_dir()]
        for entry in entries:
            _check_entry(entry)
        if sum(entry.size_bytes for entry in entries) > MAX_BYTES:
            raise BadFeed(f"the entries come to more than {MAX_BYTES} bytes")
        if len({entry.info.filename for entry in entries}) < len(entries):
            raise BadFeed("an entry stands twice")
        end = self._zip.start_dir
        for entry in sorted(entries, key=lambda entry: entry.info.header_offset, reverse=True):
            if entry.info.header_offset + LOCAL_HEADER_BYTES + entry.info.compress_size > end:
                raise BadFeed(f"{entry.name}: overlaps with another entry")
            end = entry.info.header_offset
        return entries

    def read(self, entry: Entry) -> Iterator[bytes]:
        """The document in pieces. Raises BadFeed as soon as more comes out than the entry declares."""
        info = copy.copy(entry.info)
        info.file_size = MAX_ENTRY_BYTES + 1  # zipfile would cut off what is more than declared, and nobody would know
        size = 0
        try:
            with self._zip.open(info) as file:
                while data := file.read(CHUNK_BYTES):
                    size += len(data)
                    if size > entry.size_bytes:
                        raise BadFeed(
                            f"{entry.name}: unpacks to more than the {entry.size_bytes} bytes that it declares"
                        )
                    yield data
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            raise BadFeed(f"{entry.name}: damaged") from None
        except OSError as error:
            raise SourceUnreachable(f"{entry.name}: {error.strerror}") from None
        if size < entry.size_bytes:
            raise BadFeed(f"{entry.name}: {size} bytes, the archive says {entry.size_bytes}")


def _check_entry(entry: Entry) -> None:
    info = entry.info
    if info.flag_bits & ENCRYPTED or info.compress_type not in METHODS:
        raise BadFeed(f"{entry.name}: encrypted, or packed in a way that is not read")
    if entry.size_bytes > MAX_ENTRY_BYTES:
        raise BadFeed(f"{entry.name}: more than {MAX_ENTRY_BYTES} bytes")
    if entry.size_bytes > max(RATIO_FROM_BYTES, MAX_RATIO * info.compress_size):
        raise BadFeed(f"{entry.name}: unpacks to more than {MAX_RATIO} times its size")


def _shown(name: str) -> str:
    """The name of an entry, of which an archive may make anything, as it is told."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:100])
