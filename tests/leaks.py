"""Nothing that the tests have written holds a test person's number, but for what has to. A plugin of pytest.

Looks, when the session ends, at every file in its temporary folders, and at what processes and tests have said: plain,
grouped 6+5, UTF-16, base64 and hex. Numbers are those of the feeds that the session has made, and those that tests
make up. Files that may hold numbers are named in MAY_HOLD, with why; whatever else holds one fails the session. Under
pytest-xdist each worker looks at its own. Leaves out what is compressed, and what a test that fails shows.
"""

import base64
import mmap
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from register.ids import MASKED, mask

MAY_HOLD = {
    "*.ndjson*": "a feed",
    "*.parquet": "a feed",
    "*.zip": "the real register's export",
    "*.xml": "a document of it",
    "*.mdb": "a generation",
    "*.bin": "a generation",
    "canaries*": "questions that the operator puts",
    "birds": "the same, in our tests",
    "answers.json": "questions and what they must be answered, of a test",
    "backup": "a file of a generation, put aside by a test",
    "calls": "what a program under faults has asked of the kernel, octets and all",
    "wire-*.http": "a request that a fuzzer has found",
    "numbers": "those that a test of this module looks for",
    "*.py": "our own code, copied by a test, with the numbers of its examples",
    "*.pyc": "the same, compiled",
    "*/site[0-9]*/*": "the documentation, built by a test: the same numbers",
}
MADE_UP = 100  # numbers of tests.tiny that are looked for

_ELEVEN = re.compile(rb"(?<![0-9])[0-9]{11}(?![0-9])")
_GROUPED = re.compile(rb"(?=([0-9]{6})(?:[ .\-+]|%20|\xc2\xa0|\xa0)([0-9]{5}))")
_WIDE = re.compile(rb"(?:[0-9 .\-]\0){10,}[0-9 .\-]")
_HEX = re.compile(rb"(?=((?:(?:3[0-9]|2[0dDeE])[ :]?){10,12}3[0-9]))")
# Three digits in base64, at the beginning of a group of four; whatever way a number stands, one such is in it.
_BASE64 = re.compile(rb"(?=[MNO][DTjz][AEIMQUYcgk][w-z0-5])")
_AROUND = 20  # characters of base64 before and behind such a group, in which the number must be


class Leak(NamedTuple):
    """Where a number was found, and how it was written. Not which."""

    where: str
    how: str


def ways(data: Any, numbers: set[bytes]) -> set[str]:
    """How numbers are written in `data`: bytes, or a map of a file."""
    found = set()
    if _any_plain(data, numbers):
        found.add("plain")
    if any(a + b in numbers for a, b in (match.groups() for match in _GROUPED.finditer(data))):
        found.add("grouped")
    if any(_any(match[0].replace(b"\0", b""), numbers) for match in _WIDE.finditer(data)):
        found.add("UTF-16")
    if any(_any(bytes.fromhex(match[1].decode().replace(":", " ")), numbers) for match in _HEX.finditer(data)):
        found.add("hex")
    if any(_any(decoded, numbers) for decoded in _from_base64(data)):
        found.add("base64")
    return found


def _any_plain(data: Any, numbers: set[bytes]) -> bool:
    return any(match[0] in numbers for match in _ELEVEN.finditer(data))


def _any(data: bytes, numbers: set[bytes]) -> bool:
    grouped = (match.groups() for match in _GROUPED.finditer(data))
    return _any_plain(data, numbers) or any(a + b in numbers for a, b in grouped)


def _from_base64(data: Any) -> Iterator[bytes]:
    until = 0
    for match in _BASE64.finditer(data):
        at = match.start()
        if at < until and (until - at) % 4 == 0:
            continue  # in what has been decoded, and in step with it
        piece = re.search(rb"[A-Za-z0-9+/_-]*\Z", data[max(0, at - _AROUND) : at])
        before = len(piece[0]) // 4 * 4 if piece else 0
        run = re.match(rb"[A-Za-z0-9+/_-]*", data[at : at + _AROUND])
        behind = run[0] if run else b""
        text = (data[at - before : at] + behind).replace(b"-", b"+").replace(b"_", b"/")
        until = at + 4
        yield base64.b64decode(text + b"A" * (-len(text) % 4))


def numbers_in(files: Iterable[Path]) -> set[bytes]:
    """Every number of eleven digits in the feeds among these files."""
    numbers: set[bytes] = set()
    for path in files:
        if fnmatch(path.name, "*.ndjson"):
            numbers.update(re.findall(rb'"([0-9]{11})"', path.read_bytes()))
    return numbers


def made_up() -> set[bytes]:
    """The numbers that tests make up, where they do."""
    tiny = sys.modules.get("tests.tiny")
    return set() if tiny is None else {tiny.number(serial).encode() for serial in range(MADE_UP)}


def files_in(folder: Path) -> list[Path]:
    """Every file there, but none that is somewhere else, and none that cannot be looked into."""
    found = [path for path in folder.rglob("*") if not path.is_symlink() and path.is_file()]
    return [path for path in found if not path.is_mount()]


def leaks_in(files: Iterable[Path], numbers: set[bytes]) -> Iterator[Leak]:
    """What is written in those files that may hold no number."""
    for path in files:
        may = any(fnmatch(str(path) if "/" in pattern else path.name, pattern) for pattern in MAY_HOLD)
        with suppress(FileNotFoundError):  # of a process that is just ending
            if not may and path.stat().st_size:
                with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    yield from [Leak(str(path), how) for how in ways(data, numbers)]


class Listener:
    """Hears what processes and tests say, and looks at everything when the session ends."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.heard: dict[str, bytearray] = {}
        self.leaks: list[Leak] = []
        self.looked_at = ""
        self._names: set[str] = set()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """A test that is given a number is not called by it: names are printed, and are those of folders."""
        if mask(item.nodeid) == item.nodeid:
            return
        called = (mask(item.nodeid).replace(MASKED, f"national id {n}") for n in count(1))
        name = next(one for one in called if one not in self._names)
        self._names.add(name)
        item._id = type(item.id).parse(name)
        item.name = name.rpartition("::")[2]

    def hear(self, who: str, said: object) -> None:
        """Remember what somebody has said."""
        if isinstance(said, str):
            said = said.encode("utf-8", "surrogateescape")
        if isinstance(said, bytes) and said:
            self.heard.setdefault(who, bytearray()).extend(said + b"\n")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test is done: it has a name, and what it has said."""
        self.hear("names of tests", report.nodeid)
        if not report.failed:
            for title, said in report.sections:
                self.hear(f"{report.nodeid}: {title}", said)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Look at everything."""
        began = time.monotonic()
        factory = getattr(self.config, "_tmp_path_factory", None)
        folder = None if factory is None else factory._basetemp  # as far as one was ever made
        files = [] if folder is None else files_in(folder)
        self.hear("names of files", "\n".join(map(str, files)))
        numbers = made_up() | numbers_in(files)
        self.leaks += leaks_in(files, numbers)
        self.leaks += (Leak(who, how) for who, said in self.heard.items() for how in ways(bytes(said), numbers))
        said = sum(map(len, self.heard.values()))
        self.looked_at = (
            f"{len(files)} files, {said} octets that were said, {len(numbers)} numbers, "
            f"{time.monotonic() - began:.1f} s"
        )
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["leaks"] = [[*leak] for leak in self.leaks]
            self.config.workeroutput["looked_at"] = self.looked_at
        elif self.leaks and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of pytest-xdist is done."""
        output = getattr(node, "workeroutput", {})
        self.leaks += [Leak(*leak) for leak in output.get("leaks", [])]
        if "looked_at" in output:
            self.looked_at = output["looked_at"]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was found."""
        if self.leaks:
            terminalreporter.section("national ids where there must be none", red=True)
            for leak in sorted(set(self.leaks)):
                terminalreporter.line(f"{leak.how}: {leak.where}")
        terminalreporter.line(f"no national ids: looked at {self.looked_at}" if not self.leaks else "")


_listener: Listener | None = None
_communicate = subprocess.Popen.communicate


def hear(who: str, said: object) -> None:
    """For what tests run that is no process of `subprocess`, and no output of a test."""
    if _listener is not None:
        _listener.hear(who, said)


def _communicate_and_hear(self: Any, *arguments: Any, **more: Any) -> Any:
    said = _communicate(self, *arguments, **more)
    who = " ".join(map(str, self.args)) if isinstance(self.args, list | tuple) else str(self.args)
    for one in said:
        hear(who, one)
    return said


def pytest_configure(config: pytest.Config) -> None:
    """Begin to listen."""
    global _listener  # noqa: PLW0603 -- one for each session, whoever asks for it
    _listener = Listener(config)
    config.pluginmanager.register(_listener, "listener for national ids")
    subprocess.Popen.communicate = _communicate_and_hear  # type: ignore[method-assign]


def pytest_unconfigure() -> None:
    """Stop listening."""
    subprocess.Popen.communicate = _communicate  # type: ignore[method-assign]
