from array import array
from collections.abc import Sequence

from lookup.index import Buffer

def fill(file: Buffer, names: Sequence[bytes], table: array[int], firsts: Sequence[int]) -> int: ...
