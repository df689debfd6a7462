from loader._fast.pack import Parts
from loader.pack import Known
from loader.scan import Odd

class Scanner:
    def __init__(
        self,
        slots: dict[int, int],
        known: Known,
        begin_codes: dict[str | None, int],
        end_codes: dict[str | None, int],
        part_bits: int,
    ) -> None: ...
    def memberships(self, data: bytes, rows: Parts, ids: Parts, file: int, first_line: int) -> list[Odd]: ...
    def persons(self, data: bytes, rows: Parts, texts: Parts, file: int, first_line: int, reader: int) -> list[Odd]: ...
