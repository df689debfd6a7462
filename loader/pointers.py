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
            base = _map_address(index_path, mapped)
            for database, first in zip(databases, firsts, strict=True):
                fill(txn.cursor(database), base, mapped, table, first)
    except ValueError as error:
        raise BadGeneration(f"{index_path.name}: {error}") from None
    finally:
        env.close()
    with path.open("wb") as out:
        out.write(struct.pack("<8sIIQQ", MAGIC, bits, slots, size, 0))
        table.tofile(out)


def _map_address(path: Path, own: mmap.mmap) -> int:
    """The address at which LMDB has mapped `path`: the mapping of the file that is not `own`."""
    inode_number = str(path.stat().st_ino)
    own_address = address_of(own)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, _, inode, *_ = line.split()
        begin = int(span.split("-")[0], 16)
        if inode == inode_number and int(offset, 16) == 0 and begin != own_address:
            return begin
    raise BadGeneration(f"{path.name}: not found among the mappings of this process")
