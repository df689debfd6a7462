"""One loader at a time: `loader.lock` in the data folder, held by flock for as long as the loader lives.

The file says who holds it and since when; what counts is the lock, which the kernel takes back from a dead process.
Forked processes of the crew let go of it at birth, so that a loader that is killed leaves the lock free whatever
becomes of them.
"""

import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakSet

import msgspec

from loader.errors import LockHeld

LOCK = "loader.lock"
TRIES, BETWEEN_SECONDS = 20, 0.005  # who only looks whether it is held (`holder`) lets go at once


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock: process id, and since when (RFC 3339)."""

    pid: int
    since: str

    def age_seconds(self) -> float:
        """How long ago `since` is; none at all where the clock was set back meanwhile."""
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(self.since)).total_seconds())


class LoaderLock:
    """Holds the lock inside the context. Entering raises LockHeld when another loader has it: it does not wait."""

    def __init__(self, data_dir: Path, stuck_after_seconds: float, lock: str = LOCK) -> None:
        self.path, self.stuck_after_seconds = data_dir / lock, stuck_after_seconds
        self._fd = -1

    def __enter__(self) -> Self:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            _take(fd)
            os.ftruncate(fd, 0)
            os.write(fd, msgspec.json.encode(Holder(os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))))
        except BlockingIOError:
            os.close(fd)
            raise self._held() from None
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        _locks.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self.let_go()

    def let_go(self) -> None:
        """Close this process's descriptor, which frees the lock when it is the last one."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _held(self) -> LockHeld:
        holder = _read(self.path)
        if holder is None:
            return LockHeld("another loader is at work (it does not say who)", stuck=True)
        age = holder.age_seconds()
        stuck = age >= self.stuck_after_seconds
        message = f"another loader is at work: process {holder.pid}, for {age:.0f} s"
        return LockHeld(f"{message}; it may be stuck" if stuck else message, stuck=stuck)


def holder(data_dir: Path) -> Holder | None:
    """Who is loading into this data folder now, if anybody."""
    try:
        fd = os.open(data_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(data_dir / LOCK)
    finally:
        os.close(fd)
    return None


def _take(fd: int) -> None:
    for _ in range(TRIES - 1):
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(BETWEEN_SECONDS)
    return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read(path: Path) -> Holder | None:
    """Who the file says holds the lock; None when it does not say, or names one that is no more."""
    try:
        said = msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None
    return said if Path(f"/proc/{said.pid}").exists() else None


_locks: WeakSet[LoaderLock] = WeakSet()


def _let_go_in_child() -> None:
    for lock in list(_locks):
        lock.let_go()


os.register_at_fork(after_in_child=_let_go_in_child)
