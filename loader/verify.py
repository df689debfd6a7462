"""Verifying a generation's files before they are published, and afterwards on demand. The third verb of the pipeline.

What was built is held against what was read: the structure of the LMDB files, page by page, the counts of every table,
and the chains of changed numbers. `deep` recomputes the content digest from the files alone. Asking the reader that
serves is loader/reader.py.
"""

import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path

import lmdb
import zstandard
from lmdb.verify import VerifyError
from lmdb.verify import verify as verify_structure

from loader._fast.pages import is_sound
from loader.build import SMALL_TABLES, Built
from loader.check import Faults
from loader.errors import BadGeneration
from loader.progress import Progress
from loader.public_list import GZIP_WINDOW
from loader.read import Feed
from loader.reader import membership_record
from lookup.core import Index, SoapParts
from lookup.generation import Generation
from lookup.manifest import CONTRACTS, INDEX, KINDS, POINTERS, SOAP
from lookup.public_list import BEGIN, BETWEEN, END, GZIP, IDENTITY, ZSTD, PublicList
from lookup.record import Damaged
from register.feed import DIGEST_MODULUS, canonical_line, format_digest, lines_digest, record_digest

STORES = ("index.mdb", "people.mdb")


def verify_built(feed: Feed, folder: Path, built: Built, progress: Progress) -> None:
    """Raises BadGeneration when what stands in `folder` is not what the feed said, BadFeed for a dangling change."""
    with progress.step("structure"):
        structure(folder)
    with progress.step("counts"):
        _check_counts(folder, built)
        _check_aliases(feed, folder, built)
        check_parts(folder, built)
        check_list(folder, built)


def structure(folder: Path) -> None:
    """Check the LMDB files of a folder page by page. Raises BadGeneration."""
    for path in (folder / name for name in STORES):
        if path.exists() and not _is_sound(path) and (problems := _problems(path)):
            raise BadGeneration(f"{path.name}: {problems[0]}")


def _is_sound(path: Path) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        return is_sound(mapped)


def _problems(path: Path) -> list[str]:
    """What py-lmdb's verifier says of a file: it has the last word where the compiled one finds anything amiss."""
    try:
        return [str(problem) for problem in verify_structure(str(path), subdir=False)]  # type: ignore[no-untyped-call]
    except VerifyError as error:
        return [str(error)]


def _check_counts(folder: Path, built: Built) -> None:
    for table in ("persons", "memberships"):
        _check_count(table, built.assembled.get(table, 0), built.counts)
    check_tables_stored(folder, built.counts)


def check_tables_stored(folder: Path, counts: dict[str, int]) -> None:
    """Raises BadGeneration when a small table in `index.mdb` has not as many records as it should."""
    with lmdb.open(str(folder / "index.mdb"), subdir=False, readonly=True, lock=False, max_dbs=32) as env:
        for table in SMALL_TABLES:
            with env.begin(env.open_db(table.encode(), create=False)) as txn:
                _check_count(table, txn.stat()["entries"], counts)


def _check_count(table: str, built: int, counts: dict[str, int]) -> None:
    if built != counts[table]:
        raise BadGeneration(f"{table}: {built} records were built, {counts[table]} were read")


def _check_aliases(feed: Feed, folder: Path, built: Built) -> None:
    faults = Faults(feed)
    index = _index(folder)
    for _, newest, number, line in built.aliases:
        record = index.record(newest)
        if record is None or record.alias_of is not None:
            faults.add("a changed number whose newest number is not a person in the feed", number, line)
    faults.raise_any()


def _index(folder: Path) -> Index:
    with (folder / KINDS[INDEX]).open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    return Index((folder / KINDS[POINTERS]).read_bytes(), data)


def check_parts(folder: Path, built: Built) -> None:
    """Raises BadGeneration when what all on a list share is not there for all of the window, where fragments are."""
    index, path, start = _index(folder), folder / KINDS[SOAP], built.window[0]
    try:
        parts = SoapParts(path.read_bytes())
        if (parts.slots, parts.digest) != (built.slots, built.content_digest):
            raise BadGeneration(f"{path.name}: it is of another generation")
        for slot in range(built.slots):
            wanted = built.window if index.fragment(slot, start) is not None else (start, start)
            if _rendered_from(parts, slot, start) != wanted[1]:
                raise BadGeneration(f"{path.name}: what is rendered is not what must be")
    except Damaged as error:
        raise BadGeneration(f"{path.name}: {error}") from None


def check_list(folder: Path, built: Built) -> None:
    """Raises BadGeneration when the public list is not the same in all codings, and contract by contract."""
    path = folder / KINDS[CONTRACTS]
    try:
        listed = PublicList(path.read_bytes())
        body = bytes(listed.whole(IDENTITY))
        apart = BEGIN + BETWEEN.join(map(listed.item, listed.items())) + END
        whole = zlib.decompress(listed.whole(GZIP), GZIP_WINDOW), zstandard.decompress(bytes(listed.whole(ZSTD)))
    except (Damaged, zlib.error, zstandard.ZstdError) as error:
        raise BadGeneration(f"{path.name}: {error}") from None
    if listed.digest != built.content_digest:
        raise BadGeneration(f"{path.name}: it is of another generation")
    if {body, apart, *whole} != {body}:
        raise BadGeneration(f"{path.name}: it is not one list in all its forms")


def _rendered_from(parts: SoapParts, slot: int, at: int) -> int:
    """Up to when a slot's parts follow one another without a gap. Raises Damaged."""
    while (part := parts.part(slot, at)) is not None and part.since == at < part.until:
        at = part.until
    return at


def deep(generation: Generation) -> str:
    """The content digest recomputed from `index.mdb` and `people.mdb`."""
    digest = 0
    for table, line in _small_lines(generation):
        digest += record_digest(table, line)
    if generation.people is None:
        raise BadGeneration("people.mdb is not here: the digest cannot be recomputed without it")
    for lines in generation.people.lines():
        digest += lines_digest("persons", lines)
    for bucket in range(1 << generation.index.bits):
        for nin, record in generation.index.bucket(bucket):
            for m in record.memberships:
                digest += record_digest("memberships", canonical_line(membership_record(generation, nin, m)))
    return format_digest(digest % DIGEST_MODULUS)


def _small_lines(generation: Generation) -> Iterator[tuple[str, bytes]]:
    for table in SMALL_TABLES:
        for line in generation.tables.lines(table):
            yield table, line
