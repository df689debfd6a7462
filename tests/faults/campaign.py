"""The loader under fire: killed, out of room, or unable to sync, at every call with which it changes files.

A drill is a story told to a copy of a prepared data folder, with harm done at one call (harm.c). Whatever it came to:
what is in service is a complete generation, with the content of the feed that its serial says; and what the story had
still to tell, told again without harm, succeeds and leaves nothing behind.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.faults.holds import Broken, check, check_tidy, serial
from tests.faults.ready import ROOT, Ready
from tests.faults.stories import PREPARED, PULL, PUSH, Command, Story
from tests.loader.feeds import manifest_of

FAULTS = ("kill", "kill-all", "full", "sync", "read-only")
KILLED = -9
STORAGE, USAGE, UNREACHABLE = 74, 64, 69
MEMORY = "/dev/shm"  # where folders that are made by the thousand cost little


class Fired(NamedTuple):
    """What a story under fire came to: commands that went well, the last exit code, what it said, calls so far."""

    told: int
    code: int
    said: str
    calls: int


class Campaign:
    """The prepared folders, and what it takes to tell a story under fire. Threads may share one."""

    def __init__(self, folder: Path, persons: int = 1000) -> None:
        self.folder, self.feeds = folder, folder / "feeds"
        self.memory = Path(tempfile.mkdtemp(prefix="flr-faults-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        self._threads, self._all = threading.local(), list[Ready]()
        self._population(persons, "--out", str(self.feeds), "--days", "2")
        self._population(persons, "--out", str(self.feeds / "000003-full"), "--sequence", "3")
        self.digests = {
            manifest["sequence"]: manifest["content_digest"]
            for manifest in map(manifest_of, sorted(self.feeds.iterdir(), reverse=True))
        }
        for name, commands in PREPARED.items():
            (folder / name).mkdir()
            for command in commands:
                code, said = self.run(folder / name / "data", command)
                if code:
                    raise Broken(said)

    def __enter__(self) -> "Campaign":
        return self

    def __exit__(self, *_: object) -> None:
        for ready in self._all:
            ready.close()
        shutil.rmtree(self.memory, ignore_errors=True)

    @property
    def ready(self) -> Ready:
        """This thread's loader."""
        if not hasattr(self._threads, "ready"):
            self._threads.ready = Ready(self.folder)
            self._all.append(self._threads.ready)
        return self._threads.ready  # type: ignore[no-any-return]

    def arguments(self, data: Path, command: Command) -> Command:
        """A command as the loader is given it."""
        meant = tuple(one.format(feeds=self.feeds, beside=data.parent) for one in command)
        return (*meant, "--data-dir", str(data))

    def run(self, data: Path, command: Command, **environment: str) -> tuple[int, str]:
        """Run the loader; (exit code, what it said on standard error)."""
        return self.ready.run(self.arguments(data, command), **environment)

    @contextmanager
    def fresh(self, story: Story) -> Iterator[Path]:
        """A copy of the data folder that a story begins with, for the time of the context."""
        work = self.folder / f"work-{threading.get_ident()}"
        shutil.rmtree(work, ignore_errors=True)
        # Links would do for what is never written to, but a link changes the ctime for everybody who has one.
        shutil.copytree(self.folder / story.begin, work)
        if story.store is not None:
            shutil.copytree(self.folder / story.store / "store", work / "store")
        try:
            yield work / "data"
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def fire(self, data: Path, story: Story, fault: str, at: int, **environment: str) -> Fired:
        """Tell a story with a fault at call number `at`, until a command does not go well."""
        count = self.folder / f"count-{threading.get_ident()}"
        count.write_bytes(bytes(8))
        shim = {"FLR_FAULT_COUNT": str(count), "FLR_KEEP_GENERATIONS": str(story.keep), **environment}
        if fault:
            shim |= {"FLR_FAULT": fault, "FLR_FAULT_AT": str(at)}
        code, said = 0, ""
        for told, command in enumerate(story.commands):
            code, said = self.run(data, command, **shim)
            if code:
                return Fired(told, code, said, _number(count))
        return Fired(len(story.commands), code, said, _number(count))

    def calls(self, story: Story) -> int:
        """How many calls there are in a story in which nothing goes wrong."""
        with self.fresh(story) as data:
            fired = self.fire(data, story, "", 0)
        if fired.code:
            raise Broken(fired.said)
        return fired.calls

    def drill(self, story: Story, fault: str, at: int) -> str:
        """One fault: raises Broken when something does not hold; returns what the story came to."""
        with self.fresh(story) as data:
            fired = self.fire(data, story, fault, at)
            killed = {KILLED} if "kill" in fault else set()  # or one of its crew, which it tells as STORAGE
            if fired.code not in {0, STORAGE} | killed:
                raise Broken(f"exit code {fired.code}: {fired.said}")
            if "Traceback" in fired.said:
                raise Broken(fired.said)
            self.check(data, story, fired.told)
            done = serial(data) == story.serials[-1]
            self.tell(data, story, fired.told)
        return "done" if done else "not done"

    def check(self, data: Path, story: Story, told: int) -> None:
        """What must hold when so many commands went well, and the next one may have done something or not."""
        check(data, story.serials[told : told + 2], self.digests)
        if PUSH in story.commands and self.pull(data, (0, UNREACHABLE)) == 0:
            check(data.parent / "node", story.serials[-1:], self.digests)

    def pull(self, data: Path, expected: tuple[int, ...]) -> int:
        """What another node gets of the store beside a data folder: the exit code, one of those expected."""
        code, said = self.run(data.parent / "node", PULL)
        if code not in expected:
            raise Broken(f"what was pushed cannot be pulled: {code}: {said}")
        return code

    def tell(self, data: Path, story: Story, told: int) -> None:
        """Tell the rest of a story; all must be well then. The first command may have done what it is to do."""
        told = min(told, len(story.commands) - 1)  # what could not be removed behind the swap the next run removes
        for command, after in zip(story.commands[told:], story.serials[told + 1 :], strict=True):
            done = serial(data) == after
            code, said = self.run(data, command, FLR_KEEP_GENERATIONS=str(story.keep))
            if code and not (done and code == USAGE and command[0] == "rollback"):
                raise Broken(f"not to be repaired: {code}: {said}")
        check(data, story.serials[-1:], self.digests)
        check_tidy(data, story, self.digests)
        if PUSH in story.commands:
            self.pull(data, (0,))
            check(data.parent / "node", story.serials[-1:], self.digests)

    def drills(self, story: Story, every: int) -> Iterator[tuple[str, int]]:
        """(fault, number of the call) of every drill, or of one in `every`; ends where the calls of a good run end."""
        calls = self.calls(story)
        for i, fault in enumerate(FAULTS):
            yield from ((fault, at) for at in range(1 + i % every, calls + 1, every))

    def _population(self, persons: int, *arguments: str) -> None:
        command = [sys.executable, "-m", "bench.population", "--persons", str(persons), "--seed", "1", *arguments]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def _number(count: Path) -> int:
    number: int = struct.unpack("<q", count.read_bytes())[0]
    return number
