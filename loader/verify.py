"""Verifying a generation's files before they are published, and afterwards on demand. The third verb of the pipeline.

What was built is held against what was read: the structure of the LMDB files by py-lmdb's offline verifier, the
counts of every table, the chains of changed numbers, and a sample of the feed's memberships asked of the reader that
serves, in a process of its own. `deep` recomputes the content digest from the files alone.
"""

import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import msgspec
from lmdb.verify import VerifyError
from lmdb.verify import verify as verify_structure

from loader.build import SMALL_TABLES, Built
from loader.canaries import Canaries, differing
from loader.check import Faults
from loader.crew import die_with, share_out
from loader.errors import BadGeneration, CanariesDiffer, LoaderError
from loader.progress import Progress
from loader.read import Feed
from lookup.core import Index
from lookup.generation import Generation, NotServable, open_generation
from lookup.record import Damaged
from register.feed import DIGEST_MODULUS, canonical_line, format_digest, lines_digest, record_digest
from register.ids import format_national_id
from register.localtime import from_micros
from register.model import Membership

STORES = ("index.mdb", "people.mdb")
SAMPLE_SECONDS = 300
CANARIES_DIFFER = 3  # what the separate process ends with then
NO_CANARIES = Canaries()
# What the separate process runs: this very package, whatever the folder that the loader was started in may hold.
READER = """
import sys
sys.path.insert(0, sys.argv[1])
from loader.verify import answer_sample
sys.exit(answer_sample(int(sys.argv[2])))
"""


def verify_built(feed: Feed, folder: Path, built: Built, progress: Progress, processes: int) -> None:
    """Raises BadGeneration when what stands in `folder` is not what the feed said, BadFeed for a dangling change."""
    with progress.step("structure"):
        structure(folder, processes)
    with progress.step("counts"):
        _check_counts(folder, built)
        _check_aliases(feed, folder, built)


def structure(folder: Path, processes: int = 0) -> None:
    """Check the LMDB files of a folder page by page. Raises BadGeneration."""
    paths = [folder / name for name in STORES if (folder / name).exists()]
    for path, problems in zip(paths, share_out(_structure, None, paths, min(processes, len(paths))), strict=True):
        if problems:
            raise BadGeneration(f"{path.name}: {problems[0]}")


def _structure(_: None, path: Path) -> list[str]:
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
    with (folder / "index.mdb").open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    index = Index((folder / "pointers.bin").read_bytes(), data)
    for _, newest, number, line in built.aliases:
        record = index.record(newest)
        if record is None or record.alias_of is not None:
            faults.add("a changed number whose newest number is not a person in the feed", number, line)
    faults.raise_any()


class Sample(msgspec.Struct):
    """What the serving reader is asked in its own process: the folder, memberships of the feed, and canaries."""

    folder: str
    memberships: list[Membership]
    canaries: Canaries


def ask_reader(folder: Path, sample: list[Membership], canaries: Canaries = NO_CANARIES) -> None:
    """Open a sealed generation in a separate process with the serving reader.

    Raises BadGeneration; CanariesDiffer when one is answered otherwise than it must be.
    """
    question = msgspec.json.encode(Sample(str(folder), sample, canaries))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", READER, str(Path(__file__).resolve().parents[1]), str(os.getpid())],
            input=question,
            capture_output=True,
            timeout=SAMPLE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadGeneration("the serving reader did not answer in time") from None
    if done.returncode == CANARIES_DIFFER:
        told = done.stdout.decode(errors="replace").splitlines()
        raise CanariesDiffer(told[0], tuple(told))
    if done.returncode:
        reason = done.stdout.decode(errors="replace").strip() or f"it ended with {done.returncode}"
        raise BadGeneration(f"the serving reader refused the candidate: {reason}")


def answer_sample(parent: int) -> int:
    """What the process that `parent` started does: 0 when the reader answers all of the sample as it must."""
    die_with(parent)
    sample = msgspec.json.decode(sys.stdin.buffer.read(), type=Sample)
    try:
        generation = open_generation(Path(sample.folder))
        _hold_against(generation, sample.memberships)
        told = differing(generation, sample.canaries)
    except (NotServable, Damaged, LoaderError) as error:
        print(error)
        return 1
    print("\n".join(told))
    return CANARIES_DIFFER if told else 0


def _hold_against(generation: Generation, memberships: list[Membership]) -> None:
    for wanted in memberships:
        person = generation.index.person(int(wanted.nin))
        if person is None:
            raise BadGeneration("a person of the sample is unknown")
        number, record = person
        if wanted not in [membership_record(generation, number, m) for m in record.memberships]:
            raise BadGeneration("a membership of the sample is missing or differs")
    generation.self_test()


def membership_record(generation: Generation, nin: int, m) -> Membership:  # type: ignore[no-untyped-def]
    """The feed's record of a membership as the index holds it."""
    valid_from, updated = from_micros(m.valid_from), from_micros(m.updated)
    if valid_from is None or updated is None:
        raise BadGeneration("a membership without a beginning")
    return Membership(
        id=m.id,
        nin=format_national_id(nin),
        contract_id=generation.tables.contract_id_of_slot(m.slot),
        valid_from=valid_from,
        to=from_micros(m.to),
        begin_code=generation.tables.begin_codes[m.begin],
        end_code=generation.tables.end_codes[m.end],
        updated=updated,
    )


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
