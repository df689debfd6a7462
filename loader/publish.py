"""The data folder and the swap: staging, sealing, publishing, waiting for the workers, removing what is old. The last
verb.

Every step is durable before the next one that depends on it begins, so that a crash at any instruction leaves a
complete generation in service: files, then their folder, then gen/, then CURRENT.tmp, then CURRENT, then the data
folder. Nothing ever writes into a published file; old generations are unlinked, never emptied, so readers go on
undisturbed.
"""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

from loader.errors import BadGeneration, ConfigurationError, NotAdopted, OutOfOrder, StorageError
from lookup.manifest import (
    CURRENT,
    GENERATIONS,
    MANIFEST,
    PIN,
    REFUSED,
    NotServable,
    digest8_of,
    folders,
    read_pointer,
    read_refused,
    split_name,
    verify_files,
)
from lookup.runfile import RunState, live_workers
from lookup.vouched import stamps_of, vouch

STAGING = "staging"
FETCHING = "fetching"  # in staging: what is being fetched, and outlives who fetches
REPORTS = "reports"
PUBLISHING = ".publishing"
FOLDER_MODE = 0o750
FILE_MODE = 0o440
POINTER_MODE = 0o640
POLL_SECONDS = 0.02


def prepare(data_dir: Path, run_dir: Path) -> bool:
    """Make the folders that are not there yet, durably; returns whether the data folder is one of them.

    Raises ConfigurationError when not even the folder that it is to be in is there: the setting is misspelt.
    """
    created = not data_dir.exists()
    if created and not data_dir.parent.is_dir():
        raise ConfigurationError(f"data_dir: there is no folder {data_dir.parent} to make {data_dir.name} in")
    new = [folder for folder in (data_dir / STAGING, data_dir / GENERATIONS, data_dir / REPORTS) if not folder.exists()]
    for folder in (data_dir, *new, run_dir):
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if new:  # or what is published into them is durable, and they are not
        fsync(data_dir)
    if created:
        fsync(data_dir.parent)
    return created


def sweep(data_dir: Path) -> None:
    """Remove what a loader that died left in staging/ or half removed in gen/, and files half written.

    Only with the lock held. What was being fetched stays: the next one goes on with it (loader.fetch).
    """
    for half in (*data_dir.glob("*.tmp"), *(data_dir / REPORTS).glob("*.tmp")):
        half.unlink()
    for left in (data_dir / STAGING).iterdir():
        if left.is_dir() and not left.is_symlink():
            if left.name != FETCHING:
                shutil.rmtree(left)
        else:
            if left.suffix == PUBLISHING:
                _withdraw(data_dir, left.stem)
            left.unlink()
    for half in _halves(data_dir):
        _withdraw(data_dir, half.name)


def _withdraw(data_dir: Path, name: str) -> None:
    """Remove a generation that was put in gen/ and never announced: it would count among those that are kept.

    What is pinned or refused was announced, whatever else is left to say that it was not: a power cut may bring back a
    marker that had been removed. Where a pointer cannot be read nothing is removed: what is there may be needed.
    """
    with contextlib.suppress(NotServable):
        announced = {read_pointer(data_dir, CURRENT), read_pointer(data_dir, PIN)}
        announced |= {refusal.name for refusal in read_refused(data_dir)}
        if name not in announced and (data_dir / GENERATIONS / name).exists():
            remove(data_dir / GENERATIONS / name)


def require_space(data_dir: Path, needed_bytes: int) -> None:
    """Raises StorageError when the filesystem has not that much room for us."""
    free = shutil.disk_usage(data_dir).free
    if free < needed_bytes:
        raise StorageError(f"{data_dir}: {needed_bytes >> 20} MB are needed, {free >> 20} MB are free")


# -- which feeds are taken


class Admission(NamedTuple):
    """Whether a feed is to be built, and under which serial; `current` is what CURRENT names now."""

    build: bool
    serial: int
    current: str | None


def admit(data_dir: Path, sequence: int | None, *, rebuild: bool = False, allow_older: str | None = None) -> Admission:
    """Decide by sequence, never by clock, about a full feed. Raises OutOfOrder.

    `sequence` None is a source that has none: the next one after what is in service. `allow_older` is the operator's
    reason.
    """
    current, serial = in_service(data_dir)
    if sequence is None:
        return Admission(True, serial + 1, current)
    if not rebuild and sequence in refused_serials(data_dir):
        raise OutOfOrder(f"a generation of sequence {sequence} was refused: a feed of a higher sequence is needed")
    if current is None or sequence > serial:
        return Admission(True, sequence, current)
    if sequence == serial:
        return Admission(rebuild or not is_whole(data_dir, current), sequence, current)
    if allow_older is None:
        raise OutOfOrder(f"the feed's sequence is {sequence}, {serial} is in service: --allow-older REASON takes it")
    return Admission(True, sequence, current)


def in_service(data_dir: Path) -> tuple[str | None, int]:
    """(name, serial) of what CURRENT names, or, where it names nothing sound, of the newest generation.

    (None, 0) without any.
    """
    name = None
    with contextlib.suppress(NotServable):
        name = read_pointer(data_dir, CURRENT)
    if name is None:
        name = next((folder.name for folder in folders(data_dir)), None)
    return (None, 0) if name is None else (name, split_name(name)[0])


def refused_serials(data_dir: Path) -> set[int]:
    """The serials of the generations that must not be chosen."""
    try:
        return {split_name(refusal.name)[0] for refusal in read_refused(data_dir)}
    except NotServable as error:
        raise BadGeneration(f"{REFUSED}: {error}") from None


def is_whole(data_dir: Path, name: str) -> bool:
    """Whether CURRENT names a generation, and its files are what its manifest says."""
    try:
        verify_files(data_dir / GENERATIONS / name)
    except NotServable:
        return False
    return read_pointer_safely(data_dir) == name


# -- the folder


class Staging:
    """A folder under staging/ to build in, on the filesystem of gen/. Leaving the context removes it if unpublished."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / STAGING / f"building-{secrets.token_hex(8)}"

    def __enter__(self) -> Self:
        self.folder.mkdir(mode=FOLDER_MODE)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)  # what is left the next load sweeps; an error must not hide ours

    def seal(self, serial: int) -> Path:
        """Make the files, manifest included, durable and read-only; give the folder its final name: `folder` from now.

        Raises StorageError when a file cannot be made durable: what is on the disk is then unknown, and thrown away.
        """
        with self.sealing(serial):
            return self.folder

    @contextlib.contextmanager
    def sealing(self, serial: int) -> Iterator[None]:
        """Seal while the context lasts: in it everything has its name and its mode, behind it everything is durable."""
        named = self.folder.with_name(f"{serial}-{digest8_of(self.folder)}")
        try:
            self.folder = self.folder.rename(named)
            for path in self.folder.iterdir():
                path.chmod(FILE_MODE)
            self.folder.chmod(FOLDER_MODE)
        except OSError as error:
            raise _not_durable(error) from error
        with ThreadPoolExecutor(1) as thread:
            durable = thread.submit(_sync_all, self.folder)
            yield
            try:
                durable.result()
            except OSError as error:
                raise _not_durable(error) from error

    def publish(self) -> str:
        """Move the sealed folder into gen/, point CURRENT at it, return the generation's name.

        Raises StorageError; what was never announced is then removed again.
        """
        name = self.folder.name
        target = self.data_dir / GENERATIONS / name
        if target.exists():
            raise StorageError(f"{target} is already there")
        marker = self.folder.with_name(name + PUBLISHING)  # for `sweep`, should we not live to see the end of this
        try:
            marker.touch(POINTER_MODE)
            fsync(marker.parent)
            self.folder.rename(target)
            fsync(target.parent)
            point(self.data_dir, CURRENT, name)
            marker.unlink()
        except BaseException as error:
            with contextlib.suppress(OSError):
                _withdraw(self.data_dir, name)
                marker.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StorageError(f"the new generation could not be put in place: {error.strerror}") from error
            raise
        with contextlib.suppress(NotServable):
            # Whoever publishes has just verified it, and nobody else writes here.
            vouch(self.data_dir, name, stamps_of(target))
        return name


def point(data_dir: Path, which: str, name: str) -> None:
    """Let CURRENT or PIN name a generation, durably. Raises StorageError."""
    replace(data_dir, which, f"{name}\n".encode(), f"names {name} now")


def replace(data_dir: Path, which: str, content: bytes, now: str) -> None:
    """Give one of the small files of the data folder another content, at once and durably. Raises StorageError.

    `now` is what there is to say of it once it has been replaced, durably or not.
    """
    new = data_dir / f"{which}.tmp"
    try:
        with new.open("wb") as file:
            os.fchmod(file.fileno(), POINTER_MODE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.rename(data_dir / which)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise StorageError(f"{which} could not be written: {error.strerror}") from error
    try:
        fsync(data_dir)
    except OSError as error:
        raise StorageError(f"{which} {now}, which may not be durable: {error.strerror}") from error


def fsync(path: Path) -> None:
    """Make a file's bytes, or a folder's entries, durable."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_all(folder: Path) -> None:
    for path in folder.iterdir():
        fsync(path)
    fsync(folder)


def _not_durable(error: OSError) -> StorageError:
    return StorageError(f"the new generation could not be made durable: {error.strerror}")


def remove(folder: Path) -> None:
    """Unlink a generation, its manifest first and durably, so that nobody ever takes what is left for one."""
    (folder / MANIFEST).unlink(missing_ok=True)
    fsync(folder)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


class Pruned(NamedTuple):
    """The names of the generations that were removed, and in words what was not and why."""

    removed: list[str]
    warnings: list[str]


def prune(data_dir: Path, run_dir: Path, keep: int) -> Pruned:
    """Remove all but the newest `keep` generations and those that CURRENT, PIN or a live worker names.

    What an earlier removal left half done goes too. What has not a generation's name, or holds more than files, is not
    ours and is left alone.
    """
    out = Pruned([], [])
    newest = folders(data_dir)
    spared = {folder.name for folder in newest[:keep]} | {worker.name for worker in live_workers(run_dir)}
    for which in (CURRENT, PIN):
        try:
            spared.add(read_pointer(data_dir, which))
        except NotServable as error:
            out.warnings.append(f"no old generation was removed: {error}")  # an operator will need what is there
            return out
    halves = [folder for folder in (data_dir / GENERATIONS).iterdir() if not (folder / MANIFEST).exists()]
    for folder in newest[keep:] + halves:
        if folder.name in spared or not _is_named(folder):
            continue
        try:
            if not _holds_files_alone(folder):
                out.warnings.append(f"{folder.name} was not removed: it is not a folder of files alone")
                continue
            remove(folder)
            out.removed.append(folder.name)
        except OSError as error:
            out.warnings.append(f"{folder.name} could not be removed: {error.strerror}")
    return out


def _halves(data_dir: Path) -> list[Path]:
    """The generations of which a loader that died has removed a part: they have no manifest any more."""
    named = [folder for folder in (data_dir / GENERATIONS).iterdir() if _is_named(folder)]
    return [folder for folder in named if not (folder / MANIFEST).exists() and _holds_files_alone(folder)]


def _holds_files_alone(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and all(path.is_file() for path in folder.iterdir())


def _is_named(folder: Path) -> bool:
    try:
        split_name(folder.name)
    except NotServable:
        return False
    return True


# -- the workers


class Adoption(NamedTuple):
    """What became of an announced generation: taken up by `workers` live workers, or why nobody was waited for."""

    outcome: Literal["adopted", "no worker alive", "pinned"]
    workers: int


def wait_adopted(data_dir: Path, run_dir: Path, name: str, timeout_seconds: float) -> Adoption:
    """Wait for every live worker that is not stopping to serve `name`. Raises NotAdopted."""
    until = time.monotonic() + timeout_seconds
    while True:
        pin = read_pointer_safely(data_dir, PIN)
        waited_for = [worker for worker in live_workers(run_dir) if worker.state != "draining"]
        if pin is not None and pin != name:
            return Adoption("pinned", len(waited_for))
        behind = [worker for worker in waited_for if not _serves(worker, name)]
        if not behind:
            return Adoption("adopted" if waited_for else "no worker alive", len(waited_for))
        if time.monotonic() >= until:
            pids = ", ".join(str(worker.pid) for worker in behind)
            raise NotAdopted(
                f"{name} is announced, but {len(behind)} of {len(waited_for)} workers do not serve it after"
                f" {timeout_seconds:g} s (process {pids}): see the log of flr-lookup"
            )
        time.sleep(POLL_SECONDS)


def _serves(worker: RunState, name: str) -> bool:
    return worker.state == "ready" and worker.name == name


def read_pointer_safely(data_dir: Path, which: str = CURRENT) -> str | None:
    """The generation that a pointer names; None when there is none or it is damaged."""
    try:
        return read_pointer(data_dir, which)
    except NotServable:
        return None
