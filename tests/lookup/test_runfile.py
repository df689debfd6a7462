"""Run files: alive is who holds the lock, whatever the file says."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lookup.runfile import RunFile, live_workers, remove_dead

ROOT = Path(__file__).resolve().parents[2]
WORKER = """
import sys, time
from pathlib import Path
from lookup.runfile import RunFile
file = RunFile(Path(sys.argv[1]))
file.write("ready", 7, "0123abcd")
print("written", flush=True)
time.sleep(600)
"""


@pytest.fixture
def another(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        yield process
        process.kill()


def test_a_live_worker_is_seen_and_a_dead_one_is_not(tmp_path: Path, another: subprocess.Popen) -> None:
    (state,) = live_workers(tmp_path)
    assert (state.pid, state.state, state.name) == (another.pid, "ready", "7-0123abcd")
    another.send_signal(signal.SIGKILL)
    another.wait()
    assert (tmp_path / f"{another.pid}.json").exists()
    assert live_workers(tmp_path) == []
    remove_dead(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_living_are_not_removed(tmp_path: Path, another: subprocess.Popen) -> None:
    mine = RunFile(tmp_path)
    mine.write("starting")
    (tmp_path / "notes.txt").touch()
    (tmp_path / f"{os.getpid()}.new").touch()
    remove_dead(tmp_path)
    assert {state.pid for state in live_workers(tmp_path)} == {another.pid, os.getpid()}
    mine.remove()
    assert [state.pid for state in live_workers(tmp_path)] == [another.pid]


def test_a_worker_that_serves_nothing_names_nothing(tmp_path: Path) -> None:
    file = RunFile(tmp_path)
    file.write("starting")
    (state,) = live_workers(tmp_path)
    assert (state.serial, state.digest8, state.name, state.state) == (None, None, None, "starting")
    file.remove()
    file.remove()


def test_at_no_moment_does_a_live_worker_look_dead(tmp_path: Path) -> None:
    file = RunFile(tmp_path)
    file.write("starting")
    done = threading.Event()

    def rewrite() -> None:
        for serial in range(2000):
            file.write("ready", serial, "0123abcd")
        done.set()

    thread = threading.Thread(target=rewrite)
    thread.start()
    seen = []
    while not done.is_set():
        seen.append(live_workers(tmp_path))
    thread.join()
    assert all(len(states) == 1 for states in seen)
    file.remove()


def test_a_file_that_is_locked_but_says_nothing_is_passed_over(tmp_path: Path) -> None:
    file = RunFile(tmp_path)
    file.write("ready", 1, "0123abcd")
    assert file._file is not None
    os.ftruncate(file._file.fileno(), 0)
    assert live_workers(tmp_path) == []
    file.remove()


def test_threads_may_write_at_once(tmp_path: Path) -> None:
    file = RunFile(tmp_path)
    failures: list[OSError] = []

    def write() -> None:
        try:
            for serial in range(1000):
                file.write("ready", serial, "0123abcd")
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    (state,) = live_workers(tmp_path)
    assert state.name == "999-0123abcd"
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_who_drains_does_not_get_ready_again(tmp_path: Path) -> None:
    file = RunFile(tmp_path)
    file.write("draining", 1, "0123abcd")
    file.write("ready", 2, "0123abcd")
    assert [(state.state, state.serial) for state in live_workers(tmp_path)] == [("draining", 1)]
    file.remove()
    file.write("ready", 2, "0123abcd")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mask", [0, 0o077])
def test_the_group_may_read_it_and_nobody_else(tmp_path: Path, mask: int) -> None:
    file = RunFile(tmp_path)
    before = os.umask(mask)
    try:
        file.write("starting")
    finally:
        os.umask(before)
    assert file.path.stat().st_mode & 0o777 == 0o640
    file.remove()
