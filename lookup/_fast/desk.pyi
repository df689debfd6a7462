from collections.abc import Sequence
from typing import Any

from lookup._fast.book import Book
from lookup._fast.tally import Tally

PROBLEMS: tuple[str, ...]

class Desk:
    control: Any
    book: Book | None
    draining: bool
    too_old: bool
    buffered: int
    withhold: bool
    def __new__(
        cls,
        control: Any,
        tally: Tally,
        *,
        limits: Sequence[int],
        withhold: bool,
        strict: bool,
        clock_offset_ns: int,
        max_buffered: int,
        patience: tuple[float, float, float, float],
    ) -> Desk: ...
    def swap(self, book: Book | None) -> None: ...
    def set_heads(
        self,
        *,
        valid_from: int,
        valid_until: int,
        from_utc: int,
        ok_before: bytes,
        ok_after: bytes,
        her_after: bytes,
        problems: Sequence[tuple[bytes, bytes]],
    ) -> None: ...
