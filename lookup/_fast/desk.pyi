from collections.abc import Sequence
from typing import Any

from lookup._fast.book import Book
from lookup._fast.ledger import Ledger
from lookup._fast.soap_book import SoapBook
from lookup._fast.tally import Tally
from lookup._fast.tickets import Tickets

PROBLEMS: tuple[str, ...]

class Tail:
    def __init__(self, view: memoryview, *, file: int, begin: int) -> None: ...

class Desk:
    control: Any
    book: Book | None
    soap: SoapBook | None
    draining: bool
    too_old: bool
    buffered: int
    withhold: bool
    withhold_always: bool
    tickets: Tickets | None
    certificates: Tickets | None
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
        tickets: Tickets | None = None,
        certificates: Tickets | None = None,
        certificate_field: str = "Client-Cert",
        ledger: Ledger | None = None,
        operations: Sequence[int] = (),
    ) -> Desk: ...
    def swap(self, book: Book | None, soap: SoapBook | None = None) -> None: ...
    def record_in(self, ledger: Ledger) -> None: ...
    def set_heads(
        self,
        *,
        valid_from: int,
        valid_until: int,
        from_utc: int,
        ok_before: bytes,
        ok_after: bytes,
        her_after: bytes,
        soap_before: Sequence[bytes],
        problems: Sequence[tuple[bytes, bytes]],
    ) -> None: ...
