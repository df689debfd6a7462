"""Rows as lines: the compiled reader of columns and its plain twin say the same, which is what the record says."""

import io
import json
import struct
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.parquet_files import rows_of as rows_of_lines
from loader import columns as plain
from loader._fast.columns import Column, json_lines
from loader.parquet_columns import columns_of, schema
from loader.read import parse
from register.feed import canonical_lines
from register.model import CodeRef, Membership, Person, PersonStatus, PhysicalAddress, Record
from tests.loader.feeds import number

A_LINE, ENOUGH = 1 << 20, 1 << 20
times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)) | st.datetimes(
    datetime(1, 1, 1), datetime(9999, 12, 31)
).map(lambda time: time.replace(microsecond=0))
texts = (
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
    | st.sampled_from(
        ["", "A\u030as", 'O\'Brien "B"', "\\n", "\n\u0301", "\x00\x1f\x7f", "Nguyễn", "\U0001f600", "e\u0301" * 5]
    )
)
some = texts.map(lambda text: text or "")
statuses = st.builds(
    PersonStatus,
    id=st.integers(0, 2**31 - 1),
    code=st.builds(CodeRef, oid=st.integers(0, 2**31 - 1), value=some),
    valid_from=times,
    to=st.none() | times,
    created=st.none() | times,
    changed=st.none() | times,
)
addresses = st.builds(
    PhysicalAddress,
    type=some,
    street_address=texts,
    postbox=texts,
    postal_code=st.none() | st.sampled_from(["0000", "9999"]),
    city=texts,
    municipality=texts,
    country=texts,
    description=texts,
    inherited=st.booleans(),
    last_changed=st.none() | times,
)
persons = st.builds(
    Person,
    nin=st.integers(0, 999).map(number),
    first_name=texts,
    middle_name=texts,
    last_name=texts,
    date_of_birth=st.none() | st.dates(),
    date_of_death=st.none() | st.dates(),
    sex=texts,
    protection=st.sampled_from([None, "fortrolig", "strengt-fortrolig"]),
    status=st.lists(statuses, max_size=3).map(tuple),
    physical_addresses=st.lists(addresses, max_size=3).map(tuple),
)
memberships = st.builds(
    Membership,
    id=st.integers(1, 2**53),
    nin=st.integers(0, 999).map(number),
    contract_id=st.integers(1, 2**53),
    valid_from=times,
    to=st.none() | times,
    begin_code=texts,
    end_code=texts,
    updated=times,
)
records = st.lists(persons, min_size=1, max_size=6).map(lambda them: ("persons", them)) | st.lists(
    memberships, min_size=1, max_size=6
).map(lambda them: ("memberships", them))


def rows(table: str, items: list[Record]) -> pa.Table:
    """Records as rows, by way of the library's own conversion of Python objects."""
    return pa.Table.from_pylist(msgspec.to_builtins(items, builtin_types=(datetime, date)), schema(table))


def compiled(batch: pa.RecordBatch) -> bytes:
    lines, after = json_lines(columns_of(batch), 0, A_LINE, ENOUGH)
    assert after == batch.num_rows
    return lines


def said(lines: bytes) -> list[Any]:
    """What lines say, members in their order."""
    return [json.loads(line, object_pairs_hook=list) for line in lines.split(b"\n")[:-1]]


def both(batch: pa.RecordBatch) -> bytes:
    """The lines of a batch, in which the twins agree."""
    lines, after = plain.json_lines(batch, 0, A_LINE, ENOUGH)
    found = compiled(batch)
    assert (after, said(lines)) == (batch.num_rows, said(found))
    return found


def layouts(table: pa.Table) -> Iterator[pa.Table]:
    """The same rows in every way a file of ours or another's writer may have them in memory."""
    yield table
    yield table.slice(len(table) // 2)
    out = io.BytesIO()
    pq.write_table(table, out)
    metadata = pq.ParquetFile(out).metadata
    chunks = [metadata.row_group(0).column(i) for i in range(metadata.num_columns)]
    words = [chunk.path_in_schema for chunk in chunks if chunk.physical_type == "BYTE_ARRAY"]
    yield pq.read_table(out, read_dictionary=words)
    yield table.cast(pa.schema([field.with_type(large(field.type)) for field in table.schema]))


def large(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind):
        return pa.large_string()
    if pa.types.is_list(kind):
        return pa.large_list(large(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(large(field.type)) for field in kind])
    return kind


@settings(max_examples=40)
@given(records)
def test_a_row_becomes_the_canonical_line_of_its_record(made: tuple[str, list[Record]]) -> None:
    table, items = made
    for each in layouts(rows(table, items)):
        lines = b"".join(compiled(batch) for batch in each.to_batches())
        parsed = parse(table, "", enumerate(lines.split(b"\n")[:-1], 1))
        expected = items[len(items) - len(each) :]
        assert b"".join(line + b"\n" for _, line in parsed) == canonical_lines(expected)


@settings(max_examples=40)
@given(records)
def test_the_twins_agree(made: tuple[str, list[Record]]) -> None:
    for batch in rows(*made).to_batches():
        both(batch)


@settings(max_examples=40)
@given(records)
def test_what_is_written_from_lines_is_what_they_say(made: tuple[str, list[Record]]) -> None:
    table, items = made
    lines = canonical_lines(items)
    (batch,) = rows_of_lines(lines, schema(table)).combine_chunks().to_batches()
    parsed = parse(table, "", enumerate(compiled(batch).split(b"\n")[:-1], 1))
    assert b"".join(line + b"\n" for _, line in parsed) == lines


MICROS = [-(2**63), -62135596800000001, -62135596800000000, -1, 0, 1, 951782400000000, 253402300799999999]
MICROS += [253402300800000000, 2**63 - 1, 1_000_000, 999_999, 951868799999999, -2203891200000000]


def test_every_time_there_is_and_none_else() -> None:
    batch = pa.record_batch([pa.array(MICROS, pa.int64()).cast(pa.timestamp("us"))], ["at"])
    told = [json.loads(line)["at"] for line in both(batch).splitlines()]
    assert told[1:4] == ["0000-00-00T23:59:59.999999", "0001-01-01T00:00:00", "1969-12-31T23:59:59.999999"]
    assert told[7:9] == ["9999-12-31T23:59:59.999999", "0000-00-00T00:00:00"]


def test_every_day_of_four_centuries_and_what_is_no_day() -> None:
    days = [*range(-719162, -719162 + 146097), *range(0, 146097, 7), -719163, 2932896, 2932897, 2**31 - 1, -(2**31)]
    batch = pa.record_batch([pa.array(days, pa.int32()).cast(pa.date32())], ["on"])
    expected = [str(date.fromordinal(719163 + d)) if -719162 <= d <= 2932896 else "0000-00-00" for d in days]
    lines, _ = json_lines(columns_of(batch), 0, A_LINE, 1 << 24)
    assert [json.loads(line)["on"] for line in lines.splitlines()] == expected


def test_numbers_to_their_limits() -> None:
    numbers = [-(2**63), 2**63 - 1, 0, -1, 10, -10, 2**53]
    batch = pa.record_batch(
        [pa.array(numbers, pa.int64()), pa.array([-(2**31), 2**31 - 1, 0, 1, 2, 3, None])], ["a", "b"]
    )
    both(batch)
    narrow = pa.record_batch([pa.array([-(2**31), 2**31 - 1, None], pa.int32())], ["a"])
    both(narrow)


def test_as_many_rows_as_are_enough_and_no_line_that_is_too_long() -> None:
    batch = pa.record_batch([pa.array(["a" * 10, "b" * 10, "c" * 50, "d"])], ["t"])
    line = len('{"t":"aaaaaaaaaa"}')
    for lines_of, given_ in ((json_lines, columns_of(batch)), (plain.json_lines, batch)):
        assert lines_of(given_, 0, line, 1) == (b'{"t":"aaaaaaaaaa"}\n', 1)
        assert lines_of(given_, 0, line, line + 2) == (b'{"t":"aaaaaaaaaa"}\n{"t":"bbbbbbbbbb"}\n', 2)
        assert lines_of(given_, 0, line, 1000)[1] == 2
        assert lines_of(given_, 2, line, 1000) == (b"", 2)
        assert lines_of(given_, 3, line, 1000) == (b'{"t":"d"}\n', 4)
        assert lines_of(given_, 4, line, 1000) == (b"", 4)


def text(*ends: int, characters: bytes = b"abc", offset: int = 0) -> Column:
    return Column("text", len(ends) - 1 - offset, offset, [None, struct.pack(f"<{len(ends)}i", *ends), characters])


def one(column: Column) -> Column:
    return Column("struct", column.rows, 0, [None], [column], [b'{"m":'])


@pytest.mark.parametrize(
    "column",
    [
        text(0, 4),
        text(2, 1),
        text(-1, 1),
        Column("word", 1, 0, [None, struct.pack("<i", 1)], [text(0, 1)]),
        Column("word", 1, 0, [None, struct.pack("<i", -1)], [text(0, 1)]),
        Column("list", 1, 0, [None, struct.pack("<ii", 0, 2)], [text(0, 1)]),
        Column("list", 1, 0, [None, struct.pack("<ii", -1, 1)], [text(0, 1)]),
        Column("list", 1, 0, [None, struct.pack("<ii", 1, 0)], [text(0, 1)]),
    ],
)
def test_nothing_outside_the_buffers_is_followed(column: Column) -> None:
    with pytest.raises(ValueError, match=r"outside|not in its dictionary"):
        json_lines(one(column), 0, A_LINE, ENOUGH)


@pytest.mark.parametrize(
    "arguments",
    [
        ("int64", 2, 0, [None, bytes(15)]),
        ("int64", 1, 1, [None, bytes(15)]),
        ("int32", 1, 0, [None, b""]),
        ("text", 1, 0, [None, bytes(4), b"a"]),
        ("flag", 9, 0, [None, b"\0"]),
        ("day", 9, 0, [b"\0", bytes(36)]),
        ("day", -1, 0, [None, b""]),
        ("struct", 2, 0, [None], [text(0, 1)], [b"{"]),
        ("struct", 1, 0, [None], [text(0, 1)], []),
        ("list", 1, 0, [None, bytes(8)], []),
    ],
)
def test_a_column_without_enough_of_anything_is_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"shorter|less than nothing|parts and names"):
        Column(*arguments)


def test_a_row_before_the_first_is_refused() -> None:
    with pytest.raises(ValueError, match="no such row"):
        json_lines(one(text(0, 1)), -1, A_LINE, ENOUGH)
