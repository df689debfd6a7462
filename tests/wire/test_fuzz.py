"""A bounded run of what `python -m tests.wire.fuzz` does by the million, and that it finds what there is to find."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from lookup.canonical import Head
from lookup.question import Question
from tests.wire import cases, findings, fuzz, fuzz_served, judge
from tests.wire.cases import KINDS, Case, case, hold
from tests.wire.judge import FAST

SEED = 20261125


def test_some_thousands_of_streams() -> None:
    done, accepted, found = fuzz.run_chunk(SEED, 0, 4000)
    assert (done, found) == (4000, [])
    assert set(accepted) == set(KINDS)
    assert min(accepted.values()) > 0
    assert accepted["mutated"] > 200


def test_a_case_is_made_from_its_number_alone() -> None:
    assert [case(SEED, number) for number in (5, 6)] == [case(SEED, number) for number in (5, 6)]
    assert case(SEED, 5) != case(SEED + 1, 5)


@pytest.mark.parametrize("number", range(20))
def test_a_stream_cut_anywhere(number: int) -> None:
    """Cut behind every octet, a stream has the messages accepted that are wholly there."""
    stream = b"".join(random.Random(number).choices(cases.pool(SEED)[:50], k=2))[:1500]
    whole = [*judge.messages(stream, judge.PLAIN)]
    for size in range(len(stream) + 1):
        cut = stream[:size]
        assert [*judge.messages(cut, FAST)] == [one for one in whole if one.end <= size]


def test_what_was_known_beforehand_is_held_against_what_is_accepted() -> None:
    good = cases.pool(SEED)[0]
    assert hold(Case("canonical", good, 1), random.Random(0)) == 1
    for wrong in (0, 2):
        with pytest.raises(judge.Violation):
            hold(Case("pipelined", good, wrong), random.Random(0))


def test_a_reader_that_forgets_pieces_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "read_in_pieces", lambda pieces: FAST.read_head(pieces[0]))
    with pytest.raises(judge.Violation, match="pieces"):
        cases.in_pieces(cases.pool(SEED)[0], random.Random(0))


def test_a_reader_that_refuses_beginnings_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(data: bytes) -> Head | str:
        return "other" if data.endswith(b"\r") else FAST.read_head(data)

    monkeypatch.setattr(cases, "FAST", FAST._replace(read_head=hasty))
    with pytest.raises(judge.Violation, match="beginning"):
        cases.cut_anywhere(cases.pool(SEED)[0], random.Random(0))


def test_findings_are_made_smaller_kept_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def deaf(question: Question | None) -> Question | None:
        return None if question is None else question._replace(nins=())

    read = FAST.read_question
    # A planted fault: the compiled twin forgets whom a body asks about.
    broken = FAST._replace(read_question=lambda route, body: deaf(read(route, body)))
    monkeypatch.setattr(findings, "FOLDER", tmp_path)
    monkeypatch.setattr(cases, "judge", lambda stream: judge.judge(stream, (judge.PLAIN, broken)))
    found = next(one for one in fuzz.run_chunk(SEED, 0, 60)[2] if one.kind == "mutated")
    assert len(found.stream) < len(case(SEED, found.number).stream)
    path = findings.Run("wire", SEED, 60).keep(found)
    assert path.parent == tmp_path
    assert fuzz.main(["--replay", str(path)]) == 1
    assert "twins differ" in capsys.readouterr().out
    monkeypatch.undo()
    assert fuzz.main(["--replay", str(path)]) == 0


def test_what_is_found_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(findings, "FOLDER", tmp_path)
    run = findings.Run("wire", 7, 1000)
    assert run.add(100, Counter(cut=3), [])
    one = findings.Finding(5, "cut", "the twins differ", b"GET")
    assert not run.add(100, Counter(cut=4), [one] * findings.MAX_FINDINGS)
    assert run.report(as_json=True) == run.report(as_json=False) == 1
    told, *_ = capsys.readouterr().out.splitlines()
    assert json.loads(told)["tally"] == {"cut": 7}
    assert (tmp_path / "wire-7-5.http").read_bytes() == b"GET"


def test_the_command_ends_by_itself_and_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--count", "1001", "--seed", "7", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seed"], told["streams"], told["findings"]) == (7, 1001, [])
    assert fuzz_served.main(["--count", "40", "--seed", "7"]) == 0
    assert "40 streams" in capsys.readouterr().out
