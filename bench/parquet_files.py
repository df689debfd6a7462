"""Writes a feed whose persons and memberships are Parquet, all else being NDJSON (docs/feed-format.md)."""

import io
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from loader.parquet import PARQUET, PARQUET_TABLES
from loader.parquet_columns import schema
from register.feed import DataFile, FeedWriter, FileEntry, file_sha256

GROUP_ROWS = 1 << 14


class ParquetFile:
    """A data file while it is written: lines are gathered until they make a row group."""

    def __init__(self, path: Path, table: str) -> None:
        self.path, self.table, self.records = path, table, 0
        self._schema = schema(table)
        self._raw = path.open("wb")
        self._out = pq.ParquetWriter(
            self._raw, self._schema, compression="zstd", use_dictionary=_repeating(self._schema)
        )
        self._rows: list[pa.Table] = []

    def write(self, lines: bytes, records: int) -> None:
        """Append canonical lines."""
        if records:
            self._rows.append(rows_of(lines, self._schema))
        self.records += records
        if sum(map(len, self._rows)) >= GROUP_ROWS:
            self._write(GROUP_ROWS)

    def _write(self, least: int) -> None:
        """Write row groups until there are fewer rows than `least`."""
        rows = pa.concat_tables(self._rows)
        start = 0
        while len(rows) - start >= least:
            self._out.write_table(rows.slice(start, GROUP_ROWS))
            start += GROUP_ROWS
        self._rows = [rows.slice(start)]

    def close(self) -> FileEntry:
        """Write what is left and end the file."""
        if self._rows:
            self._write(1)
        self._out.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        return FileEntry(self.path.name, self.table, self.records, self.path.stat().st_size, file_sha256(self.path))


def rows_of(lines: bytes, columns: pa.Schema) -> pa.Table:
    """Canonical lines, one at least, as rows."""
    as_text = [field.with_type(pa.string()) if pa.types.is_date(field.type) else field for field in columns]
    options = pyarrow.json.ParseOptions(explicit_schema=pa.schema(as_text), unexpected_field_behavior="error")
    whole = pyarrow.json.ReadOptions(block_size=len(lines) + 1)
    return pyarrow.json.read_json(io.BytesIO(lines), whole, options).cast(columns)


def _repeating(columns: pa.Schema) -> list[str]:
    """The columns of texts that occur again and again, which numbers and national ids do not."""
    paths = []
    for field in columns:
        inside = field.type.value_type if pa.types.is_list(field.type) else None
        texts = _texts(inside, f"{field.name}.list.element") if inside else _texts_of(field, field.name)
        paths += [path for path in texts if path != "nin"]
    return paths


def _texts(kind: pa.DataType, path: str) -> list[str]:
    return [text for field in kind for text in _texts_of(field, f"{path}.{field.name}")]


def _texts_of(field: pa.Field, path: str) -> list[str]:
    if pa.types.is_struct(field.type):
        return _texts(field.type, path)
    return [path] if pa.types.is_string(field.type) else []


class ParquetFeedWriter(FeedWriter):
    """A FeedWriter that writes the big tables as Parquet."""

    def data_file(self, table: str) -> DataFile:
        """The data file of a table, begun."""
        if table in PARQUET_TABLES:
            return ParquetFile(self.folder / f"{table}{PARQUET}", table)
        return super().data_file(table)
