"""The content digest of what was built, added up from the files themselves and held against what was read.

Of a full load every record is looked at: lines of small tables and persons as they stand, memberships made again out
of the index (loader/memberships.py). Of an incremental load what it has written: the touched buckets and the small
tables that events changed, as they were and as they are. `loader.verify.deep` does the same without compiled code.
"""

from __future__ import annotations

import contextlib
import mmap
from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import lmdb
import msgspec

from loader._fast.lines import lines_digest
from loader._fast.memberships import membership_lines
from loader.crew import share_out
from loader.errors import BadGeneration
from loader.memberships import Names
from loader.progress import Progress
from loader.state import SMALL_TABLES
from lookup._fast.index import Index
from lookup.generation import Generation
from lookup.manifest import INDEX, KINDS, PEOPLE, POINTERS
from lookup.people import People
from lookup.record import Damaged
from lookup.tables import MAX_DATABASES, Tables
from register.feed import DIGEST_MODULUS, format_digest

BUCKETS = 512  # that are added up at a time: some 20,000 memberships
NOT_WHAT_WAS_READ = "the records that were built do not add up to the content digest of those that were read"


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[Index, Tables, People]]:
    """Files that nobody has sealed yet, open; closed again behind the context, for they are about to be moved."""
    with contextlib.ExitStack() as stack:
        envs = {
            kind: stack.enter_context(
                lmdb.open(str(folder / KINDS[kind]), subdir=False, readonly=True, lock=False, max_dbs=MAX_DATABASES)
            )
            for kind in (INDEX, PEOPLE)
        }
        yield open_index(folder), Tables(envs[INDEX]), People(envs[PEOPLE])


def open_index(folder: Path) -> Index:
    """The compiled index over the files of a folder, by a map of its own."""
    with (folder / KINDS[INDEX]).open("rb") as file:
        return Index((folder / KINDS[POINTERS]).read_bytes(), mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))


def check_content(folder: Path, digest: str, progress: Progress, processes: int) -> None:
    """Raises BadGeneration when what a full load has built in `folder` does not add up."""
    with _sound(), opened(folder) as (index, tables, people):
        task = _Adding(index, people, _names(tables))
        ranges = [range(first, first + BUCKETS) for first in range(0, 1 << index.bits, BUCKETS)]
        total = _small(tables, SMALL_TABLES)
        with progress.step("content", len(ranges)):
            for part in share_out(_add, task, ranges, processes):
                total += part
                progress.advance()
    if format_digest(total) != digest:
        raise BadGeneration(NOT_WHAT_WAS_READ)


def check_content_since(
    base: Generation, folder: Path, digest: str, buckets: Collection[int], changed_tables: Collection[str]
) -> None:
    """Raises BadGeneration when what an incremental load has written in `folder` does not add up.

    `buckets` and `changed_tables` are what may differ from the base, which has all its files.
    """
    assert base.people is not None
    index = open_index(base.folder)
    with _sound(), opened(folder) as written:
        was, now = (
            _small(side[1], changed_tables) + _of_buckets(*side, buckets)
            for side in ((index, base.tables, base.people), written)
        )
    if format_digest(int(base.manifest.content_digest, 16) + now - was) != digest:
        raise BadGeneration(NOT_WHAT_WAS_READ)


@contextlib.contextmanager
def _sound() -> Iterator[None]:
    try:
        yield
    except Damaged as error:
        raise BadGeneration(f"what was built is damaged: {error}") from None


@dataclass(repr=False)
class _Adding:
    """What the processes need to add up buckets."""

    index: Index
    people: People
    names: Names


def _add(task: _Adding, buckets: range) -> int:
    persons = b"".join(task.people.bucket(bucket) for bucket in buckets)
    memberships = membership_lines(task.index, task.names, buckets.start, buckets.stop)
    return (lines_digest("persons", persons) + lines_digest("memberships", memberships)) % DIGEST_MODULUS


def _of_buckets(index: Index, tables: Tables, people: People, buckets: Iterable[int]) -> int:
    task = _Adding(index, people, _names(tables))
    return sum(_add(task, range(bucket, bucket + 1)) for bucket in buckets)


def _names(tables: Tables) -> Names:
    return Names(
        array("Q", tables.contract_ids()),
        *(list(map(msgspec.json.encode, each)) for each in (tables.begin_codes, tables.end_codes)),
    )


def _small(tables: Tables, names: Iterable[str]) -> int:
    return sum(lines_digest(name, b"".join(line + b"\n" for line in tables.lines(name))) for name in names)
