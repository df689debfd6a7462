"""Feeds with Parquet: the same generation as from lines, or a clear no that names file and row, or column."""

import builtins
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import loader.build
import loader.parquet
from bench.population import main as make_population
from loader.__main__ import main as flr_loader
from loader.build import Build
from loader.errors import BadFeed
from loader.parquet import lines_of, row_groups
from loader.progress import Progress
from loader.read import open_feed
from loader.tolerance import build_tolerating
from register.feed import canonical_line
from register.model import Membership
from tests.loader import feeds, parquet_feeds
from tests.loader.feeds import NOW
from tests.loader.parquet_feeds import Change
from tests.loader.parquet_format import rendered, split_doc
from tests.loader.readback import dump

DAMAGED = "not Parquet, or damaged"


def built(folder: Path, out: Path, processes: int = 0) -> dict[str, Any]:
    """What a build of a feed comes to: digest, counts, every value of the files."""
    made = feeds.build(folder, out, processes=processes)
    return {"digest": made.content_digest, "counts": made.counts, "holds": dump(out), "list": made.municipalities}


def odd_texts() -> feeds.Tables:
    """The feed by hand with texts that are not canonical as they stand, and statuses that are not there."""
    feed = feeds.tables()
    feed["persons"][0] |= {"lastName": "A\u030as \\n\n\u0301", "middleName": "", "status": [], "physicalAddresses": []}
    feed["persons"][1] |= {"firstName": 'Kim "K"', "lastName": None}
    return feed


@pytest.mark.parametrize("feed", [feeds.tables(), odd_texts()])
@pytest.mark.parametrize("options", [{}, {"row_group_size": 2, "use_dictionary": False, "compression": "none"}])
def test_the_same_generation_as_from_lines(tmp_path: Path, feed: feeds.Tables, options: dict[str, Any]) -> None:
    lines = built(feeds.write(tmp_path / "lines", feed), tmp_path / "a")
    parquet = built(parquet_feeds.write(tmp_path / "parquet", feed, **options), tmp_path / "b")
    assert parquet == lines


@pytest.fixture(scope="module")
def norway(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same made-up Norway as lines and as Parquet."""
    folder = tmp_path_factory.mktemp("norway")
    made = ["--persons", "900", "--workers", "1", "--json"]
    assert make_population([*made, "--out", str(folder / "lines")]) == 0
    assert make_population([*made, "--parquet", "--out", str(folder / "parquet")]) == 0
    return folder / "lines", folder / "parquet"


def test_the_made_up_norway_is_the_same(
    norway: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, parquet = norway
    names = {entry["table"]: entry["name"] for entry in feeds.manifest_of(parquet)["files"]}
    assert (names["persons"], names["memberships"]) == ("persons.parquet", "memberships.parquet")
    assert names["doctors"] == "doctors.ndjson"
    assert feeds.manifest_of(parquet)["content_digest"] == feeds.manifest_of(lines)["content_digest"]
    expected = built(lines, tmp_path / "a")
    assert built(parquet, tmp_path / "b") == expected
    monkeypatch.setattr(loader.build, "SMALL_FEED_RECORDS", 0)  # so that a crew reads it
    assert built(parquet, tmp_path / "c", processes=2) == expected


def test_increments_stay_lines(tmp_path: Path) -> None:
    made = ["--persons", "500", "--workers", "1", "--json", "--parquet", "--days", "1", "--out", str(tmp_path / "f")]
    assert make_population(made) == 0
    (entry,) = feeds.manifest_of(tmp_path / "f" / "000002-incremental")["files"]
    assert entry["name"] == "events.ndjson"
    full = open_feed(tmp_path / "f" / "000001-full")
    assert [entry.name for _, entry in full.files("persons")] == ["persons.parquet"]


def test_the_command_loads_it(norway: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["load", str(norway[1]), "--data-dir", str(tmp_path / "data"), "--json"]
    assert flr_loader(command) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "published"


def test_the_document_has_the_columns() -> None:
    """To write them anew: python -m tests.loader.parquet_format"""
    assert split_doc()[1] == rendered()


def without(column: str) -> Change:
    return lambda rows: rows.drop_columns([column])


def more(column: str) -> Change:
    return lambda rows: rows.append_column(column, [["x"] * len(rows)])


def cast(column: str, kind: pa.DataType) -> Change:
    return lambda rows: rows.set_column(rows.schema.get_field_index(column), column, rows[column].cast(kind))


def at_row(column: str, row: int, value: Any) -> Change:
    """One value replaced, `row` from 1."""

    def change(rows: pa.Table) -> pa.Table:
        values = [*rows[column].to_pylist()]
        values[row - 1] = value
        place = rows.schema.get_field_index(column)
        return rows.set_column(place, rows.schema.field(column), pa.array(values, rows.schema.field(column).type))

    return change


def twice(rows: pa.Table) -> pa.Table:
    return pa.table([*rows.columns, rows["sex"]], [*rows.schema.names, "sex"])


def invalid_utf8(rows: pa.Table) -> pa.Table:
    text = pa.array([b"Kim\xff"] * len(rows), pa.binary()).view(pa.string())
    return rows.set_column(rows.schema.get_field_index("lastName"), "lastName", text)


def inside(column: str, member: str, kind: pa.DataType) -> Change:
    """A list of structs, all null, with a member that is of another type or new."""

    def change(rows: pa.Table) -> pa.Table:
        members = {field.name: field.type for field in rows.schema.field(column).type.value_type} | {member: kind}
        nulls = pa.nulls(len(rows), pa.list_(pa.struct(list(members.items()))))
        return rows.set_column(rows.schema.get_field_index(column), column, nulls)

    return change


def timed(unit: str, zone: str | None = None) -> Change:
    return cast("from", pa.timestamp(unit, zone))


@pytest.mark.parametrize(
    ("table", "change", "fault"),
    [
        ("persons", without("sex"), "persons.parquet: column sex is missing"),
        ("persons", more("shoeSize"), "persons.parquet: column shoeSize that the table does not have"),
        ("persons", more("Ødegård"), "persons.parquet: a column that the table does not have"),
        ("persons", twice, "persons.parquet: column sex is there twice"),
        ("persons", cast("dateOfBirth", pa.timestamp("us")), "column dateOfBirth is not of type date32[day]"),
        ("persons", cast("nin", pa.int64()), "column nin is not of type string"),
        ("persons", cast("nin", pa.binary()), "column nin is not of type string"),
        ("persons", lambda rows: rows.set_column(8, "status", [["1"]] * 6), "column status is not of type"),
        ("persons", inside("status", "id", pa.int64()), "column status is not of type list<struct<id: int32"),
        ("persons", inside("status", "code", pa.string()), "column status is not of type list<struct<id: int32"),
        ("persons", inside("physicalAddresses", "kind", pa.string()), "column physicalAddresses is not of type list"),
        ("memberships", cast("id", pa.int32()), "column id is not of type int64"),
        ("memberships", timed("ms"), "column from is not of type timestamp[us]"),
        ("memberships", timed("us", "Europe/Oslo"), "column from is not of type timestamp[us]"),
        ("memberships", cast("from", pa.string()), "column from is not of type timestamp[us]"),
        ("memberships", at_row("nin", 3, None), "memberships.parquet:3: Expected `str`, got `null` - at `$.nin`"),
        ("memberships", at_row("from", 2, None), "parquet:2: Expected `datetime`, got `null` - at `$.from`"),
        ("memberships", at_row("id", 7, -1), "memberships.parquet:7: Expected `int` >= 1 - at `$.id`"),
        ("memberships", at_row("contractId", 4, 99), "parquet:4: contractId names a contract that is not in"),
        ("memberships", at_row("nin", 5, feeds.ANNE[:10] + "x"), "parquet:5: nin is not a valid national id"),
        ("persons", at_row("nin", 1, "1" * 12), "persons.parquet:1: Expected `str` of length <= 11 - at `$.nin`"),
        ("persons", at_row("status", 6, None), "persons.parquet:6: Expected `array`, got `null` - at `$.status`"),
        ("persons", at_row("status", 6, [None]), "persons.parquet:6: Expected `object`, got `null` - at `$.status[0]`"),
        ("persons", at_row("protection", 2, "Ødegård"), "persons.parquet:2: Invalid enum value"),
        ("persons", at_row("sex", 2, "Ødegård"), "persons.parquet:2: a value that is not in code system 3101"),
        ("persons", invalid_utf8, "persons.parquet:1: not UTF-8"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_row_or_column(tmp_path: Path, table: str, change: Change, fault: str) -> None:
    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables(), {table: change}, row_group_size=4)
    faults = feeds.faults_of(folder, tmp_path / "out")
    assert fault in faults[0]


def test_times_that_no_calendar_has_are_refused(tmp_path: Path) -> None:
    def change(rows: pa.Table) -> pa.Table:
        far = pa.array([253402300800000000] * len(rows), pa.int64()).cast(pa.timestamp("us"))
        return rows.set_column(rows.schema.get_field_index("updated"), "updated", far)

    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables(), {"memberships": change})
    assert "memberships.parquet:1: Invalid RFC3339" in feeds.faults_of(folder, tmp_path / "out")[0]


def test_columns_in_another_order_are_the_same(tmp_path: Path) -> None:
    def backwards(rows: pa.Table) -> pa.Table:
        return rows.select(rows.schema.names[::-1])

    lines = built(feeds.write(tmp_path / "lines", feeds.tables()), tmp_path / "a")
    changed = {"persons": backwards, "memberships": backwards}
    assert built(parquet_feeds.write(tmp_path / "feed", feeds.tables(), changed), tmp_path / "b") == lines


def test_every_line_has_the_number_of_its_row_and_its_members_in_order(tmp_path: Path) -> None:
    def backwards(rows: pa.Table) -> pa.Table:
        return rows.select(rows.schema.names[::-1])

    read = feeds.tables()["memberships"]
    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables(), {"memberships": backwards}, row_group_size=4)
    feed = open_feed(folder)
    ((number, entry),) = feed.files("memberships")
    path = folder / entry.name
    found = [one for group in row_groups(path, entry, number) for one in lines_of(path, entry, group, 1)]
    records = [msgspec.convert(record, Membership) for record in read]
    assert found == list(enumerate([canonical_line(record) + b"\n" for record in records], 1))


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def no_footer(data: bytes) -> bytes:
    return data[:-8] + b"\xff\xff\xff\x7fPAR1"


def no_pages(data: bytes) -> bytes:
    """The file with its pages overwritten, its footer as it was."""
    size = int.from_bytes(data[-8:-4], "little") + 8
    return b"PAR1" + b"\x5a" * (len(data) - size - 4) + data[-size:]


def some_pages(data: bytes) -> bytes:
    return data[:100] + b"\x00" * 60 + data[160:]


@pytest.mark.parametrize("damage", [lambda _: b"", lambda _: b'{"nin":"1"}\n', cut, no_footer, no_pages, some_pages])
def test_what_is_not_parquet_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables())
    records = feeds.manifest_of(folder)["files"]
    path = folder / "persons.parquet"
    path.write_bytes(damage(path.read_bytes()))
    feeds.write_manifest(folder, content_digest=feeds.digest_of(feeds.tables()), files=_described(folder, records))
    assert feeds.faults_of(folder, tmp_path / "out")[0] in (
        f"persons.parquet: {DAMAGED}",
        f"persons.parquet:1: {DAMAGED}",
    )


def _described(folder: Path, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The files of a manifest as they are now, records as they were."""
    for file in files:
        data = (folder / file["name"]).read_bytes()
        file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return files


def test_the_sha256_comes_before_all_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables())
    path = folder / "persons.parquet"
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(loader.parquet, "_metadata", lambda *_: pytest.fail("parsed"))
    assert feeds.faults_of(folder, tmp_path / "out") == ("persons.parquet: sha256 differs from the manifest's",)


def test_a_file_of_another_size_or_none_is_refused(tmp_path: Path) -> None:
    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables())
    path = folder / "memberships.parquet"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"x")
    said = f"memberships.parquet: {size + 1} bytes, the manifest says {size}"
    assert feeds.faults_of(folder, tmp_path / "a") == (said,)
    path.unlink()
    assert feeds.faults_of(folder, tmp_path / "b") == ("memberships.parquet: listed in the manifest but missing",)


def test_another_number_of_records_is_refused(tmp_path: Path) -> None:
    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables())
    files = feeds.manifest_of(folder)["files"]
    for file in files:
        file["records"] += file["table"] == "persons"
    feeds.write_manifest(folder, content_digest=feeds.digest_of(feeds.tables()), files=files)
    assert feeds.faults_of(folder, tmp_path / "out") == ("persons.parquet: 6 records, the manifest says 7",)


def test_records_that_are_others_than_the_digest_says_are_refused(tmp_path: Path) -> None:
    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables(), {"persons": at_row("firstName", 2, "Kari")})
    assert "content_digest is not that of the records" in feeds.faults_of(folder, tmp_path / "out")[0]


def test_a_file_that_is_changed_under_the_reader_is_found_out(tmp_path: Path) -> None:
    feed = open_feed(parquet_feeds.write(tmp_path / "feed", feeds.tables()))
    ((number_of_file, entry),) = feed.files("persons")
    path = feed.folder / entry.name
    (group,) = row_groups(path, entry, number_of_file)
    assert list(lines_of(path, entry, group, 1))
    os.utime(path, ns=(1, 1))
    with pytest.raises(BadFeed, match=r"persons\.parquet:1: changed while it was read"):
        list(lines_of(path, entry, group, 1))


@pytest.mark.parametrize(
    ("limit", "most", "fault"),
    [
        ("MOST_ROWS", 3, "persons.parquet:1: a row group of 4 rows, of which 3 are allowed"),
        ("MOST_VALUES", 3, "persons.parquet:1: a row group of 4 values in a column, of which 3 are allowed"),
        ("MOST_GROUP_BYTES", 99, r"persons.parquet:1: a row group of \d+ bytes, of which 99 are allowed"),
        ("MOST_LINE_BYTES", 300, "persons.parquet:1: a row of more than 300 bytes as a line"),
    ],
)
def test_what_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, fault: str
) -> None:
    monkeypatch.setattr(loader.parquet, limit, most)
    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables(), row_group_size=4)
    with pytest.raises(BadFeed, match=fault):
        feeds.build(folder, tmp_path / "out")


def test_no_other_table_is_parquet(tmp_path: Path) -> None:
    folder = feeds.write(tmp_path / "feed", feeds.tables())
    (folder / "doctors.ndjson").rename(folder / "doctors.parquet")
    feeds.write_manifest(folder)
    with pytest.raises(BadFeed, match=r"doctors\.parquet: only persons and memberships may be Parquet"):
        open_feed(folder)


def test_without_the_library_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = parquet_feeds.write(tmp_path / "feed", feeds.tables())
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert flr_loader(["load", str(folder), "--data-dir", str(tmp_path / "data")]) == 78
    assert "fastlegeregisteret[parquet]" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["parquet", "ndjson"])
def test_a_row_that_is_no_record_may_be_left_out(tmp_path: Path, suffix: str) -> None:
    feed, folder = feeds.tables(), tmp_path / "feed"
    if suffix == "parquet":
        parquet_feeds.write(folder, feed, {"memberships": at_row("nin", 3, None)})
    else:
        feed["memberships"][2]["nin"] = None
        feeds.write(folder, feed)
    del feed["memberships"][2]
    (tmp_path / "out").mkdir()
    made = build_tolerating(Build(open_feed(folder), tmp_path / "out", NOW, Progress(show=False), 0), 1)
    assert made.omitted == [f"memberships.{suffix}:3: Expected `str`, got `null` - at `$.nin`"]
    assert made.counts["memberships"] == 6
    assert made.content_digest == feeds.digest_of(feed)


def test_several_files_of_both_kinds_make_one_table(tmp_path: Path) -> None:
    feed = feeds.tables()
    lines = built(feeds.write(tmp_path / "lines", feed), tmp_path / "a")
    folder = feeds.write(tmp_path / "both", feed)
    rows = parquet_feeds.rows_of("persons", feed["persons"][:3])
    pq.write_table(rows, folder / "persons-0.parquet")
    pq.write_table(rows.slice(0, 0), folder / "persons-2.parquet")
    (folder / "persons-1.ndjson").write_bytes(b"".join(feeds.line_of(p) + b"\n" for p in feed["persons"][3:]))
    (folder / "persons.ndjson").unlink()
    parquet_feeds.describe(folder, feeds.digest_of(feed))
    assert built(folder, tmp_path / "b") == lines
