"""A generation that is open: its index, its tables and persons, and how long what it maps stays.

Promises: a generation is opened only after the bytes of its files were held against the manifest (by `verify_files`,
in this process or by the supervisor, whose stamps then have to fit); one `Generation` object per folder and process;
and nothing that was handed out from one points into memory that has gone. Nobody closes anything: maps and
environments go with the last reference. Leaves out who chooses a generation and when (lookup.supervisor) and how one
is built (loader).

LMDB is read here for small tables and persons' particulars only, values copied out. A read transaction belongs to one
thread, so `tables` and `people` are one object per thread.
"""

import mmap
import os
import struct
import threading
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary, finalize

import lmdb

from lookup.core import Index, SoapParts
from lookup.events import Events
from lookup.index import LENGTH_BITS, POINTERS_HEADER
from lookup.manifest import (
    CONTRACTS,
    CURRENT,
    EVENTS,
    FORMAT,
    INDEX,
    KINDS,
    MANIFEST,
    NEEDED,
    PEOPLE,
    PIN,
    POINTERS,
    READER,
    SOAP,
    FileEntry,
    Manifest,
    NotServable,
    Stamp,
    Stamps,
    check_stamps,
    digest8_of,
    folders,
    read_manifest,
    read_pointer,
    split_name,
    stamp_of,
    verify_files,
    write_manifest,
)
from lookup.people import People
from lookup.public_list import PublicList
from lookup.record import Damaged
from lookup.tables import MAX_DATABASES, Tables
from lookup.warm import forget, pause, populate, read_through

__all__ = [
    "CURRENT",
    "FORMAT",
    "PIN",
    "READER",
    "FileEntry",
    "Generation",
    "Manifest",
    "NotServable",
    "Stamp",
    "Stamps",
    "digest8_of",
    "folders",
    "open_generation",
    "read_pointer",
    "verify_files",
    "write_manifest",
]

SELF_TEST_SLOTS = 16


class Generation:
    """One opened generation. Hold a reference for as long as anything that came out of it is in use.

    `index` and `events` may be asked from any thread; `tables` and `people` give each thread an object of its own.
    `people` is None on a node without people.mdb, `events` on one without events.bin, `soap` on one without soap.bin,
    `contracts` on one without contracts.bin; `contracts_file` is the descriptor of that.
    `as_of_seconds` is the register's age as seconds since 1970-01-01T00:00:00Z.
    """

    def __init__(self, folder: Path, manifest: Manifest, stamps: Stamps) -> None:
        """Use `open_generation`."""
        self.folder, self.name, self.manifest = folder, folder.name, manifest
        self.serial, self.digest8 = split_name(folder.name)
        self.as_of_seconds = datetime.fromisoformat(manifest.as_of).timestamp()
        self._maps = {name: _map(folder / name, stamps[name]) for name in (KINDS[INDEX], KINDS[POINTERS])}
        self.index = Index(self._maps[KINDS[POINTERS]], self._maps[KINDS[INDEX]])
        self._index_env = _environment(folder / KINDS[INDEX], stamps, readahead=True)
        people = KINDS[PEOPLE] in stamps
        self._people_env = _environment(folder / KINDS[PEOPLE], stamps, readahead=False) if people else None
        events = KINDS[EVENTS]
        self.events = Events(_map(folder / events, stamps[events])) if events in stamps else None
        soap = KINDS[SOAP]
        if soap in stamps:
            self._maps[soap] = _map(folder / soap, stamps[soap])
        self.soap = SoapParts(self._maps[soap]) if soap in stamps else None
        contracts = KINDS[CONTRACTS]
        if contracts in stamps:
            self._maps[contracts] = _map(folder / contracts, stamps[contracts])
        self.contracts = PublicList(self._maps[contracts]) if contracts in stamps else None
        self.contracts_file = _open(folder / contracts, stamps[contracts]) if contracts in stamps else None
        if self.contracts_file is not None:
            finalize(self, os.close, self.contracts_file)
        self._threads = threading.local()
        self._check()

    def _check(self) -> None:
        said = self.manifest
        meta = self.tables.meta
        for bits, slots, digest in (
            (self.index.bits, self.index.slots, said.content_digest),
            (meta.bits, meta.slots, meta.content_digest),
        ):
            if (bits, slots, digest) != (said.bits, said.slots, said.content_digest):
                raise NotServable("the files are not of one generation")
        if self.people is not None and self.people.meta.bits != said.bits:
            raise NotServable("people.mdb is of another generation")
        if self.events is not None and self.events.batches[-1].digest != said.content_digest:
            raise NotServable("events.bin is of another generation")
        soap = self.soap
        if soap is not None and (soap.slots, soap.digest) != (said.slots, said.content_digest):
            raise NotServable("soap.bin is of another generation")
        if self.contracts is not None and self.contracts.digest != said.content_digest:
            raise NotServable("contracts.bin is of another generation")

    @property
    def tables(self) -> Tables:
        """The small tables, for this thread."""
        try:
            return self._threads.tables  # type: ignore[no-any-return]
        except AttributeError:
            with _opening:
                self._threads.tables = Tables(self._index_env)
            return self._threads.tables  # type: ignore[no-any-return]

    @property
    def people(self) -> People | None:
        """The persons' particulars, for this thread, or None where they are not served."""
        if self._people_env is None:
            return None
        try:
            return self._threads.people  # type: ignore[no-any-return]
        except AttributeError:
            with _opening:
                self._threads.people = People(self._people_env)
            return self._threads.people  # type: ignore[no-any-return]

    def stored(self, bucket: int) -> tuple[bytes, bytes]:
        """What index.mdb and people.mdb hold of a bucket, octet for octet; empty where there is nothing.

        The same octets in two generations that number their contracts alike are the same persons.
        """
        (pointer,) = struct.unpack_from("<Q", self._maps[KINDS[POINTERS]], POINTERS_HEADER + 8 * bucket)
        offset, size = pointer >> LENGTH_BITS, pointer & (1 << LENGTH_BITS) - 1
        people = self.people
        return self._maps[KINDS[INDEX]][offset : offset + size], b"" if people is None else people.stored(bucket)

    def warm(self) -> None:
        """Bring the index into memory. Takes long on a cold cache, and lets other threads run meanwhile."""
        for name, mapped in self._maps.items():
            if not populate(mapped):
                read_through(self.folder / name)

    def cool(self) -> None:
        """Take the index out of the page table: it is about to be closed. Whoever still has it can go on with it."""
        for mapped in self._maps.values():
            forget(mapped)

    def self_test(self) -> None:
        """Ask for the members of some contracts, and for the contracts. Raises Damaged or NotServable."""
        at = self.manifest.window.valid_from
        for slot in range(0, self.index.slots, max(1, self.index.slots // SELF_TEST_SLOTS)):
            if self.tables.contract(self.tables.contract_id_of_slot(slot)) is None:
                raise NotServable("a slot's contract is not there")
            self.index.fragment(slot, at)
            for bucket in self.index.member_buckets(slot)[:1]:
                for nin, record in self.index.bucket(bucket):
                    self._ask_for(nin, record.alias_of is None, at)
            pause()

    def _ask_for(self, nin: int, newest: bool, at: int) -> None:
        found = self.index.find(nin, at)
        if found is None or (newest and found.nin != nin):
            raise NotServable("a person of a list is not found")
        if newest and self.people is not None and self.people.person(nin) is None:
            raise NotServable("a person of a list is not in people.mdb")


_opening = threading.RLock()
_generations: WeakValueDictionary[tuple[int, int], Generation] = WeakValueDictionary()
# Of its own, because py-lmdb refuses to open a file again while anything at all keeps the environment alive.
_environments: WeakValueDictionary[tuple[int, int], lmdb.Environment] = WeakValueDictionary()


def open_generation(folder: Path, stamps: Stamps | None = None) -> Generation:
    """The generation of a folder: the object that this process already has, or a new one. Raises NotServable.

    Without `stamps` its files are verified first; with those of an earlier `verify_files` they only must not have
    changed.
    """
    verified = verify_files(folder) if stamps is None else stamps
    manifest, _ = read_manifest(folder)
    if {MANIFEST, *(KINDS[kind] for kind in NEEDED)} - set(verified):
        raise NotServable("not every needed file was verified")
    with _opening:
        check_stamps(folder, verified)
        key = (verified[KINDS[INDEX]].device, verified[KINDS[INDEX]].inode)
        generation = _generations.get(key)
        if generation is None:
            try:
                generation = Generation(folder, manifest, verified)
            except (lmdb.Error, Damaged, OSError, ValueError) as error:
                raise NotServable(f"cannot be opened: {type(error).__name__}") from error
            check_stamps(folder, verified)
            _generations[key] = generation
    if generation.name != folder.name:
        raise NotServable("its index is that of another generation, which is open")
    return generation


def _map(path: Path, stamp: Stamp) -> mmap.mmap:
    """A map of our own: unlike LMDB's it is held by every object that points into it."""
    file = _open(path, stamp)
    try:
        return mmap.mmap(file, 0, prot=mmap.PROT_READ)
    finally:
        os.close(file)


def _open(path: Path, stamp: Stamp) -> int:
    """A descriptor of a file that is as it was verified."""
    file = os.open(path, os.O_RDONLY)
    if stamp_of(os.fstat(file)) != stamp:
        os.close(file)
        raise NotServable(f"{path.name} has changed since it was verified")
    return file


def _environment(path: Path, stamps: Stamps, *, readahead: bool) -> lmdb.Environment:
    stamp = stamps[path.name]
    key = (stamp.device, stamp.inode)
    environment = _environments.get(key)
    if environment is None:
        environment = _environments[key] = lmdb.open(
            str(path),
            map_size=stamp.bytes,
            subdir=False,
            readonly=True,
            lock=False,
            readahead=readahead,
            max_dbs=MAX_DATABASES,
        )
    return environment
