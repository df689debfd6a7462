"""Moves between generations that are there: `rollback`, `accept`, `pin`, `unpin`. No file of a generation is touched.

What is left behind is refused before CURRENT moves: a crash between the two leaves a CURRENT that nobody follows, and
the service falls back by itself; the other way round, the next load would put the bad data straight back.
"""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loader.errors import BadGeneration, NotAdopted, StorageError, UsageError
from loader.lock import LoaderLock
from loader.publish import fsync, in_service, point, prepare, read_pointer_safely, replace, sweep, wait_adopted
from loader.report import write_report
from loader.settings import Settings
from lookup.manifest import (
    CURRENT,
    GENERATIONS,
    PIN,
    REFUSED,
    NotServable,
    Refusal,
    folders,
    read_refused,
    split_name,
    verify_files,
)
from lookup.vouched import vouch, vouched


class Move(msgspec.Struct, kw_only=True):
    """What a move did: `generation` is what CURRENT names behind it, `pinned` what PIN does. Times are RFC 3339."""

    verb: str
    at: str
    reason: str | None = None
    previous: str | None = None
    generation: str | None = None
    pinned: str | None = None
    refused: list[str] = []
    accepted: list[str] = []
    adoption: str | None = None
    workers: int = 0

    def line(self) -> str:
        """The move in one line, for a terminal."""
        said = {
            "rollback": f"{self.generation} is in service instead of {self.previous}",
            "accept": f"accepted: {', '.join(self.accepted)}",
            "pin": f"pinned {self.pinned}",
            "unpin": f"not pinned; CURRENT names {self.generation}",
        }[self.verb]
        return said if self.adoption is None else f"{said}; {self.adoption} ({self.workers} workers)"


class _Moving:
    """One move: the lock, the record of it, and what comes after it."""

    def __init__(self, settings: Settings, verb: str, reason: str | None) -> None:
        self.settings, self.data_dir = settings, settings.data_dir
        self.started = datetime.now(UTC)
        self.move = Move(verb=verb, at=_text(self.started), reason=reason)
        self._lock = LoaderLock(self.data_dir, settings.stuck_after_seconds)

    def __enter__(self) -> "_Moving":
        prepare(self.data_dir, self.settings.run_folder)
        self._lock.__enter__()
        sweep(self.data_dir)
        self.move.previous, _ = in_service(self.data_dir)
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(None, None, None)

    def done(self, follow: str | None) -> Move:
        """The move is made: keep a report of it, and wait until `follow` is served. Raises NotAdopted."""
        move = self.move
        move.generation, _ = in_service(self.data_dir)
        move.pinned = read_pointer_safely(self.data_dir, PIN)
        try:
            if follow is not None:
                adoption = wait_adopted(
                    self.data_dir, self.settings.run_folder, follow, self.settings.adopt_timeout_seconds
                )
                move.adoption, move.workers = adoption.outcome, adoption.workers
        except NotAdopted:
            move.adoption = "not adopted"
            raise
        finally:
            write_report(self.data_dir, f"{self.started:%Y%m%dT%H%M%S.%f}-{move.verb}", move)
        return move


def rollback(settings: Settings, wanted: str | None, reason: str) -> Move:
    """Put an older generation in service, and refuse those that it leaves behind. `wanted` None: the one before."""
    with _Moving(settings, "rollback", reason) as moving:
        current = moving.move.previous
        if current is None:
            raise BadGeneration("there is no generation: nothing to go back from")
        refused = _refused(settings.data_dir)
        names = {refusal.name for refusal in refused}
        target = find(settings.data_dir, wanted) if wanted else _before(settings.data_dir, current, names)
        if target == current and target not in names:
            raise UsageError(f"CURRENT names {target} already")
        if split_name(target)[0] > split_name(current)[0]:
            raise UsageError(f"{target} is newer than {current}: going back is what this is for")
        _usable(settings.data_dir, target, names)
        left = [current, *(folder.name for folder in folders(settings.data_dir) if _is_newer(folder.name, target))]
        moving.move.refused = sorted({name for name in left if name != target} - names)
        more = [Refusal(name, reason, _text(moving.started)) for name in moving.move.refused]
        _write_refused(settings.data_dir, refused + more)
        point(settings.data_dir, CURRENT, target)
        return moving.done(target)


def accept(settings: Settings, wanted: str, reason: str | None = None) -> Move:
    """Refuse a generation no longer: it, and a feed of its sequence, may be taken again. Puts nothing in service."""
    with _Moving(settings, "accept", reason) as moving:
        refused = _refused(settings.data_dir)
        name = _one_of([refusal.name for refusal in refused], wanted, "refused generation")
        _write_refused(settings.data_dir, [refusal for refusal in refused if refusal.name != name])
        moving.move.accepted = [name]
        return moving.done(None)


def pin(settings: Settings, wanted: str, reason: str | None = None) -> Move:
    """Have a generation served whatever CURRENT comes to name. Loads go on."""
    with _Moving(settings, "pin", reason) as moving:
        target = find(settings.data_dir, wanted)
        _usable(settings.data_dir, target, {refusal.name for refusal in _refused(settings.data_dir)})
        point(settings.data_dir, PIN, target)
        return moving.done(target)


def unpin(settings: Settings, reason: str | None = None) -> Move:
    """Have what CURRENT names served again."""
    with _Moving(settings, "unpin", reason) as moving:
        try:
            (settings.data_dir / PIN).unlink(missing_ok=True)
            fsync(settings.data_dir)
        except OSError as error:
            raise StorageError(f"{PIN} could not be removed: {error.strerror}") from error
        return moving.done(moving.move.previous)


def find(data_dir: Path, wanted: str) -> str:
    """The name of the generation that SERIAL or SERIAL-DIGEST8 means. Raises UsageError or BadGeneration."""
    return _one_of([folder.name for folder in folders(data_dir)], wanted, "generation")


def _one_of(names: list[str], wanted: str, what: str) -> str:
    if wanted.isascii() and wanted.isdecimal():
        meant = [name for name in names if split_name(name)[0] == int(wanted)]
    else:
        with contextlib.suppress(NotServable):
            split_name(wanted)
            meant = [name for name in names if name == wanted]
            if not meant:
                raise BadGeneration(f"there is no {what} {wanted}")
            return meant[0]
        raise UsageError(f"{wanted} is neither SERIAL nor SERIAL-DIGEST8")
    if not meant:
        raise BadGeneration(f"there is no {what} of serial {wanted}")
    if len(meant) > 1:
        raise UsageError(f"{wanted} means more than one: {', '.join(sorted(meant))}")
    return meant[0]


def _before(data_dir: Path, current: str, refused: set[str]) -> str:
    """The newest sound generation before the current one."""
    serial, _ = split_name(current)
    for folder in folders(data_dir):
        if folder.name == current or folder.name in refused or split_name(folder.name)[0] > serial:
            continue
        with contextlib.suppress(NotServable):
            _verify(data_dir, folder.name)
            return folder.name
    raise BadGeneration(f"there is no sound generation before {current} that is not refused")


def _is_newer(name: str, other: str) -> bool:
    return split_name(name)[0] > split_name(other)[0]


def _usable(data_dir: Path, name: str, refused: set[str]) -> None:
    if name in refused:
        raise BadGeneration(f"{name} is refused: `flr-loader accept` takes that back")
    try:
        _verify(data_dir, name)
    except NotServable as error:
        raise BadGeneration(f"{name}: {error}") from None


def _verify(data_dir: Path, name: str) -> None:
    """Hold a generation against its manifest, unless that has been done already. Raises NotServable."""
    if vouched(data_dir, name) is None:
        vouch(data_dir, name, verify_files(data_dir / GENERATIONS / name, side_by_side=True))


def _refused(data_dir: Path) -> list[Refusal]:
    try:
        return read_refused(data_dir)
    except NotServable as error:
        raise BadGeneration(str(error)) from None


def _write_refused(data_dir: Path, refusals: list[Refusal]) -> None:
    content = msgspec.json.format(msgspec.json.encode(refusals), indent=1) + b"\n"
    replace(data_dir, REFUSED, content, "is written")


def _text(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")
