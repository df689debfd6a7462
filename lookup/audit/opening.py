"""Which series a worker goes on with: that of its slot, if nobody else has it and it is whole; or another."""

import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from lookup.audit.adopt import NotAdopted, adopt_last
from lookup.audit.keys import Keys
from lookup.audit.segment import lock_of, segments, sweep
from lookup.audit.series import Series, Unavailable

log = structlog.get_logger()

_NAMES = 64


def open_series(places: Sequence[Path], slot: int, keys: Keys, segment_bytes: int, *, durable: bool = False) -> Series:
    """The series of a worker's slot, gone on with where it ended. `places` are the audit's folder, and a spool's.

    One that another process writes is left to it, and one that was changed is left as it is; then it is another
    name's turn. While not every place can be seen nobody knows how a series ended, so a new one is begun then.
    Raises Unavailable.
    """
    usable, why = _usable(places)
    if not usable:
        raise Unavailable("; ".join(why))
    names = [f"w{slot}", *(f"w{slot}.{again}" for again in range(1, _NAMES))]
    if len(usable) < len(places):
        names = [f"w{slot}-{secrets.token_hex(4)}"]
        log.error("audit-place-unusable", why=why, series=names[0])
    for name in names:
        series = _opened(name, places, usable, keys, segment_bytes, durable=durable)
        if series is not None:
            return series
    raise Unavailable(f"w{slot}: every name is in use")


def _opened(
    name: str, places: Sequence[Path], usable: Sequence[Path], keys: Keys, segment_bytes: int, *, durable: bool
) -> Series | None:
    locks: list[int] = []
    kept = False
    try:
        for place in usable:
            folder = place / name
            folder.mkdir(mode=0o750, exist_ok=True)
            lock = lock_of(folder)
            if lock is None:
                return None
            locks.append(lock)
            sweep(folder)
        there = sorted((path for place in usable for path in segments(place / name)), key=lambda path: path.name)
        try:
            last = adopt_last(there, keys, time.time_ns())
        except NotAdopted as error:
            log.error("audit-series-left", series=name, why=str(error))
            return None
        if last is not None and last.adopted:
            log.warning("audit-segment-adopted", path=str(there[-1]), torn_bytes=last.torn_bytes)
        series = Series(name, [place / name for place in places], keys, segment_bytes, durable=durable)
        series.begin(locks, last)
        kept = True
        return series
    except OSError as error:
        raise Unavailable(f"{error.filename or name}: {error.strerror}") from None
    finally:
        if not kept:
            for lock in locks:
                os.close(lock)


def _usable(places: Sequence[Path]) -> tuple[list[Path], list[str]]:
    usable, why = [], []
    for place in places:
        try:
            place.mkdir(mode=0o750, parents=True, exist_ok=True)
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied", str(place))
            usable.append(place)
        except OSError as error:
            why.append(f"{place}: {error.strerror}")
    return usable, why
