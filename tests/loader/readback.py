"""Reading back what a build has written, with both twins of the index, and holding it against the feed's JSON."""

import itertools
import mmap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lmdb
import msgspec

import lookup._fast.index
import lookup.index
from lookup import tables
from lookup.people import People
from register.localtime import to_micros
from register.model import Membership, Person
from tests.loader.feeds import NOW, UNKNOWN, Tables

Dump = dict[str, dict[bytes, bytes]]
TWINS = [lookup.index, lookup._fast.index]


def dump(folder: Path) -> Dump:
    """Every value of index.mdb, by database and key, and the persons' lines by bucket."""
    out: Dump = {}
    with lmdb.open(str(folder / "index.mdb"), subdir=False, readonly=True, lock=False, max_dbs=32) as env:
        with env.begin() as txn:
            names = [bytes(name).decode() for name, _ in txn.cursor()]
        for name in names:
            with env.begin(env.open_db(name.encode(), create=False)) as txn:
                out[name] = {bytes(k): bytes(v) for k, v in txn.cursor()}
    with lmdb.open(str(folder / "people.mdb"), subdir=False, readonly=True, lock=False, max_dbs=2) as env:
        out["people"] = {str(i).encode(): lines for i, lines in enumerate(People(env).lines())}
    return out


@contextmanager
def opened(folder: Path) -> Iterator[SimpleNamespace]:
    """What is asked of a generation, over the files alone: `.indexes` of both twins, `.index`, `.tables`, `.people`."""
    with ExitStack() as stack:
        envs = [
            stack.enter_context(lmdb.open(str(folder / name), subdir=False, readonly=True, lock=False, max_dbs=32))
            for name in ("index.mdb", "people.mdb")
        ]
        file = stack.enter_context((folder / "index.mdb").open("rb"))
        data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        pointers = (folder / "pointers.bin").read_bytes()
        indexes = [twin.Index(pointers, data) for twin in TWINS]
        yield SimpleNamespace(
            indexes=indexes, index=indexes[1], tables=tables.Tables(envs[0]), people=People(envs[1]), data=data
        )


def memberships_of(feed: Tables, generation: SimpleNamespace) -> dict[str, list[tuple[Any, ...]]]:
    """newest number -> memberships as an index has them, newest first, from the feed's JSON."""
    begin, end = generation.tables.begin_codes, generation.tables.end_codes
    out: dict[str, list[tuple[Any, ...]]] = {person["nin"]: [] for person in feed["persons"]}
    for record in feed["memberships"]:
        m = msgspec.convert(record, Membership)
        out[m.nin].append(
            (
                generation.tables.slot_of_contract(m.contract_id),
                to_micros(m.valid_from),
                to_micros(m.to),
                begin.index(m.begin_code),
                end.index(m.end_code),
                to_micros(m.updated),
                m.id,
            )
        )
    for mine in out.values():
        mine.sort(key=lambda m: -m[1])
    return out


def assert_holds(feed: Tables, generation: SimpleNamespace, times: list[int]) -> None:
    """Both indexes answer as the feed's JSON does: persons, old numbers, lists at some times, particulars."""
    wanted = memberships_of(feed, generation)
    protected = {person["nin"] for person in feed["persons"] if person.get("protection")}
    changes = {change["oldNin"]: change["newNin"] for change in feed["nin_changes"]}
    for index in generation.indexes:
        for nin, memberships in wanted.items():
            assert index.person(int(nin)) == (int(nin), (None, nin in protected, tuple(memberships)))
        for old in changes:
            newest = old
            while newest in changes:
                newest = changes[newest]
            assert index.record(int(old)).alias_of == int(newest)
            assert index.person(int(old)) == index.person(int(newest))
        assert index.person(int(UNKNOWN)) is None
        for slot, at in itertools.product(range(index.slots), times):
            assert sorted(index.members(slot, at)) == sorted(
                (int(nin), nin in protected, m)
                for nin, memberships in wanted.items()
                for m in memberships
                if m[0] == slot and m[1] <= at < m[2]
            )
    for person in feed["persons"]:
        assert generation.people.person(int(person["nin"])) == msgspec.convert(person, Person)


def edges(feed: Tables) -> list[int]:
    """Now, and a microsecond around both ends of every membership."""
    times = {NOW}
    for record in feed["memberships"]:
        m = msgspec.convert(record, Membership)
        times |= {to_micros(time) + by for time in (m.valid_from, m.to) if time for by in (-1, 0, 1)}
    return sorted(times)
