"""The loader under fire: killed, out of room, or unable to sync, at every call with which it changes files.

A run is one command on a copy of a prepared data folder, with the shim (shim.c) preloaded. Whatever it came to: what is
in service is a complete generation, with the content of the feed that its serial says; and the same command, run again
without a fault, succeeds and leaves nothing behind.
"""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lookup.choice import Choice
from lookup.manifest import CURRENT, NotServable, read_manifest, read_pointer, read_refused, verify_files
from tests.loader.feeds import manifest_of

ROOT = Path(__file__).resolve().parents[2]
FAULTS = ("kill", "kill-all", "full", "sync")
KILLED = -9
STORAGE, USAGE = 74, 64
SECONDS = 120


class Broken(AssertionError):
    """Something that must hold after a fault does not."""


class Operation(NamedTuple):
    """A command, the data folder that it begins with, and the serials in service before and after."""

    name: str
    begin: str
    arguments: tuple[str, ...]
    before: int | None
    after: int


OPERATIONS = [
    Operation("first load", "empty", ("load", "{feeds}/000001-full"), None, 1),
    Operation("full load", "one", ("load", "{feeds}/000003-full"), 1, 3),
    Operation("increment", "one", ("load", "{feeds}/000002-incremental"), 1, 2),
    Operation("rollback", "two", ("rollback", "1", "--reason", "a drill"), 2, 1),
]


class Campaign:
    """The prepared folders, and what it takes to run a command under fire."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.feeds = folder, folder / "feeds"
        self.shim = folder / "shim.so"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-o", self.shim, ROOT / "tests/faults/shim.c", "-ldl"], check=True
        )
        _population("--out", str(self.feeds), "--days", "2")
        _population("--out", str(self.feeds / "000003-full"), "--sequence", "3")
        self.digests = {
            manifest["sequence"]: manifest["content_digest"]
            for manifest in map(manifest_of, sorted(self.feeds.iterdir(), reverse=True))
        }
        for name, feeds in (("empty", ()), ("one", ("000001-full",)), ("two", ("000001-full", "000002-incremental"))):
            data = self.begin(name)
            for feed in feeds:
                code, error = self.run(data, ("load", str(self.feeds / feed)))
                if code:
                    raise Broken(error)

    def begin(self, name: str) -> Path:
        """Where a prepared data folder is. (The folder that the data folder is in has to be there.)"""
        (self.folder / name).mkdir(exist_ok=True)
        return self.folder / name / "data"

    def command(self, operation: Operation) -> tuple[str, ...]:
        """The arguments of an operation."""
        return tuple(one.format(feeds=self.feeds) for one in operation.arguments)

    def run(self, data: Path, arguments: tuple[str, ...], **fault: str) -> tuple[int, str]:
        """Run the loader; (exit code, what it said on standard error)."""
        done = subprocess.run(
            [sys.executable, "-m", "loader", *arguments, "--data-dir", str(data), "--adopt-timeout", "20"],
            cwd=ROOT,
            env={**os.environ, **fault},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            start_new_session=True,  # so that a whole group can be killed, and it is not ours
        )
        return done.returncode, done.stderr

    def under_fire(self, data: Path, arguments: tuple[str, ...], fault: str, at: int) -> tuple[int, str, int]:
        """Run the loader with a fault at call number `at`: (exit code, what it said, how many calls there were)."""
        count = self.folder / f"count-{os.getpid()}"
        count.write_bytes(bytes(8))
        shim = {"LD_PRELOAD": str(self.shim), "FLR_FAULT_COUNT": str(count)}
        if fault:
            shim |= {"FLR_FAULT": fault, "FLR_FAULT_AT": str(at)}
        code, said = self.run(data, arguments, **shim)
        return code, said, struct.unpack("<q", count.read_bytes())[0]

    def calls(self, operation: Operation) -> int:
        """How many calls there are in a run in which nothing goes wrong."""
        with self.fresh(operation) as data:
            code, said, calls = self.under_fire(data, self.command(operation), "", 0)
        if code:
            raise Broken(said)
        return calls

    def fresh(self, operation: Operation) -> "_Copy":
        """A copy of the folder that an operation begins with, for the time of a context."""
        return _Copy(self.begin(operation.begin), self.folder / f"work-{os.getpid()}" / "data")

    def drill(self, operation: Operation, fault: str, at: int) -> str:
        """One fault: raises Broken when something does not hold; returns what the run came to."""
        with self.fresh(operation) as data:
            code, said, _ = self.under_fire(data, self.command(operation), fault, at)
            if fault in ("full", "sync") and code not in (0, STORAGE):
                raise Broken(f"exit code {code}: {said}")
            if "Traceback" in said:
                raise Broken(said)
            self.check(data, operation)
            done = _serial(data) == operation.after
            code, said = self.run(data, self.command(operation))
            if code and not (done and code == USAGE and operation.name == "rollback"):
                raise Broken(f"not to be repaired: {code}: {said}")
            self.check(data, operation)
            self.check_tidy(data, operation)
        return "done" if done else "not done"

    def check(self, data: Path, operation: Operation) -> None:
        """What is in service, and what a service that starts now would choose, is whole and of the right content."""
        named = _serial(data)
        if named not in (operation.before, operation.after):
            raise Broken(f"CURRENT names {named}")
        choice = Choice(data)
        if data.exists():
            choice.look([None])
        chosen = None if choice.order is None else choice.order.name
        if chosen is None and operation.before is not None:
            raise Broken(f"nothing can be served: {choice.trouble}")
        for name in {chosen, read_pointer(data, CURRENT)} - {None}:
            self.check_generation(data / "gen" / str(name))

    def check_generation(self, folder: Path) -> None:
        """A folder's files are what its manifest says, and its content is that of the feed with its serial."""
        try:
            verify_files(folder)
            manifest, _ = read_manifest(folder)
        except NotServable as error:
            raise Broken(f"{folder.name}: {error}") from None
        if manifest.content_digest != self.digests[manifest.serial]:
            raise Broken(f"{folder.name} is another register")

    def check_tidy(self, data: Path, operation: Operation) -> None:
        """After a load that went well, nothing is left of the one before."""
        if _serial(data) != operation.after:
            raise Broken("the second run did not get there")
        if left := [*(data / "staging").iterdir(), *data.glob("*.tmp"), *data.glob("reports/*.tmp")]:
            raise Broken(f"left behind: {[path.name for path in left]}")
        there = [folder.name.split("-")[0] for folder in (data / "gen").iterdir()]
        if len(there) != len(set(there)):
            raise Broken("a generation that was never in service is left behind")
        for folder in (data / "gen").iterdir():
            self.check_generation(folder)
        refused = {refusal.name.split("-")[0] for refusal in read_refused(data)}
        if refused != ({"2"} if operation.name == "rollback" else set()):
            raise Broken(f"refused: {refused}")


class _Copy:
    """A prepared folder, copied for one run. Files of generations are never written to, so links will do for them."""

    def __init__(self, source: Path, target: Path) -> None:
        self.source, self.target = source, target

    def __enter__(self) -> Path:
        shutil.rmtree(self.target.parent, ignore_errors=True)
        self.target.parent.mkdir()
        if self.source.exists():
            shutil.copytree(self.source, self.target, copy_function=_link_or_copy)
        return self.target

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.target.parent, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    os.link(source, target) if "/gen/" in source else shutil.copy2(source, target)


def _serial(data: Path) -> int | None:
    name = read_pointer(data, CURRENT)
    return None if name is None else int(name.split("-")[0])


def _population(*arguments: str) -> None:
    command = [sys.executable, "-m", "bench.population", "--persons", "1000", "--seed", "1", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def drills(campaign: Campaign, operation: Operation, every: int) -> Iterator[tuple[str, int]]:
    """(fault, number of the call) of every drill, or of one in `every`; ends where the calls of a good run end."""
    calls = campaign.calls(operation)
    for i, fault in enumerate(FAULTS):
        yield from ((fault, at) for at in range(1 + i % every, calls + 1, every))
