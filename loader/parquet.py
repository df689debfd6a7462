"""Parquet data files of a feed: a row group at a time, as blocks of the lines that its rows are.

Only persons and memberships come so (docs/feed-format.md). What is read here is which file it is, whether its columns
are those of the table, and that no part of it is too large to hold; what a row says is left to whoever reads lines.
The library is pyarrow, an optional dependency; every error of its becomes one of ours here, without its text.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from loader._fast.columns import json_lines
from loader.errors import BadFeed, ConfigurationError, SourceUnreachable
from loader.parquet_columns import check_columns, columns_of
from register.feed import FileEntry
from register.model import TABLES

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

PARQUET = ".parquet"
PARQUET_TABLES = ("persons", "memberships")
MOST_ROWS = 1 << 17  # of a row group that we read, and what it may take when it is unpacked
MOST_VALUES = 1 << 22
MOST_GROUP_BYTES = 128 << 20
MOST_LINE_BYTES = 1 << 20
DAMAGED = "not Parquet, or damaged"


class State(NamedTuple):
    """What tells a file from another, and from itself when it has changed."""

    device: int
    inode: int
    size: int
    modified: int


@dataclass(frozen=True, repr=False)
class RowGroup:
    """A row group of a data file, by its number. `line` is the number of its first row in the file, from 1."""

    file: int
    line: int
    number: int
    rows: int
    state: State


def _require_library() -> None:
    """Raises ConfigurationError when Parquet cannot be read here."""
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415
    except ImportError:
        raise ConfigurationError(
            "a data file is Parquet, which needs the package pyarrow: install fastlegeregisteret[parquet]"
        ) from None


def row_groups(path: Path, entry: FileEntry, number: int) -> Iterator[RowGroup]:
    """The row groups of a data file, once it is known to be the one that the manifest lists.

    Raises BadFeed, SourceUnreachable or ConfigurationError. Nothing is parsed before its sha256 is right.
    """
    _require_library()
    state = _check_file(path, entry)
    with _reading(path, entry.name, state) as file:
        metadata = _metadata(file, state)
        check_columns(entry.name, metadata.schema.to_arrow_schema(), entry.table)
    if metadata.num_rows != entry.records:
        raise BadFeed(f"{entry.name}: {metadata.num_rows} records, the manifest says {entry.records}")
    line, groups = 1, []
    for group in range(metadata.num_row_groups):
        _check_size(f"{entry.name}:{line}", metadata.row_group(group))
        rows = metadata.row_group(group).num_rows
        groups.append(RowGroup(number, line, group, rows, state))
        line += rows
    if line - 1 != entry.records:
        raise BadFeed(f"{entry.name}: {line - 1} rows in its row groups, the manifest says {entry.records}")
    yield from groups


def lines_of(path: Path, entry: FileEntry, group: RowGroup, enough_bytes: int) -> Iterator[tuple[int, bytes]]:
    """(number of the first, lines) of the rows of a row group, each time about so many bytes of lines.

    Raises BadFeed or SourceUnreachable.
    """
    names = [member.encode_name for member in msgspec.structs.fields(TABLES[entry.table])]
    with _reading(path, f"{entry.name}:{group.line}", group.state) as file:
        table = _read(file, group)
        if table.num_rows != group.rows:
            raise BadFeed(f"{entry.name}:{group.line}: {table.num_rows} rows in a row group of {group.rows}")
        line = group.line
        for batch in table.select(names).to_batches():
            columns, done = columns_of(batch), 0
            while done < columns.rows:
                lines, after = json_lines(columns, done, MOST_LINE_BYTES, enough_bytes)
                if after == done:
                    raise BadFeed(f"{entry.name}:{line}: a row of more than {MOST_LINE_BYTES} bytes as a line")
                yield line, lines
                line += after - done
                done = after


def _check_file(path: Path, entry: FileEntry) -> State:
    """Raises BadFeed unless size and sha256 are the manifest's; returns what tells this file from another."""
    try:
        with path.open("rb") as file:
            state = _state(file)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise BadFeed(f"{entry.name}: listed in the manifest but missing") from None
    except OSError as error:
        raise SourceUnreachable(f"{entry.name}: {error.strerror}") from None
    if state.size != entry.bytes:
        raise BadFeed(f"{entry.name}: {state.size} bytes, the manifest says {entry.bytes}")
    if sha256 != entry.sha256:
        raise BadFeed(f"{entry.name}: sha256 differs from the manifest's")
    return state


def _state(file: BinaryIO) -> State:
    status = os.fstat(file.fileno())
    return State(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@contextmanager
def _reading(path: Path, where: str, state: State) -> Iterator[BinaryIO]:
    """The file, open, when it is the one that was hashed; what the library says against it as a BadFeed."""
    import pyarrow as pa  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            if _state(file) != state:
                raise BadFeed(f"{where}: changed while it was read")
            yield file
    except (pa.ArrowException, OSError, ValueError) as error:  # the library has an OSError for what it cannot parse
        if isinstance(error, OSError) and error.errno:
            raise SourceUnreachable(f"{where}: {error.strerror}") from None
        raise BadFeed(f"{where}: {DAMAGED}") from None


_footers: dict[State, pq.FileMetaData] = {}


def _metadata(file: BinaryIO, state: State) -> pq.FileMetaData:
    """What the file says of itself. Of the last file it is kept: it is long, and asked for with every row group."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    if state not in _footers:
        found = pq.read_metadata(file)
        _footers.clear()
        _footers[state] = found
    return _footers[state]


def _read(file: BinaryIO, group: RowGroup) -> pa.Table:
    """The columns of a row group.

    Texts stay in the dictionaries that they lie in, so that what is unpacked is no larger than the file says.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415

    metadata = _metadata(file, group.state)
    parts = metadata.row_group(group.number)
    chunks = [parts.column(i) for i in range(parts.num_columns)]
    words = [c.path_in_schema for c in chunks if c.physical_type == "BYTE_ARRAY" and c.has_dictionary_page]
    opened = pq.ParquetFile(file, metadata=metadata, read_dictionary=words, pre_buffer=False)
    return opened.read_row_group(group.number, use_threads=False)


def _check_size(where: str, group: pq.RowGroupMetaData) -> None:
    """Raises BadFeed when a row group is too large to be held in memory as a whole."""
    chunks = [group.column(i) for i in range(group.num_columns)]
    for found, most, what in (
        (group.num_rows, MOST_ROWS, "rows"),
        (max(chunk.num_values for chunk in chunks), MOST_VALUES, "values in a column"),
        (sum(chunk.total_uncompressed_size for chunk in chunks), MOST_GROUP_BYTES, "bytes"),
    ):
        if not 0 <= found <= most:
            raise BadFeed(f"{where}: a row group of {found} {what}, of which {most} are allowed")
