from loader.memberships import Names
from lookup._fast.index import Index

def membership_lines(index: Index, names: Names, first: int, last: int) -> bytes: ...
