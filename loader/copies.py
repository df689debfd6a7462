"""The LMDB files of a generation copied for another one, and written to, each in one transaction."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb

from loader.errors import StorageError
from loader.store import MAP_BYTES
from lookup.manifest import INDEX, KINDS, PEOPLE

COPY_BYTES = 1 << 30
COMPACT_SHARE = 0.20  # of a file's pages that are free, from which on it is written anew
META_PAGES = 2
SYNC_FILE_RANGE_WRITE = 2

_libc = ctypes.CDLL(None)


@contextmanager
def copying(source: Path, target: Path) -> Iterator[None]:
    """Copy index and persons of a generation while the context lasts. Raises what the copying did, at its end."""
    with ThreadPoolExecutor(1) as thread:
        copied = thread.submit(copy_files, source, target)
        yield
        copied.result()


def copy_files(source: Path, target: Path) -> None:
    """Copy index and persons of a generation into a new folder."""
    for kind in (INDEX, PEOPLE):
        copy(source / KINDS[kind], target / KINDS[kind])


class Writing:
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
def writing(path: Path) -> Iterator[Writing]:
    """A write transaction on a file, which is written anew where much was free. What seals it makes it durable."""
    try:
        with _opened(path) as env:
            with env.begin(write=True) as txn:
                yield Writing(env, txn)
            if free_share(env) < COMPACT_SHARE:
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
    """Copy a file, in the kernel, sharing blocks where the filesystem can. The copy may be written to.

    The disk begins to write it at once. What is not changed any more is there when the generation is made durable.
    """
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
        into.flush()
        # No more than a hint: whether it could be followed is not asked, and to be durable the file is synced later.
        _libc.sync_file_range(into.fileno(), ctypes.c_int64(0), ctypes.c_int64(0), SYNC_FILE_RANGE_WRITE)
