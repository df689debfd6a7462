"""What is removed from the data folder, and what is left alone."""

import errno
from pathlib import Path

import pytest

from loader import publish
from loader.publish import prune, sweep
from lookup.generation import NotServable, verify_files
from lookup.runfile import RunFile
from tests.loader.published import names, publish_one


def test_the_newest_and_those_in_use_are_kept(data: Path, tmp_path: Path) -> None:
    made = [publish_one(data, tmp_path, serial) for serial in range(1, 8)]
    (data / "PIN").write_text(f"{made[0]}\n")
    (data / "CURRENT").write_text(f"{made[1]}\n")
    mine = RunFile(data / "run")
    mine.write("ready", 3, made[2].split("-")[1])
    try:
        assert set(prune(data, data / "run", 2).removed) == set(made[3:5])
    finally:
        mine.remove()
    assert names(data) == {*made[:3], *made[5:]}


def test_nothing_is_removed_while_a_pointer_is_damaged(data: Path, tmp_path: Path) -> None:
    made = {publish_one(data, tmp_path, serial) for serial in (1, 2)}
    (data / "PIN").write_text("nonsense")
    removed, (warning,) = prune(data, data / "run", 1)
    assert (removed, "PIN is not one line" in warning) == ([], True)
    assert names(data) == made


def test_a_removal_that_was_cut_short_is_finished(data: Path, tmp_path: Path) -> None:
    old, new = (publish_one(data, tmp_path, serial) for serial in (1, 2))
    (data / "gen" / old / "manifest.json").unlink()
    with pytest.raises(NotServable):
        verify_files(data / "gen" / old)
    assert prune(data, data / "run", 3) == ([old], [])
    assert names(data) == {new}


def test_what_a_loader_that_died_had_begun_to_remove_is_swept_up(data: Path, tmp_path: Path) -> None:
    old, pinned, new = (publish_one(data, tmp_path, serial) for serial in (1, 2, 3))
    (data / "PIN").write_text(f"{pinned}\n")
    for name in (old, pinned):
        (data / "gen" / name / "manifest.json").unlink()
    (data / "gen" / "mine").mkdir()
    sweep(data)
    assert names(data) == {pinned, new, "mine"}  # an operator will need what PIN names


@pytest.mark.parametrize("told", ["PIN", "refused.json"])
def test_what_was_announced_is_not_taken_back_for_a_marker_that_a_power_cut_brought_back(
    data: Path, tmp_path: Path, told: str
) -> None:
    old, new = (publish_one(data, tmp_path, serial) for serial in (1, 2))
    (data / "CURRENT").write_text(f"{old}\n")
    said = f"{new}\n" if told == "PIN" else f'[{{"name": "{new}", "reason": "bad", "at": "2026-11-24T12:00:00Z"}}]'
    (data / told).write_text(said)
    (data / "staging" / f"{new}.publishing").touch()
    sweep(data)
    assert names(data) == {old, new}
    (data / told).unlink()
    (data / "staging" / f"{new}.publishing").touch()
    sweep(data)
    assert names(data) == {old}


@pytest.mark.parametrize("name", ["backup2", "lost+found", "1-0123ABCD", "01-0123abcd", "1-0123abcd.old"])
def test_what_has_no_generations_name_is_left_alone(data: Path, tmp_path: Path, name: str) -> None:
    new = publish_one(data, tmp_path)
    (data / "gen" / name).mkdir()
    (data / "gen" / name / "mine").touch()
    (data / "gen" / "1-aaaaaaaa").touch()  # a file
    removed, _ = prune(data, data / "run", 1)
    assert removed == []
    assert names(data) == {new, name, "1-aaaaaaaa"}
    assert (data / "gen" / name / "mine").exists()


def test_what_holds_folders_or_is_elsewhere_is_left_whole_and_told(data: Path, tmp_path: Path) -> None:
    first, second, new = (publish_one(data, tmp_path, serial) for serial in (1, 2, 3))
    (data / "gen" / first / "mine").mkdir()
    (data / "gen" / second).rename(tmp_path / second)
    (data / "gen" / second).symlink_to(tmp_path / second)
    removed, warnings = prune(data, data / "run", 1)
    assert removed == []
    told = "was not removed: it is not a folder of files alone"
    assert set(warnings) == {f"{first} {told}", f"{second} {told}"}
    assert names(data) == {first, second, new}
    for name in (first, second):
        verify_files(data / "gen" / name)


def test_one_that_cannot_be_removed_is_told_and_the_others_go(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, new = (publish_one(data, tmp_path, serial) for serial in (1, 2, 3))
    remove = publish.remove

    def failing(folder: Path) -> None:
        if folder.name == second:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        remove(folder)

    monkeypatch.setattr(publish, "remove", failing)
    assert prune(data, data / "run", 1) == ([first], [f"{second} could not be removed: Operation not permitted"])
    assert names(data) == {second, new}


def test_a_half_that_is_still_in_use_is_kept(data: Path, tmp_path: Path) -> None:
    old, _ = (publish_one(data, tmp_path, serial) for serial in (1, 2))
    (data / "gen" / old / "manifest.json").unlink()
    (data / "PIN").write_text(f"{old}\n")
    assert prune(data, data / "run", 1) == ([], [])
    assert old in names(data)


def test_the_manifest_goes_first(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[str] = []
    unlink = Path.unlink

    def recorded(path: Path, **options: bool) -> None:
        gone.append(path.name)
        unlink(path, **options)

    old, _ = (publish_one(data, tmp_path, serial) for serial in (1, 2))
    monkeypatch.setattr(Path, "unlink", recorded)
    publish.remove(data / "gen" / old)
    assert gone[0] == "manifest.json"
    assert set(gone[1:]) == {"index.mdb", "pointers.bin", "people.mdb"}
