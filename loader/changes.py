"""What a load changes in the register: records created, updated and deleted, counted table by table.

Of a full load the new files are compared with those of the generation in service: small tables by their lines,
memberships in the indexes (loader/compare.py), persons' particulars in people.mdb, bucket by bucket. Of an incremental
load the state knows. Nothing is named, only counted; loader/diff.py names.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from loader._fast.compare import compare
from loader.compare import NOWHERE_CODE, NOWHERE_SLOT, Recoding
from loader.content import open_index, opened
from loader.crew import share_out
from loader.diff import in_table
from loader.progress import Progress
from loader.state import SMALL_TABLES, State
from lookup._fast.index import Index
from lookup.generation import Generation
from lookup.people import People
from lookup.tables import Tables
from register.feed import canonical_line
from register.model import TABLES, Contract

CREATED, UPDATED, DELETED = KINDS_OF_CHANGE = "created", "updated", "deleted"
PART_BITS = 6  # of the keys: as many parts are compared one by one, by whoever of the crew is free
NIN = slice(8, 19)  # of a person's canonical line: {"nin":"...
NEVER = datetime(1900, 1, 1)


class Changes(Counter[tuple[str, str]]):
    """(table, kind of change) -> how many records.

    `contracts_recounted` are those among the updated contracts in which nothing is another but the master's own
    counts (free places, waiting list) and the time of the update: that happens to most of them every day.
    `touched`, of a full load, are the buckets in which a membership is otherwise, or somebody's protection
    (loader/compare.py).
    """

    def __init__(self) -> None:
        super().__init__()
        self.contracts_recounted = 0
        self.touched: list[int] = []

    def by_table(self) -> dict[str, dict[str, int]]:
        """table -> kind -> how many, of what there is, as `flr-loader diff` tells it."""
        return {
            table: {kind: self[table, kind] for kind in KINDS_OF_CHANGE if self[table, kind]}
            for table in TABLES
            if any(self[table, kind] for kind in KINDS_OF_CHANGE)
        }


def changes_to(folder: Path, old: Generation, progress: Progress, processes: int) -> Changes:
    """What is otherwise in the files that a full load has built in `folder`. Raises Damaged.

    On a node without people.mdb no person counts as updated.
    """
    with opened(folder) as (index, tables, people):
        task = _Comparing(open_index(old.folder), index, _recoding(old, tables), old.people, people)
        changes = Changes()
        with progress.step("changes", 1 << PART_BITS):
            for table in SMALL_TABLES:
                changes.update((one.table, one.change) for one in in_table(table, old.tables, tables))
            changes.contracts_recounted = _recounted(*(set(one.lines("contracts")) for one in (old.tables, tables)))
            for part in share_out(_compare_part, task, range(1 << PART_BITS), processes):
                changes.update(part.counts)
                changes.touched += part.touched
                progress.advance()
    return changes


@dataclass(repr=False)
class _Comparing:
    """What the processes need to compare a part of the keys."""

    old: Index
    new: Index
    recoding: Recoding
    old_people: People | None
    new_people: People


class _Part(NamedTuple):
    """What is otherwise in one part of the keys."""

    counts: dict[tuple[str, str], int]
    touched: tuple[int, ...]


def _compare_part(task: _Comparing, part: int) -> _Part:
    found = compare(task.old, task.new, task.recoding, part, PART_BITS)
    updated = 0 if task.old_people is None else sum(_updated_persons(task.old_people, task.new_people, part))
    counts = {
        ("persons", CREATED): found.persons_created,
        ("persons", UPDATED): updated,
        ("persons", DELETED): found.persons_deleted,
        ("memberships", CREATED): found.memberships_created,
        ("memberships", UPDATED): found.memberships_updated,
        ("memberships", DELETED): found.memberships_deleted,
    }
    return _Part(counts, found.touched)


def _updated_persons(old: People, new: People, part: int) -> Iterator[int]:
    """How many persons have another line, bucket by bucket of as many as the fewer bits make."""
    bits = min(old.meta.bits, new.meta.bits)
    for bucket in range(part << bits - PART_BITS, part + 1 << bits - PART_BITS):
        before, after = (_lines(people, bucket, bits) for people in (old, new))
        if before != after:
            lines = {line[NIN]: line for line in before.splitlines()}
            yield sum(lines.get(line[NIN], line) != line for line in after.splitlines())


def _lines(people: People, bucket: int, bits: int) -> bytes:
    """The lines of a bucket; in a file of more bits it is several."""
    more = people.meta.bits - bits
    return b"".join(people.bucket(each) for each in range(bucket << more, bucket + 1 << more))


def _recoding(old: Generation, new: Tables) -> Recoding:
    slots = map(new.slot_of_contract, old.tables.contract_ids())
    return Recoding(
        array("I", (NOWHERE_SLOT if slot is None else slot for slot in slots)),
        _ordinals(old.tables.begin_codes, new.begin_codes),
        _ordinals(old.tables.end_codes, new.end_codes),
    )


def _ordinals(old: list[str | None], new: list[str | None]) -> bytes:
    known = {code: ordinal for ordinal, code in enumerate(new)}
    table = [known.get(code, NOWHERE_CODE) for code in old]
    # what stands for no code is in no membership, and reads as itself: only so are two lists seen to be alike
    return bytes(table + list(range(len(table), 256)))


# -- contracts


def _recounted(before: set[bytes], after: set[bytes]) -> int:
    """How many contracts differ in the master's own counts alone."""
    gone, come = (set(map(_but_for_counts, lines)) for lines in (before - after, after - before))
    return len(gone & come)


def _but_for_counts(line: bytes) -> bytes:
    contract = msgspec.json.decode(line, type=Contract)
    same = msgspec.structs.replace(contract, places_available=None, patients_on_waiting_list=0, updated=NEVER)
    return canonical_line(same)


# -- of an incremental load


def changes_of(state: State) -> Changes:
    """What events have changed, after all of them."""
    changes = Changes()
    for table, records in state.before.items():
        rows = state.rows(table) if records else {}
        for name, record in records.items():
            before = None if record is None else canonical_line(record)
            after = canonical_line(rows[name].record) if name in rows else None
            changes.update(_told(table, before, after))
            if table == "contracts" and before is not None and after is not None and before != after:
                changes.contracts_recounted += _but_for_counts(before) == _but_for_counts(after)
    for nin, entry in state.entries.items():
        base = state.base_entry(nin)
        changes.update(_told("persons", base.line, entry.line))
        for number in base.memberships.keys() | entry.memberships.keys():
            lines = (one.memberships[number].line if number in one.memberships else None for one in (base, entry))
            changes.update(_told("memberships", *lines))
    return changes


def _told(table: str, before: bytes | None, after: bytes | None) -> list[tuple[str, str]]:
    if before == after:
        return []
    return [(table, CREATED if before is None else DELETED if after is None else UPDATED)]
