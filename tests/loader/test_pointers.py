"""Where values stand in their file: every pointer leads to its value, and a value that is elsewhere is found out."""

import struct
from array import array
from mmap import PROT_READ, mmap
from pathlib import Path

import lmdb
import pytest

from loader._fast.pointers import address_of, fill
from loader.errors import BadGeneration
from loader.pointers import write_pointers
from lookup.index import MAGIC

BITS, SLOTS = 13, 3
FIRSTS = {"persons": 0, "fragments": 1 << BITS, "patients": (1 << BITS) + SLOTS}


def value(number: int, size: int = 8) -> bytes:
    return number.to_bytes(4, "little") + bytes(range(256)) * (size // 256) + b"." * (size % 256)


def index_file(path: Path, databases: dict[str, dict[int, bytes]]) -> Path:
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=8, map_size=1 << 26) as env:
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


def test_other_mappings_of_the_file_do_not_matter(tmp_path: Path, written: dict[str, dict[int, bytes]]) -> None:
    index = index_file(tmp_path / "index.mdb", written)
    write_pointers(index, tmp_path / "alone.bin", BITS, SLOTS)
    with index.open("rb") as file:
        mappings = [mmap(file.fileno(), 0, prot=PROT_READ) for _ in range(4)]
        write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)
    assert (tmp_path / "pointers.bin").read_bytes() == (tmp_path / "alone.bin").read_bytes()
    assert all(len(mapping) for mapping in mappings)


def test_the_inode_number_that_is_mapped_may_be_another(
    tmp_path: Path, written: dict[str, dict[int, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On overlayfs the kernel shows the file below."""
    index = index_file(tmp_path / "index.mdb", written)
    write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)
    inode, read_text = str(index.stat().st_ino), Path.read_text

    def of_the_file_below(path: Path) -> str:
        text = read_text(path)
        assert path == Path("/proc/self/maps")
        assert f" {inode} " in text
        return text.replace(f" {inode} ", " 1 ")

    monkeypatch.setattr(Path, "read_text", of_the_file_below)
    write_pointers(index, tmp_path / "below.bin", BITS, SLOTS)
    assert (tmp_path / "below.bin").read_bytes() == (tmp_path / "pointers.bin").read_bytes()


@pytest.mark.parametrize("name", FIRSTS)
def test_a_value_of_another_number(tmp_path: Path, name: str) -> None:
    index = index_file(tmp_path / "index.mdb", {name: {1: value(1), 2: value(1)}})
    with pytest.raises(BadGeneration, match=r"index\.mdb: a value is not where its address says"):
        write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)
    assert not (tmp_path / "pointers.bin").exists()


def test_a_number_outside_the_table(tmp_path: Path) -> None:
    index = index_file(tmp_path / "index.mdb", {"patients": {SLOTS: value(SLOTS)}})
    with pytest.raises(BadGeneration, match="a value is outside the file or the table"):
        write_pointers(index, tmp_path / "pointers.bin", BITS, SLOTS)


class TestFill:
    """The check of every entry, over a block of memory that stands for the map."""

    def block(self) -> bytearray:
        return bytearray(b"head" + value(1, 8) + value(2, 2) + b"tail")

    def items(self, block: bytearray) -> list[tuple[bytes, memoryview]]:
        view = memoryview(block)
        return [(b"\0\0\0\1", view[4:16]), (b"\0\0\0\2", view[16:22])]

    def test_sets_the_entries(self) -> None:
        block, table = self.block(), array("Q", bytes(8 * 6))
        assert fill(self.items(block), address_of(block), bytes(block), table, 3) == 2
        assert table.tolist() == [0, 0, 0, 0, 4 << 24 | 12, 16 << 24 | 6]

    def test_a_byte_that_differs_in_the_file(self) -> None:
        block, table = self.block(), array("Q", bytes(8 * 6))
        for at in range(4, 22):
            file = bytearray(block)
            file[at] ^= 1
            with pytest.raises(ValueError, match="a value is not where its address says"):
                fill(self.items(block), address_of(block), bytes(file), table, 0)

    def test_another_address_of_the_map(self) -> None:
        block, table = self.block(), array("Q", bytes(8 * 6))
        for shift in (-1, 1, 4):
            with pytest.raises(ValueError, match="a value is not where its address says"):
                fill(self.items(block), address_of(block) + shift, bytes(block), table, 0)

    @pytest.mark.parametrize("shift", [-100, 5, 17, 1 << 30])
    def test_an_address_outside_the_file(self, shift: int) -> None:
        block, table = self.block(), array("Q", bytes(8 * 6))
        with pytest.raises(ValueError, match="a value is outside the file or the table"):
            fill(self.items(block), address_of(block) + shift, bytes(block), table, 0)

    def test_a_file_that_ends_too_early(self) -> None:
        block, table = self.block(), array("Q", bytes(8 * 6))
        with pytest.raises(ValueError, match="a value is outside the file or the table"):
            fill(self.items(block), address_of(block), bytes(block[:21]), table, 0)
        assert fill(self.items(block), address_of(block), bytes(block[:22]), table, 0) == 2

    @pytest.mark.parametrize("key", [b"\1", b"\0\0\0\0\1", b"\0\0\0\6"])
    def test_a_key_that_is_no_number_of_the_table(self, key: bytes) -> None:
        block, table = self.block(), array("Q", bytes(8 * 6))
        with pytest.raises(ValueError, match="a value is outside the file or the table"):
            fill([(key, memoryview(block)[4:16])], address_of(block), bytes(block), table, 0)

    @pytest.mark.parametrize("size", [0, 3, 1 << 24])
    def test_a_length_that_fits_no_pointer(self, size: int) -> None:
        block, table = bytearray(1 << 24), array("Q", bytes(8))
        with pytest.raises(ValueError, match="a value's length does not fit a pointer"):
            fill([(bytes(4), memoryview(block)[:size])], address_of(block), bytes(block), table, 0)

    def test_the_greatest_length(self) -> None:
        block, table = bytearray(1 << 24), array("Q", bytes(8))
        assert fill([(bytes(4), memoryview(block)[: (1 << 24) - 1])], address_of(block), bytes(block), table, 0) == 1
        assert table[0] == (1 << 24) - 1
