"""A load that is stopped or killed in its midst, as real processes: none of it goes on, and nothing is left behind."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader.load import load
from loader.progress import Progress
from loader.settings import Settings
from tests.loader import feeds

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60
# Each says which processes the loader has started, and then goes on for ever.
STAGES = {
    "crew": r"""
def work(dealing, task):
    dealing.open()
    os.write(1, b"%d\n" % os.getpid())
    signal.pause()
loader.build.deal = work
""",
    "reader": r"""
def run(command, **_):
    reader = subprocess.Popen(command)  # is told nothing, so it waits for what it will be asked
    os.write(1, b"%d\n%d\n" % (reader.pid, os.getpid()))
    reader.wait()
subprocess.run = run
""",
}
LOADER = """
import os, signal, subprocess, sys
import loader.build, loader.__main__
loader.build.SMALL_FEED_RECORDS = 0
{stage}
sys.exit(loader.__main__.main(sys.argv[1:]))
"""


@pytest.fixture(params=STAGES)
def loading(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[subprocess.Popen, set[int]]]:
    """A loader in the midst of a load over one that is in service, and the processes that it has started."""
    feeds.write(tmp_path / "feed", feeds.tables())
    load(tmp_path / "feed", settings(tmp_path), Progress(show=False))
    arguments = ["load", tmp_path / "feed", "--rebuild", "--data-dir", tmp_path / "data", "--processes", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", LOADER.format(stage=STAGES[request.param]), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        bufsize=0,  # so that what select sees is all there is
    ) as process:
        started: set[int] = set()
        try:
            assert process.stdout is not None
            for _ in range(2):
                assert select.select([process.stdout], [], [], PATIENCE_SECONDS)[0]
                started.add(int(process.stdout.readline()))
            assert len(started) == 2
            yield process, started
        finally:
            process.kill()
            for pid in filter(alive, started):
                os.kill(pid, signal.SIGKILL)


def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder / "data")


def alive(pid: int) -> bool:
    """Whether there is such a process, and more of it than its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_gone(pids: set[int]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while any(map(alive, pids)):
        assert time.monotonic() < until, "a process of the loader goes on without it"
        time.sleep(0.01)


def in_place(data: Path) -> dict[str, bytes]:
    """What the data folder holds but for staging/, reports/ and the lock's text."""
    paths = [data / "CURRENT", *(data / "gen").rglob("*")]
    return {str(path.relative_to(data)): path.read_bytes() for path in paths if path.is_file()}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whom", ["the loader", "all of them"])
def test_nothing_of_it_goes_on(
    tmp_path: Path, loading: tuple[subprocess.Popen, set[int]], number: signal.Signals, whom: str
) -> None:
    process, started = loading
    before = in_place(tmp_path / "data")
    assert list((tmp_path / "data" / "staging").iterdir()) != []
    for pid in (process.pid, *started) if whom == "all of them" else (process.pid,):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    code = process.wait(PATIENCE_SECONDS)
    wait_gone(started)
    assert in_place(tmp_path / "data") == before
    if number is not signal.SIGKILL:
        assert code == 128 + number
        assert list((tmp_path / "data" / "staging").iterdir()) == []
    report = load(tmp_path / "feed", settings(tmp_path), Progress(show=False), rebuild=True)
    assert report.outcome == "published"
    assert list((tmp_path / "data" / "staging").iterdir()) == []


ORPHAN = """
import os, sys
from loader.crew import die_with
die_with(int(sys.argv[1]))
print("lives", flush=True)
"""


@pytest.mark.parametrize(("parent", "code"), [("mine", 0), ("another", -signal.SIGKILL)])
def test_who_has_lost_its_parent_before_it_could_ask_ends(parent: str, code: int) -> None:
    pid = os.getpid() if parent == "mine" else os.getppid()
    done = subprocess.run([sys.executable, "-c", ORPHAN, str(pid)], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (code, b"lives\n" if code == 0 else b"")
