"""Reading a feed: the manifest, the bytes of the data files, and the schema. Every check, tripped alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

import loader.read
from loader.errors import BadFeed, SourceUnreachable
from loader.read import MAX_LINE_BYTES, blocks, open_feed, parse, read_table
from register.feed import MANIFEST
from tests.loader import feeds

Members = dict[str, Any]
IN_PERSONS = 3  # the records before the one that is made wrong in the table of persons


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "feed"


def of(files: list[Members], table: str) -> Members:
    return next(entry for entry in files if entry["table"] == table)


def faults_of(folder: Path) -> tuple[str, ...]:
    return feeds.faults_of(folder, folder.with_name("out"))


class TestManifest:
    def test_a_good_one_is_read(self, folder: Path) -> None:
        feed = open_feed(feeds.write(folder, feeds.tables(), pieces=2))
        assert feed.manifest.sequence == 7
        assert feed.records("persons") == 6
        assert [entry.name for _, entry in feed.files("persons")] == ["persons-0.ndjson", "persons-1.ndjson"]
        assert feed.bytes == sum(path.stat().st_size for path in folder.glob("*.ndjson"))

    def test_no_folder_and_no_manifest_are_no_feed(self, folder: Path) -> None:
        with pytest.raises(SourceUnreachable, match=r"no feed here: manifest\.json is missing"):
            open_feed(folder)
        folder.mkdir()
        with pytest.raises(SourceUnreachable, match=r"no feed here: manifest\.json is missing"):
            open_feed(folder)

    def test_a_manifest_that_cannot_be_read_is_no_feed(self, folder: Path) -> None:
        (folder / MANIFEST).mkdir(parents=True)
        with pytest.raises(SourceUnreachable, match="Is a directory"):
            open_feed(folder)

    @pytest.mark.parametrize(
        ("members", "fault"),
        [
            ({"format": "2.0"}, "format '2.0' is not one this loader reads (1.0)"),
            ({"content_digest": "0" * 31 + "G"}, "content_digest is not 32 hex digits"),
            ({"content_digest": "0" * 33}, "content_digest is not 32 hex digits"),
            ({"sequence": 0}, "sequence is not a number from 1 to 2**53"),
            ({"as_of": "2026-11-24T03:00:00"}, "as_of is not an RFC 3339 time with an offset"),
            ({"as_of": "yesterday"}, "as_of is not an RFC 3339 time with an offset"),
            *(
                ({"as_of": as_of}, "as_of is not an RFC 3339 time with an offset")
                for as_of in (
                    "2026-11-24t03:00:00+01:00",
                    "2026-11-24 03:00:00+01:00",
                    "2026-11-24T03:00:00z",
                    "2026-11-24T03:00:00+0100",
                    "2026-11-24T03:00:00+01",
                    "2026-11-24T03:00+01:00",
                    "20261124T030000Z",
                    "2026-W48-2T03:00:00Z",
                    "2026-02-30T03:00:00Z",
                    "٢٠٢٦-11-24T03:00:00Z",
                )
            ),
            ({"sequence": 2**53 + 1}, "sequence is not a number from 1 to 2**53"),
            ({"kind": "partial"}, "Invalid enum value - at `$.kind`"),
            ({"signature": "x"}, "Object contains unknown field `signature`"),
            ({feeds.ANNE: "x"}, "Object contains unknown field"),
            ({"sequence": "7"}, "Expected `int | null`, got `str` - at `$.sequence`"),
        ],
    )
    def test_what_it_says_is_checked(self, folder: Path, members: Members, fault: str) -> None:
        feeds.write(folder, feeds.tables(), **members)
        assert faults_of(folder) == (f"manifest.json: {fault}",)
        (folder / MANIFEST).unlink()  # one has a member that is a number, and tests.leaks looks for those

    @pytest.mark.parametrize("as_of", ["2026-11-24T03:00:00Z", "2026-11-24T03:00:00.25-01:30"])
    def test_what_the_format_admits_is_read(self, folder: Path, as_of: str) -> None:
        manifest = open_feed(feeds.write(folder, feeds.tables(), as_of=as_of, sequence=2**53)).manifest
        assert (manifest.as_of, manifest.sequence) == (as_of, 2**53)

    def test_a_minor_version_is_read(self, folder: Path) -> None:
        assert open_feed(feeds.write(folder, feeds.tables(), format="1.7")).manifest.format == "1.7"

    def test_a_missing_member_is_told(self, folder: Path) -> None:
        manifest = feeds.manifest_of(feeds.write(folder, feeds.tables()))
        del manifest["as_of"]
        (folder / MANIFEST).write_text(json.dumps(manifest))
        assert faults_of(folder) == ("manifest.json: Object missing required field `as_of`",)

    def test_it_must_be_json_in_utf_8(self, folder: Path) -> None:
        feeds.write(folder, feeds.tables())
        (folder / MANIFEST).write_bytes(b'{"format": "1.0", "source": "\xe6"}')
        assert faults_of(folder) == ("manifest.json: not UTF-8",)
        (folder / MANIFEST).write_bytes(b'{"format": "1.0"')
        assert faults_of(folder) == ("manifest.json: Input data was truncated",)

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            (lambda files: files.append(files[0]), "a file is listed twice"),
            (lambda files: files.remove(of(files, "nin_changes")), "no file for nin_changes"),
            (lambda files: files[0].update(table="events"), "codes.ndjson: no such table in a feed of this kind"),
            (lambda files: files[0].update(name="../codes.ndjson"), "a file has a name that is not allowed"),
            (lambda files: files[0].update(name="sub/codes.ndjson"), "a file has a name that is not allowed"),
            (lambda files: files[0].update(name=".codes.ndjson"), "a file has a name that is not allowed"),
            (lambda files: files[0].update(name="codes.ndjson\n"), "a file has a name that is not allowed"),
            (lambda files: files[0].update(name=""), "a file has a name that is not allowed"),
            (lambda files: files[0].update(name="manifest.json"), "a file has a name that is not allowed"),
            (lambda files: files[0].update(sha256="0" * 63), "codes.ndjson: sha256, records or bytes is not what"),
            (lambda files: files[0].update(sha256="A" * 64), "codes.ndjson: sha256, records or bytes is not what"),
            (lambda files: files[0].update(records=-1), "codes.ndjson: sha256, records or bytes is not what"),
            (lambda files: files[0].update(bytes=-1), "codes.ndjson: sha256, records or bytes is not what"),
        ],
    )
    def test_its_list_of_files_is_checked(
        self, folder: Path, change: Callable[[list[Members]], None], fault: str
    ) -> None:
        files = feeds.manifest_of(feeds.write(folder, feeds.tables()))["files"]
        change(files)
        feeds.write_manifest(folder, files=files)
        told = faults_of(folder)
        assert told[0].startswith(f"manifest.json: {fault}")
        assert [one for one in told if "no file for" not in one or "no file" in fault] == [told[0]]

    def test_an_incremental_one_has_events(self, folder: Path) -> None:
        feeds.write(folder, feeds.tables(), kind="incremental")
        assert "manifest.json: no file for events" in faults_of(folder)


class TestDataFile:
    def test_what_is_missing(self, folder: Path) -> None:
        feeds.write(folder, feeds.tables())
        (folder / "persons.ndjson").unlink()
        assert faults_of(folder) == ("persons.ndjson: listed in the manifest but missing",)

    def test_what_cannot_be_read(self, folder: Path) -> None:
        feeds.write(folder, feeds.tables())
        (folder / "persons.ndjson").unlink()
        (folder / "persons.ndjson").mkdir()
        with pytest.raises(SourceUnreachable, match=r"persons\.ndjson: Is a directory"):
            feeds.build(folder, folder.with_name("out"))

    def test_one_byte_changed(self, folder: Path) -> None:
        path = feeds.write(folder, feeds.tables()) / "persons.ndjson"
        path.write_bytes(path.read_bytes().replace(b"1990", b"1991", 1))
        assert faults_of(folder) == ("persons.ndjson: sha256 differs from the manifest's",)

    def test_another_sha256_in_the_manifest(self, folder: Path) -> None:
        files = feeds.manifest_of(feeds.write(folder, feeds.tables()))["files"]
        files[0]["sha256"] = "0" * 64
        feeds.write_manifest(folder, files=files)
        assert faults_of(folder) == ("codes.ndjson: sha256 differs from the manifest's",)

    def test_cut_short_within_a_line(self, folder: Path) -> None:
        path = feeds.write(folder, feeds.tables()) / "persons.ndjson"
        path.write_bytes(path.read_bytes()[:-5])
        assert faults_of(folder) == ("persons.ndjson:6: the last line has no end: the file is cut short",)

    def test_cut_short_between_lines(self, folder: Path) -> None:
        path = feeds.write(folder, feeds.tables()) / "persons.ndjson"
        whole = path.read_bytes()
        path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
        said = f"{path.stat().st_size} bytes, the manifest says {len(whole)}"
        assert faults_of(folder) == (f"persons.ndjson: {said}",)

    @pytest.mark.parametrize("by", [-1, 1])
    def test_another_number_of_records(self, folder: Path, by: int) -> None:
        files = feeds.manifest_of(feeds.write(folder, feeds.tables()))["files"]
        of(files, "persons")["records"] += by
        feeds.write_manifest(folder, files=files)
        assert faults_of(folder) == (f"persons.ndjson: 6 records, the manifest says {6 + by}",)

    @pytest.mark.parametrize("table", ["persons", "doctors"])
    def test_a_last_line_without_an_end(self, folder: Path, table: str) -> None:
        path = feeds.write(folder, feeds.tables()) / f"{table}.ndjson"
        path.write_bytes(path.read_bytes()[:-1])
        feeds.write_manifest(folder)
        last = len(feeds.tables()[table])
        assert faults_of(folder) == (f"{table}.ndjson:{last}: the last line has no end: the file is cut short",)

    def test_a_line_without_bounds(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loader.read, "BLOCK_BYTES", 64)
        monkeypatch.setattr(loader.read, "MAX_LINE_BYTES", 2000)
        feed = feeds.tables()
        feed["persons"][2]["firstName"] = "x" * 3000
        assert faults_of(feeds.write(folder, feed)) == ("persons.ndjson:3: a line of more than 2000 bytes",)

    def test_damaged_compression(self, folder: Path) -> None:
        path = feeds.write(folder, feeds.tables(), suffix=".ndjson.zst") / "persons.ndjson.zst"
        path.write_bytes(path.read_bytes() + b"\0\0\0\0 and more")
        feeds.write_manifest(folder)
        assert faults_of(folder) == ("persons.ndjson.zst: damaged compression",)

    def test_compression_cut_short(self, folder: Path) -> None:
        path = feeds.write(folder, feeds.tables(), suffix=".ndjson.zst") / "persons.ndjson.zst"
        files = feeds.manifest_of(folder)["files"]
        path.write_bytes(path.read_bytes()[:-30])
        of(files, "persons").update(feeds.entry(path) | {"records": 6})
        feeds.write_manifest(folder, files=files)
        (fault,) = faults_of(folder)
        assert fault.startswith("persons.ndjson.zst")

    def test_another_content_digest(self, folder: Path) -> None:
        feeds.write(folder, feeds.tables(), content_digest=feeds.NO_DIGEST)
        assert faults_of(folder) == ("manifest.json: content_digest is not that of the records in the data files",)

    def test_a_record_left_out_shows_in_the_digest(self, folder: Path) -> None:
        feed = feeds.tables()
        whole = feeds.digest_of(feed)
        del feed["memberships"][0]
        feeds.write(folder, feed, content_digest=whole)
        assert faults_of(folder) == ("manifest.json: content_digest is not that of the records in the data files",)

    @pytest.mark.parametrize("size", [1, 64, 333, 1 << 20])
    def test_blocks_are_whole_lines_of_the_file(self, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        monkeypatch.setattr(loader.read, "BLOCK_BYTES", size)
        feed = open_feed(feeds.write(folder, feeds.tables()))
        number, entry = feed.files("persons")[0]
        read = list(blocks(feed, number))
        assert b"".join(block.data for block in read) == (folder / entry.name).read_bytes()
        assert all(block.data.endswith(b"\n") and block.file == number for block in read)
        lines = [block.data.count(b"\n") for block in read]
        assert [block.line for block in read] == [1 + sum(lines[:i]) for i in range(len(read))]
        assert len(read) == (6 if size < 400 else 1)

    def test_compressed_in_several_frames(self, folder: Path) -> None:
        path = feeds.write(folder, feeds.tables(), suffix=".ndjson.zst") / "persons.ndjson.zst"
        plain = zstandard.decompress(path.read_bytes())
        files = feeds.manifest_of(folder)["files"]
        path.write_bytes(zstandard.compress(plain[:700]) + zstandard.compress(plain[700:]))
        of(files, "persons").update(feeds.entry(path) | {"records": 6})
        feeds.write_manifest(folder, files=files, content_digest=feeds.digest_of(feeds.tables()))
        assert feeds.build(folder, folder.with_name("out")).counts["persons"] == 6


def changed(record: Members, **members: object) -> Members:
    return {k: v for k, v in (record | members).items() if v is not ...}


class TestSchema:
    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            (b"", "Input data was truncated"),
            (b"  ", "Input data was truncated"),
            (b'{"nin": "\xe6"}', "not UTF-8"),
            (b'{"nin": nul}', "JSON is malformed: invalid character (byte 12)"),
            (f'{{"nin": "{feeds.DAVID}"}} {{}}'.encode(), "JSON is malformed: trailing characters (byte 24)"),
            ({"nickname": "x"}, "Object contains unknown field `nickname`"),
            ({"Ødegård": "x"}, "Object contains unknown field"),
            ({feeds.CARL: "x"}, "Object contains unknown field"),
            ({"`odd` - at `$.x": "x"}, "Object contains unknown field"),
            ({"nin": ...}, "Object missing required field `nin`"),
            ({"nin": 12345678901}, "Expected `str`, got `int` - at `$.nin`"),
            ({"nin": "1234567890"}, "Expected `str` of length >= 11 - at `$.nin`"),
            ({"nin": "123456789012"}, "Expected `str` of length <= 11 - at `$.nin`"),
            ({"protection": "Nguyễn"}, "Invalid enum value - at `$.protection`"),
            ({"protection": "it's ` - at `$.x`"}, "Invalid enum value - at `$.protection`"),
            ({"dateOfBirth": "1990-02-30"}, "Invalid RFC3339 encoded date - at `$.dateOfBirth`"),
            (
                {"physicalAddresses": [{"type": "RES", "postalCode": "15"}]},
                "Expected `str` matching regex '^[0-9]{4}$' - at `$.physicalAddresses[0].postalCode`",
            ),
        ],
    )
    def test_a_bad_line_is_told(self, folder: Path, line: bytes | Members, fault: str) -> None:
        feed = feeds.tables()
        persons = feed["persons"]
        persons[IN_PERSONS] = line if isinstance(line, bytes) else changed(persons[IN_PERSONS], **line)
        told = faults_of(feeds.write(folder, feed))
        assert told[0].startswith(f"persons.ndjson:{IN_PERSONS + 1}: {fault}")
        assert len(told) == 1
        if not isinstance(line, bytes):
            assert told[0].endswith(fault)

    @pytest.mark.parametrize("table", feeds.tables())
    def test_every_table_has_its_schema(self, folder: Path, table: str) -> None:
        feed = feeds.tables()
        feed[table][0]["unheard"] = 1
        fault = f"{table}.ndjson:1: Object contains unknown field `unheard`"
        assert faults_of(feeds.write(folder, feed)) == (fault,)

    def test_times_have_no_zone(self, folder: Path) -> None:
        feed = feeds.tables()
        feed["memberships"][1]["updated"] = "2020-01-01T00:00:00Z"
        (fault,) = faults_of(feeds.write(folder, feed))
        assert fault.startswith("memberships.ndjson:2: ")
        assert fault.endswith("at `$.updated`")

    def test_every_bad_line_is_told_up_to_a_number(self, folder: Path) -> None:
        feed = feeds.tables()
        feed["codes"] += [{"oid": 3402, "value": 1}] * 30
        first = len(feeds.tables()["codes"]) + 1
        assert faults_of(feeds.write(folder, feed)) == tuple(
            f"codes.ndjson:{first + i}: Expected `str`, got `int` - at `$.value`" for i in range(loader.read.MAX_FAULTS)
        )

    @pytest.mark.parametrize("size", [1, 64, 700])
    def test_lines_are_counted_across_blocks(self, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        monkeypatch.setattr(loader.read, "BLOCK_BYTES", size)
        feed = feeds.tables()
        feed["persons"][4]["sex"] = 1
        fault = "persons.ndjson:5: Expected `str | null`, got `int` - at `$.sex`"
        assert faults_of(feeds.write(folder, feed)) == (fault,)

    def test_lines_that_only_together_look_right(self, folder: Path) -> None:
        feed = open_feed(feeds.write(folder, feeds.tables()))
        number, entry = feed.files("nin_changes")[0]
        (block,) = blocks(feed, number)
        first, second, _ = block.data.split(b"\n")
        for data in (first + second + b"\n\n", first + b" " + second + b"\n\n"):
            with pytest.raises(BadFeed):
                parse("nin_changes", entry.name, loader.read.Block(number, 1, data).numbered())

    def test_a_small_table_comes_with_the_lines_of_its_records(self, folder: Path) -> None:
        feed = open_feed(feeds.write(folder, feeds.tables(), pieces=2))
        records, lines, _ = read_table(feed, "codes")
        assert [record.value for record, _, _ in records[:4]] == ["0301", "030101", "1", "LE"]
        assert [line for _, _, line in records] == [1, 2, 3, 4, 1, 2, 3, 4]
        assert lines.splitlines()[0] == b'{"oid":3402,"value":"0301","text":"Oslo","active":true}'


@pytest.mark.parametrize("before", [0, 1])
def test_a_line_may_be_as_long_as_the_limit_and_no_longer(tmp_path: Path, before: int) -> None:
    feed = feeds.tables()
    code = {"oid": 3402, "value": "9999", "text": ""}
    empty = len(feeds.line_of(code))
    for size, place in ((MAX_LINE_BYTES, None), (MAX_LINE_BYTES + 1, 1 + before)):
        line = feeds.line_of(code | {"text": "x" * (size - empty)})
        feed["codes"] = [*feeds.tables()["codes"][:before], line, *feeds.tables()["codes"][before:]]
        folder = feeds.write(tmp_path / str(size), feed)
        if place is None:
            feeds.build(folder, tmp_path / f"{size}-out")
        else:
            wanted = f"codes.ndjson:{place}: a line of more than {MAX_LINE_BYTES} bytes"
            assert feeds.faults_of(folder, tmp_path / f"{size}-out") == (wanted,)
