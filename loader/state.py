"""The register of a generation with events applied to it, in memory: what has changed, and nothing else.

Small tables are held whole, since what must hold between them is checked again; of persons only those that an event
touches. The content digest runs along. Nothing is written here (loader/increment.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from loader.applied import Applied
from loader.buckets import (
    ALIAS_HAS_MEMBERSHIP,
    ALIAS_IS_PERSON,
    DANGLING_PERSON,
    DUPLICATE_CHANGE,
    OVERLAP,
)
from loader.chains import behind
from loader.check import BAD_CHAIN, Faults, Row, Rows, check_between, check_records, end_of_chain, known_codes
from loader.errors import BadFeed, BadGeneration
from loader.eventfile import NewBatch
from loader.events import Change, read_events
from loader.pack import DANGLING_CONTRACT, EMPTY_PERIOD, NOT_VALID, UNKNOWN_CODE, faults_of_person
from loader.read import Feed
from loader.reader import membership_record
from lookup._fast.key import parse
from lookup.generation import Generation
from lookup.key import NOT_AN_ID
from lookup.tables import RECORD_DATABASES
from register import codes
from register.feed import DIGEST_MODULUS, MANIFEST, canonical_line, format_digest, record_digest
from register.localtime import to_micros
from register.model import TABLES, Membership, NinChange, Person

THERE = "a record that is there already"
NOT_THERE = "a record that is not there"
NOT_AS_IT_STANDS = "a deletion of a record that is not as it stands"
HAS_MEMBERSHIPS = "a deletion of a person who has memberships"
NOT_ENDED = "a cancellation without an end and its reason"
DANGLING_CHANGE = "a changed number whose newest number is not a person"
BASE = "what is in service"  # in place of a file's name, for a record that no event has touched
NEW_NIN = slice(34, 45)  # of a changed number's canonical line: {"oldNin":"...","newNin":"...
SMALL_TABLES = [name for name in TABLES if name not in ("persons", "memberships")]


@dataclass(repr=False)
class Held:
    """A membership, its canonical line, and where the event stands that it comes from."""

    membership: Membership
    line: bytes
    file: int = 0
    number: int = 0


@dataclass(repr=False)
class Entry:
    """What stands under a number: a person with memberships by id, or an alias, or nothing."""

    line: bytes | None = None
    protected: bool = False
    alias_of: int | None = None
    memberships: dict[int, Held] = field(default_factory=dict)


class _Places(Faults):
    """Faults of several feeds, told by the name of the feed's folder, of the file, and the line."""

    def __init__(self) -> None:
        self._names, self._most = [BASE], 0
        self.texts, self.places, self.count = [], [], 0
        self.first = 0

    def begin(self, feed: Feed) -> None:
        """What is told from now on is of this feed."""
        self.first = len(self._names)
        self._names += [f"{feed.folder.name}/{entry.name}" for entry in feed.manifest.files]


class State:
    """A generation and what events have made of it. `apply` feeds in their order, then `check`."""

    def __init__(self, generation: Generation) -> None:
        people = generation.people
        if people is None:
            raise BadGeneration("people.mdb is not on this node: without it an incremental feed cannot be applied")
        self.generation, self.people = generation, people
        self.digest = int(generation.manifest.content_digest, 16)
        self.counts = Counter(generation.manifest.counts)
        self.entries: dict[int, Entry] = {}
        self._base_entries: dict[int, Entry] = {}
        self.before: dict[str, dict[bytes, Any]] = {
            table: {} for table in SMALL_TABLES
        }  # of changed records; None: new
        self.slots: dict[int, int] = {}  # of contracts that are new
        self.faults = _Places()
        self.batches: list[NewBatch] = []  # what is to be told of each feed
        self._rows: dict[str, dict[bytes, Row]] = {}
        self._known_codes: dict[int, set[str]] | None = None
        self._begin = {code: i for i, code in enumerate(generation.tables.begin_codes)}
        self._end = {code: i for i, code in enumerate(generation.tables.end_codes)}

    def apply(self, feed: Feed) -> None:
        """Apply one feed. Raises BadFeed; then the state is of no more use."""
        self.faults.begin(feed)
        applied = Applied(self.entry)
        for change in read_events(feed, self.faults.first):
            applied.before(change)
            if change.table == "memberships":
                self._membership(change)
            elif change.table == "persons":
                self._person(change)
            elif change.action == "change-nin":
                self._change_nin(change)
            else:
                self._small(change)
            applied.after(change)
        self.faults.raise_any()
        if format_digest(self.digest) != feed.manifest.content_digest:
            raise BadFeed(f"{MANIFEST}: the events do not lead to its content_digest: its base is another state")
        sequence = feed.manifest.sequence
        self.batches.append(applied.batch(feed.manifest, self.generation.serial + 1 if sequence is None else sequence))

    # -- what there is

    def rows(self, table: str) -> dict[bytes, Row]:
        """A small table as it is now: key -> record and place. Of changed numbers those that events tell of alone.

        There are many, and one that is there is never another: `_news` is of all of them.
        """
        if table not in self._rows:
            lines = {} if table == "nin_changes" else dict(self.generation.tables.items(table))
            records = msgspec.json.Decoder(TABLES[table]).decode_lines(b"\n".join(lines.values()))
            self._rows[table] = {key: Row(record, 0, 0) for key, record in zip(lines, records, strict=True)}
        return self._rows[table]

    def all_rows(self) -> Rows:
        """All small tables as they are now, of changed numbers those that events tell of."""
        return {table: list(self.rows(table).values()) for table in SMALL_TABLES}

    def entry(self, nin: int) -> Entry:
        """What stands under a number, to be changed."""
        if nin not in self.entries:
            base = self.base_entry(nin)
            self.entries[nin] = Entry(base.line, base.protected, base.alias_of, dict(base.memberships))
        return self.entries[nin]

    def base_entry(self, nin: int) -> Entry:
        """What stood under a number before any event. Not to be changed."""
        if nin not in self._base_entries:
            self._base_entries[nin] = self._read_entry(nin)
        return self._base_entries[nin]

    def _read_entry(self, nin: int) -> Entry:
        record = self.generation.index.record(nin)
        if record is None:
            return Entry()
        if record.alias_of is not None:
            return Entry(alias_of=record.alias_of)
        line = self.people.line(nin)
        if line is None:
            raise BadGeneration("a person of the index is not in people.mdb")
        entry = Entry(line, record.protected)
        for m in record.memberships:
            membership = membership_record(self.generation, nin, m)
            entry.memberships[m.id] = Held(membership, canonical_line(membership))
        return entry

    def slot(self, contract_id: int) -> int | None:
        """The slot of a contract, if there is such a contract."""
        known = self.slots.get(contract_id)
        return self.generation.tables.slot_of_contract(contract_id) if known is None else known

    def code_ordinals(self, membership: Membership) -> tuple[int | None, int | None]:
        """The ordinals of a membership's begin and end code; None for a value that there is not."""
        return self._begin.get(membership.begin_code), self._end.get(membership.end_code)

    # -- events

    def _fault(self, what: str, change: Change) -> None:
        self.faults.add(what, change.file, change.number)

    def _count(self, table: str, before: bytes | None, after: bytes | None) -> None:
        """A record of a table was `before` and is `after`: let digest and counts follow."""
        for line, sign in ((before, -1), (after, 1)):
            if line is not None:
                self.digest = (self.digest + sign * record_digest(table, line)) % DIGEST_MODULUS
                self.counts[table] += sign

    def _is_fit(self, change: Change, before: bytes | None) -> bool:
        """Whether what an event is about is there, or is not, as its name says."""
        what = None
        if change.event.endswith("Created"):
            what = None if before is None else THERE
        elif before is None:
            what = NOT_THERE
        elif change.action == "delete" and before != change.line:
            what = NOT_AS_IT_STANDS
        if what is not None:
            self._fault(what, change)
        return what is None

    def _small(self, change: Change) -> None:
        rows, key = self.rows(change.table), RECORD_DATABASES[change.table](change.record)
        row = rows.get(key)
        before = None if row is None else canonical_line(row.record)
        record: Any = change.record
        if change.event == "ContractCanceled" and (record.to is None or record.end_reason is None):
            self._fault(NOT_ENDED, change)
        if not self._is_fit(change, before):
            return
        self.before[change.table].setdefault(key, None if row is None else row.record)
        if change.action == "delete":
            del rows[key]
        else:
            rows[key] = Row(record, change.file, change.number)
        self._count(change.table, before, None if change.action == "delete" else change.line)
        if change.table == "codes":
            self._known_codes = None
        if change.table == "contracts" and before is None:
            self.slots[record.id] = self.generation.index.slots + len(self.slots)

    def _person(self, change: Change) -> None:
        person: Any = change.record
        nin = parse(person.nin)
        if nin == NOT_AN_ID:
            return self._fault(NOT_VALID, change)
        entry = self.entry(nin)
        if entry.alias_of is not None:
            return self._fault(ALIAS_IS_PERSON, change)
        if not self._is_fit(change, entry.line):
            return None
        deleted = change.action == "delete"
        if deleted and entry.memberships:
            return self._fault(HAS_MEMBERSHIPS, change)
        for what in () if deleted else faults_of_person(person, self._known()):
            self._fault(what, change)
        line = None if deleted else change.line
        self._count("persons", entry.line, line)
        entry.line, entry.protected = line, not deleted and person.protection is not None
        return None

    def _membership(self, change: Change) -> None:
        membership: Any = change.record
        nin, canceled = parse(membership.nin), change.event == "PatientOnContractCanceled"
        if nin == NOT_AN_ID:
            return self._fault(NOT_VALID, change)
        entry = self.entry(nin)
        if entry.line is None:
            return self._fault(DANGLING_PERSON if entry.alias_of is None else ALIAS_HAS_MEMBERSHIP, change)
        held = entry.memberships.get(membership.id)
        if not self._is_fit(change, None if held is None else held.line):
            return None
        removed = canceled and membership.to == membership.valid_from
        for what in () if removed else self._faults_of(membership, canceled):
            self._fault(what, change)
        if removed:
            del entry.memberships[membership.id]
        else:
            entry.memberships[membership.id] = Held(membership, change.line, change.file, change.number)
        self._count("memberships", None if held is None else held.line, None if removed else change.line)
        return None

    def _faults_of(self, membership: Membership, canceled: bool) -> Iterator[str]:
        begin, end = self.code_ordinals(membership)
        if self.slot(membership.contract_id) is None:
            yield DANGLING_CONTRACT
        if begin is None:
            yield UNKNOWN_CODE.format(codes.BEGIN_REASON)
        if end is None:
            yield UNKNOWN_CODE.format(codes.END_REASON)
        if membership.to is not None and membership.to <= membership.valid_from:
            yield EMPTY_PERIOD
        if canceled and (membership.to is None or membership.end_code is None):
            yield NOT_ENDED

    def _change_nin(self, change: Change) -> None:
        numbers: Any = change.record
        old, new = parse(numbers.old_nin), parse(numbers.new_nin)
        key = RECORD_DATABASES["nin_changes"](numbers)
        if NOT_AN_ID in (old, new):
            return self._fault(NOT_VALID, change)
        if key in self.rows("nin_changes") or self.generation.tables.holds("nin_changes", key):
            return self._fault(DUPLICATE_CHANGE, change)
        self.rows("nin_changes")[key] = Row(numbers, change.file, change.number)
        self.before["nin_changes"][key] = None
        self._count("nin_changes", None, change.line)
        if old != new:
            self._move(self.entry(old), self.entry(new), numbers)
        return None

    def _move(self, old: Entry, new: Entry, numbers: NinChange) -> None:
        """All that stands under the old number comes to stand under the new one."""
        if old.line is not None:
            if new.line is None:
                person = msgspec.json.decode(old.line, type=Person)
                new.line = canonical_line(msgspec.structs.replace(person, nin=numbers.new_nin))
                new.protected = old.protected
                self._count("persons", None, new.line)
            self._count("persons", old.line, None)
            old.line = None
        for held in old.memberships.values():
            membership = msgspec.structs.replace(held.membership, nin=numbers.new_nin)
            moved = Held(membership, canonical_line(membership), held.file, held.number)
            self._count("memberships", held.line, moved.line)
            new.memberships[membership.id] = moved
        old.memberships = {}
        old.protected = False

    def _known(self) -> dict[int, set[str]]:
        if self._known_codes is None:
            self._known_codes = known_codes({"codes": list(self.rows("codes").values())}, self.faults)
        return self._known_codes

    # -- what must hold at the end

    def check(self) -> None:
        """Hold what events have made against what must hold between records. Raises BadFeed."""
        if any(self.before[table] for table in SMALL_TABLES if table != "nin_changes"):
            rows = self.all_rows()
            changed = {table: self._changed(table) for table in SMALL_TABLES}  # no code ever goes: others stay right
            check_records(changed, known_codes(rows, self.faults), self.faults)
            check_between(rows, self.faults)
        self._resolve()
        for entry in self.entries.values():
            ordered = sorted(entry.memberships.values(), key=lambda held: held.membership.valid_from, reverse=True)
            for newer, older in pairwise(ordered):
                if to_micros(older.membership.to) > to_micros(newer.membership.valid_from):
                    file, number = max((older.file, older.number), (newer.file, newer.number))
                    self.faults.add(OVERLAP, file, number)
        self.faults.raise_any()

    def _changed(self, table: str) -> list[Row]:
        """The rows of a small table that events have made what they are."""
        rows = self.rows(table) if self.before[table] else {}
        return [rows[key] for key in self.before[table] if key in rows]

    def _resolve(self) -> None:
        """Let every old number lead to the newest, where its chain goes through what was touched: it may be longer."""
        gone = any(entry.line is None and entry.alias_of is None for entry in self.entries.values())
        if not self.before["nin_changes"] and not gone:
            return
        rows = {int.from_bytes(key): row for key, row in self.rows("nin_changes").items()}
        news = self._news(rows)
        through = behind(news, [*self.entries, *rows])
        for old in filter(through.__contains__, news):
            row = rows.get(old, Row(None, 0, 0))
            newest = end_of_chain(news, old)
            if newest is None:
                self.faults.row(BAD_CHAIN, row)
                continue
            there = self.generation.index.record(old) if old not in self.entries else None
            if there is None or there.alias_of != newest:
                entry = self.entry(old)
                if entry.line is not None:
                    self.faults.row(ALIAS_IS_PERSON, row)
                entry.alias_of = newest
            if not self._is_person(newest):
                self.faults.row(DANGLING_CHANGE, row)

    def _news(self, rows: dict[int, Row]) -> dict[int, int]:
        """Old number -> the one that took its place, of all there are; `rows` are those that events tell of."""
        news = {int.from_bytes(key): int(line[NEW_NIN]) for key, line in self.generation.tables.items("nin_changes")}
        return news | {old: int(row.record.new_nin) for old, row in rows.items()}

    def _is_person(self, nin: int) -> bool:
        if nin in self.entries:
            return self.entries[nin].line is not None
        record = self.generation.index.record(nin)
        return record is not None and record.alias_of is None
