"""`pointers.bin`: where in `index.mdb` each bucket, fragment list and patient list stands."""

import mmap
import struct
from array import array
from pathlib import Path

import lmdb

from loader._fast.pointers import address_of, fill
from loader.errors import BadGeneration
from lookup.index import MAGIC

TABLES = ("persons", "fragments", "patients")


def write_pointers(index_path: Path, path: Path, bits: int, slots: int) -> None:
    """Write the pointer table of a finished index. Raises BadGeneration when a value is not where it should be."""
    size = index_path.stat().st_size
    table = array("Q", bytes(8 * ((1 << bits) + 2 * slots)))
    firsts = (0, 1 << bits, (1 << bits) + slots)
    env = lmdb.open(str(index_path), subdir=False, readonly=True, lock=False, max_dbs=32)
    try:
        databases = [env.open_db(name.encode(), create=False) for name in TABLES]
        with (
            index_path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped,
            env.begin(buffers=True) as txn,
        ):
            for database, first in zip(databases, firsts, strict=True):
                cursor = txn.cursor(database)
                if cursor.first():
                    base = _map_address(index_path, address_of(cursor.value()))
                    fill(cursor, base, mapped, table, first)
    except ValueError as error:
        raise BadGeneration(f"{index_path.name}: {error}") from None
    finally:
        env.close()
    with path.open("wb") as out:
        out.write(struct.pack("<8sIIQQ", MAGIC, bits, slots, size, 0))
        table.tofile(out)


def _map_address(path: Path, inside: int) -> int:
    """The address at which the file's first byte is mapped, in the mapping that holds the address `inside`."""
    # Not held against the file's inode, which need not be the same here (overlayfs): every value's bytes are (`fill`).
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, *_ = line.split()
        begin, end = (int(part, 16) for part in span.split("-"))
        if begin <= inside < end:
            return begin - int(offset, 16)
    raise BadGeneration(f"{path.name}: not found among the mappings of this process")
