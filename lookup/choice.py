"""Which generation is to be served: PIN if there is one, else CURRENT; and what to do when that cannot be.

Verifies a generation's files once, and keeps the stamps by which every worker then knows them again. Opens nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from lookup.manifest import (
    CURRENT,
    GENERATIONS,
    PIN,
    NotServable,
    Stamps,
    check_stamps,
    folders,
    read_pointer,
    read_refused,
    verify_files,
)


class Order(msgspec.Struct, frozen=True):
    """What the supervisor tells its workers: look now, serve this, whose files had these stamps when verified."""

    name: str
    pinned: bool
    stamps: Stamps


class Choice:
    """The generations of one data folder, and what is known of them."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._stamps: dict[str, Stamps] = {}
        self._unfit: dict[str, str] = {}

    def announced(self) -> Order | None:
        """What PIN or else CURRENT names; None where neither is there. Raises NotServable."""
        for which in (PIN, CURRENT):
            name = read_pointer(self.data_dir, which)
            if name is None:
                continue
            if name in self._refused():
                raise NotServable(f"{which} names {name}, which is refused")
            try:
                return Order(name, which == PIN, self._verified(name))
            except NotServable as error:
                raise NotServable(f"{which} names {name}: {error}") from None
        return None

    def newest(self) -> Order | None:
        """The newest generation that is valid and not refused."""
        for name in self._candidates():
            try:
                return Order(name, False, self._verified(name))
            except NotServable:
                continue
        return None

    def _candidates(self) -> Iterator[str]:
        refused = self._refused()
        return (folder.name for folder in folders(self.data_dir) if folder.name not in refused)

    def unfit(self, name: str, why: str) -> None:
        """A worker could not open a generation, although its files are what the manifest says."""
        self._unfit[name] = why

    def forget(self) -> None:
        """Verify everything again when it is next asked for: an operator may have put something right."""
        self._stamps.clear()
        self._unfit.clear()

    def _refused(self) -> set[str]:
        return {refusal.name for refusal in read_refused(self.data_dir)}

    def _verified(self, name: str) -> Stamps:
        folder = self.data_dir / GENERATIONS / name
        if name in self._unfit:
            raise NotServable(self._unfit[name])
        stamps = self._stamps.get(name)
        if stamps is not None:
            try:
                check_stamps(folder, stamps)
            except NotServable:
                stamps = None
        if stamps is None:
            try:
                stamps = verify_files(folder)
            except NotServable as error:
                self._unfit[name] = str(error)
                raise
            self._stamps = {name: stamps}
        return stamps
