"""Which generation is to be served: PIN if there is one, else CURRENT; and what instead, when that cannot be.

Decides and remembers, and opens nothing. Files are held against the manifest once, and known again by their stamps.
What is in service stays as long as those who lack it can open it. When it is lost, and at start-up, another valid
generation takes its place: what CURRENT names, where PIN is the trouble, else the newest that is not refused.
"""

import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from lookup.manifest import (
    CURRENT,
    GENERATIONS,
    PIN,
    NotServable,
    Stamps,
    Unreadable,
    check_stamps,
    folders,
    read_pointer,
    read_refused,
    verify_files,
)
from lookup.vouched import vouched

REMEMBERED = 16  # generations whose stamps are kept
FOR_EVER = float("inf")
READ_AGAIN_SECONDS = 2.0
OPEN_AGAIN_SECONDS = (10.0, 60.0, 600.0, 3600.0)  # after the first time that no worker could open it, the second, ...
FIRST_CURRENT_SECONDS = 10.0  # the loader writes CURRENT just after the first generation is in its place


class Order(msgspec.Struct, frozen=True):
    """What the supervisor tells its workers: look now, serve this, whose files had these stamps when verified."""

    name: str
    pinned: bool
    stamps: Stamps


class _Unfit(NamedTuple):
    why: str
    until: float
    times: int = 0


class Choice:
    """The generations of one data folder, what is known of them, and the decision.

    `order` is what is to be served, or None when nothing can be; `trouble` says why it is not what PIN or else CURRENT
    names. `served` is for the supervisor to set: the last order that a worker has carried out. `stamps` are those of
    the generations that were verified, by name; somebody else may have verified some.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.order: Order | None = None
        self.served: Order | None = None
        self.trouble: str | None = None
        self._substituted: str | None = None
        self._looked = False
        self._first_current_until: float | None = None
        self.stamps: dict[str, Stamps] = {}
        self._unfit: dict[str, _Unfit] = {}
        self._believing = True  # what the loader says that it has verified

    @property
    def fallback(self) -> bool:
        """Whether the order is for a generation that nothing names."""
        return self.order is not None and self.order.name == self._substituted

    def look(self, serving: Collection[str | None]) -> None:
        """Decide again. `serving` is what each worker has in memory by name, None for one that has nothing."""
        first, self._looked = not self._looked, True
        try:
            named, self.trouble = self._pointed(PIN) or self._pointed(CURRENT), None
        except NotServable as error:
            named, self.trouble = None, str(error)
        if named is not None and named.name == self._substituted:
            self._substituted = None
        self.order = named or self._kept(serving)
        if self.order is None:
            self._fall_back(at_once=first or self.trouble is not None or self.served is not None)
        lost = self.order is None and self.served is not None
        if named is None and self.trouble is None and (lost or self.fallback):
            self.trouble = "neither CURRENT nor PIN is there"

    def unfit(self, order: Order, why: str) -> None:
        """No worker could open a generation. It is tried again after a while; at once if its files are others now."""
        try:
            unchanged = self._verified(order.name) == order.stamps
        except NotServable:
            return
        if unchanged:
            times = self._unfit[order.name].times if order.name in self._unfit else 0
            seconds = OPEN_AGAIN_SECONDS[min(times, len(OPEN_AGAIN_SECONDS) - 1)]
            self._unfit[order.name] = _Unfit(why, time.monotonic() + seconds, times + 1)

    def forget(self) -> None:
        """Verify everything again when it is next asked for: an operator may have put something right."""
        self.stamps.clear()
        self._unfit.clear()
        self._believing = False

    def _pointed(self, which: str) -> Order | None:
        """What PIN or CURRENT names, or None where there is no such file. Raises NotServable."""
        name = read_pointer(self.data_dir, which)
        if name is None:
            return None
        if name in self._refused():
            raise NotServable(f"{which} names {name}, which is refused")
        try:
            return Order(name, which == PIN, self._verified(name))
        except NotServable as error:
            raise NotServable(f"{which} names {name}: {error}") from None

    def _kept(self, serving: Collection[str | None]) -> Order | None:
        """What is in service, or was chosen last: if every worker has it, else only if it can still be opened."""
        for order in (self.served, self.order):
            if order is not None:
                if all(name == order.name for name in serving):
                    return order
                with suppress(NotServable):
                    return Order(order.name, order.pinned, self._verified(order.name))
        return None

    def _fall_back(self, *, at_once: bool) -> None:
        substitute = self._substitute()
        if substitute is not None and (at_once or not self._current_may_come()):
            self.order, self._substituted = substitute, substitute.name

    def _current_may_come(self) -> bool:
        """Whether what has just appeared may be the first load's, which is about to write CURRENT."""
        if self._first_current_until is None:
            self._first_current_until = time.monotonic() + FIRST_CURRENT_SECONDS
        return time.monotonic() < self._first_current_until

    def _substitute(self) -> Order | None:
        with suppress(NotServable):
            if (order := self._pointed(CURRENT)) is not None:
                return order
        with suppress(NotServable):
            return self._newest()
        return None

    def _newest(self) -> Order | None:
        refused = self._refused()
        for folder in folders(self.data_dir):
            if folder.name not in refused:
                with suppress(NotServable):
                    return Order(folder.name, False, self._verified(folder.name))
        return None

    def _refused(self) -> set[str]:
        return {refusal.name for refusal in read_refused(self.data_dir)}

    def _verified(self, name: str) -> Stamps:
        """The stamps of a generation whose files are what its manifest says. Raises NotServable."""
        unfit = self._unfit.get(name)
        if unfit is not None and time.monotonic() < unfit.until:
            raise NotServable(unfit.why)
        folder = self.data_dir / GENERATIONS / name
        if name in self.stamps:
            with suppress(NotServable):
                check_stamps(folder, self.stamps[name])
                return self.stamps[name]
            del self.stamps[name]
        try:
            stamps = (vouched(self.data_dir, name) if self._believing else None) or verify_files(folder)
        except NotServable as error:
            # Damage stays until somebody says otherwise; what could not be read may be readable the next moment.
            seconds = READ_AGAIN_SECONDS if isinstance(error, Unreadable) else FOR_EVER
            self._unfit[name] = _Unfit(str(error), time.monotonic() + seconds)
            raise
        while len(self.stamps) >= REMEMBERED:
            del self.stamps[next(iter(self.stamps))]
        self.stamps[name] = stamps
        return stamps
