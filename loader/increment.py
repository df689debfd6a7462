"""A generation made of another and what events have changed: its files are copied, and written to in one transaction.

Only what has changed is written: the buckets of the persons that events touched, the patient lists these are on,
records and relations that differ, fragments of contracts whose answer may differ. Slots stay what they are; new
contracts get the next ones.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from loader.build import Built
from loader.check import Rows
from loader.errors import BadFeed, StorageError
from loader.municipalities import counted_on
from loader.places import warnings
from loader.pointers import write_pointers
from loader.progress import Progress
from loader.relations import relations
from loader.render import DAY_MICROS, WINDOW_DAYS, render, window_at
from loader.state import SMALL_TABLES, Entry, State
from loader.store import MAP_BYTES
from lookup import key, people, tables
from lookup._fast.index import read_buckets
from lookup.index import encode_buckets
from lookup.manifest import INDEX, KINDS, PEOPLE, POINTERS
from lookup.people import Frames
from lookup.record import Membership, Record, TooLarge, encode_bucket
from register import codes, model
from register.feed import canonical_line, format_digest
from register.localtime import to_micros
from register.model import TABLES

SAMPLE = 2000  # memberships of touched persons that the serving reader is asked for
COPY_BYTES = 1 << 30
COMPACT_SHARE = 0.20  # of a file's pages that are free, from which on it is written anew
META_PAGES = 2
LEAST_WINDOW = WINDOW_DAYS // 2 * DAY_MICROS  # that must be left, or all fragments are rendered for a new window


class Increment:
    """One increment: a state with its events applied and checked, and the moment it is (local microseconds)."""

    def __init__(self, state: State, now: int, progress: Progress) -> None:
        self.state, self.now, self.progress = state, now, progress
        self.base = state.generation
        self.bits = self.base.index.bits
        self.buckets = self._touched()
        window = self.base.manifest.window
        self.window = (window.valid_from, window.to)
        self.fresh_window = window.to - now < LEAST_WINDOW
        if self.fresh_window:
            self.window = window_at(now)
        self.rendered = 0
        self.unplaced = self.base.manifest.unplaced

    def run(self, folder: Path) -> Built:
        """Write the files. Raises BadFeed when a bucket has no room for its persons, StorageError."""
        with self.progress.step("copy"):
            for kind in (INDEX, PEOPLE):
                copy(self.base.folder / KINDS[kind], folder / KINDS[kind])
        with self.progress.step("events"):
            try:
                with _writing(folder / KINDS[INDEX]) as index:
                    self._write_index(index)
                with _writing(folder / KINDS[PEOPLE]) as store:
                    self._write_people(store)
            except TooLarge:
                raise BadFeed("more of one person, or of one bucket, than the format holds: load a full feed") from None
        with self.progress.step("pointers"):
            slots = self.base.index.slots + len(self.state.slots)
            write_pointers(folder / KINDS[INDEX], folder / KINDS[POINTERS], self.bits, slots)
        return self._built(slots)

    def _built(self, slots: int) -> Built:
        held = (held for entry in self.state.entries.values() for held in entry.memberships.values())
        return Built(
            bits=self.bits,
            slots=slots,
            counts={table: self.state.counts[table] for table in TABLES},
            content_digest=format_digest(self.state.digest),
            window=self.window,
            unplaced=self.unplaced,
            municipalities=counted_on(self.state, self.now),
            aliases=[],
            sample=[one.membership for one, _ in zip(held, range(SAMPLE), strict=False)],
            warnings=warnings(self.state.rows("contracts").values(), self.now),
        )

    # -- persons

    def _touched(self) -> dict[int, dict[int, Entry]]:
        """bucket -> rest -> entry, of what events have touched."""
        buckets: dict[int, dict[int, Entry]] = defaultdict(dict)
        for nin, entry in self.state.entries.items():
            bucket, rest = key.split(key.mix(nin), self.bits)
            buckets[bucket][rest] = entry
        return buckets

    def _record(self, entry: Entry) -> Record | None:
        if entry.alias_of is not None:
            return Record(alias_of=entry.alias_of)
        if entry.line is None:
            return None
        memberships = (self._membership(held.membership) for held in entry.memberships.values())
        return Record(None, entry.protected, tuple(sorted(memberships, key=lambda m: m.valid_from, reverse=True)))

    def _membership(self, m: model.Membership) -> Membership:
        slot, (begin, end) = self.state.slot(m.contract_id), self.state.code_ordinals(m)
        assert slot is not None
        assert begin is not None
        assert end is not None
        return Membership(slot, to_micros(m.valid_from), to_micros(m.to), begin, end, to_micros(m.updated), m.id)

    def _write_buckets(self, index: _Writing) -> dict[int, dict[int, bool]]:
        """Write the touched buckets; returns slot -> bucket -> whether it belongs in the slot's patient list."""
        lists: dict[int, dict[int, bool]] = defaultdict(dict)
        for bucket, entries in self.buckets.items():
            before = {key.split(key.mix(nin), self.bits)[1]: record for nin, record in self.base.index.bucket(bucket)}
            after = dict(before)
            for rest, entry in entries.items():
                record = self._record(entry)
                after.pop(rest, None)
                if record is not None:
                    after[rest] = record
            self.unplaced += self._unplaced(after.values()) - self._unplaced(before.values())
            had, has = _slots_of(before.values()), _slots_of(after.values())
            for slot in had ^ has:
                lists[slot][bucket] = slot in has
            index.put(tables.PERSONS, tables.u32_key(bucket), encode_bucket(bucket, after.items()) if after else None)
        return lists

    def _unplaced(self, records: Iterable[Record]) -> int:
        return sum(
            record.alias_of is None and not any(m.valid_from <= self.now < m.to for m in record.memberships)
            for record in records
        )

    def _write_lists(self, index: _Writing, lists: dict[int, dict[int, bool]]) -> None:
        for slot, changes in lists.items():
            value = index.get(tables.PATIENTS, tables.u32_key(slot))
            buckets = set() if value is None else set(read_buckets(value, self.bits))
            buckets |= {bucket for bucket, belongs in changes.items() if belongs}
            buckets -= {bucket for bucket, belongs in changes.items() if not belongs}
            index.put(tables.PATIENTS, tables.u32_key(slot), encode_buckets(slot, sorted(buckets)) if buckets else None)

    def _write_people(self, store: _Writing) -> None:
        frames = Frames(store.get(people.META, people.DICTIONARY_KEY) or b"")
        for bucket, entries in self.buckets.items():
            frame = store.get(people.PEOPLE, tables.u32_key(bucket))
            lines = {} if frame is None else {self._rest(line): line for line in frames.decode(frame).splitlines()}
            for rest, entry in entries.items():
                lines.pop(rest, None)
                if entry.line is not None:
                    lines[rest] = entry.line
            text = b"".join(lines[rest] + b"\n" for rest in sorted(lines))
            store.put(people.PEOPLE, tables.u32_key(bucket), frames.encode(text) if text else None)
        meta = people.PeopleMeta(format=self.base.manifest.format, bits=self.bits, count=self.state.counts["persons"])
        store.put(people.META, people.META_KEY, msgspec.json.encode(meta))

    def _rest(self, line: bytes) -> int:
        return key.split(key.mix(int(line[8:19])), self.bits)[1]  # {"nin":"...

    # -- tables

    def _write_index(self, index: _Writing) -> None:
        self._write_lists(index, self._write_buckets(index))
        for table in SMALL_TABLES:
            rows = self.state.rows(table) if self.state.before[table] else {}
            for name in self.state.before[table]:
                index.put(table, name, canonical_line(rows[name].record) if name in rows else None)
        changed = any(self.state.before[table] for table in SMALL_TABLES if table != "nin_changes")
        if changed or self.fresh_window:
            slots = self._slots()
            rows_of = self.state.all_rows()
            for database, items in relations(rows_of, slots).items():
                index.become(database, items)
            self._write_fragments(index, rows_of, slots)
        meta = tables.IndexMeta(
            format=self.base.manifest.format,
            bits=self.bits,
            slots=self.base.index.slots + len(self.state.slots),
            begin_codes=self.base.tables.begin_codes,
            end_codes=self.base.tables.end_codes,
            content_digest=format_digest(self.state.digest),
            counts={table: self.state.counts[table] for table in TABLES},
            window=tables.Window(*self.window),
        )
        index.put(tables.META, tables.META_KEY, msgspec.json.encode(meta))

    def _slots(self) -> dict[int, int]:
        of_slot = self.base.tables.contract_id_of_slot
        return {of_slot(slot): slot for slot in range(self.base.index.slots)} | self.state.slots

    def _write_fragments(self, index: _Writing, rows: Rows, slots: dict[int, int]) -> None:
        affected = set(slots) if self.fresh_window else self._affected(rows)
        values = dict(render(rows, slots, self.window, affected))
        for contract_id in affected:
            slot = slots[contract_id]
            self.rendered += index.put(tables.FRAGMENTS, tables.u32_key(slot), values.get(slot))

    def _affected(self, rows: Rows) -> set[int]:
        """The contracts whose answer may be another: what it says of itself, its doctors and its office."""
        before = self.state.before
        if any(name.startswith(tables.u32_key(codes.MUNICIPALITY)) for name in before["codes"]):
            return {row.record.id for row in rows["contracts"]}
        cycles = [record for record in before["doctor_cycles"].values() if record is not None]
        contracts = {int.from_bytes(name) for name in before["contracts"]} | {cycle.contract_id for cycle in cycles}
        doctors = {int.from_bytes(name) for name in before["doctors"]}
        for row in rows["doctor_cycles"]:
            if row.record.hpr_number in doctors or tables.u64_key(row.record.id) in before["doctor_cycles"]:
                contracts.add(row.record.contract_id)
        for row in rows["contracts"]:
            if tables.i64_key(row.record.office_organization_number) in before["offices"]:
                contracts.add(row.record.id)
        return contracts


def _slots_of(records: Iterable[Record]) -> set[int]:
    return {m.slot for record in records for m in record.memberships}


class _Writing:
    """One write transaction on a copy."""

    def __init__(self, env: lmdb.Environment, txn: lmdb.Transaction) -> None:
        self._env, self._txn = env, txn
        self._databases: dict[str, Any] = {}

    def _database(self, name: str) -> Any:
        if name not in self._databases:
            self._databases[name] = self._env.open_db(name.encode(), txn=self._txn, create=False)
        return self._databases[name]

    def get(self, database: str, name: bytes) -> bytes | None:
        """A value, as it is now."""
        value = self._txn.get(name, db=self._database(database))
        return None if value is None else bytes(value)

    def put(self, database: str, name: bytes, value: bytes | None) -> bool:
        """Let a value be what it is to be, None for none; returns whether it was another."""
        if self.get(database, name) == value:
            return False
        if value is None:
            return self._txn.delete(name, db=self._database(database))
        return self._txn.put(name, value, db=self._database(database))

    def become(self, database: str, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Let a database hold these and nothing else, writing only what differs."""
        wanted = dict(items)
        there = {bytes(name) for name, _ in self._txn.cursor(self._database(database))}
        for name in there - set(wanted):
            self.put(database, name, None)
        for name, value in wanted.items():
            self.put(database, name, value)


@contextmanager
def _writing(path: Path) -> Iterator[_Writing]:
    """A write transaction on a file; behind the context the file is durable, and written anew where much was free."""
    try:
        with _opened(path) as env:
            with env.begin(write=True) as txn:
                yield _Writing(env, txn)
            if free_share(env) < COMPACT_SHARE:
                env.sync(True)
                return
            compact = path.with_suffix(".compact")
            env.copy(str(compact), compact=True)
        compact.rename(path)
    except lmdb.Error as error:
        raise StorageError(f"{path.name}: {error}") from None


def _opened(path: Path) -> lmdb.Environment:
    return lmdb.open(str(path), map_size=MAP_BYTES, subdir=False, lock=False, max_dbs=32, sync=False, metasync=False)


def free_share(env: lmdb.Environment) -> float:
    """How much of a file's pages hold nothing."""
    with env.begin() as txn:
        names = [bytes(name) for name, _ in txn.cursor()]
        stats = [txn.stat(), *(txn.stat(env.open_db(name, txn=txn, create=False)) for name in names)]
    used = sum(stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"] for stat in stats)
    pages = env.info()["last_pgno"] + 1
    return 1 - (used + META_PAGES) / pages


def copy(source: Path, target: Path) -> None:
    """Copy a file, in the kernel, sharing blocks where the filesystem can. The copy may be written to."""
    with source.open("rb") as out, target.open("xb") as into:
        os.fchmod(into.fileno(), 0o640)
        try:
            while os.copy_file_range(out.fileno(), into.fileno(), COPY_BYTES):
                pass
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            out.seek(0)
            into.seek(0)
            shutil.copyfileobj(out, into, COPY_BYTES >> 6)
