"""The disk that is only thought of: what is safe, what may be lost, and in which company."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.disk import PAGE, SECTOR, Disk, File, Tree, read_tree
from tests.faults.images import images, lost, patched, torn, zeroed
from tests.faults.record import Call, Kind, Recorder


def call(kind: Kind, path: str, other: str = "", at: int = 0, data: bytes = b"", size: int = 0) -> Call:
    return Call(kind, path, other, at, 0, size or len(data), data)


def disk(*calls: Call, **start: bytes | None) -> Disk:
    made = Disk(dict(start))
    for one in calls:
        made.play(one)
    return made


def found(made: Disk) -> list[Tree]:
    """The trees that may be found, each once."""
    out: list[Tree] = []
    for tree in images(made, random.Random(1)):
        if tree not in out:
            out.append(tree)
    return sorted(out, key=repr)


def test_octets_are_safe_when_the_file_was_synced_and_its_name_when_the_folder_was() -> None:
    written = [call(Kind.CREATE, "a"), call(Kind.WRITE, "a", data=b"octets")]
    assert {} in found(disk(*written))
    assert {"a": b""} in found(disk(*written))
    assert {"a": bytes(6)} in found(disk(*written))
    synced = [*written, call(Kind.SYNC, "a")]
    assert found(disk(*synced)) == [{"a": b"octets"}, {}]
    assert found(disk(*synced, call(Kind.SYNC, "."))) == [{"a": b"octets"}]


def test_a_rename_is_there_or_not_and_takes_with_it_what_led_to_it() -> None:
    replaced = [call(Kind.CREATE, "t"), call(Kind.WRITE, "t", data=b"new"), call(Kind.SYNC, "t")]
    trees = found(disk(*replaced, call(Kind.RENAME, "t", "a"), a=b"old"))
    assert trees == [{"a": b"new"}, {"a": b"old", "t": b"new"}, {"a": b"old"}]
    assert found(disk(*replaced, call(Kind.RENAME, "t", "a"), call(Kind.SYNC, "."), a=b"old")) == [{"a": b"new"}]


def test_a_rename_between_folders_is_safe_with_either_of_them() -> None:
    moved = disk(
        call(Kind.RENAME, "one/a", "two/a"), call(Kind.SYNC, "two"), **{"one": None, "two": None, "one/a": b"x"}
    )
    assert found(moved) == [{"one": None, "two": None, "two/a": b"x"}]


def test_changes_of_entries_may_be_there_in_any_company() -> None:
    trees = found(disk(call(Kind.UNLINK, "a"), call(Kind.UNLINK, "b"), a=b"1", b=b"2"))
    assert sorted(map(sorted, trees)) == [[], ["a"], ["a", "b"], ["b"]]


def test_a_folder_that_is_lost_takes_with_it_what_is_in_it() -> None:
    inside = [call(Kind.MKDIR, "f"), call(Kind.CREATE, "f/a"), call(Kind.SYNC, "f/a"), call(Kind.SYNC, "f")]
    assert sorted(map(sorted, found(disk(*inside)))) == [[], ["f", "f/a"]]


def test_what_becomes_of_octets() -> None:
    file = File(b"a" * 3 * PAGE)
    file.write(PAGE, b"b" * 3 * PAGE)
    assert lost(file) == b"a" * 3 * PAGE
    assert zeroed(file) == b"a" * 3 * PAGE + bytes(PAGE)
    for seed in range(20):
        whole = torn(random.Random(seed))(file)
        tail = whole[PAGE:].rstrip(b"a")
        assert (tail.strip(b"b"), len(tail) % SECTOR) == (b"", 0)
        pages = patched(random.Random(seed))(file)
        assert [pages[at : at + PAGE] for at in range(0, len(pages), PAGE)] == [
            pages[at : at + 1] * PAGE for at in range(0, len(pages), PAGE)
        ]
    assert len({patched(random.Random(seed))(file) for seed in range(20)}) == 2**3
    file.cut(1)
    file.sync()
    assert {lost(file), zeroed(file), torn(random.Random(1))(file), patched(random.Random(1))(file)} == {b"a"}


PROGRAM = """
import os
os.mkdir("f")
with open("f/a", "wb") as file:
    file.write(b"0123456789")
    file.flush()
    os.pwrite(file.fileno(), b"ab", 20)
    os.pwritev(file.fileno(), [b"c", b"de"], 3)
    os.ftruncate(file.fileno(), 21)
    os.fsync(file.fileno())
with open("f/a", "ab") as file:
    os.writev(file.fileno(), [b"xy", b"z"])
with open("f/a", "rb") as source, open("b", "wb") as target:
    source.seek(2)
    os.copy_file_range(source.fileno(), target.fileno(), 5)
here = os.open("f", os.O_RDONLY)
os.close(os.open("c", os.O_CREAT | os.O_WRONLY, dir_fd=here))
os.rename("c", "d", src_dir_fd=here, dst_dir_fd=here)
os.fsync(here)
os.rename("b", "f/b")
os.unlink("d", dir_fd=here)
os.mkdir("g")
os.rmdir("g")
"""


def test_all_kinds_of_calls_are_written_down(tmp_path: Path) -> None:
    under = tmp_path / "under"
    under.mkdir()
    (under / "a").write_bytes(b"before")
    start, recorder = read_tree(under), Recorder(tmp_path, under)
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=under, env=recorder.environment, check=True)
    calls = recorder.calls()
    played = disk(*calls, **start)
    assert (
        played.now()
        == read_tree(under)
        == {
            "a": b"before",
            "f": None,
            "f/a": b"012cde6789" + bytes(10) + b"axyz",
            "f/b": b"2cde6",
        }
    )
    assert {one.kind for one in calls} == set(Kind) - {Kind.CHMOD, Kind.MAP}


def test_a_map_that_writes_is_not_passed_over(tmp_path: Path) -> None:
    under = tmp_path / "under"
    under.mkdir()
    (under / "a").write_bytes(b"before")
    recorder = Recorder(tmp_path, under)
    program = "import mmap; file = open('a', 'r+b'); mmap.mmap(file.fileno(), 0)[0] = 65"
    subprocess.run([sys.executable, "-c", program], cwd=under, env=recorder.environment, check=True)
    with pytest.raises(ValueError, match="cannot be played: a"):
        recorder.calls()
