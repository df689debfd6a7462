"""Retention: the oldest segments of a series removed, and a signed note left of where the chain goes on.

Only segments that are whole, sealed and closed are removed, oldest first, and never the newest. The note is in place
before the first file goes, so that a prune that is interrupted is seen as such and can be finished.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lookup.audit.keys import Keys, Publics
from lookup.audit.record import Malformed
from lookup.audit.segment import segments, sync_folder

NOTE = "pruned.json"
_CONTEXT = b"flr-audit-pruned-1\0"


class Pruned(msgspec.Struct, frozen=True):
    """The note: up to which segment and record, and with what chain value, a series was removed, and when."""

    series: str
    name: str
    through: int
    sequence: int
    chain: str
    at: str
    key: str = ""
    signature: str = ""


def _signed(note: Pruned) -> bytes:
    return _CONTEXT + msgspec.json.encode(msgspec.structs.replace(note, key="", signature=""))


def read_note(path: Path, publics: Publics) -> tuple[Pruned, str | None]:
    """(note, what is wrong with its signature). Raises Malformed, OSError."""
    try:
        note = msgspec.json.decode(path.read_bytes(), type=Pruned)
        key, signature = bytes.fromhex(note.key), bytes.fromhex(note.signature)
        bytes.fromhex(note.series + note.chain)
    except ValueError:
        raise Malformed("it is no note of what was removed") from None
    return note, publics.problem(key, signature, _signed(note))


def write_note(folder: Path, keys: Keys, note: Pruned) -> None:
    """Put a note in place, signed. Raises OSError."""
    key, signature = keys.sign(_signed(note))
    beside = folder / f".{NOTE}"
    signed = msgspec.structs.replace(note, key=key.hex(), signature=signature.hex())
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(signed) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / NOTE)
    sync_folder(folder)


def remove_through(folders: Sequence[Path], number: int) -> list[str]:
    """Remove the segments up to a number; their names. Raises OSError."""
    gone = []
    for folder in folders:
        for path in segments(folder):
            if int(path.stem) <= number:
                path.unlink()
                gone.append(path.name)
    return gone


def now_text() -> str:
    """The time, for a note."""
    return datetime.now(UTC).isoformat(timespec="seconds")
