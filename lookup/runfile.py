"""The run files: how a worker says what it serves, and how others tell which workers are alive.

`run/<pid>.json` is held locked by its worker for as long as it lives, so a file whose lock is free is dead, whatever
it says. To change it a worker writes and locks a new file, renames it over the old one, and only then closes that: at
no moment is there an unlocked file under the name. Mode 0640: the loader reads it as one of the group.
"""

import contextlib
import fcntl
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

MODE = 0o640
State = Literal["starting", "ready", "draining"]


class RunState(msgspec.Struct, frozen=True):
    """What a worker says of itself; no serial and no digest until it serves. `since` is RFC 3339."""

    pid: int
    serial: int | None
    digest8: str | None
    state: State
    since: str

    @property
    def name(self) -> str | None:
        """The generation it serves."""
        return None if self.serial is None else f"{self.serial}-{self.digest8}"


class RunFile:
    """The run file of this process. Any thread may write; after "draining" nothing is written any more."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{os.getpid()}.json"
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._last = False

    def write(self, state: State, serial: int | None = None, digest8: str | None = None) -> None:
        """Say what this worker is doing now."""
        with self._lock:
            if not self._last:
                self._last = state == "draining"
                self._write(state, serial, digest8)

    def _write(self, state: State, serial: int | None, digest8: str | None) -> None:
        said = RunState(os.getpid(), serial, digest8, state, datetime.now(UTC).isoformat(timespec="milliseconds"))
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)
        file = new.open("xb", buffering=0)
        os.fchmod(file.fileno(), MODE)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(msgspec.json.encode(said) + b"\n")
        new.rename(self.path)
        if self._file is not None:
            self._file.close()
        self._file = file

    def remove(self) -> None:
        """The end: this worker is no more."""
        with self._lock:
            self._last = True
            if self._file is not None:
                self.path.unlink(missing_ok=True)
                self._file.close()
                self._file = None


def live_workers(folder: Path) -> list[RunState]:
    """What every worker that is alive says, by process id."""
    states = [_state_if_live(path) for path in sorted(folder.glob("*.json"))]
    return sorted((state for state in states if state is not None), key=lambda state: state.pid)


def _state_if_live(path: Path) -> RunState | None:
    while True:
        try:
            file = path.open("rb")
        except OSError:
            return None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                with contextlib.suppress(msgspec.DecodeError):
                    return msgspec.json.decode(file.read(), type=RunState)
                return None
            if _same(file, path):
                return None
        # The worker put a new file in its place between our two calls: look at that one.


def _same(file: BinaryIO, path: Path) -> bool:
    try:
        now = path.stat()
    except OSError:
        return True
    return os.path.samestat(os.fstat(file.fileno()), now)


def remove_dead(folder: Path) -> None:
    """Remove the files that dead workers left behind."""
    live = {state.pid for state in live_workers(folder)}
    for path in [*folder.glob("*.json"), *folder.glob("*.new")]:
        if path.stem.isdecimal() and int(path.stem) not in live and not _alive(int(path.stem)):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    """Whether there is such a process: a worker that is just writing its first file must not lose it."""
    return Path(f"/proc/{pid}").exists()
