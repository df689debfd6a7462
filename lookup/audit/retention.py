"""Which segments are old enough to go, and their going: `audit prune`.

A segment goes when its last record is older than the limit, with all that are before it, and the whole series has just
been verified. The newest segment never goes: what comes after a segment is what seals it, and the series goes on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lookup.audit.keys import Keys, Publics
from lookup.audit.prune import Pruned, now_text, remove_through, write_note
from lookup.audit.reading import offsets, read
from lookup.audit.record import CHAIN_BYTES, Head, Record, decode, decode_head
from lookup.audit.segment import segments
from lookup.audit.verify import CHANGED, verify_series, worst


class NotPruned(Exception):
    """A series that is not as it was written: nothing of it is removed."""


class Old(NamedTuple):
    """How far a series can be removed: the head of the last segment to go, its last record, and the chain behind it."""

    head: Head
    last: Record
    chain: bytes


def prune(name: str, folders: Sequence[Path], keys: Keys, before_ns: int, *, pretend: bool) -> list[str]:
    """Remove what ended before a time; the names of the files. Raises NotPruned, Malformed, OSError."""
    report = verify_series(name, folders, Publics(keys.public))
    if worst([report]) == CHANGED:
        raise NotPruned(f"{name}: it is not as it was written (see `audit verify`), so nothing of it is removed")
    paths = sorted((path for folder in folders for path in segments(folder)), key=lambda path: path.name)
    old = _old(paths[:-1], before_ns)
    if old is None:
        return []
    if pretend:
        return [path.name for path in paths if int(path.stem) <= old.head.number]
    note = Pruned(
        series=old.head.series.hex(),
        name=name,
        through=old.head.number,
        sequence=old.last.sequence,
        chain=old.chain.hex(),
        at=now_text(),
    )
    for folder in folders:
        write_note(folder, keys, note)
    return remove_through(folders, old.head.number)


def _old(paths: Sequence[Path], before_ns: int) -> Old | None:
    """The last segment in a row, from the first on, that is old enough."""
    found = None
    for path in paths:
        data = read(path)
        last = None
        for last in offsets(data):  # noqa: B007 -- the last one is what is wanted
            pass
        if last is None:
            break
        record, after = decode(data, last[0], last[1])
        if record.time_ns >= before_ns:
            break
        found = Old(decode_head(data)[0], record, data[after - CHAIN_BYTES : after])
    return found
