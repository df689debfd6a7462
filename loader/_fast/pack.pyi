from loader.pack import Known
from register.model import Membership, Person

class Parts:
    count: int
    def __init__(self, count: int) -> None: ...
    def drain(self) -> tuple[bytes, list[int]]: ...

def pack_persons(
    items: list[Person],
    lines: bytes,
    known: Known,
    rows: Parts,
    texts: Parts,
    part_bits: int,
    file: int,
    first_line: int,
    reader: int,
) -> list[tuple[str, int]]: ...
def pack_memberships(
    items: list[Membership],
    slots: dict[int, int],
    begin_codes: dict[str | None, int],
    end_codes: dict[str | None, int],
    rows: Parts,
    ids: Parts,
    part_bits: int,
    file: int,
    first_line: int,
) -> list[tuple[str, int]]: ...
def pack_aliases(changes: list[tuple[int, int, int, int]], rows: Parts, part_bits: int) -> None: ...
