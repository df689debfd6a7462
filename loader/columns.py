"""Rows of a record batch as JSON lines. (Plain twin of loader/_fast/columns.pyx: the specification.)

A line has the members of the batch in their order, and says of each value what it is, even where no record may have
it: null where none is allowed, a number outside its limits. So it is the reader of lines (loader/read.py) that
refuses it, in the same words whichever kind of file it came in. A time or day that no calendar of four-digit years
has becomes one that no reader takes.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

EPOCH = datetime(1970, 1, 1)
NO_DATE = "0000-00-00"


def json_lines(batch: pa.RecordBatch, first: int, most_line_bytes: int, enough_bytes: int) -> tuple[bytes, int]:
    """(a line for each row from `first` on, the row after the last of them): as many as it takes to be enough.

    No line, and the row that would have been it, when that is longer than a line may be.
    """
    out = b""
    for row in range(first, batch.num_rows):
        members = {name: _value(column[row]) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        line = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
        if len(line) > most_line_bytes or len(out) >= enough_bytes:
            return out, row
        out += line + b"\n"
    return out, max(first, batch.num_rows)


def _value(scalar: Any) -> Any:
    """A value of a column as JSON has it."""
    kind = str(scalar.type)
    if not scalar.is_valid:
        return None
    if kind.startswith("list"):
        return [_value(element) for element in scalar.values]
    if kind.startswith("struct"):
        return {name: _value(member) for name, member in scalar.items()}
    if kind == "date32[day]":
        return _day(scalar.value)
    if kind == "timestamp[us]":
        return _time(scalar.value)
    return scalar.as_py()


def _day(days: int) -> str:
    try:
        return date.fromordinal(days + EPOCH.toordinal()).isoformat()
    except (ValueError, OverflowError):
        return NO_DATE


def _time(micros: int) -> str:
    try:
        return (EPOCH + timedelta(microseconds=micros)).isoformat()
    except OverflowError:
        rest = micros % 86_400_000_000
        text = (EPOCH + timedelta(microseconds=rest)).isoformat()
        return NO_DATE + text[10:]
