"""The serving reader, asked in a process of its own before a generation is published: memberships, and canaries.

The process imports what serves and hardly more, for it is started in each load.
"""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from loader.canaries import Canaries, differing
from loader.crew import die_with
from loader.errors import BadGeneration, CanariesDiffer, LoaderError
from lookup.generation import Generation, NotServable, open_generation, verify_files
from lookup.record import Damaged
from lookup.record import Membership as Stored
from register.ids import format_national_id
from register.localtime import from_micros
from register.model import Membership

SAMPLE_SECONDS = 300
CANARIES_DIFFER = 3  # what the separate process ends with then
NO_CANARIES = Canaries()
# What the separate process runs: this very package, whatever the folder that the loader was started in may hold.
READER = """
import sys
sys.path.insert(0, sys.argv[1])
from loader.reader import answer_sample
sys.exit(answer_sample(int(sys.argv[2])))
"""


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
        folder = Path(sample.folder)
        generation = open_generation(folder, verify_files(folder, side_by_side=True))
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


def membership_record(generation: Generation, nin: int, m: Stored) -> Membership:
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
