"""What is to be served: named, kept, or put in its place; and what is remembered of a generation."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lookup import choice, manifest
from lookup.choice import Choice
from lookup.manifest import Unreadable, verify_files
from tests import tiny
from tests.lookup.swaps import damage


class Clock:
    """Time that goes on only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(choice, "time", clock)
    return clock


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the generations whose files were held against the manifest, in turn."""
    names = []

    def verify(folder: Path) -> Any:
        names.append(folder.name)
        return verify_files(folder)

    monkeypatch.setattr(choice, "verify_files", verify)
    return names


def decided(which: Choice, *serving: str | None) -> str | None:
    """The name that is chosen when two workers, or these, have this in memory."""
    which.look(serving or (None, None))
    return None if which.order is None else which.order.name


def test_each_generation_is_verified_once(tmp_path: Path, verified: list[str]) -> None:
    a, b = (tiny.generation(tmp_path, serial).name for serial in (1, 2))
    which = Choice(tmp_path)
    for name in (a, b, a, b):
        tiny.announce(tmp_path, name)
        assert decided(which) == name
    assert verified == [a, b]


def test_only_so_many_are_remembered(tmp_path: Path, verified: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "REMEMBERED", 2)
    a, b, c = (tiny.generation(tmp_path, serial).name for serial in (1, 2, 3))
    which = Choice(tmp_path)
    for name in (a, b, c, c, a):
        tiny.announce(tmp_path, name)
        assert decided(which) == name
    assert verified == [a, b, c, a]


def test_what_could_not_be_read_is_tried_again_soon(tmp_path: Path, verified: list[str], clock: Clock) -> None:
    a, b = (tiny.generation(tmp_path, serial) for serial in (1, 2))
    tiny.announce(tmp_path, a.name)
    which = Choice(tmp_path)
    assert decided(which) == a.name
    (b / "pointers.bin").rename(tmp_path / "away")
    tiny.announce(tmp_path, b.name)
    for _ in range(3):
        assert decided(which) == a.name
        assert which.trouble == f"CURRENT names {b.name}: pointers.bin is missing"
    (tmp_path / "away").rename(b / "pointers.bin")
    clock.seconds += choice.READ_AGAIN_SECONDS
    assert decided(which) == b.name
    assert (which.trouble, verified) == (None, [a.name, b.name, b.name])


def test_what_is_damaged_is_not_read_again_until_somebody_says_so(
    tmp_path: Path, verified: list[str], clock: Clock
) -> None:
    a = tiny.generation(tmp_path)
    whole = (a / "index.mdb").read_bytes()
    damage(a)
    tiny.announce(tmp_path, a.name)
    which = Choice(tmp_path)
    assert decided(which) is None
    (a / "index.mdb").write_bytes(whole)
    clock.seconds += 1e6
    assert decided(which) is None
    assert verified == [a.name]
    which.forget()
    assert decided(which) == a.name


def test_a_file_that_changes_while_it_is_read_is_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny.generation(tmp_path)
    digest = manifest.hashlib.file_digest

    def backed_up_meanwhile(file: Any, kind: str) -> Any:
        os.link(file.name, tmp_path / f"backup-{Path(file.name).name}")
        return digest(file, kind)

    monkeypatch.setattr(manifest.hashlib, "file_digest", backed_up_meanwhile)
    with pytest.raises(Unreadable):
        verify_files(folder)


def test_the_first_generation_waits_for_its_current(tmp_path: Path, clock: Clock) -> None:
    which = Choice(tmp_path)
    assert decided(which) is None
    clock.seconds += 1e6
    name = tiny.generation(tmp_path).name
    (tmp_path / "CURRENT.tmp").write_text(f"{name}\n")
    for _ in range(3):
        assert decided(which) is None
        assert (which.trouble, which.fallback) == (None, False)
        clock.seconds += choice.FIRST_CURRENT_SECONDS / 4
    tiny.announce(tmp_path, name)
    assert decided(which) == name
    assert (which.trouble, which.fallback) == (None, False)


def test_a_first_current_that_does_not_come_is_not_waited_for_for_ever(tmp_path: Path, clock: Clock) -> None:
    which = Choice(tmp_path)
    assert decided(which) is None
    name = tiny.generation(tmp_path).name
    assert decided(which) is None
    clock.seconds += choice.FIRST_CURRENT_SECONDS
    for _ in range(2):
        assert decided(which) == name
        assert (which.trouble, which.fallback) == ("neither CURRENT nor PIN is there", True)


def test_at_start_a_bad_pin_leads_to_what_current_names(tmp_path: Path) -> None:
    a, b, c = (tiny.generation(tmp_path, serial) for serial in (1, 2, 3))
    damage(b)
    tiny.announce(tmp_path, a.name)
    tiny.announce(tmp_path, b.name, "PIN")
    which = Choice(tmp_path)
    assert decided(which) == a.name
    assert which.trouble is not None
    assert which.trouble.startswith("PIN")
    assert which.fallback
    assert which.order is not None
    assert not which.order.pinned
    (tmp_path / "CURRENT").unlink()
    assert decided(Choice(tmp_path)) == c.name


def serving_b_of_two(data_dir: Path) -> tuple[Choice, Path, Path]:
    a, b = (tiny.generation(data_dir, serial) for serial in (1, 2))
    tiny.announce(data_dir, b.name)
    which = Choice(data_dir)
    assert decided(which) == b.name
    which.served = which.order
    return which, a, b


def test_what_every_worker_has_stays_though_its_files_have_gone(tmp_path: Path) -> None:
    which, _, b = serving_b_of_two(tmp_path)
    b.rename(tmp_path / "away")
    assert decided(which, b.name, b.name) == b.name
    assert which.trouble is not None
    assert not which.fallback


@pytest.mark.parametrize("announced", [True, False])
def test_what_a_worker_lacks_and_cannot_open_is_replaced_for_all(tmp_path: Path, announced: bool) -> None:
    which, a, b = serving_b_of_two(tmp_path)
    if not announced:
        (tmp_path / "CURRENT").unlink()
    b.rename(tmp_path / "away")
    for _ in range(2):
        assert decided(which, b.name, None) == a.name
        assert which.fallback
        assert which.trouble is not None


def test_with_nothing_in_its_place_nothing_is_ordered(tmp_path: Path, clock: Clock) -> None:
    which, a, b = serving_b_of_two(tmp_path)
    damage(a)
    b.rename(tmp_path / "away")
    assert decided(which, b.name, None) is None
    assert not which.fallback
    (tmp_path / "away").rename(b)
    clock.seconds += choice.READ_AGAIN_SECONDS
    assert decided(which, b.name, None) == b.name


def test_what_no_worker_could_open_is_left_and_tried_again_later(tmp_path: Path, clock: Clock) -> None:
    which, a, b = serving_b_of_two(tmp_path)
    tiny.announce(tmp_path, a.name)
    for seconds in (*choice.OPEN_AGAIN_SECONDS, choice.OPEN_AGAIN_SECONDS[-1]):
        assert decided(which, b.name, None) == a.name
        assert which.order is not None
        which.unfit(which.order, "cannot be opened")
        which.unfit(which.order, "cannot be opened")
        clock.seconds += seconds - 1
        assert decided(which, b.name, None) == b.name
        assert which.trouble == f"CURRENT names {a.name}: cannot be opened"
        clock.seconds += 1


def test_what_could_not_be_opened_is_fit_when_its_files_are_others_now(tmp_path: Path) -> None:
    which, a, b = serving_b_of_two(tmp_path)
    tiny.announce(tmp_path, a.name)
    assert decided(which) == a.name
    order = which.order
    assert order is not None
    os.link(a / "index.mdb", tmp_path / "backup")
    which.unfit(order, "index.mdb has changed since it was verified")
    assert decided(which, b.name, b.name) == a.name
    assert which.order != order


def test_a_fallback_stays_one_while_what_is_named_is_tried_again(tmp_path: Path, clock: Clock) -> None:
    a, b = (tiny.generation(tmp_path, serial) for serial in (1, 2))
    tiny.announce(tmp_path, b.name)
    which = Choice(tmp_path)
    for times in range(2):
        assert decided(which) == b.name
        assert not which.fallback
        assert which.order is not None
        which.unfit(which.order, "cannot be opened")
        assert decided(which) == a.name
        assert which.fallback
        which.served = which.order
        clock.seconds += choice.OPEN_AGAIN_SECONDS[times]
    tiny.announce(tmp_path, a.name)
    assert decided(which, a.name) == a.name
    assert not which.fallback


def test_a_refused_generation_never_takes_the_place(tmp_path: Path) -> None:
    which, a, b = serving_b_of_two(tmp_path)
    refusal = manifest.Refusal(a.name, "bad data", "2026-11-24T02:00:00+01:00")
    (tmp_path / "refused.json").write_bytes(msgspec.json.encode([refusal]))
    b.rename(tmp_path / "away")
    assert decided(which, None) is None
