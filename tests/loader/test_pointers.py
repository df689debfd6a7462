"""Where values stand in their file: every pointer leads to its value, and a value that is elsewhere is found out."""

import struct
from array import array
from pathlib import Path

import lmdb
import pytest

from loader.errors import BadGeneration
from loader.pointers import write_pointers
from lookup.index import MAGIC

BITS, SLOTS = 13, 3
FIRSTS = {"persons": 0, "fragments": 1 << BITS, "patients": (1 << BITS) + SLOTS}


def value(number: int, size: int = 8) -> bytes:
    return number.to_bytes(4, "little") + bytes(range(256)) * (size // 256) + b"." * (size % 256)


def index_file(path: Path, databases: dict[str, dict[int, bytes]]) -> Path:
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=8, map_size=1 << 26, sync=False) as env:
        for name in FIRSTS:
            database = env.open_db(name.encode())
            with env.begin(write=True) as txn:
                for number, content in databases.get(name, {}).items():
                    txn.put(number.to_bytes(4, "big"), content, db=database)
    return path


@pytest.fixture
def written() -> dict[str, dict[int, bytes]]:
    """Values of all sizes: some in a page with others, some in pages of their own."""
    return {
        "persons": {number: value(number, 8 + number % 700) for number in (0, 1, 5, *range(100, 2000, 7), 8191)},
        "fragments": {0: value(0, 50_000), 2: value(2, 4)},
        "patients": {1: value(1, 300_000)},
    }


def test_every_pointer_leads_to_its_value(tmp_path: Path, written: dict[str, dict[int, bytes]]) -> None:
    index = index_file(tmp_path / "index.mdb", written)
    write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)
    pointers, data = (tmp_path / "pointers.bin").read_bytes(), index.read_bytes()
    assert pointers[:32] == struct.pack("<8sIIQQ", MAGIC, BITS, SLOTS, len(data), 0)
    entries = array("Q", pointers[32:])
    assert len(entries) == (1 << BITS) + 2 * SLOTS
    expected = {first + number: content for name, first in FIRSTS.items() for number, content in written[name].items()}
    for place, entry in enumerate(entries):
        offset, length = entry >> 24, entry & 0xFFFFFF
        assert data[offset : offset + length] == expected.get(place, b"")
        assert bool(entry) == (place in expected)


def test_an_empty_index_has_no_pointers(tmp_path: Path) -> None:
    index = index_file(tmp_path / "index.mdb", {})
    write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)
    assert not any((tmp_path / "pointers.bin").read_bytes()[32:])


@pytest.mark.parametrize("name", FIRSTS)
def test_a_value_of_another_number(tmp_path: Path, name: str) -> None:
    index = index_file(tmp_path / "index.mdb", {name: {1: value(1), 2: value(1)}})
    with pytest.raises(BadGeneration, match=r"index\.mdb: a value is of another number than its key"):
        write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)
    assert not (tmp_path / "pointers.bin").exists()


def test_a_number_outside_the_table(tmp_path: Path) -> None:
    index = index_file(tmp_path / "index.mdb", {"patients": {SLOTS: value(SLOTS)}})
    with pytest.raises(BadGeneration, match="a key is no number of the table"):
        write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)


@pytest.mark.parametrize("size", [1, 3])
def test_a_value_without_a_number(tmp_path: Path, size: int) -> None:
    index = index_file(tmp_path / "index.mdb", {"fragments": {1: value(1)[:size]}})
    with pytest.raises(BadGeneration, match="a value's length does not fit a pointer"):
        write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)


@pytest.mark.parametrize("key", [b"\1", b"\0\0\0\0\1", bytes(8)])
def test_a_key_that_is_no_number(tmp_path: Path, key: bytes) -> None:
    index = index_file(tmp_path / "index.mdb", {})
    with (
        lmdb.open(str(index), subdir=False, lock=False, max_dbs=8, map_size=1 << 26) as env,
        env.begin(env.open_db(b"persons"), write=True) as txn,
    ):
        txn.put(key, value(1))
    with pytest.raises(BadGeneration, match="a key is no number of the table"):
        write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)


def test_the_greatest_length(tmp_path: Path) -> None:
    greatest = (1 << 24) - 1
    index = index_file(tmp_path / "index.mdb", {"persons": {1: value(1).ljust(greatest, b".")}})
    write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)
    entries = array("Q", (tmp_path / "pointers.bin").read_bytes()[32:])
    assert entries[1] & 0xFFFFFF == greatest
    index = index_file(tmp_path / "longer.mdb", {"persons": {1: value(1).ljust(greatest + 1, b".")}})
    with pytest.raises(BadGeneration, match="a value's length does not fit a pointer"):
        write_pointers(index, tmp_path / "longer.bin", BITS, SLOTS)


def test_a_file_that_is_not_sound(tmp_path: Path, written: dict[str, dict[int, bytes]]) -> None:
    data = index_file(tmp_path / "index.mdb", written).read_bytes()
    (tmp_path / "short.mdb").write_bytes(data[: len(data) // 8192 * 4096])
    with pytest.raises(BadGeneration, match=r"short\.mdb: it is not sound"):
        write_pointers(tmp_path / "short.mdb", tmp_path / "pointers.bin", BITS, SLOTS)


def test_a_database_whose_name_begins_alike(tmp_path: Path) -> None:
    index = index_file(tmp_path / "index.mdb", {"persons": {1: value(1)}})
    with lmdb.open(str(index), subdir=False, lock=False, max_dbs=8, map_size=1 << 26) as env:
        for name in (b"person", b"persons2"):
            with env.begin(env.open_db(name), write=True) as txn:
                txn.put(bytes(3), value(7))
    write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)
    entries = array("Q", (tmp_path / "pointers.bin").read_bytes()[32:])
    assert [place for place, entry in enumerate(entries) if entry] == [1]
