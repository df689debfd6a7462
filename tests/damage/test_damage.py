"""A bounded number of the damages of `make fuzz`, and that the judging of them can fail."""

from pathlib import Path

import pytest

from tests.damage import fuzz, originals
from tests.damage.cases import Bench
from tests.damage.judge import Broken, Judge
from tests.damage.kinds import KINDS
from tests.damage.originals import HEADER, INDEX, POINTERS, Original, entries_of, place_of
from tests.memory import heap

SEED = 20261125
CASES = 600


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("damage")
    originals.build(folder)
    return Bench(folder, folder / "scratch")


@pytest.mark.parametrize("first", range(0, CASES, 100))
def test_whatever_the_damage(bench: Bench, first: int) -> None:
    for number in range(first, first + 100):
        bench.hold(bench.case(SEED, number), number)


def test_the_cases_are_of_all_kinds_and_files(bench: Bench) -> None:
    cases = [bench.case(SEED, number) for number in range(CASES)]
    assert {case.kind for case in cases} == set(KINDS)
    assert {case.file for case in cases} == set(originals.FILES)
    assert {case.original for case in cases} == {"tiny", "village", "crooked"}


def test_what_is_not_damaged_is_found_not_refused(bench: Bench) -> None:
    whole = bench.case(SEED, 0)
    whole = whole._replace(data=bench.originals[whole.original].files[whole.file])
    assert bench.wrong(whole, 0) == "a damaged generation was opened"


def swapped_pointers(original: Original) -> bytes:
    """The pointer table with the entries of two buckets in each other's place."""
    entries = entries_of(original.files[POINTERS])
    one, other = [i for i, entry in enumerate(entries[: 1 << original.bits]) if entry][:2]
    entries[one], entries[other] = entries[other], entries[one]
    return original.files[POINTERS][:HEADER] + entries.tobytes()


def test_a_reader_that_says_something_else_than_its_twin_is_found(bench: Bench) -> None:
    """The compiled one alone is given other memory: that stands for any fault in it."""
    original = bench.originals["crooked"]
    pointers, data = original.files[POINTERS], original.files[INDEX]
    other = {pointers: swapped_pointers(original), data: data}
    with pytest.raises(Broken, match="that nothing happened to"):
        Judge(original).hold(pointers, data, lambda block: heap(other[block]))


def test_a_reader_that_believes_any_bucket_is_found(bench: Bench) -> None:
    """Were the number that a bucket begins with not looked at, another person's record would be told."""
    original = bench.originals["crooked"]
    judge = Judge(original)
    entries = entries_of(original.files[POINTERS])
    nin = next(nin for nin in original.numbers if judge.numbers[nin][0] is not None)
    place = place_of(entries[original.entry_of(nin)])
    data = bytearray(original.files[INDEX])
    data[place.start] ^= 1
    with pytest.raises(Broken, match="another number"):
        judge._number(nin, judge.numbers[nin], original.files[POINTERS], bytes(data))


def test_a_run_keeps_what_it_finds_and_can_judge_it_again(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "FOLDER", tmp_path)
    path = fuzz.keep(bench.originals, SEED, fuzz.Finding(7, "for the test"))
    assert fuzz.replay(bench, path) is None
    assert fuzz.main(["--count", "20", "--seed", "5", "--processes", "2"]) == 0


def test_a_process_that_dies_is_a_finding(bench: Bench) -> None:
    """A signal ends a process in the middle of a case: the case is told, and the others are judged all the same."""
    crew = fuzz.Crew(bench.folder, SEED, 0, 60, 2)
    victim = next(iter(crew.workers.values()))[1]
    victim.kill()
    said = list(crew.said())
    assert [finding.why for _, finding in said if finding is not None] == ["died of signal 9"]
    assert sum(tally.total() for tally, _ in said) == 60
