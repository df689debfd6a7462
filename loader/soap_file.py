"""Writing `soap.bin`: the shared parts of all contracts, for answers of the real register's interface.

A full load renders all of them. An increment goes on with the base's file, of which it takes a copy: what has changed
is put behind what is there, and what is replaced stays where it stands, unused, until too much of the file is that.
Layout: docs/generation-format.md.
"""

import os
from array import array
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from loader.check import Rows
from loader.copies import COMPACT_SHARE, copy
from loader.errors import BadGeneration
from loader.render import views
from lookup.core import SoapParts
from lookup.flr_answers import Shared, shared_parts
from lookup.flr_wire import Wording
from lookup.index import LENGTH_BITS
from lookup.soap_parts import MAGIC, TRAILER, Part, encode_parts
from lookup.tables import present
from register.model import Outpost

FILE_MODE = 0o640
MAX_VALUE_BYTES = (1 << LENGTH_BITS) - 1


def render_parts(
    rows: Rows, slots: dict[int, int], window: tuple[int, int], only: Container[int] | None = None
) -> Iterator[tuple[int, bytes]]:
    """(slot, octets) of every contract whose own period touches the window, by slot. `only`: of these contracts."""
    word = Wording(row.record for row in rows["codes"])
    outposts: dict[int, list[Outpost]] = defaultdict(list)
    for row in rows["outposts"]:
        outposts[row.record.contract_id].append(row.record)
    for view in views(rows, slots, window, only):
        shown = sorted(outposts[view.contract.id], key=lambda outpost: outpost.id)
        parts = [_part(*part) for part in shared_parts(view, shown, word, *window)]
        slot = slots[view.contract.id]
        yield slot, encode_parts(slot, parts)


def _part(since: int, until: int, shared: Shared | None) -> Part:
    if shared is None:
        return Part(since, until, None, True, b"", b"")
    return Part(since, until, shared.her_id, shared.vacant, shared.before.encode(), shared.behind.encode())


def write_parts(path: Path, values: Iterable[tuple[int, bytes]], slots: int, digest: str) -> None:
    """Write the file anew. `digest` is the generation's content digest."""
    pointers = array("Q", bytes(8 * slots))
    with path.open("xb") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        at = file.write(MAGIC)
        _append(file, at, values, pointers)
        _finish(file, pointers, digest)


def change_parts(
    source: Path, base: SoapParts, path: Path, changed: Mapping[int, bytes | None], slots: int, digest: str
) -> bool:
    """Write the file as that of the base, `source`, but for what has changed; whether it was compacted.

    Raises Damaged when the base's file is.
    """
    new = {slot: value for slot, value in changed.items() if slot >= base.slots or base.value(slot) != value}
    pointers = base.pointers()
    pointers.extend([0] * (slots - base.slots))
    for slot in new:
        pointers[slot] = 0
    used = sum(pointer & MAX_VALUE_BYTES for pointer in pointers)
    added = sum(len(value) for value in new.values() if value is not None)
    if used + added < (1 - COMPACT_SHARE) * (base.table - len(MAGIC) + added):
        kept = ((slot, present(base.value(slot))) for slot, pointer in enumerate(pointers) if pointer)
        write_parts(path, chain(kept, _given(new)), slots, digest)
        return True
    copy(source, path)
    with path.open("r+b") as file:
        file.truncate(base.table)
        file.seek(base.table)
        _append(file, base.table, _given(new), pointers)
        _finish(file, pointers, digest)
    return False


def _given(values: Mapping[int, bytes | None]) -> Iterator[tuple[int, bytes]]:
    return ((slot, value) for slot, value in values.items() if value is not None)


def _append(file: BinaryIO, at: int, values: Iterable[tuple[int, bytes]], pointers: "array[int]") -> None:
    for slot, value in values:
        if len(value) > MAX_VALUE_BYTES:
            raise BadGeneration("a contract's shared parts are larger than the format has room for")
        pointers[slot] = at << LENGTH_BITS | len(value)
        at += file.write(value)


def _finish(file: BinaryIO, pointers: "array[int]", digest: str) -> None:
    at = file.tell()
    pointers.tofile(file)
    file.write(TRAILER.pack(at, len(pointers), 0, bytes.fromhex(digest)))
