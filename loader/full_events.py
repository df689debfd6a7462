"""What a full load has changed, told as events: from the generation in service to the one just built.

The thirteen public events alone. They come in an order that a follower can apply: contracts before the doctor cycles,
outposts and memberships that name them, changed numbers before memberships, what ends before what begins, and what is
removed from under others last. Persons' particulars are not looked at: no event tells of them.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from loader.eventfile import Told, told
from loader.membership_changes import MembershipChanges, TooMany, ends, never
from loader.progress import Progress
from lookup.core import Index
from lookup.manifest import INDEX, KINDS, POINTERS
from lookup.tables import MAX_DATABASES, RECORD_DATABASES, Tables
from register.feed import EVENTS
from register.model import TABLES, NinChange

PUBLIC_TABLES = ("contracts", "doctor_cycles", "outposts", "nin_changes", "memberships")
PUBLIC_EVENTS = frozenset(name for name, (table, _) in EVENTS.items() if table in PUBLIC_TABLES)
_NAMED = {"contracts": "Contract", "doctor_cycles": "GPOnContract", "outposts": "OutOfOfficeLocation"}


@dataclass(frozen=True)
class View:
    """What is compared of a generation: its index, and its small tables."""

    index: Index
    tables: Tables


def view(folder: Path, tables: Tables) -> View:
    """The view of a folder whose files are whole, sealed or not."""
    data, pointers = (_map(folder / KINDS[kind]) for kind in (INDEX, POINTERS))
    return View(Index(pointers, data), tables)


@contextmanager
def unsealed(folder: Path) -> Iterator[View]:
    """The view of a folder that has no manifest yet. Nothing of it is open behind the context."""
    with lmdb.open(
        str(folder / KINDS[INDEX]), subdir=False, readonly=True, lock=False, max_dbs=MAX_DATABASES
    ) as environment:
        yield view(folder, Tables(environment))


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


class FullEvents:
    """What is different in two generations. `count` events; iterate for them."""

    def __init__(self, old: View, new: View, touched: Iterable[int], most: int, progress: Progress) -> None:
        """`touched`: the buckets in which it is (loader/compare.py).

        Raises TooMany as soon as there must be more than `most`.
        """
        self.old, self.new, self.most = old, new, most
        self.renumbered = _renumbered(old.tables, new.tables)
        numbers = {int(change.old_nin): int(change.new_nin) for change in self.renumbered}
        self.small = {table: _Small(table, old.tables, new.tables) for table in _NAMED}
        self.memberships = MembershipChanges(old, new, numbers, most)
        with progress.step("events"):
            self.memberships.compare(touched)
        small = sum(len(table) for table in self.small.values())
        self.count = len(self.renumbered) + small + len(self.memberships)
        if self.count > most:
            raise TooMany

    def __iter__(self) -> Iterator[Told]:
        for small in self.small.values():
            yield from small.put()
        for change in self.renumbered:
            numbers = (int(change.old_nin), int(change.new_nin))
            protected = any(_is_protected(view.index, nin) for view in (self.old, self.new) for nin in numbers)
            yield told("PatientNinChanged", change, protected=protected)
        yield from self.memberships
        for small in reversed(self.small.values()):
            yield from small.removed()


def _is_protected(index: Index, nin: int) -> bool:
    person = index.person(nin)
    return person is not None and person[1].protected


def _renumbered(old: Tables, new: Tables) -> list[NinChange]:
    """The changes of numbers that are new, each before the one that takes its new number further."""
    lines = set(new.lines("nin_changes")) - set(old.lines("nin_changes"))
    changes = {change.old_nin: change for change in (msgspec.json.decode(line, type=NinChange) for line in lines)}

    def steps(change: NinChange) -> int:
        count, further = 0, changes.get(change.new_nin)
        while further is not None:
            count, further = count + 1, changes.get(further.new_nin)
        return count

    return sorted(changes.values(), key=lambda change: (-steps(change), change.old_nin))


# -- contracts, doctor cycles, outposts


class _Small:
    """What is different in a small table: lines by key."""

    def __init__(self, table: str, old: Tables, new: Tables) -> None:
        self.table = table
        before, after = set(old.lines(table)), set(new.lines(table))
        self.old, self.new = self._keyed(before - after), self._keyed(after - before)

    def _keyed(self, lines: set[bytes]) -> dict[bytes, Any]:
        key = RECORD_DATABASES[self.table]
        decode = msgspec.json.Decoder(TABLES[self.table]).decode
        return {key(record): record for record in map(decode, lines)}

    def __len__(self) -> int:
        return len(self.old.keys() | self.new.keys())

    def put(self) -> Iterator[Told]:
        """The events of what has come or changed."""
        for name in sorted(self.new):
            yield told(_NAMED[self.table] + self._change(self.old.get(name), self.new[name]), self.new[name])

    def _change(self, old: Any, new: Any) -> str:
        if old is None:
            return "Created"
        return "Canceled" if self.table == "contracts" and ends(old, new, "end_reason") else "Updated"

    def removed(self) -> Iterator[Told]:
        """The events of what is there no longer."""
        for name in sorted(self.old.keys() - self.new.keys()):
            record = self.old[name]
            if self.table == "contracts":
                yield told("ContractCanceled", never(record))
            else:
                yield told(f"{_NAMED[self.table]}Deleted", record)
