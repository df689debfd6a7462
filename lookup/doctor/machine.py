"""The machine that a service is to run on: its facts, as values, so that checks can be tried with one that nobody has.

Leaves out whether they are fit: lookup/doctor/host.py.
"""

import ctypes
import os
import re
import resource
from pathlib import Path

import msgspec

from lookup.core import COMPILED

TIME_ERROR = 5  # of adjtimex(2): nobody sets the clock
_ADJTIMEX_BYTES = 256  # more than struct timex has; zeroes ask and change nothing


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine is like. None is what cannot be told. `memory_bytes`: of it, or of what our group may have."""

    kernel: tuple[int, int]
    memory_bytes: int | None
    open_files: int
    backlog: int | None
    swaps: tuple[str, ...]
    synchronised: bool | None
    compiled: bool
    root: bool


def here(pid: int | None = None) -> Machine:
    """This machine; of limits those of the process `pid`, or else our own."""
    proc = Path("/proc") / str(pid or "self")
    kernel = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return Machine(
        kernel=(int(kernel[1]), int(kernel[2])) if kernel else (0, 0),
        memory_bytes=_memory(proc),
        open_files=_open_files(proc),
        backlog=_number(Path("/proc/sys/net/core/somaxconn")),
        swaps=tuple(line.split()[0] for line in _text(Path("/proc/swaps")).splitlines()[1:]),
        synchronised=_synchronised(),
        compiled=COMPILED,
        root=os.geteuid() == 0,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _memory(proc: Path) -> int | None:
    """The least of the machine's memory and what the groups that a process is in may have."""
    found = re.search(r"^MemTotal:\s+(\d+) kB$", _text(Path("/proc/meminfo")), re.M)
    bounds = [int(found[1]) << 10] if found else []
    group = re.search(r"^0::/(.*)$", _text(proc / "cgroup"), re.M)
    if group:
        top = Path("/sys/fs/cgroup")
        for folder in (top / group[1], *(top / group[1]).parents):
            limit = _number(folder / "memory.max")
            bounds += [] if limit is None else [limit]
    return min(bounds, default=None)


def _open_files(proc: Path) -> int:
    """How many files a process may have open at most; the service takes all that it may."""
    found = re.search(r"^Max open files\s+\S+\s+(\d+)", _text(proc / "limits"), re.M)
    return int(found[1]) if found else resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _synchronised() -> bool | None:
    """Whether something keeps the clock right, as the kernel has it."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_ADJTIMEX_BYTES))
    return None if state < 0 else state != TIME_ERROR
