"""Opening a generation: what is refused, one object for each folder, and nothing outlived."""

import gc
import hashlib
import json
import shutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from lookup.generation import Generation, NotServable, open_generation, verify_files
from lookup.manifest import (
    CURRENT,
    Refusal,
    Stamps,
    digest8_of,
    folders,
    read_manifest,
    read_pointer,
    read_refused,
    split_name,
)
from tests import tiny

AT = tiny.WINDOW.valid_from


def renamed(folder: Path) -> Path:
    """The folder under the name that fits the manifest it has now."""
    serial = folder.name.split("-")[0]
    return folder.rename(folder.with_name(f"{serial}-{digest8_of(folder)}"))


def with_manifest(folder: Path, **members: object) -> Path:
    """The folder with other members in its manifest, and the name that goes with it."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **members}))
    return renamed(folder)


def with_file(folder: Path, name: str, data: bytes) -> Path:
    """The folder with other bytes in a file, and a manifest that says so."""
    (folder / name).write_bytes(data)
    files = json.loads((folder / "manifest.json").read_bytes())["files"]
    for entry in files:
        if entry["name"] == name:
            entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    return with_manifest(folder, files=files)


def resident_kb(generation: Generation) -> int:
    """How much of its pointer table this process has in its page table, in kB."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    places = [i for i, line in enumerate(lines) if line.endswith(str(generation.folder / "pointers.bin"))]
    return sum(int(line.split()[1]) for i in places for line in lines[i : i + 8] if line.startswith("Rss:"))


def test_a_generation_that_goes_is_taken_out_of_the_page_table_and_still_answers(tmp_path: Path) -> None:
    generation = open_generation(tiny.generation(tmp_path, 7))
    generation.warm()
    assert resident_kb(generation) > 0
    generation.cool()
    assert resident_kb(generation) == 0
    assert generation.index.find(int(tiny.OLD), AT) is not None


def test_a_generation_opens_and_answers(tmp_path: Path) -> None:
    generation = open_generation(tiny.generation(tmp_path, 7))
    generation.warm()
    generation.self_test()
    assert (generation.serial, f"7-{generation.digest8}") == (7, generation.name)
    found = generation.index.find(int(tiny.OLD), AT)
    assert found is not None
    assert found.nin == int(tiny.ASSIGNED)
    assert generation.tables.contract_id_of_slot(found.membership.slot) == tiny.ASSIGNED_CONTRACT  # type: ignore[union-attr]
    assert generation.people is not None
    assert generation.people.person(int(tiny.ASSIGNED)) is not None


def test_one_object_for_each_folder(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(open_generation, [folder] * 16))
    assert len({id(generation) for generation in opened}) == 1


def test_swapping_a_b_a_while_everything_of_a_is_in_use(tmp_path: Path) -> None:
    a, b = tiny.generation(tmp_path, 1), tiny.generation(tmp_path, 2)
    first = open_generation(a)
    index, tables = first.index, first.tables
    gone = weakref.ref(first)
    current = open_generation(b)
    del first
    assert gone() is None
    # The environment of A is still alive through `tables`, and py-lmdb refuses to open a file twice.
    current = open_generation(a)
    assert current.tables.office(tiny.OFFICE) == tables.office(tiny.OFFICE)
    del current
    assert index.find(int(tiny.ASSIGNED), AT) is not None
    assert tables.contract(tiny.ASSIGNED_CONTRACT) is not None


def test_nothing_stays_when_the_last_reference_goes(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    generation = open_generation(folder)
    generation.self_test()
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(folder) in line]
    assert len(mapped) >= 3
    gc.disable()
    try:
        del generation
        assert str(folder) not in Path("/proc/self/maps").read_text()
    finally:
        gc.enable()


def test_files_may_be_unlinked_under_a_reader(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    generation = open_generation(folder)
    shutil.rmtree(folder)
    generation.self_test()


def test_each_thread_has_tables_of_its_own(tmp_path: Path) -> None:
    generation = open_generation(tiny.generation(tmp_path))
    barrier = threading.Barrier(4)

    def ask(_: int) -> tuple[int, int]:
        barrier.wait()
        for _ in range(300):
            assert generation.tables.office(tiny.OFFICE) is not None
            assert generation.people is not None
            assert generation.people.person(int(tiny.VACANT)) is not None
        barrier.wait()
        return id(generation.tables), id(generation.people)

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(ask, range(4)))
    assert len(set(seen)) == 4
    assert generation.tables is generation.tables


def test_stamps_spare_the_hashing_but_not_the_look(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    stamps = verify_files(folder)
    assert set(stamps) == {"manifest.json", "index.mdb", "pointers.bin", "people.mdb"}
    sent = msgspec.json.decode(msgspec.json.encode(stamps), type=Stamps)  # as the supervisor sends them
    assert sent == stamps
    assert open_generation(folder, sent).name == folder.name


@pytest.mark.parametrize("name", ["manifest.json", "index.mdb", "pointers.bin", "people.mdb"])
def test_a_file_that_was_replaced_after_verifying_is_refused(tmp_path: Path, name: str) -> None:
    folder = tiny.generation(tmp_path)
    stamps = verify_files(folder)
    data = (folder / name).read_bytes()
    (folder / name).unlink()
    (folder / name).write_bytes(data)
    with pytest.raises(NotServable, match=f"{name} has changed"):
        open_generation(folder, stamps)


def test_stamps_of_less_than_is_needed_are_refused(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    stamps = verify_files(folder)
    del stamps["pointers.bin"]
    with pytest.raises(NotServable, match="not every needed file"):
        open_generation(folder, stamps)


@pytest.mark.parametrize("name", ["index.mdb", "pointers.bin", "people.mdb"])
@pytest.mark.parametrize("change", ["flip", "cut", "add"])
def test_a_file_that_is_not_what_the_manifest_says_is_refused(tmp_path: Path, name: str, change: str) -> None:
    folder = tiny.generation(tmp_path)
    data = bytearray((folder / name).read_bytes())
    if change == "flip":
        data[len(data) // 2] ^= 1
    elif change == "cut":
        del data[-1]
    else:
        data += b"\0"
    (folder / name).write_bytes(data)
    with pytest.raises(NotServable, match=f"{name} is not what the manifest says"):
        verify_files(folder)


def test_files_that_are_read_side_by_side_are_held_against_the_manifest_too(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    assert verify_files(folder, side_by_side=True) == verify_files(folder)
    (folder / "people.mdb").unlink()
    assert "people.mdb" not in verify_files(folder, side_by_side=True)
    (folder / "index.mdb").write_bytes((folder / "index.mdb").read_bytes() + b"\0")
    with pytest.raises(NotServable, match=r"index\.mdb is not what the manifest says"):
        verify_files(folder, side_by_side=True)


@pytest.mark.parametrize("name", ["index.mdb", "pointers.bin"])
def test_a_needed_file_that_is_missing_is_refused(tmp_path: Path, name: str) -> None:
    folder = tiny.generation(tmp_path)
    (folder / name).unlink()
    with pytest.raises(NotServable, match=f"{name} is missing"):
        verify_files(folder)


def test_without_people_the_rest_is_served(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    (folder / "people.mdb").unlink()
    generation = open_generation(folder)
    generation.self_test()
    assert generation.people is None


def test_a_changed_manifest_does_not_fit_the_folder(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(NotServable, match="named after"):
        verify_files(folder)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"reader": 2}, "needs reader 2"),
        ({"reader": 2, "bits": "of another format"}, "needs reader 2"),
        ({"format": "2.0"}, "format '2.0'"),
        ({"format": "0.9"}, "format '0.9'"),
        ({"serial": 8}, "another serial"),
        ({"as_of": "2026-11-24T02:00:00"}, "no offset"),
        ({"as_of": "yesterday"}, "not of its format"),
        ({"window": None}, "not of its format"),
        ({"files": []}, "lists no index.mdb"),
    ],
)
def test_a_manifest_that_this_reader_must_not_take_is_refused(tmp_path: Path, members: dict, why: str) -> None:
    folder = with_manifest(tiny.generation(tmp_path), **members)
    with pytest.raises(NotServable, match=why):
        verify_files(folder)


def test_a_minor_version_and_unknown_kinds_and_members_are_taken(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    files = json.loads((folder / "manifest.json").read_bytes())["files"]
    files.append({"name": "export.gz", "kind": "export", "needed": True, "bytes": 1, "sha256": "0" * 64})
    folder = with_manifest(folder, format="1.7", files=files, novelty={"of": "a later loader"})
    open_generation(folder).self_test()


def test_files_of_different_generations_do_not_go_together(tmp_path: Path) -> None:
    folder = with_manifest(tiny.generation(tmp_path), content_digest="1" * 32)
    with pytest.raises(NotServable, match="not of one generation"):
        open_generation(folder)


def test_a_file_that_is_no_lmdb_is_refused_and_can_be_tried_again(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    folder = with_file(folder, "people.mdb", bytes(8192))
    for _ in range(2):
        with pytest.raises(NotServable, match="cannot be opened"):
            open_generation(folder)


def test_the_self_test_sees_a_person_who_is_not_found(tmp_path: Path) -> None:
    folder = tiny.generation(tmp_path)
    broken = with_file(folder, "people.mdb", people_without_persons(tmp_path))
    generation = open_generation(broken)
    with pytest.raises(NotServable, match=r"not in people\.mdb"):
        generation.self_test()


def people_without_persons(tmp_path: Path) -> bytes:
    empty = tmp_path / "empty.mdb"
    meta = tiny.PeopleMeta(format="1.0", bits=tiny.BITS, count=0)
    tiny.write_store(
        empty, {tiny.PEOPLE: {}, tiny.META: {tiny.DICTIONARY_KEY: b"", tiny.META_KEY: msgspec.json.encode(meta)}}
    )
    return empty.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        *("", "\n", "7-0123abcd", "7-0123abcd\n\n", "7-0123abcd\r\n", " 7-0123abcd\n", "07-0123abcd\n", "7-0123ABCD\n"),
        *(
            "7-0123abc\n",
            "7_0123abcd\n",
            "-7-0123abcd\n",
            "../7-0123abcd\n",
            "٧-0123abcd\n",
            "7-0123abcd\n8-0123abcd\n",
        ),
    ],
)
def test_a_pointer_is_one_line_that_names_a_generation(tmp_path: Path, text: str) -> None:
    (tmp_path / CURRENT).write_bytes(text.encode())
    with pytest.raises(NotServable, match=CURRENT):
        read_pointer(tmp_path, CURRENT)


def test_pointers_are_read(tmp_path: Path) -> None:
    assert read_pointer(tmp_path, CURRENT) is None
    (tmp_path / CURRENT).write_bytes(b"7-0123abcd\n")
    assert read_pointer(tmp_path, CURRENT) == "7-0123abcd"
    assert split_name("7-0123abcd") == (7, "0123abcd")
    (tmp_path / "PIN").mkdir()
    with pytest.raises(NotServable, match="PIN cannot be read"):
        read_pointer(tmp_path, "PIN")


def test_refusals_are_read(tmp_path: Path) -> None:
    assert read_refused(tmp_path) == []
    refusal = Refusal("7-0123abcd", "bad data", "2026-11-24T02:00:00+01:00")
    (tmp_path / "refused.json").write_bytes(msgspec.json.encode([refusal]))
    assert read_refused(tmp_path) == [refusal]
    (tmp_path / "refused.json").write_bytes(b"[")
    with pytest.raises(NotServable, match=r"refused\.json"):
        read_refused(tmp_path)


def test_folders_are_listed_newest_first_and_others_passed_over(tmp_path: Path) -> None:
    early, late = "2026-11-24T02:00:00+01:00", "2026-11-24T03:00:00+01:00"
    nine = tiny.generation(tmp_path, 9)
    ten = [tiny.generation(tmp_path, 10, built_at=at) for at in (late, early)]
    (tmp_path / "gen" / "11-0123abcd").mkdir()
    damaged = tiny.generation(tmp_path, 12)
    (damaged / "manifest.json").write_bytes(b"{}")
    assert folders(tmp_path) == [*ten, nine]
    assert folders(tmp_path / "nowhere") == []
    assert read_manifest(nine)[0].serial == 9


def test_a_generation_tells_nothing_of_persons(tmp_path: Path) -> None:
    generation: Generation = open_generation(tiny.generation(tmp_path))
    assert tiny.ASSIGNED not in repr(generation) + repr(generation.tables) + repr(generation.people)
