"""A segment: one file of a series, made at its full size before it is needed, mapped while it is written.

Its blocks are there before the first record (posix_fallocate), so a full disk is an error when a segment is made, and
never a fault when one is written. Nobody else may map it: whoever reads, reads with read(2), and so the rest of a
segment that is closed can be cut off.
"""

import fcntl
import mmap
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lookup.audit.record import CHAIN_BYTES, HEAD_BYTES, Head, Malformed, Record, decode, decode_head, encode_head

SUFFIX = ".seg"
TORN_SUFFIX = ".torn"
NEXT_SUFFIX = ".next"
LOCK = "lock"
_NAME = re.compile(r"[0-9]{10}\.seg")


class Broken(Malformed):
    """A record that is none, at the offset `at`."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.at = at


class Found(NamedTuple):
    """A record, where it is, and the chain before and behind it."""

    at: int
    after: int
    record: Record
    before: bytes
    chain: bytes


def path_of(folder: Path, number: int) -> Path:
    """Where the segment of a number is."""
    return folder / f"{number:010}{SUFFIX}"


def segments(folder: Path) -> list[Path]:
    """The segments of a series' folder, by number."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def sweep(folder: Path) -> None:
    """Remove segments that were allocated and never begun. For who holds the lock. Raises OSError."""
    for path in folder.glob(f"*{NEXT_SUFFIX}"):
        path.unlink()


def records(data: bytes, end: int, first_sequence: int) -> Iterator[Found]:
    """Every record up to `end`, held against the chain and counted. Raises Broken."""
    at, sequence = HEAD_BYTES, first_sequence
    while at < end:
        try:
            record, after = decode(data, at, end)
        except Malformed as error:
            raise Broken(str(error), at) from None
        if record.sequence != sequence:
            raise Broken(f"a record has the number {record.sequence} where {sequence} comes", at)
        yield Found(at, after, record, data[at - CHAIN_BYTES : at], data[after - CHAIN_BYTES : after])
        at, sequence = after, sequence + 1


def head_of(path: Path) -> tuple[Head, int]:
    """(head, committed end) of a segment. Raises Malformed, OSError."""
    with path.open("rb") as file:
        head, end, _ = decode_head(file.read(HEAD_BYTES))
    return head, end


class Segment:
    """A segment to be written: allocated under a name of its own, then begun under its number, in the end finished."""

    def __init__(self, folder: Path, file_bytes: int) -> None:
        """Raises OSError when there is no room for it, or no folder that takes it."""
        self.folder, self.file_bytes = folder, file_bytes
        self._path = folder / f"{secrets.token_hex(4)}{NEXT_SUFFIX}"
        self.fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            os.posix_fallocate(self.fd, 0, file_bytes)
            os.fsync(self.fd)
            self._map: mmap.mmap | None = mmap.mmap(self.fd, file_bytes)
        except OSError:
            self.discard()
            raise

    def begin(self, head: Head) -> memoryview:
        """Write its head, give it its name, and hand out its octets. Raises OSError, and it is still next then."""
        assert self._map is not None
        os.pwrite(self.fd, encode_head(head), 0)
        path = path_of(self.folder, head.number)
        if path.exists():
            raise FileExistsError(17, "the segment is there already", str(path))
        self._path = self._path.rename(path)
        return memoryview(self._map)

    def sync(self) -> None:
        """Wait until its octets are on the disk. Raises OSError."""
        os.fdatasync(self.fd)

    def sync_name(self) -> None:
        """Wait until its name is on the disk. Raises OSError."""
        sync_folder(self.folder)

    def finish(self, end: int) -> None:
        """Sync, cut off what was not used, and close: nobody writes into it any more. Raises OSError."""
        try:
            os.fdatasync(self.fd)
            if self._unmap():
                os.ftruncate(self.fd, end)
                os.fsync(self.fd)
        finally:
            self._close()

    def discard(self) -> None:
        """It was never begun: remove it."""
        self._unmap()
        self._close()
        with suppress(OSError):  # its folder may be gone
            self._path.unlink(missing_ok=True)

    def _unmap(self) -> bool:
        mapped, self._map = getattr(self, "_map", None), None
        if mapped is not None:
            try:
                mapped.close()
            except BufferError:  # somebody holds its octets still; it stays as long as it is
                return False
        return True

    def _close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_of(folder: Path) -> int | None:
    """The lock of a series, held until it is closed or the process ends; None when another holds it. Raises OSError."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def in_use(folder: Path) -> bool:
    """Whether a process writes this series now."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
