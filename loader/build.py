"""Building a generation's files from a full feed. The second verb of the pipeline.

Reads the small tables whole, deals the big ones out into parts, assembles part after part, and writes `index.mdb`,
`people.mdb`, `pointers.bin` and `soap.bin` into a folder. Nothing is published here, and nothing is told of a record's
content.
"""

from __future__ import annotations

import shutil
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import zstandard

from loader.assemble import Assembled, Assembling, aliases_by_part, assemble_part, read_values
from loader.check import Faults, Row, Rows, check_between, check_records, known_codes, resolve_changes
from loader.crew import share_out
from loader.deal import Dealing, Dealt, Pieces, Task, deal, part_bits_for
from loader.municipalities import by_municipality
from loader.parquet import PARQUET, RowGroup, row_groups
from loader.places import members_of, warnings
from loader.pointers import write_pointers
from loader.progress import Progress
from loader.public_list import write_public_list
from loader.read import Block, Feed, blocks, check_digest, read_table
from loader.relations import relations
from loader.render import render, window_at
from loader.shelf import Shelf
from loader.soap_file import render_parts, write_parts
from loader.store import Store
from lookup import people, tables
from lookup.generation import FORMAT
from lookup.index import encode_buckets
from lookup.key import bits_for
from lookup.manifest import CONTRACTS, INDEX, KINDS, POINTERS, SOAP
from register import codes
from register.feed import format_digest
from register.model import TABLES, Membership

BIG_TABLES = ("persons", "memberships")
SMALL_TABLES = [name for name in TABLES if name not in BIG_TABLES]
SMALL_FEED_RECORDS = 60_000  # below this a crew of processes costs more than it saves
DICTIONARY_BYTES = 16 << 10
DICTIONARY_TEXTS = 400


@dataclass(frozen=True, repr=False)
class Content:
    """The small tables, checked, and what building takes from them."""

    rows: Rows
    lines: dict[str, bytes]
    known: dict[int, set[str]]
    slots: dict[int, int]
    aliases: list[tuple[int, int, int, int]]
    digest: int


@dataclass(repr=False)
class Built:
    """What was built: for the manifest, the checks that follow, and the report. Times are local microseconds."""

    bits: int
    slots: int
    counts: dict[str, int]
    content_digest: str
    window: tuple[int, int]
    unplaced: int
    aliases: list[tuple[int, int, int, int]]
    sample: list[Membership]
    municipalities: dict[str, int] | None = None
    assembled: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)  # "file:line: what" of the records that were left out


@dataclass
class Build:
    """One build: a feed, the folder the files go to, the moment it is, and how many processes may help.

    `omitted` are persons and memberships that are left out, (file, line) -> why; of others that are bad, `faults` has
    the places of the first `most_faults`.
    """

    feed: Feed
    folder: Path
    now: int
    progress: Progress
    processes: int = 0
    most_faults: int = 1
    omitted: dict[tuple[int, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.faults = Faults(self.feed, self.most_faults)
        self.spool = self.folder / "spool"
        big = sum(self.feed.records(table) for table in BIG_TABLES)
        if big < SMALL_FEED_RECORDS:
            self.processes = 0
        persons = self.feed.records("persons") + self.feed.records("nin_changes")
        self.bits = bits_for(persons)
        self.part_bits = part_bits_for(persons)

    def run(self) -> Built:
        """Build the files. Raises BadFeed with every fault found up to where it could not go on."""
        self.spool.mkdir()
        with self.progress.step("tables"):
            content = self._tables()
        dealing, dealt = self._deal(content)
        digest = content.digest + sum(one.digest for one in dealt)
        unreadable = sum(one.unreadable for one in dealt)
        warned = check_digest(self.feed, digest + sum(one.omitted for one in dealt), unreadable)
        built = Built(
            bits=self.bits,
            slots=len(content.slots),
            counts=self._counts(),
            content_digest=format_digest(digest),
            window=window_at(self.now),
            unplaced=0,
            aliases=content.aliases,
            sample=[membership for one in dealt for membership in one.sample],
        )
        self._stores(content, dealing, dealt, built)
        built.warnings += warned
        shutil.rmtree(self.spool)
        with self.progress.step("pointers"):
            write_pointers(self.folder / KINDS[INDEX], self.folder / KINDS[POINTERS], built.bits, built.slots)
        with self.progress.step("shared parts"):
            parts = render_parts(content.rows, content.slots, built.window)
            write_parts(self.folder / KINDS[SOAP], parts, built.slots, built.content_digest)
        with self.progress.step("public list"):
            path = self.folder / KINDS[CONTRACTS]
            write_public_list(path, content.rows, content.slots, built.window, built.content_digest)
        return built

    def _counts(self) -> dict[str, int]:
        left_out = Counter(self.feed.manifest.files[file].table for file, _ in self.omitted)
        return {table: self.feed.records(table) - left_out[table] for table in TABLES}

    def _tables(self) -> Content:
        rows: Rows = {}
        lines: dict[str, bytes] = {}
        digest = 0
        for table in SMALL_TABLES:
            records, lines[table], part = read_table(self.feed, table)
            rows[table] = [Row(*record) for record in records]
            digest += part
        known = known_codes(rows, self.faults)
        check_records(rows, known, self.faults)
        check_between(rows, self.faults)
        aliases = resolve_changes(rows["nin_changes"], self.faults)
        self.faults.raise_any()
        ids = sorted(row.record.id for row in rows["contracts"])
        slots = {contract_id: slot for slot, contract_id in enumerate(ids)}
        return Content(rows, lines, known, slots, aliases, digest)

    def _blocks(self) -> Iterator[Block | RowGroup]:
        for table in BIG_TABLES:
            for file, entry in self.feed.files(table):
                if entry.name.endswith(PARQUET):
                    yield from row_groups(self.feed.folder / entry.name, entry, file)
                else:
                    yield from blocks(self.feed, file)

    def _deal(self, content: Content) -> tuple[Dealing, list[Dealt]]:
        dealing = Dealing(
            feed=self.feed,
            folder=self.spool,
            part_bits=self.part_bits,
            slots=content.slots,
            known=content.known,
            begin_codes=_ordinals(codes.BEGIN_REASON),
            end_codes=_ordinals(codes.END_REASON),
            omitted=frozenset(self.omitted),
            tolerant=self.most_faults > 1,
        )
        dealt = []
        if self.processes:
            dealing.shelf = Shelf(self.processes)
        tasks = _tasks(self._blocks(), dealing.shelf)
        total = sum(self.feed.records(table) for table in BIG_TABLES)
        with dealing, self.progress.step("read", total):
            for one in share_out(deal, dealing, tasks, self.processes):
                dealt.append(one)
                self.progress.advance(one.records)
                for fault in one.faults:
                    self.faults.add(*fault)
        self.faults.raise_any()
        return dealing, dealt

    def _stores(self, content: Content, dealing: Dealing, dealt: list[Dealt], built: Built) -> None:
        pieces = Pieces(dealing, dealt)
        task = Assembling(
            pieces=pieces,
            aliases=aliases_by_part(content.aliases, self.part_bits),
            folder=self.spool,
            bits=self.bits,
            slots=built.slots,
            at=self.now,
            dictionary=_dictionary(pieces),
        )
        members = Members(built.slots)
        counts: Counter[str] = Counter()
        listed = array("I", bytes(4 * built.slots))
        with Store(self.folder / "index.mdb") as index, Store(self.folder / "people.mdb") as store:
            with self.progress.step("assemble", 1 << self.part_bits):
                for part in share_out(assemble_part, task, range(1 << self.part_bits), self.processes):
                    self._append(part, index, store)
                    counts.update(part.counts)
                    members.add(part)
                    listed = array("I", map(int.__add__, listed, part.listed))
                    self.progress.advance()
                self.faults.raise_any()
            with self.progress.step("tables of the index"):
                index.append(tables.PATIENTS, members.values())
                index.append(tables.FRAGMENTS, _keyed(render(content.rows, content.slots, built.window)))
                for table in SMALL_TABLES:
                    keys = (tables.RECORD_DATABASES[table](row.record) for row in content.rows[table])
                    index.put(table, zip(keys, content.lines[table].split(b"\n")[:-1], strict=True))
                for database, items in relations(content.rows, content.slots).items():
                    index.put(database, items)
                built.unplaced = counts["unplaced"]
                built.assembled = dict(counts)
                contracts = content.rows["contracts"]
                built.municipalities = by_municipality(contracts, content.slots, listed)
                built.warnings = warnings(contracts, self.now, members_of(content.slots, listed))
                index.put(tables.META, [(tables.META_KEY, msgspec.json.encode(_meta(built)))])
                store.put(people.META, self._people_meta(task.dictionary, counts["persons"]))
            with self.progress.step("sync"):
                index.sync()
                store.sync()

    def _append(self, part: Assembled, index: Store, store: Store) -> None:
        for fault in part.faults:
            self.faults.add(*fault)
        if not self.faults.texts:
            for path, into, database in (
                (part.index_path, index, tables.PERSONS),
                (part.people_path, store, people.PEOPLE),
            ):
                with path.open("rb") as file:
                    into.append(database, _keyed(read_values(file)))
        for path in (part.index_path, part.people_path):
            path.unlink(missing_ok=True)

    def _people_meta(self, dictionary: bytes, persons: int) -> list[tuple[bytes, bytes]]:
        meta = people.PeopleMeta(format=FORMAT, bits=self.bits, count=persons)
        return [(people.META_KEY, msgspec.json.encode(meta)), (people.DICTIONARY_KEY, dictionary)]


def _tasks(found: Iterator[Block | RowGroup], shelf: Shelf | None) -> Iterator[Task]:
    """What `deal` is given: blocks lie on the shelf, where there is one."""
    for number, block in enumerate(found):
        if shelf is None or isinstance(block, RowGroup):
            yield number, block, 0
        else:
            yield number, *shelf.put(number, block)


class Members:
    """The patient lists while the parts come in, in the order of the buckets."""

    def __init__(self, slots: int) -> None:
        self._values: list[bytearray | None] = [None] * slots
        self._last = array("I", bytes(4 * slots))

    def add(self, part: Assembled) -> None:
        """Continue every list with the buckets of the next part."""
        for slot, first, last, others in part.members:
            value = self._values[slot]
            if value is None:
                value = self._values[slot] = bytearray(encode_buckets(slot, [first]))
            else:
                value += encode_buckets(slot, [first - self._last[slot]])[4:]
            value += others
            self._last[slot] = last

    def values(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, value) of every list that is not empty."""
        return ((tables.u32_key(slot), bytes(value)) for slot, value in enumerate(self._values) if value is not None)


def _ordinals(oid: int) -> dict[str | None, int]:
    """Code value -> its ordinal in memberships; None is 0."""
    values = [value.value for value in codes.SYSTEMS[oid].values]
    return {None: 0} | {value: i for i, value in enumerate(values, 1)}


def _keyed(values: Iterator[tuple[int, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    return ((tables.u32_key(number), value) for number, value in values)


def _dictionary(pieces: Pieces) -> bytes:
    """A dictionary trained on some persons' lines, as many together as a bucket holds; empty for a small register."""
    texts: list[bytes] = []
    for _, piece in pieces.of("texts", 0):
        lines = piece.splitlines(keepends=True)
        texts += [b"".join(lines[i : i + 10]) for i in range(0, len(lines), 10)]
    texts = texts[:: max(1, len(texts) // DICTIONARY_TEXTS)]
    if sum(map(len, texts)) < 16 * DICTIONARY_BYTES:
        return b""
    return zstandard.train_dictionary(DICTIONARY_BYTES, list[bytes | bytearray | memoryview](texts)).as_bytes()


def _meta(built: Built) -> tables.IndexMeta:
    return tables.IndexMeta(
        format=FORMAT,
        bits=built.bits,
        slots=built.slots,
        begin_codes=list(_ordinals(codes.BEGIN_REASON)),
        end_codes=list(_ordinals(codes.END_REASON)),
        content_digest=built.content_digest,
        counts=built.counts,
        window=tables.Window(*built.window),
    )
