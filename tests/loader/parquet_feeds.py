"""Feeds of JSON objects whose persons and memberships are Parquet, made by the library's own conversion of objects."""

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loader.parquet import PARQUET_TABLES
from loader.parquet_columns import schema
from tests.loader import feeds
from tests.loader.feeds import Tables

Change = Callable[[pa.Table], pa.Table]


def value_of(kind: pa.DataType, value: Any) -> Any:
    """A value of JSON as the library takes it for a column of this type."""
    if pa.types.is_struct(kind) and value is not None:
        return {field.name: value_of(field.type, value.get(field.name, absent(field))) for field in kind}
    if pa.types.is_list(kind) and value is not None:
        return [value_of(kind.value_type, element) for element in value]
    if pa.types.is_timestamp(kind) and isinstance(value, str):
        return datetime.fromisoformat(value)
    if pa.types.is_date(kind) and isinstance(value, str):
        return date.fromisoformat(value)
    return value


def absent(field: pa.Field) -> Any:
    """What a member is that is not there."""
    return [] if pa.types.is_list(field.type) else False if pa.types.is_boolean(field.type) else None


def rows_of(table: str, records: list[Any]) -> pa.Table:
    """JSON objects as rows."""
    columns = schema(table)
    return pa.Table.from_pylist([value_of(pa.struct(list(columns)), record) for record in records], columns)


def write(folder: Path, feed: Tables, changes: dict[str, Change] | None = None, **options: Any) -> Path:
    """Write a feed with Parquet, its tables changed before they are written; `options` are of the library."""
    feeds.write(folder, feed)
    for table in PARQUET_TABLES:
        change = (changes or {}).get(table, lambda rows: rows)
        (folder / f"{table}.ndjson").unlink()
        pq.write_table(change(rows_of(table, feed[table])), folder / f"{table}.parquet", **options)
    describe(folder, feeds.digest_of(feed))
    return folder


def describe(folder: Path, digest: str) -> None:
    """(Re)write the manifest so that it fits the files that are there, Parquet or no Parquet at all."""
    feeds.write_manifest(folder, content_digest=digest)
    manifest = feeds.manifest_of(folder)
    for entry in manifest["files"]:
        if entry["name"].endswith(".parquet"):
            try:
                entry["records"] = pq.read_metadata(folder / entry["name"]).num_rows
            except (pa.ArrowException, OSError):
                entry["records"] = 0
    (folder / "manifest.json").write_text(json.dumps(manifest))
