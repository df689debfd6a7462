"""An LMDB file while it is built: what was put is there, in order, and nothing is dropped in silence."""

from pathlib import Path

import lmdb
import pytest

import loader.store
from loader.errors import StorageError
from loader.store import Store


def held(path: Path, database: str) -> list[tuple[bytes, bytes]]:
    with lmdb.open(str(path), subdir=False, readonly=True, lock=False, max_dbs=8) as env:
        handle = env.open_db(database.encode(), create=False)
        with env.begin() as txn:
            return [(bytes(k), bytes(v)) for k, v in txn.cursor(handle)]


def numbered(count: int) -> list[tuple[bytes, bytes]]:
    return [(i.to_bytes(4, "big"), b"%d" % i) for i in range(count)]


@pytest.mark.parametrize("batch", [1, 7, 50_000])
def test_what_is_appended_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(loader.store, "BATCH", batch)
    items = numbered(100)
    with Store(tmp_path / "x.mdb") as store:
        assert store.append("a", iter(items[:50])) == 50
        assert store.append("a", items[50:]) == 50
        assert store.append("empty", []) == 0
        assert store.put("b", reversed(items)) == 100
        store.sync()
    assert held(tmp_path / "x.mdb", "a") == items
    assert held(tmp_path / "x.mdb", "b") == items
    assert held(tmp_path / "x.mdb", "empty") == []
    assert (tmp_path / "x.mdb").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("order", [(1, 0), (0, 0), (0, 2, 1), (0, 1, 2, 3, 4, 5, 6, 7, 3)])
def test_keys_out_of_order_are_not_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, order: tuple[int, ...]
) -> None:
    monkeypatch.setattr(loader.store, "BATCH", batch)
    items = numbered(8)
    with Store(tmp_path / "x.mdb") as store, pytest.raises(ValueError, match="keys are not in ascending order"):
        store.append("a", [items[i] for i in order])


def test_two_values_of_one_key_are_not_one(tmp_path: Path) -> None:
    with Store(tmp_path / "x.mdb") as store, pytest.raises(ValueError, match="keys are not in ascending order"):
        store.put("a", [(b"k", b"1"), (b"k", b"2")])


def test_what_lmdb_cannot_do_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader.store, "MAP_BYTES", 1 << 16)
    with Store(tmp_path / "x.mdb") as store, pytest.raises(StorageError, match=r"x\.mdb: .*MDB_MAP_FULL"):
        store.append("a", [(b"k", bytes(1 << 17))])
