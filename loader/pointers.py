"""`pointers.bin`: where in `index.mdb` each bucket, fragment list and patient list stands."""

import mmap
import struct
from array import array
from pathlib import Path

from loader._fast.pointers import fill
from loader.errors import BadGeneration
from lookup.index import MAGIC

TABLES = (b"persons", b"fragments", b"patients")


def write_pointers(index_path: Path, path: Path, bits: int, slots: int) -> None:
    """Write the pointer table of a finished index. Raises BadGeneration when a value is not what it should be."""
    table = array("Q", bytes(8 * ((1 << bits) + 2 * slots)))
    with index_path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        try:
            fill(mapped, TABLES, table, (0, 1 << bits, (1 << bits) + slots))
        except ValueError as error:
            raise BadGeneration(f"{index_path.name}: {error}") from None
        size = len(mapped)
    with path.open("wb") as out:
        out.write(struct.pack("<8sIIQQ", MAGIC, bits, slots, size, 0))
        table.tofile(out)
