"""A generation made of another and what events have changed: the copies of its files are written to.

Only what has changed is written: the buckets of the persons that events touched, the patient lists these are on,
records and relations that differ, fragments of contracts whose answer may differ. Slots stay what they are; new
contracts get the next ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from loader._fast.patients import edited
from loader.build import Built
from loader.check import Rows
from loader.copies import Writing, writing
from loader.errors import BadFeed
from loader.municipalities import counted_on
from loader.places import warnings
from loader.pointers import write_pointers
from loader.progress import Progress
from loader.public_list import write_public_list
from loader.relations import relations
from loader.render import DAY_MICROS, WINDOW_DAYS, render, window_at
from loader.soap_file import change_parts, render_parts, write_parts
from loader.state import SMALL_TABLES, Entry, State
from lookup import key, people, tables
from lookup._fast.encode import encode_record
from lookup._fast.key import mix
from lookup.manifest import CONTRACTS, INDEX, KINDS, PEOPLE, POINTERS, SOAP
from lookup.people import Frames
from lookup.record import Membership, Record, TooLarge, encode_bucket
from register import codes, model
from register.feed import canonical_line, format_digest
from register.localtime import to_micros
from register.model import TABLES

SAMPLE = 2000  # memberships of touched persons that the serving reader is asked for
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
        self.parts_rendered, self.parts_compacted = 0, False
        self.unplaced = self.base.manifest.unplaced

    def run(self, folder: Path) -> Built:
        """Write to the copies in `folder`. Raises BadFeed when a bucket has no room for its persons, StorageError."""
        with self.progress.step("events"):
            try:
                with writing(folder / KINDS[INDEX]) as index:
                    self._write_index(index)
                with writing(folder / KINDS[PEOPLE]) as store:
                    self._write_people(store)
            except TooLarge:
                raise BadFeed("more of one person, or of one bucket, than the format holds: load a full feed") from None
        with self.progress.step("pointers"):
            slots = self.base.index.slots + len(self.state.slots)
            write_pointers(folder / KINDS[INDEX], folder / KINDS[POINTERS], self.bits, slots)
        with self.progress.step("shared parts"):
            self._write_parts(folder / KINDS[SOAP], slots)
        with self.progress.step("public list"):
            self._write_list(folder / KINDS[CONTRACTS])
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
            bucket, rest = key.split(mix(nin), self.bits)
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

    def _write_buckets(self, index: Writing) -> dict[int, dict[int, bool]]:
        """Write the touched buckets; returns slot -> bucket -> whether it belongs in the slot's patient list."""
        lists: dict[int, dict[int, bool]] = defaultdict(dict)
        for bucket, entries in self.buckets.items():
            before = {key.split(mix(nin), self.bits)[1]: record for nin, record in self.base.index.bucket(bucket)}
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
            index.put(
                tables.PERSONS,
                tables.u32_key(bucket),
                encode_bucket(bucket, after.items(), encode_record) if after else None,
            )
        return lists

    def _unplaced(self, records: Iterable[Record]) -> int:
        return sum(
            record.alias_of is None and not any(m.valid_from <= self.now < m.to for m in record.memberships)
            for record in records
        )

    def _write_lists(self, index: Writing, lists: dict[int, dict[int, bool]]) -> None:
        for slot, changes in lists.items():
            value = index.get(tables.PATIENTS, tables.u32_key(slot))
            index.put(tables.PATIENTS, tables.u32_key(slot), edited(value, slot, self.bits, changes))

    def _write_people(self, store: Writing) -> None:
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
        return key.split(mix(int(line[8:19])), self.bits)[1]  # {"nin":"...

    # -- tables

    def _write_index(self, index: Writing) -> None:
        self._write_lists(index, self._write_buckets(index))
        for table in SMALL_TABLES:
            rows = self.state.rows(table) if self.state.before[table] else {}
            for name in self.state.before[table]:
                index.put(table, name, canonical_line(rows[name].record) if name in rows else None)
        if self._tables_changed() or self.fresh_window:
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
        return {one: slot for slot, one in enumerate(self.base.tables.contract_ids())} | self.state.slots

    def _write_fragments(self, index: Writing, rows: Rows, slots: dict[int, int]) -> None:
        affected = set(slots) if self.fresh_window else self._affected(rows)
        values = dict(render(rows, slots, self.window, affected))
        for contract_id in affected:
            slot = slots[contract_id]
            self.rendered += index.put(tables.FRAGMENTS, tables.u32_key(slot), values.get(slot))

    def _write_parts(self, path: Path, slots: int) -> None:
        """What all on a list share: of every contract where the base has no such file, or there is a new window."""
        base, digest = self.base.soap, format_digest(self.state.digest)
        if base is None or self.fresh_window:
            values = render_parts(self.state.all_rows(), self._slots(), self.window)
            write_parts(path, self._counted(values), slots, digest)
            return
        changed: dict[int, bytes | None] = {}
        if self._tables_changed():
            rows, slot_of = self.state.all_rows(), self._slots()
            affected = self._affected_parts(rows)
            changed = {slot_of[contract_id]: None for contract_id in affected}
            changed |= self._counted(render_parts(rows, slot_of, self.window, affected))
        source = self.base.folder / KINDS[SOAP]
        self.parts_compacted = change_parts(source, base, path, changed, slots, digest)

    def _write_list(self, path: Path) -> None:
        rows, digest = self.state.all_rows(), format_digest(self.state.digest)
        write_public_list(path, rows, self._slots(), self.window, digest)

    def _counted(self, values: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        for value in values:
            self.parts_rendered += 1
            yield value

    def _tables_changed(self) -> bool:
        return any(self.state.before[table] for table in SMALL_TABLES if table != "nin_changes")

    def _affected_parts(self, rows: Rows) -> set[int]:
        """The contracts of which the real register's interface may say something else: codes have texts there."""
        if self.state.before["codes"]:
            return {row.record.id for row in rows["contracts"]}
        outposts = [record for record in self.state.before["outposts"].values() if record is not None]
        contracts = self._affected(rows) | {outpost.contract_id for outpost in outposts}
        for row in rows["outposts"]:
            if tables.u64_key(row.record.id) in self.state.before["outposts"]:
                contracts.add(row.record.contract_id)
        return contracts

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
