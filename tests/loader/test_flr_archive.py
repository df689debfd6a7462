"""The archive of an export: what is not one, or unpacks to more than can be meant, is refused before it does harm."""

import re
import shutil
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loader import flr_archive, flr_source
from loader import load as loading
from loader.choose import FlrExport
from loader.errors import SourceUnreachable, StorageError, UsageError
from loader.load import load
from loader.progress import Progress
from loader.settings import Settings
from tests.loader import flr
from tests.loader.feeds import ANNE
from tests.loader.flr import NOW, PAST, Documents, loaded, packed, refused, whole_export


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    return whole_export(tmp_path_factory.mktemp("export"))


def patch(archive: Path, magic: bytes, at: int, new: bytes, number: int = 0) -> None:
    """Overwrite bytes of a header of an archive, the one of this number among those that begin so."""
    content = bytearray(archive.read_bytes())
    begin = [found.start() for found in re.finditer(re.escape(magic), content)][number] + at
    content[begin : begin + len(new)] = new
    archive.write_bytes(content)


def test_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="No such file"):
        load(tmp_path / "x.zip", Settings(data_dir=tmp_path / "data"), Progress(show=False), flr_export=FlrExport())


@pytest.mark.parametrize("content", [b"", b"PK", b"<x/>" * 100])
def test_one_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    assert refused(tmp_path, tmp_path / "x.zip") == ("x.zip: not a ZIP archive, or a damaged one",)


def test_one_that_does_not_say_when_it_was_made(tmp_path: Path, whole: Documents) -> None:
    archive = packed(tmp_path / "x.zip", whole, (1980, 1, 1, 0, 0, 0))
    with pytest.raises(UsageError, match="--as-of TIME does"):
        load(archive, Settings(data_dir=tmp_path / "data"), Progress(show=False), flr_export=FlrExport())


def test_one_where_signed_feeds_are_asked_for(tmp_path: Path, whole: Documents) -> None:
    (fault,) = refused(tmp_path, packed(tmp_path / "x.zip", whole), feed_public_key=tmp_path / "key.pem")
    assert fault == "x.zip: an export is not signed, and feed_public_key asks for a signature"


def test_one_whose_disk_is_too_small(tmp_path: Path, whole: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(StorageError, match="are needed"):
        loaded(tmp_path, whole)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_one_that_is_packed_in_an_unusual_way(tmp_path: Path, whole: Documents, method: int) -> None:
    faults = refused(tmp_path, packed(tmp_path / "x.zip", whole, method=method))
    assert faults == (f"{PAST}: encrypted, or packed in a way that is not read",)


def test_one_that_is_encrypted(tmp_path: Path, whole: Documents) -> None:
    archive = packed(tmp_path / "x.zip", whole)
    patch(archive, b"PK\x01\x02", 8, struct.pack("<H", 1))
    assert refused(tmp_path, archive) == (f"{PAST}: encrypted, or packed in a way that is not read",)


def test_one_that_unpacks_to_too_much_by_its_own_word(tmp_path: Path, whole: Documents) -> None:
    """A bomb of a megabyte and more in a kilobyte; nothing of it is unpacked."""
    bomb = whole | {PAST: whole[PAST].replace("<PatientList>", " " * (4 << 20) + "<PatientList>")}
    assert refused(tmp_path, packed(tmp_path / "x.zip", bomb)) == (f"{PAST}: unpacks to more than 200 times its size",)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_one_that_unpacks_to_more_than_it_says(tmp_path: Path, whole: Documents, method: int) -> None:
    """The directory lies: what comes out is counted."""
    archive = packed(tmp_path / "x.zip", whole, method=method)
    said = len(whole[PAST].encode()) - 100
    patch(archive, b"PK\x01\x02", 24, struct.pack("<I", said))
    (fault,) = refused(tmp_path, archive)
    assert fault == f"{PAST}: unpacks to more than the {said} bytes that it declares"


def test_one_that_unpacks_to_less_than_it_says(tmp_path: Path, whole: Documents) -> None:
    archive = packed(tmp_path / "x.zip", whole)
    size = len(whole[PAST].encode())
    patch(archive, b"PK\x01\x02", 24, struct.pack("<I", size + 1))
    assert refused(tmp_path, archive) == (f"{PAST}: {size} bytes, the archive says {size + 1}",)


@pytest.mark.parametrize("limit", ["MAX_ENTRY_BYTES", "MAX_BYTES", "MAX_ENTRIES"])
def test_one_above_a_limit(tmp_path: Path, whole: Documents, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(flr_archive, limit, 1)
    (fault,) = refused(tmp_path, packed(tmp_path / "x.zip", whole))
    assert "more than 1 " in fault


def test_one_whose_entries_overlap(tmp_path: Path, whole: Documents) -> None:
    """Two entries of the directory that share the same bytes: how a small archive comes to much."""
    archive = packed(tmp_path / "x.zip", whole | {"more.xml": whole[PAST]})
    patch(archive, b"PK\x01\x02", 42, struct.pack("<I", 0), number=2)
    assert refused(tmp_path, archive) == ("more.xml: overlaps with another entry",)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_with_an_entry_twice(tmp_path: Path, whole: Documents) -> None:
    archive = packed(tmp_path / "x.zip", whole)
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(PAST, whole[PAST])
    assert refused(tmp_path, archive) == ("an entry stands twice",)


@pytest.mark.parametrize("what", ["sum", "content", "header"])
def test_one_that_is_damaged(tmp_path: Path, whole: Documents, what: str) -> None:
    archive = packed(tmp_path / "x.zip", whole)
    at, magic = {"sum": (16, b"PK\x01\x02"), "content": (60, b"PK\x03\x04"), "header": (0, b"PK\x03\x04")}[what]
    patch(archive, magic, at, b"\xff\xff\xff\xff")
    assert refused(tmp_path, archive) == (f"{PAST}: damaged",)


def test_one_cut_short(tmp_path: Path, whole: Documents) -> None:
    archive = packed(tmp_path / "x.zip", whole)
    archive.write_bytes(archive.read_bytes()[:-30])
    assert refused(tmp_path, archive) == ("x.zip: not a ZIP archive, or a damaged one",)


def test_one_with_a_document_type(tmp_path: Path, whole: Documents) -> None:
    documents = {name: text.replace("?>\n", "?>\n<!DOCTYPE x>\n", 1) for name, text in whole.items()}
    faults = refused(tmp_path, packed(tmp_path / "x.zip", documents))
    told = "a document type declaration: neither it nor entities are read"
    assert faults == (f"{PAST}:2:12: {told}", f"{NOW}:2:12: {told}")


def test_one_with_nothing_in_it_is_an_empty_register(tmp_path: Path, whole: Documents) -> None:
    """Nobody would mean it, and the drift breaker sees to it; a folder in the archive is passed over."""
    head = whole[NOW].split("\n<GPContract>")[0]
    report, register = loaded(tmp_path, {"folder/": "", "x.xml": head + "</ArrayOfGPContract>"})
    assert (report.outcome, any(register.values())) == ("published", False)


def test_one_whose_entries_have_any_name(tmp_path: Path, whole: Documents) -> None:
    """A name leads nowhere, and is told without a national id and without what would move a terminal's cursor."""
    name = f"../{ANNE}\x1b[2J\n.xml"
    (fault,) = refused(tmp_path, packed(tmp_path / "x.zip", {name: "<x>"}))
    assert fault == "../[national id]?[2J?.xml:1:1: the document is not ArrayOfGPContract of the interface's namespace"
    assert not (tmp_path / "data" / "staging" / ANNE).exists()


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive too is read by several processes."""
    monkeypatch.setattr(flr_source, "SHARED_FROM_BYTES", 0)


@pytest.mark.usefixtures("crew")
def test_one_that_a_crew_reads(tmp_path: Path, whole: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    _, register = loaded(tmp_path / "1", whole, processes=2)
    monkeypatch.undo()
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)
    _, same = loaded(tmp_path / "2", whole)
    assert flr.lines(register) == flr.lines(same)


@pytest.mark.usefixtures("crew")
def test_one_that_is_wrong_as_a_crew_sees_it(tmp_path: Path, whole: Documents) -> None:
    documents = {name: text.replace("<MaxPatients>1000", "<MaxPatients>x") for name, text in whole.items()}
    faults = refused(tmp_path, packed(tmp_path / "x.zip", documents), processes=2)
    assert [fault.split(":")[0] for fault in faults] == [PAST, NOW]


@pytest.mark.usefixtures("crew")
def test_one_that_is_exchanged_while_it_is_read(
    tmp_path: Path, whole: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = packed(tmp_path / "x.zip", whole)
    space = flr_source.require_space

    def exchange(*given: Any) -> None:
        space(*given)
        packed(archive, {PAST: whole[NOW]})

    monkeypatch.setattr(flr_source, "require_space", exchange)
    assert refused(tmp_path, archive, processes=1) == ("x.zip: has changed while it was read",)
