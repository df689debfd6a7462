"""One part of the register at a time: its rows sorted and assembled into buckets, its persons' lines compressed.

The result stands in two files of (bucket, size, bytes) beside the spool, ready to be appended to the stores in order.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple

from loader._fast.buckets import assemble, duplicate_ids
from loader._fast.pack import Parts, pack_aliases
from loader.deal import Pieces
from loader.errors import BadFeed
from lookup.key import KEY_BITS, mix
from lookup.people import Frames
from lookup.record import TooLarge

ENTRY = struct.Struct("<II")


class Assembled(NamedTuple):
    """What one part came to."""

    part: int
    faults: list[tuple[str, int, int]]
    counts: dict[str, int]
    listed: array[int]
    members: list[tuple[int, int, int, bytes]]
    index_path: Path
    people_path: Path


@dataclass(repr=False)
class Assembling:
    """What the processes need to assemble a part."""

    pieces: Pieces
    aliases: dict[int, list[tuple[int, int, int, int]]]
    folder: Path
    bits: int
    slots: int
    at: int
    dictionary: bytes


def assemble_part(task: Assembling, part: int) -> Assembled:
    """Assemble one part; with faults, its files are not to be used."""
    rows = bytearray().join(data for _, data in task.pieces.of("rows", part))
    rows += _alias_rows(task.aliases.get(part, []))
    listed = array("I", bytes(4 * task.slots))
    try:
        assembly = assemble(rows, task.bits, task.at, listed)
    except TooLarge:
        raise BadFeed("memberships: more of one person than the format holds") from None
    del rows
    faults = assembly.faults + duplicate_ids(bytearray().join(data for _, data in task.pieces.of("ids", part)))
    index_path, people_path = task.folder / f"{part}.index", task.folder / f"{part}.people"
    members: list[tuple[int, int, int, bytes]] = []
    if not faults:
        _write(index_path, assembly.bucket_values())
        texts = dict(task.pieces.of("texts", part))
        _write(people_path, _frames(assembly.person_lines(), texts, Frames(task.dictionary)))
        members = list(assembly.member_buckets())
    return Assembled(part, faults, assembly.counts, listed, members, index_path, people_path)


def aliases_by_part(
    aliases: list[tuple[int, int, int, int]], part_bits: int
) -> dict[int, list[tuple[int, int, int, int]]]:
    """The changed numbers (old, newest, file, line), by the part that the old number belongs to."""
    parts: dict[int, list[tuple[int, int, int, int]]] = {}
    for change in aliases:
        parts.setdefault(mix(change[0]) >> KEY_BITS - part_bits, []).append(change)
    return parts


def _alias_rows(changes: list[tuple[int, int, int, int]]) -> bytes:
    packed = Parts(1)
    pack_aliases(changes, packed, 0)
    return bytes(packed.drain()[0])


def _frames(
    lines: Iterator[tuple[int, int, int, int]], texts: dict[int, bytes], frames: Frames
) -> Iterator[tuple[int, bytes]]:
    for bucket, places in groupby(lines, itemgetter(0)):
        yield bucket, frames.encode(b"".join([texts[block][at : at + size] for _, block, at, size in places]))


def _write(path: Path, values: Iterator[tuple[int, bytes]]) -> None:
    with path.open("wb", buffering=1 << 20) as file:
        for bucket, value in values:
            file.write(ENTRY.pack(bucket, len(value)))
            file.write(value)


def read_values(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(bucket, value) as `assemble_part` wrote them."""
    while head := file.read(ENTRY.size):
        bucket, size = ENTRY.unpack(head)
        yield bucket, file.read(size)
