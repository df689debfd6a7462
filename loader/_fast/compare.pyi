from loader.compare import Compared, Recoding
from lookup._fast.index import Index

def compare(old: Index, new: Index, recoding: Recoding, part: int, part_bits: int) -> Compared: ...
