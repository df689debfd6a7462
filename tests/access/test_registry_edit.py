"""The clients file as it is changed: whole or not at all, by one after the other, for those who are to read it."""

import multiprocessing
import os
import random
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from lookup.access import clientsfile
from lookup.access.client import Client
from lookup.access.clientsfile import ClientsError, Held, edit, read_clients, write
from tests.access.registered import client, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return put(tmp_path / "clients.json", client())


class TestEdit:
    @pytest.mark.parametrize("umask", [0, 0o077])
    def test_makes_file_and_folder_for_owner_and_group(self, tmp_path: Path, umask: int) -> None:
        before = os.umask(umask)
        try:
            with edit(tmp_path / "access" / "clients.json") as some:
                some["clinic"] = client()
        finally:
            os.umask(before)
        made = {one.name: one.stat().st_mode & 0o777 for one in (tmp_path / "access").iterdir()}
        assert made == {"clients.json": 0o640, "clients.json.lock": 0o640}
        assert (tmp_path / "access").stat().st_mode & 0o777 == 0o750

    def test_belongs_to_whom_the_folder_belongs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        given: list[tuple[int, int]] = []
        monkeypatch.setattr(os, "fchown", lambda _, user, group: given.append((user, group)))
        for user in (0, 1000):
            monkeypatch.setattr(os, "geteuid", lambda user=user: user)
            with edit(tmp_path / str(user) / "clients.json") as some:
                some["clinic"] = client()
        about = tmp_path.stat()
        made_by_root, made_by_others = (about.st_uid, about.st_gid), (-1, about.st_gid)
        assert given == [made_by_root] * 3 + [made_by_others] * 3  # folder, lock and file

    def test_follows_no_link_that_stands_where_its_own_files_will(self, path: Path) -> None:
        elsewhere = path.parent / "elsewhere"
        path.with_name("clients.json.lock").symlink_to(elsewhere)
        with pytest.raises(OSError, match="symbolic links"), edit(path):
            pass
        path.with_name("clients.json.lock").unlink()
        path.with_name("clients.json.tmp").symlink_to(elsewhere)
        with edit(path) as some:
            some.clear()
        assert not elsewhere.exists()

    def test_a_misspelt_folder_is_not_made(self, tmp_path: Path) -> None:
        with (
            pytest.raises(ClientsError, match="there is no folder"),
            edit(tmp_path / "dta" / "access" / "clients.json"),
        ):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_an_error_inside_changes_nothing(self, path: Path) -> None:
        before = path.read_bytes()
        with pytest.raises(KeyError), edit(path) as some:
            del some["clinic"], some["nobody"]
        assert path.read_bytes() == before

    def test_what_could_not_be_read_again_is_not_written(self, path: Path) -> None:
        before = path.read_bytes()
        with pytest.raises(ClientsError, match="token_client"), edit(path) as some:
            some |= {name: client(name, token_client="same") for name in ("one", "other")}
        assert (path.read_bytes(), sorted(one.name for one in path.parent.iterdir())) == (
            before,
            ["clients.json", "clients.json.lock"],
        )

    def test_nothing_changed_is_nothing_written(self, path: Path) -> None:
        before = path.stat()
        with edit(path):
            pass
        assert path.stat() == before

    def test_a_link_stays_a_link(self, path: Path) -> None:
        link = path.parent / "link.json"
        link.symlink_to(path)
        with edit(link) as some:
            some["second"] = client("second", passwords=(), salt=None, roles=frozenset(), token_client="t")
        assert link.is_symlink()
        assert list(read_clients(path)) == ["clinic", "second"]

    def test_a_full_disk_leaves_the_old_file(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = path.read_bytes()

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"), edit(path) as some:
            some.clear()
        assert path.read_bytes() == before
        assert not path.with_name("clients.json.tmp").exists()

    def test_one_who_waits_too_long_says_so(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(clientsfile, "LOCK_SECONDS", 0.0)
        with edit(path), pytest.raises(Held) as held, edit(path):
            pass
        assert held.value.exit_code == 75

    def test_commands_at_the_same_time_lose_nothing(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(clientsfile, "LOCK_SECONDS", 60.0)  # however slow the disk is
        here = multiprocessing.get_context("fork")
        many = [here.Process(target=_register, args=(path, f"c{i}-", 5)) for i in range(4)]
        for one in many:
            one.start()
        for one in many:
            one.join()
            assert one.exitcode == 0
        assert len(read_clients(path)) == 21

    def test_killed_at_any_moment_the_file_is_the_old_one_or_the_new_one(self, path: Path) -> None:
        chance, here = random.Random(5), multiprocessing.get_context("fork")
        few, many = {"clinic": client()}, {f"c{i}": client(f"c{i}") for i in range(40)}
        for _ in range(25):
            writing = here.Event()
            one = here.Process(target=_write_for_ever, args=(path, few, many, writing))
            one.start()
            assert writing.wait(60)
            time.sleep(chance.uniform(0, 0.01))
            one.kill()
            one.join()
            assert read_clients(path) in (few, many)
        with edit(path) as some:  # nothing that was left is in the way
            some.clear()
        assert read_clients(path) == {}


def _register(path: Path, prefix: str, count: int) -> None:
    for i in range(count):
        with edit(path) as some:
            some[f"{prefix}{i}"] = client(f"{prefix}{i}")


def _write_for_ever(path: Path, few: dict[str, Client], many: dict[str, Client], writing: Event) -> None:
    os.fsync = lambda _: None  # type: ignore[assignment]  # nothing that a killed process has written is lost
    while True:
        write(path, many)
        writing.set()
        write(path, few)
