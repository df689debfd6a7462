"""What a child has verified while the rest was being imported is taken as a beginning, and never more than that."""

import os
import signal
from pathlib import Path

import pytest

from lookup import choice
from lookup.ahead import Ahead
from lookup.choice import Choice
from lookup.manifest import verify_files
from tests import tiny


def test_what_is_found_is_what_verifying_gives(data: Path) -> None:
    folder = tiny.generation(data)
    tiny.announce(data, folder.name)
    assert Ahead(data).found() == {folder.name: verify_files(folder)}


def test_what_was_found_is_not_hashed_again_unless_it_has_changed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny.generation(data)
    tiny.announce(data, folder.name)
    hashed = []
    monkeypatch.setattr(choice, "verify_files", lambda folder: hashed.append(folder) or verify_files(folder))
    which = Choice(data)
    which.stamps.update(Ahead(data).found())
    which.look([])
    assert which.order is not None
    assert (which.order.name, hashed) == (folder.name, [])
    os.utime(folder / "index.mdb")  # not the file, its ctime
    which.look([])
    assert hashed == [folder]


@pytest.mark.parametrize("what", ["nothing there", "damaged", "killed"])
def test_nothing_is_found(data: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if what != "nothing there":
        folder = tiny.generation(data)
        tiny.announce(data, folder.name)
    if what == "damaged":
        content = bytearray((folder / "index.mdb").read_bytes())
        content[len(content) // 2] ^= 1
        (folder / "index.mdb").write_bytes(content)
    if what == "killed":
        monkeypatch.setattr(choice, "verify_files", lambda _: signal.pause())
    ahead = Ahead(data)
    if what == "killed":
        os.kill(ahead._pid, signal.SIGKILL)
    assert ahead.found() == {}
    with pytest.raises(ChildProcessError):
        os.waitpid(ahead._pid, 0)  # it is buried
