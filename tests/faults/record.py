"""What the loader did to its files, call by call: written down by record.c, read here.

Kinds of calls that disk.py cannot play are an error here, so that nothing is left out in silence.
"""

import enum
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.faults.compiled import compiled

_HEAD = struct.Struct("<4I3q")


class Kind(enum.IntEnum):
    """The kinds of calls, with the numbers that record.c gives them."""

    CREATE = 1
    CUT = 2
    WRITE = 3
    COPY = 4
    SYNC = 5
    RENAME = 6
    UNLINK = 7
    RMDIR = 8
    MKDIR = 9
    CHMOD = 10
    MAP = 11


class Call(NamedTuple):
    """One call that succeeded. Paths are relative to the folder that was recorded; `other` is a second one.

    `at` is where in the file `data`, or `size` octets of `other` from `start` on, were written.
    """

    kind: Kind
    path: str
    other: str
    at: int
    start: int
    size: int
    data: bytes

    def told(self) -> str:
        """The call in words."""
        return f"{self.kind.name.lower()} {self.path}{' ' + self.other if self.other else ''}"


class Recorder:
    """Where the calls of programs are written down: start them with `environment`, then read `calls`."""

    def __init__(self, folder: Path, under: Path) -> None:
        self.under, self.log = under, folder / "calls"
        self.log.write_bytes(b"")
        self.environment = {
            "LD_PRELOAD": str(compiled(folder, "record")),
            "FLR_RECORD": str(self.log),
            "FLR_RECORD_UNDER": str(under),
        }

    def calls(self) -> list[Call]:
        """What was written down."""
        return list(_read(self.log.read_bytes(), self.under))


def _read(log: bytes, under: Path) -> Iterator[Call]:
    at = 0
    while at < len(log):
        kind, path_octets, other_octets, data_octets, to, start, size = _HEAD.unpack_from(log, at)
        at += _HEAD.size
        path, other, data = (
            log[at : at + path_octets],
            log[at + path_octets : at + path_octets + other_octets],
            log[at + path_octets + other_octets : at + path_octets + other_octets + data_octets],
        )
        at += path_octets + other_octets + data_octets
        call = Call(Kind(kind), _relative(path, under), _relative(other, under), to, start, size, data)
        if call.kind is Kind.MAP:
            raise ValueError(f"a map that writes, which cannot be played: {call.path}")
        yield call


def _relative(path: bytes, under: Path) -> str:
    return os.path.relpath(os.path.normpath(os.fsdecode(path)), under) if path else ""
