"""What processes of ours hold is not dumped, what they write not for others, and how they are called tells nothing."""

import argparse
import re
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader.__main__ import parser as loader_parser
from lookup.__main__ import parser as lookup_parser
from lookup.runfile import live_workers
from tests.loader import feeds
from tests.service import ROOT, Service

ASKED = """
import ctypes, os, resource
from register import secrecy
secrecy.keep_memory_private()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
os.umask(0o010)
secrecy.keep_files_private()
print(oct(os.umask(0)))
"""
PERSONAL = re.compile(r"\b(nins?|national.?ids?|persons?|birth.*)\b", re.IGNORECASE)


@pytest.fixture(scope="module", autouse=True)
def dumps() -> Iterator[int]:
    """Every process that is started begins with core dumps, as far as the system has them."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder, loaded by a loader that was started with the most careless of umasks."""
    folder = tmp_path_factory.mktemp("folder")
    feeds.write(folder / "feed", feeds.tables())
    load = [sys.executable, "-m", "loader", "load", str(folder / "feed"), "--data-dir", str(folder / "data")]
    subprocess.run(load, cwd=ROOT, check=True, umask=0)
    return folder / "data"


@pytest.fixture(scope="module")
def service(folder: Path, dumps: int) -> Iterator[Service]:
    with Service(folder) as service:
        service.wait("serving")
        yield service


def processes(service: Service, data: Path) -> list[int]:
    return [service.process.pid, *(worker.pid for worker in live_workers(data / "run"))]


def test_a_process_is_not_dumped_and_its_files_are_not_for_others() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["0 0 0", "0o37"]


def test_no_process_of_the_service_is_dumped(folder: Path, service: Service) -> None:
    limits = {resource.prlimit(pid, resource.RLIMIT_CORE) for pid in processes(service, folder)}
    assert limits == {(0, 0)}


def test_unless_that_is_wanted(folder: Path, tmp_path: Path, dumps: int) -> None:
    with Service(folder, FLR_CORE_DUMPS="true", FLR_RUN_DIR=str(tmp_path)) as service:
        assert resource.prlimit(service.process.pid, resource.RLIMIT_CORE) == (dumps, dumps)


def test_neither_files_nor_folders_are_for_others(folder: Path, service: Service) -> None:
    assert processes(service, folder)
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o027} == {}
    kept = {path: mode for path, mode in modes.items() if path.is_relative_to(folder / "gen")}
    assert {mode for path, mode in kept.items() if path.is_file()} == {0o440}
    assert {mode for path, mode in kept.items() if path.is_dir()} == {0o750}
    assert {path.parent.name for path in modes} >= {"run", "gen", "reports"}


def test_what_a_process_is_called_tells_nothing(folder: Path, service: Service) -> None:
    number = feeds.tables()["persons"][0]["nin"]
    assert service.ask("/v1/gp-lookup", {"nin": number})[0] == 200
    assert service.ask("/v1/gp-history", {"nin": number})[0] == 200
    for pid in processes(service, folder):
        called = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/comm").read_bytes()
        assert b"unguarded" in called
        assert number.encode() not in called


def arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from arguments(inner)


def test_no_command_takes_anything_of_a_person_as_an_argument() -> None:
    """Arguments are for all to see, in the list of processes: what is of a person comes by standard input."""
    for parser in (lookup_parser(), loader_parser()):
        actions = list(arguments(parser))
        assert len(actions) > 10
        assert [action.dest for action in actions if PERSONAL.search(f"{action.dest} {action.metavar}")] == []


UNCAUGHT = """
import sys, threading
from loader.errors import tell_where
from register.secrecy import tell_uncaught
tell_uncaught(tell_where)
nin = sys.argv[1]
class Ill:
    def __del__(self):
        raise ValueError(nin)
def fail():
    raise KeyError(nin)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Ill()
fail()
"""


def test_the_loader_tells_of_an_error_where_it_was_and_not_what_it_said() -> None:
    number = feeds.number(1)
    command = [sys.executable, "-c", UNCAUGHT, number]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert number not in done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("flr-loader: ")]
    assert [line.rsplit(": ", 1)[1] for line in told] == ["KeyError", "ValueError", "KeyError"]
    assert done.stderr.count(", in fail\n") == 2
