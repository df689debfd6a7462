"""The columns of a table as Parquet: which they are, whether a file has them, and how their rows become lines.

The types follow from register.model and are fixed: a file of other types is refused. Only how texts and lists are
kept in memory is its writer's own affair (offsets of 64 bits, views, dictionaries).
"""

from __future__ import annotations

import re
import types
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import msgspec

from loader._fast.columns import Column
from loader.errors import BadFeed
from register.model import TABLES, Record

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = {"string", "large_string", "string_view"}
KINDS = {"int32": "int32", "int64": "int64", "bool": "flag", "date32[day]": "day", "timestamp[us]": "time"}
_MEMBER = re.compile("[a-z][A-Za-z]{0,39}")


def schema(table: str) -> pa.Schema:
    """The columns of a table: the members of its record, in their order. Which may be null the members say."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.schema(_fields(TABLES[table]))


def _fields(record: type[Record]) -> list[pa.Field]:
    import pyarrow as pa  # noqa: PLC0415

    return [pa.field(member.encode_name, _type(member.type)) for member in msgspec.structs.fields(record)]


def _type(kind: Any) -> pa.DataType:
    """The type of the column that a member is."""
    import pyarrow as pa  # noqa: PLC0415

    if hasattr(kind, "__metadata__"):
        if kind.__origin__ is int:
            return pa.int32() if kind.__metadata__[0].le < 1 << 31 else pa.int64()
        return _type(kind.__origin__)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (one,) = (argument for argument in arguments if argument is not type(None))
        return _type(one)
    if origin is tuple:
        return pa.list_(pa.field("element", _type(arguments[0])))
    if origin is Literal:
        return pa.string()
    if issubclass(kind, Record):
        return pa.struct(_fields(kind))
    return {str: pa.string(), bool: pa.bool_(), date: pa.date32(), datetime: pa.timestamp("us")}[kind]


def check_columns(name: str, found: pa.Schema, table: str) -> None:
    """Raises BadFeed, naming every column that is not as it should be, unless a file has the columns of its table."""
    wanted = schema(table)
    wrong = [f"column {column} is missing" for column in wanted.names if column not in found.names]
    for column in dict.fromkeys(found.names):
        shown = f"column {column}" if _MEMBER.fullmatch(column) else "a column"
        if column not in wanted.names:
            wrong.append(f"{shown} that the table does not have")
        elif found.names.count(column) > 1:
            wrong.append(f"{shown} is there twice")
        elif not _fits(found.field(column).type, wanted.field(column).type):
            wrong.append(f"{shown} is not of type {_told(wanted.field(column).type)}")
    if wrong:
        faults = tuple(f"{name}: {what}" for what in wrong)
        raise BadFeed(faults[0], faults)


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a type is the one that is wanted, but for how it is kept in memory."""
    import pyarrow.types as kinds  # noqa: PLC0415

    if kinds.is_dictionary(found):
        return _fits(found.value_type, wanted)
    if kinds.is_list(wanted):
        return bool(kinds.is_list(found) or kinds.is_large_list(found)) and _fits(found.value_type, wanted.value_type)
    if kinds.is_struct(wanted):
        if not kinds.is_struct(found) or [f.name for f in found] != [f.name for f in wanted]:
            return False
        return all(_fits(one.type, other.type) for one, other in zip(found, wanted, strict=True))
    return str(found) in TEXTS if kinds.is_string(wanted) else bool(found == wanted)


def _told(kind: pa.DataType) -> str:
    return str(kind).replace("element: ", "")


def columns_of(batch: pa.RecordBatch) -> Column:
    """A record batch for json_lines."""
    parts = [_column(column) for column in batch.columns]
    return Column("struct", batch.num_rows, 0, [None], parts, _labels(batch.schema.names))


def _labels(names: list[str]) -> list[bytes]:
    """What stands in front of each member of an object."""
    return [(b"," if i else b"{") + b'"' + name.encode() + b'":' for i, name in enumerate(names)]


def _column(array: pa.Array) -> Column:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.types as kinds  # noqa: PLC0415

    kind = array.type
    if kinds.is_dictionary(kind):
        places = _as(array.indices, pa.int32())
        return Column("word", len(array), places.offset, places.buffers(), [_column(array.dictionary)])
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        if kinds.is_large_list(kind):
            array = _as(array, pa.list_(kind.value_type))
        return Column("list", len(array), array.offset, array.buffers()[:2], [_column(array.values)])
    if kinds.is_struct(kind):
        parts = [_column(array.field(i)) for i in range(kind.num_fields)]
        names = _labels([field.name for field in kind])
        return Column("struct", len(array), array.offset, array.buffers()[:1], parts, names)
    if str(kind) in TEXTS:
        array = _as(array, pa.string())
        return Column("text", len(array), array.offset, array.buffers())
    return Column(KINDS[str(kind)], len(array), array.offset, array.buffers())


def _as(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """The same in another layout. The library loads a good deal when it is asked for that, so only if need be."""
    return array if array.type == kind else array.cast(kind)
