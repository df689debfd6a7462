from collections.abc import Iterable

from lookup.canonical import Head

Data = bytes | bytearray | memoryview

def read_head(data: Data) -> Head | str: ...
def read_in_pieces(pieces: Iterable[bytes]) -> Head | str: ...
