"""One loader at a time."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from loader.errors import LockHeld
from loader.lock import Holder, LoaderLock, holder

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from loader.lock import LoaderLock
with LoaderLock(Path(sys.argv[1]), 1800):
    print("held", flush=True)
    time.sleep(600)
"""
FORK = """
import os, signal, sys
from pathlib import Path
from loader.lock import LoaderLock
with LoaderLock(Path(sys.argv[1]), 1800):
    if os.fork() == 0:
        print(os.getpid(), flush=True)
    signal.pause()
"""


@pytest.fixture
def other(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_loader_is_turned_away_and_told_by_whom(tmp_path: Path, other: subprocess.Popen) -> None:
    with pytest.raises(LockHeld, match=f"process {other.pid}") as caught, LoaderLock(tmp_path, 1800):
        pass
    assert (caught.value.exit_code, caught.value.stuck) == (75, False)
    assert holder(tmp_path) == Holder(other.pid, msgspec.json.decode((tmp_path / "loader.lock").read_bytes())["since"])


def test_one_that_holds_it_for_long_is_spoken_of(tmp_path: Path, other: subprocess.Popen) -> None:
    (tmp_path / "loader.lock").write_bytes(msgspec.json.encode(Holder(other.pid, "2020-01-01T00:00:00+00:00")))
    with pytest.raises(LockHeld, match="may be stuck") as caught, LoaderLock(tmp_path, 1800):
        pass
    assert caught.value.stuck


def test_a_clock_that_was_set_back_makes_nobody_younger_than_new(tmp_path: Path, other: subprocess.Popen) -> None:
    (tmp_path / "loader.lock").write_text(f'{{"pid": {other.pid}, "since": "2999-01-01T00:00:00+00:00"}}')
    with pytest.raises(LockHeld, match="for 0 s") as caught, LoaderLock(tmp_path, 1800):
        pass
    assert not caught.value.stuck


def test_one_that_does_not_say_who_it_is_is_spoken_of(tmp_path: Path, other: subprocess.Popen) -> None:
    assert other.pid
    (tmp_path / "loader.lock").write_bytes(b"")
    with pytest.raises(LockHeld, match="does not say who") as caught, LoaderLock(tmp_path, 1800):
        pass
    assert caught.value.stuck


def test_a_dead_loader_holds_nothing(tmp_path: Path, other: subprocess.Popen) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert holder(tmp_path) is None
    with LoaderLock(tmp_path, 1800):
        pass


def test_one_that_only_looks_is_not_another_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loader.lock").touch()
    with (tmp_path / "loader.lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)

        def look_no_more(_: float) -> None:
            fcntl.flock(looking, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", look_no_more)
        with LoaderLock(tmp_path, 1800):
            pass


def test_a_dead_loader_is_not_named(tmp_path: Path, other: subprocess.Popen) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    (tmp_path / "loader.lock").write_bytes(msgspec.json.encode(Holder(dead.pid, "2026-11-24T02:00:00+00:00")))
    with pytest.raises(LockHeld, match="does not say who"), LoaderLock(tmp_path, 1800):
        pass
    assert holder(tmp_path) is None
    assert other.pid


def test_who_has_done_is_not_named(tmp_path: Path) -> None:
    with LoaderLock(tmp_path, 1800):
        pass
    assert (tmp_path / "loader.lock").read_bytes() == b""


def test_it_is_free_again_afterwards(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    for _ in range(2):
        with LoaderLock(tmp_path, 1800):
            assert holder(tmp_path) is not None
        assert holder(tmp_path) is None


def test_the_crew_of_a_killed_loader_does_not_keep_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", FORK, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            assert holder(tmp_path) is not None
            process.kill()
            process.wait()
            os.kill(child, 0)  # it is still there
            with LoaderLock(tmp_path, 1800):
                pass
        finally:
            os.kill(child, signal.SIGKILL)


def test_leaving_frees_it_whatever_a_child_is_doing(tmp_path: Path) -> None:
    with LoaderLock(tmp_path, 1800):
        pid = os.fork()
        if pid == 0:
            signal.pause()
    try:
        with LoaderLock(tmp_path, 1800):
            pass
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
