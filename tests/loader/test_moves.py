"""Rollback, accept, pin and unpin: what CURRENT, PIN and refused.json come to say, and what a load does then."""

import json
from pathlib import Path

import pytest

from loader import moves, publish
from loader.__main__ import main
from loader.errors import BadGeneration, OutOfOrder, StorageError, UsageError
from loader.publish import PIN, admit
from loader.settings import Settings
from lookup.choice import Choice
from lookup.manifest import CURRENT, read_pointer, read_refused
from tests.loader.published import names, publish_one
from tests.lookup.swaps import damage
from tests.service import Service

REASON = "the master sent the wrong file"


@pytest.fixture
def made(data: Path, tmp_path: Path) -> list[str]:
    """Three generations, of serials 1 to 3; the last is in service."""
    return [publish_one(data, tmp_path, serial) for serial in (1, 2, 3)]


@pytest.fixture
def settings(data: Path) -> Settings:
    return Settings(data_dir=data)


def refused(data: Path) -> list[str]:
    return [refusal.name for refusal in read_refused(data)]


def would_serve(data: Path) -> str | None:
    """What a service that starts now would choose."""
    choice = Choice(data)
    choice.look([])
    return None if choice.order is None else choice.order.name


def test_back_to_the_one_before(data: Path, settings: Settings, made: list[str]) -> None:
    move = moves.rollback(settings, None, REASON)
    assert (move.previous, move.generation, move.refused) == (made[2], made[1], [made[2]])
    assert (move.adoption, move.workers) == ("no worker alive", 0)
    assert read_pointer(data, CURRENT) == would_serve(data) == made[1]
    assert [(one.name, one.reason) for one in read_refused(data)] == [(made[2], REASON)]
    assert moves.rollback(settings, None, "again").generation == made[0]
    assert refused(data) == [made[2], made[1]]
    (report, _) = sorted((data / "reports").iterdir())
    assert json.loads(report.read_bytes())["reason"] == REASON


def test_back_by_more_than_one_refuses_all_that_is_left_behind(data: Path, settings: Settings, made: list[str]) -> None:
    assert moves.rollback(settings, "1", REASON).refused == made[1:]
    assert read_pointer(data, CURRENT) == made[0]


def test_what_was_left_behind_is_not_loaded_again_until_it_is_accepted(
    data: Path, settings: Settings, made: list[str]
) -> None:
    moves.rollback(settings, made[1], REASON)
    with pytest.raises(OutOfOrder, match="a feed of a higher sequence is needed"):
        admit(data, 3)
    assert admit(data, 4).build
    assert moves.accept(settings, "3").accepted == [made[2]]
    assert refused(data) == []
    assert admit(data, 3).build
    assert read_pointer(data, CURRENT) == made[1]


@pytest.mark.parametrize("wanted", [None, "2"])
def test_one_that_is_damaged_is_passed_over_but_not_when_it_is_named(
    data: Path, settings: Settings, made: list[str], wanted: str | None
) -> None:
    damage(data / "gen" / made[1])
    if wanted is None:
        assert moves.rollback(settings, wanted, REASON).generation == made[0]
    else:
        with pytest.raises(BadGeneration, match="not what the manifest says"):
            moves.rollback(settings, wanted, REASON)
        assert (read_pointer(data, CURRENT), refused(data)) == (made[2], [])


def test_two_of_one_serial_are_told_apart_by_digest(
    data: Path, settings: Settings, made: list[str], tmp_path: Path
) -> None:
    (data / "gen" / made[1]).rename(tmp_path / made[1])
    other = publish_one(data, tmp_path / "more", 2)
    manifest = json.loads((tmp_path / made[1] / "manifest.json").read_bytes())
    assert other == made[1]  # the same files have the same name: so one of them is made another
    manifest["source"] = "another"
    (tmp_path / made[1] / "manifest.json").chmod(0o640)
    (tmp_path / made[1] / "manifest.json").write_text(json.dumps(manifest))
    name = f"2-{publish.digest8_of(tmp_path / made[1])}"
    (tmp_path / made[1]).rename(data / "gen" / name)
    (data / CURRENT).write_text(f"{made[2]}\n")
    with pytest.raises(UsageError, match="means more than one"):
        moves.rollback(settings, "2", REASON)
    assert moves.rollback(settings, name, REASON).generation == name


@pytest.mark.parametrize(
    ("wanted", "error", "says"),
    [
        ("3", UsageError, "already"),
        ("4", BadGeneration, "no generation of serial 4"),
        ("4-00000000", BadGeneration, "no generation 4-00000000"),
        ("latest", UsageError, "neither SERIAL nor"),
        ("", BadGeneration, "refused"),
    ],
)
def test_what_cannot_be_gone_back_to(
    data: Path, settings: Settings, made: list[str], wanted: str, error: type[Exception], says: str
) -> None:
    if not wanted:
        moves.rollback(settings, "1", REASON)
        moves.accept(settings, "3")
        publish.point(data, CURRENT, made[2])
        wanted = "2"
    before = refused(data)
    with pytest.raises(error, match=says):
        moves.rollback(settings, wanted, REASON)
    assert (read_pointer(data, CURRENT), refused(data)) == (made[2], before)


def test_going_forward_is_not_going_back(data: Path, settings: Settings, made: list[str]) -> None:
    publish.point(data, CURRENT, made[0])
    with pytest.raises(UsageError, match="newer"):
        moves.rollback(settings, "3", REASON)
    with pytest.raises(BadGeneration, match="no sound generation before"):
        moves.rollback(settings, None, REASON)


def test_nothing_to_go_back_from(data: Path, settings: Settings) -> None:
    with pytest.raises(BadGeneration, match="there is no generation"):
        moves.rollback(settings, None, REASON)


def test_a_crash_between_the_two_writes_leaves_a_service_that_is_right_and_a_rollback_that_can_be_done_again(
    data: Path, settings: Settings, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(moves, "point", fail)
        with pytest.raises(StorageError):
            moves.rollback(settings, None, REASON)
    assert (read_pointer(data, CURRENT), refused(data), would_serve(data)) == (made[2], [made[2]], made[1])
    with pytest.raises(OutOfOrder):
        admit(data, 3)
    assert moves.rollback(settings, None, REASON).generation == made[1]
    assert refused(data) == [made[2]]


def test_pinned_is_served_until_it_is_not(data: Path, settings: Settings, made: list[str], tmp_path: Path) -> None:
    assert moves.pin(settings, "1").pinned == made[0]
    assert (read_pointer(data, PIN), would_serve(data)) == (made[0], made[0])
    new = publish_one(data, tmp_path, 4)
    assert would_serve(data) == made[0]
    assert moves.unpin(settings).pinned is None
    assert would_serve(data) == new
    assert moves.unpin(settings).generation == new  # there is nothing to do, and that is no error


@pytest.mark.parametrize("why", ["refused", "damaged", "not there"])
def test_what_cannot_be_pinned(data: Path, settings: Settings, made: list[str], why: str) -> None:
    if why == "refused":
        moves.rollback(settings, "1", REASON)
    if why == "damaged":
        damage(data / "gen" / made[1])
    with pytest.raises(BadGeneration):
        moves.pin(settings, "7" if why == "not there" else "2")
    assert read_pointer(data, PIN) is None


def test_the_commands(data: Path, made: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With a service that takes them up, and says so in metrics and readiness."""
    where = ["--data-dir", str(data), "--json"]
    with Service(data) as service:
        service.wait("serving", generation=made[2])
        for command, serving in (
            (["rollback", "--reason", REASON], made[1]),
            (["pin", "1"], made[0]),
            (["unpin", "--reason", "over"], made[1]),
        ):
            assert main([*command, *where]) == 0
            said = json.loads(capsys.readouterr().out)
            assert (said["adoption"], said["workers"]) == ("adopted", 2)
            service.wait("serving", generation=serving, workers=2)
        assert main(["accept", "3", *where]) == 0
        assert json.loads(capsys.readouterr().out)["accepted"] == [made[2]]
        assert main(["accept", "3", *where]) == 65
        assert main(["rollback", "9", "--reason", REASON, *where]) == 65
        with pytest.raises(SystemExit) as ended:
            main(["rollback", "1"])
        assert ended.value.code == 64
        capsys.readouterr()
        assert main(["prune", "--keep", "1", *where]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": [made[0]], "warnings": []}
    assert names(data) == set(made[1:])
