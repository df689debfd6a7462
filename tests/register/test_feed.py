"""The feed: what the document says holds for the code, vector by vector, and a feed written is a feed as described."""

import hashlib
import io
import json
import random
import re
import unicodedata
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
import xxhash
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from register.feed import (
    DIGEST_MODULUS,
    EVENTS,
    FORMAT,
    MANIFEST,
    Event,
    FeedWriter,
    Manifest,
    canonical_line,
    canonical_lines,
    file_sha256,
    format_digest,
    lines_digest,
    record_digest,
)
from register.model import TABLES, Code, Membership, Person
from tests.register.feed_format import DOC, rendered, split_doc

START = datetime(2020, 1, 1)
MEMBERSHIPS = [
    Membership(id=n, nin="02013299997", contract_id=101, valid_from=START, updated=START) for n in range(1, 20)
]
CODES = [Code(oid=3402, value="0301", text="Oslo"), Code(oid=3402, value="4601", text="Bergen")]


def vectors() -> list[tuple[str, str, str, str]]:
    """(table, line as it comes, canonical line, digest) of the document's test vectors."""
    found = re.findall(r"^    (\w+) (\{.*\})\n    (\{.*\})\n    ([0-9a-f]{32})$", DOC.read_text(), re.M)
    assert len(found) == 4
    return found


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector[0])
def test_the_documents_vectors_hold(vector: tuple[str, str, str, str]) -> None:
    table, line, canonical, digest = vector
    record = msgspec.json.decode(line, type=TABLES[table])
    assert canonical_line(record) == canonical.encode()
    assert format_digest(record_digest(table, canonical.encode())) == digest
    by_hand = xxhash.xxh3_128(table.encode() + b"\x1f" + canonical.encode(), seed=0).hexdigest()
    assert by_hand == digest
    assert canonical_line(msgspec.json.decode(canonical, type=TABLES[table])) == canonical.encode()


def test_the_documents_sums_hold() -> None:
    alone = re.findall(r"^    ([0-9a-f]{32})$", DOC.read_text(), re.M)
    empty, total = alone[0], alone[-1]
    (codes, _, one, first), (memberships, _, other, second) = vectors()[:2]
    assert format_digest(0) == empty
    a, b = record_digest(codes, one.encode()), record_digest(memberships, other.encode())
    assert format_digest(a + b) == format_digest(b + a) == total
    assert format_digest(a + b - b) == first
    assert format_digest(b - b) == empty
    assert format_digest(b) == second


def test_the_documents_tables_are_those_of_the_model() -> None:
    """To write them anew: python -m tests.register.feed_format"""
    assert split_doc()[1] == rendered()


def test_the_documents_events_are_those_of_the_code() -> None:
    section = DOC.read_text().split("## Events")[1].split("## Canonical line")[0]
    told = {}
    for names, table, what in re.findall(r"^\| ([\w, ]+) \| (\w+) \| ([^|]*) \|$", section, re.M):
        for name in names.split(", "):
            if name != "event":
                told[name] = (table, "delete" if what.startswith("removed") else "put")
    told["PatientNinChanged"] = ("nin_changes", "change-nin")
    assert told == EVENTS


def test_the_documents_manifest_is_that_of_the_code() -> None:
    section = DOC.read_text().split("## manifest.json")[1].split("## Data files")[0]
    told = re.findall(r"^\| `(\w+)` \|", section, re.M)
    names = [member.encode_name for member in msgspec.structs.fields(Manifest)]
    assert told[: len(names)] == names
    assert told[len(names) :] == ["name", "table", "records", "bytes", "sha256"]
    assert f"version {FORMAT}" in DOC.read_text()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("A\u030ase", "Åse"),
        ("\u212b", "Å"),  # the Angstrom sign is a letter in form C
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("\n\u0301", r"\n" + "\u0301"),
        ("\t\u0323\u0301\u0302", r"\t" + "\u0323\u0301\u0302"),
        ("\u0001\u0301", r"\u0001" + "\u0301"),
        ('"\u0301\\\u0301n\u0301', r"\"" + "\u0301" + r"\\" + "\u0301" + "ń"),
        ("\\n\u0301", r"\\" + "ń"),
        ("/\u007f\u2028", "/\u007f\u2028"),
        ("한", "한"),
        ("\u1112\u1161\u11ab", "한"),
    ],
)
def test_strings_are_in_form_c(text: str, canonical: str) -> None:
    code = Code(oid=1, value="1", text=text)
    line = f'{{"oid":1,"value":"1","text":"{canonical}","active":true}}'.encode()
    assert canonical_line(code) == line
    assert canonical_lines([code, CODES[0]]) == line + b"\n" + canonical_line(CODES[0]) + b"\n"


@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\n\t"\\\u0301\u030aAn')), max_size=5
    )
)
def test_a_canonical_line_is_json_of_the_normalized_record(texts: list[str]) -> None:
    codes = [Code(oid=i, value="x", text=text) for i, text in enumerate(texts)]
    lines = canonical_lines(codes)
    wanted = [unicodedata.normalize("NFC", text) for text in texts]
    assert [json.loads(line)["text"] for line in lines.split(b"\n")[:-1]] == wanted
    assert lines == b"".join(canonical_line(code) + b"\n" for code in codes)
    again = [msgspec.json.decode(line, type=Code) for line in lines.split(b"\n")[:-1]]
    assert canonical_lines(again) == lines


def test_a_digest_depends_on_table_and_content_and_not_on_order() -> None:
    lines = [canonical_line(membership) + b"\n" for membership in MEMBERSHIPS]
    total = lines_digest("memberships", b"".join(lines))
    random.Random(1).shuffle(lines)
    assert lines_digest("memberships", b"".join(lines)) == total
    assert lines_digest("contracts", b"".join(lines)) != total
    assert lines_digest("memberships", b"".join(lines[1:])) != total


def test_adding_and_removing_is_one_addition() -> None:
    lines = [canonical_line(membership) for membership in MEMBERSHIPS]
    total = sum(record_digest("memberships", line) for line in lines)
    without = lines_digest("memberships", b"".join(line + b"\n" for line in lines[1:]))
    assert (total - record_digest("memberships", lines[0])) % DIGEST_MODULUS == without
    assert format_digest(-1) == "f" * 32


def read(path: Path) -> list[dict[str, object]]:
    """The lines of a data file, read without our code."""
    raw = path.read_bytes()
    if path.suffix == ".zst":
        raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    assert raw.endswith(b"\n") or not raw
    return [json.loads(line) for line in raw.split(b"\n")[:-1]]


@pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.zst"])
def test_a_full_feed_is_what_the_document_says(tmp_path: Path, suffix: str) -> None:
    with FeedWriter(tmp_path / "feed", suffix=suffix) as writer:
        writer.write("codes", CODES)
        writer.write("memberships", MEMBERSHIPS[:7])
        writer.write("memberships", MEMBERSHIPS[7:])
        written = writer.finish(sequence=5, as_of="2026-11-23T03:00:00+01:00", source="test")
    folder = tmp_path / "feed"
    manifest = json.loads((folder / MANIFEST).read_bytes())
    assert manifest == json.loads(msgspec.json.encode(written))
    assert (manifest["format"], manifest["kind"], manifest["sequence"]) == ("1.0", "full", 5)
    assert manifest["base_sequence"] is manifest["base_digest"] is None
    assert {entry["table"] for entry in manifest["files"]} == set(TABLES)
    records = {entry["table"]: read(folder / entry["name"]) for entry in manifest["files"]}
    for entry in manifest["files"]:
        raw = (folder / entry["name"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())
        assert entry["records"] == len(records[entry["table"]])
        assert file_sha256(folder / entry["name"]) == entry["sha256"]
    assert [record["id"] for record in records["memberships"]] == [m.id for m in MEMBERSHIPS]
    digest = 0
    for table, of_table in records.items():
        for record in of_table:
            line = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
            digest += xxhash.xxh3_128_intdigest(table.encode() + b"\x1f" + line)
    assert manifest["content_digest"] == f"{digest % 2**128:032x}"
    assert {path.name for path in folder.iterdir()} == {MANIFEST, *(entry["name"] for entry in manifest["files"])}


def test_an_incremental_feed_holds_events_in_order(tmp_path: Path) -> None:
    person = Person(nin="02013299997", first_name="A\u030ase")
    with FeedWriter(tmp_path) as writer:
        writer.digest = 7
        writer.write_events([("PersonUpdated", person), ("PatientOnContractCanceled", MEMBERSHIPS[0])])
        writer.write_events([("PersonDeleted", person)])
        writer.finish(sequence=6, as_of="2026-11-24T03:00:00+01:00", source="test", base=(5, "0" * 32))
    manifest = msgspec.json.decode((tmp_path / MANIFEST).read_bytes(), type=Manifest)
    assert (manifest.kind, manifest.base_sequence, manifest.base_digest) == ("incremental", 5, "0" * 32)
    assert manifest.content_digest == format_digest(7)
    (entry,) = manifest.files
    assert (entry.table, entry.records) == ("events", 3)
    lines = (tmp_path / entry.name).read_bytes().splitlines()
    events = [msgspec.json.decode(line, type=Event) for line in lines]
    assert [event.event for event in events] == ["PersonUpdated", "PatientOnContractCanceled", "PersonDeleted"]
    assert bytes(events[0].body) == canonical_line(person)
    assert bytes(events[1].body) == canonical_line(MEMBERSHIPS[0])


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    with FeedWriter(tmp_path) as writer:
        writer.write("codes", CODES)
        assert not (tmp_path / MANIFEST).exists()
        writer.finish(sequence=1, as_of="2026-11-23T03:00:00+01:00", source="test")
    newest = max(path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name != MANIFEST)
    assert (tmp_path / MANIFEST).stat().st_mtime_ns >= newest


def test_a_feed_that_was_not_finished_is_no_feed(tmp_path: Path) -> None:
    with FeedWriter(tmp_path) as writer:
        writer.write("codes", CODES)
    assert not (tmp_path / MANIFEST).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["codes.ndjson"]


def test_the_first_events_are_the_real_registers() -> None:
    assert list(EVENTS)[:13] == [
        *("ContractCreated", "ContractUpdated", "ContractCanceled"),
        *("GPOnContractCreated", "GPOnContractUpdated", "GPOnContractDeleted"),
        *("PatientOnContractCreated", "PatientOnContractUpdated", "PatientOnContractCanceled", "PatientNinChanged"),
        *("OutOfOfficeLocationCreated", "OutOfOfficeLocationUpdated", "OutOfOfficeLocationDeleted"),
    ]
    assert {table for table, _ in EVENTS.values()} == set(TABLES)
