"""What the service has counted over the last hour: a ring of samples in memory that all processes share.

Made before the fork. The supervisor writes a sample every half minute, which costs those who answer nothing; whichever
worker is asked reads. A reading that the writer overtakes is left out, so nobody waits. A sample holds what had been
counted since the service began: what happened between two of them is their difference.
"""

import mmap
import os
import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

from lookup import metrics
from lookup.metrics import BUCKETS_SECONDS, FREE, MAX_ROUTES, STATUSES, Counters

if TYPE_CHECKING:
    from lookup.settings import Settings

EVERY_SECONDS = 30
ROWS = 3600 // EVERY_SECONDS + 2
# What operators and balancers ask of the service: it is in the table of routes, but no part of what callers meet with.
ASIDE = ("/livez", "/metrics", "/ops", "/readyz", "/schema", "/v1/status")
REFUSED = (401, 403, 429)
_FAILED_FROM = 500
_BOUNDS: tuple[float, ...] = (0.0, *BUCKETS_SECONDS)
_HEAD = 5  # a row: when in milliseconds, persons, restarts, failed swaps, serial; then all routes together, then each
_COUNTED = 3 + len(BUCKETS_SECONDS) + 1
_ROW = _HEAD + (1 + MAX_ROUTES) * _COUNTED


class Counted(NamedTuple):
    """Requests: how many, how many failed (5xx) and were refused, and how many took how long, by bucket."""

    answered: int
    failed: int
    refused: int
    buckets: tuple[int, ...]

    @classmethod
    def of(cls, words: Sequence[int]) -> Self:
        """As it stands in a row."""
        answered, failed, refused, *buckets = words
        return cls(answered, failed, refused, tuple(buckets))

    def since(self, before: Self) -> Self:
        """What was counted after `before`."""
        return type(self).of([now - then for now, then in zip(self.words(), before.words(), strict=True)])

    def words(self) -> list[int]:
        """As it is kept in a row."""
        return [self.answered, self.failed, self.refused, *self.buckets]

    def percentile(self, share: float) -> float | None:
        """Seconds within which this share was answered: linear within a bucket; None when nothing was asked."""
        rank, sofar = share * sum(self.buckets), 0.0
        if not rank:
            return None
        for place, count in enumerate(self.buckets[:-1]):
            if count and sofar + count >= rank:
                low, high = _BOUNDS[place], _BOUNDS[place + 1]
                return low + (high - low) * (rank - sofar) / count
            sofar += count
        return _BOUNDS[-1]


class Sample(NamedTuple):
    """What had been counted by a moment (seconds since 1970): persons looked up, workers that died, swaps that failed,
    the serial in service (0: none), and all that callers have asked.
    """

    at: float
    persons: int
    restarts: int
    failed_swaps: int
    serial: int
    requests: Counted


def by_route(counters: Counters) -> dict[str, Counted]:
    """What was asked by each route, until now."""
    told = {}
    for route, statuses, buckets, _ in counters.routes():
        failed = sum(n for status, n in zip(STATUSES, statuses, strict=False) if status >= _FAILED_FROM)
        refused = sum(n for status, n in zip(STATUSES, statuses, strict=False) if status in REFUSED)
        told[route] = Counted(sum(statuses), failed, refused, tuple(buckets))
    return told


def _together(routes: Iterable[tuple[str, Counted]]) -> Counted:
    """All that callers have asked."""
    asked = [counted.words() for route, counted in routes if not route.startswith(ASIDE)]
    return Counted.of([sum(column) for column in zip([0] * _COUNTED, *asked, strict=True)])


def sample(counters: Counters, at: float, routes: dict[str, Counted]) -> Sample:
    """What has been counted by now."""
    return Sample(
        at,
        sum(n for _, n in counters.outcomes()),
        counters.supervised(metrics.RESTARTS),
        sum(counters.head(metrics.FAILED_SWAPS)),
        max(counters.head(metrics.SERIAL)),
        _together(routes.items()),
    )


class Pulse:
    """The ring: written by the supervisor alone."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._words = memoryview(mmap.mmap(-1, ROWS * _ROW * 8)).cast("Q")  # what is not written to takes no memory
        self._written, self._due = 0, 0.0

    def beat(self, epoch_ns: int, settings: "Settings") -> None:
        """Take a sample if one is due, and see how much room the disks have."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_SECONDS
        self.take(epoch_ns)
        for place, folder in zip(
            metrics.PLACES, (settings.data_dir, settings.audit_folder, settings.audit_spool_dir), strict=True
        ):
            if folder is not None:
                self._counters.supervise(FREE[place], _free(folder))

    def take(self, epoch_ns: int) -> None:
        """Take a sample. The moment stands first, and is 0 while the row is written."""
        routes = by_route(self._counters)
        taken = sample(self._counters, 0, routes)
        row = self._words[(at := self._written % ROWS * _ROW) : at + _ROW]
        row[0] = 0
        for place, word in enumerate((*taken[1:5], *taken.requests.words()), 1):
            row[place] = word
        places = {route: place for place, route in enumerate(self._counters.templates(), 1)}
        for route, counted in routes.items():
            start = _HEAD + places[route] * _COUNTED
            for place, word in enumerate(counted.words(), start):
                row[place] = word
        row[0] = max(1, epoch_ns // 10**6)
        self._written += 1

    def samples(self) -> list[Sample]:
        """The samples of the last hour, oldest first."""
        rows = [self._read(place, _HEAD + _COUNTED) for place in range(ROWS)]
        return sorted(_sample(row) for row in rows if row)

    def routes_at(self, at: float) -> dict[str, Counted]:
        """What had been asked by each route when the sample of this moment was taken; nothing where it is no more."""
        for place in range(ROWS):
            row = self._read(place, _ROW) if self._words[place * _ROW] / 1e3 == at else None
            if row:
                starts = range(_HEAD + _COUNTED, _ROW, _COUNTED)
                words = {r: row[s : s + _COUNTED] for r, s in zip(self._counters.templates(), starts, strict=False)}
                return {route: Counted.of(some) for route, some in words.items() if some[0]}
        return {}

    def _read(self, place: int, words: int) -> list[int] | None:
        """So many words of a row; None where it holds nothing, or was written meanwhile."""
        row = self._words[place * _ROW : place * _ROW + words]
        at = row[0]
        told: list[int] = row.tolist() if at else []
        return told if at and row[0] == at else None


def _sample(row: Sequence[int]) -> Sample:
    milliseconds, persons, restarts, failed_swaps, serial, *requests = row
    return Sample(milliseconds / 1e3, persons, restarts, failed_swaps, serial, Counted.of(requests))


def before(samples: Sequence[Sample], at: float) -> Sample:
    """Of samples, oldest first, the newest that is not newer than this moment, or else the oldest."""
    return samples[max(0, bisect_right(samples, at, key=lambda one: one.at) - 1)]


def _free(folder: os.PathLike[str]) -> int:
    """A word of FREE."""
    try:
        told = os.statvfs(folder)
    except OSError:
        return 0
    return told.f_bavail * told.f_frsize + 1
