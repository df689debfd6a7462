"""The file of shared parts while increments follow one another: gone on with, and written anew where much is unused."""

from pathlib import Path

import pytest

from loader.errors import BadGeneration
from loader.load import load
from loader.progress import Progress
from loader.settings import Settings
from loader.soap_file import MAX_VALUE_BYTES, change_parts, write_parts
from lookup.core import SoapParts
from lookup.generation import open_generation
from lookup.soap_parts import Part, encode_parts
from tests.loader import feeds
from tests.loader.refusals import events

DIGESTS = "0" * 32, "1" * 32


def value(slot: int, text: bytes, size: int = 100) -> bytes:
    return encode_parts(slot, [Part(0, 900, None, False, b"<a/>", text * size)])


def base(folder: Path, slots: int) -> Path:
    write_parts(folder / "base", ((slot, value(slot, b"a")) for slot in range(slots)), slots, DIGESTS[0])
    return folder / "base"


def contents(path: Path) -> dict[int, bytes | None]:
    parts = SoapParts(path.read_bytes())
    assert parts.digest == DIGESTS[1]
    return {slot: parts.value(slot) for slot in range(parts.slots)}


def changed(source: Path, changes: dict[int, bytes | None], slots: int) -> tuple[Path, bool]:
    path = source.with_name("changed")
    return path, change_parts(source, SoapParts(source.read_bytes()), path, changes, slots, DIGESTS[1])


def test_what_changes_is_put_behind_what_is_there(tmp_path: Path) -> None:
    source = base(tmp_path, 10)
    before = SoapParts(source.read_bytes())
    changes = {3: value(3, b"b"), 7: None, 8: before.value(8), 11: value(11, b"n")}
    path, compacted = changed(source, changes, 12)
    assert not compacted
    wanted = {slot: before.value(slot) for slot in range(10)} | changes | {10: None}
    assert contents(path) == wanted
    octets = path.read_bytes()
    assert octets[: before.table] == source.read_bytes()[: before.table]
    assert SoapParts(octets).table == before.table + len(value(3, b"b")) + len(value(11, b"n"))


def test_nothing_but_another_digest(tmp_path: Path) -> None:
    source = base(tmp_path, 3)
    path, compacted = changed(source, {}, 3)
    assert not compacted
    assert path.read_bytes() == source.read_bytes()[:-16] + bytes.fromhex(DIGESTS[1])


def test_a_file_of_which_much_is_unused_is_written_anew(tmp_path: Path) -> None:
    source = base(tmp_path, 10)
    before = SoapParts(source.read_bytes())
    few, _ = changed(source, {0: value(0, b"b"), 1: value(1, b"b")}, 10)  # two of twelve
    assert SoapParts(few.read_bytes()).table > before.table
    few.unlink()
    path, compacted = changed(source, {0: None, 1: None, 2: None}, 10)  # three of ten
    assert compacted
    assert contents(path) == {slot: before.value(slot) if slot > 2 else None for slot in range(10)}
    assert SoapParts(path.read_bytes()).table == before.table - 3 * len(value(0, b"a"))
    path.unlink()
    path, compacted = changed(source, {slot: value(slot, b"b") for slot in range(5)}, 10)
    assert compacted
    assert SoapParts(path.read_bytes()).table == before.table


def test_a_part_too_large_for_a_pointer(tmp_path: Path) -> None:
    with pytest.raises(BadGeneration, match="larger than the format has room for"):
        write_parts(tmp_path / "file", [(0, bytes(MAX_VALUE_BYTES + 1))], 1, DIGESTS[0])


def test_what_an_increment_renders_is_counted(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    first = load(feeds.write(tmp_path / "1", feeds.tables(), sequence=7), settings, Progress(show=False))
    assert first.parts_rendered is None
    outpost = feeds.tables()["outposts"][0]
    happened = [("OutOfOfficeLocationUpdated", {**outpost, "description": "Ny dag"})]
    report = load(events(tmp_path / "2", happened), settings, Progress(show=False))
    assert (report.outcome, report.rendered, report.parts_rendered) == ("published", 0, 1)
    generation = open_generation(tmp_path / "data" / "gen" / str(report.generation))
    slot = generation.tables.slot_of_contract(outpost["contractId"])
    assert generation.soap is not None
    assert slot is not None
    part = generation.soap.part(slot, generation.manifest.window.valid_from)
    assert part is not None
    assert b"Ny dag" in part.behind


def test_a_base_without_the_file_has_it_written(tmp_path: Path) -> None:
    """As a generation of an older version, or on a node that was not given it."""
    settings = Settings(data_dir=tmp_path / "data")
    first = load(feeds.write(tmp_path / "1", feeds.tables(), sequence=7), settings, Progress(show=False))
    older = tmp_path / "data" / "gen" / str(first.generation)
    with_it = (older / "soap.bin").read_bytes()
    (older / "soap.bin").unlink()
    assert open_generation(older).soap is None
    happened = [("PersonUpdated", {**feeds.tables()["persons"][0], "firstName": "Anne"})]
    report = load(events(tmp_path / "2", happened), settings, Progress(show=False))
    assert report.parts_rendered == sum(
        SoapParts(with_it).value(slot) is not None for slot in range(report_slots(older))
    )
    newer = tmp_path / "data" / "gen" / str(report.generation)
    assert (newer / "soap.bin").read_bytes()[:-16] == with_it[:-16]


def report_slots(folder: Path) -> int:
    return open_generation(folder).index.slots
