from array import array
from collections.abc import Iterable
from mmap import mmap

Block = bytes | bytearray | memoryview | mmap

def fill(
    values: Iterable[tuple[Block, Block]], map_address: int, file: Block, table: array[int], first: int
) -> int: ...
def address_of(block: Block) -> int: ...
