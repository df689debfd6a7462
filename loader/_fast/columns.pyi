from typing import Any

class Column:
    rows: int
    def __init__(
        self,
        kind: str,
        rows: int,
        offset: int,
        buffers: list[Any],
        parts: list[Column] = ...,
        names: list[bytes] = ...,
    ) -> None: ...

def json_lines(column: Column, first: int, most_line_bytes: int, enough_bytes: int) -> tuple[bytes, int]: ...
