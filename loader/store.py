"""The LMDB files of a generation while they are built: opened once, filled in key order, synced, closed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import lmdb

from loader.errors import StorageError

MAP_BYTES = 1 << 40  # address space, not size: the file grows with what is written
MAX_DATABASES = 32
BATCH = 50_000  # values in one write transaction; keeps the pages that are held in memory few


class Store:
    """A new LMDB file. Leaving the context closes it, `sync` makes it durable first. LMDB's errors are StorageError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._env = lmdb.open(
            str(path),
            map_size=MAP_BYTES,
            subdir=False,
            lock=False,
            max_dbs=MAX_DATABASES,
            sync=False,
            metasync=False,
            mode=0o640,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._env.close()

    def append(self, database: str, items: Iterable[tuple[bytes, bytes]]) -> int:
        """Append (key, value) in ascending key order, after all that the database holds; returns how many."""
        handle = self._env.open_db(database.encode())
        count = 0
        batch: list[tuple[bytes, bytes]] = []
        for item in items:
            batch.append(item)
            if len(batch) == BATCH:
                count += self._write(handle, batch)
                batch = []
        return count + self._write(handle, batch)

    def _write(self, handle: object, batch: list[tuple[bytes, bytes]]) -> int:
        with self._failing(), self._env.begin(write=True) as txn:
            _, added = txn.cursor(handle).putmulti(batch, append=True, overwrite=False)  # type: ignore[arg-type]
            if added != len(batch):
                raise ValueError("keys are not in ascending order")
        return added

    def put(self, database: str, items: Iterable[tuple[bytes, bytes]]) -> int:
        """Put (key, value) in any order; returns how many."""
        return self.append(database, sorted(items))

    def sync(self) -> None:
        """Make everything written durable."""
        with self._failing():
            self._env.sync(True)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            raise StorageError(f"{self.path.name}: {error}") from None
