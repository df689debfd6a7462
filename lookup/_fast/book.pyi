from collections.abc import Iterable
from typing import Any

from lookup._fast.index import Index

OUTCOMES: tuple[str, ...]

class Book:
    index: Index
    serial: int
    generation: Any
    def __new__(
        cls,
        index: Index,
        *,
        begin_codes: Iterable[bytes],
        none: bytes,
        withheld: bytes,
        vacant: bytes,
        serial: int = 0,
        generation: Any = None,
    ) -> Book: ...
    def single(self, nin: int, at: int, withhold: bool = False) -> tuple[str, int | None, bytes | None] | None: ...
    def result(self, nin: int, text: bytes, at: int, withhold: bool = False) -> bytes | None: ...
    def confirms(self, nin: int, at: int, hpr_number: int, withhold: bool = False) -> str | None: ...
