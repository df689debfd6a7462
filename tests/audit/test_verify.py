"""Verification: whatever is done to an audit is found, and what nothing was done to is found whole."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookup.audit.keys import Publics
from lookup.audit.record import (
    CHAIN_BYTES,
    END_AT,
    HEAD_BYTES,
    READ,
    SEAL,
    Malformed,
    Record,
    decode_head,
    encode,
    encode_head,
    skip,
)
from lookup.audit.seal import Place, text_of
from lookup.audit.segment import path_of, records, segments
from lookup.audit.verify import CHANGED, NOTED, TORN_END, Kept, Verified, read_heads, verify, worst
from lookup.core import skip as compiled_skip
from tests.audit.writing import KEYS, NOW, OTHER_KEYS, asked, fill, in_child, opened

PUBLICS = Publics(KEYS.public)


def verified(place: Path, *heads: Kept, publics: Publics = PUBLICS) -> list[Verified]:
    return list(verify([place], publics, heads))


def told(reports: list[Verified]) -> str:
    return "\n".join(f"{f.kind} {f.where} {f.what}" for report in reports for f in report.findings)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three closed segments of one series, and nothing else."""
    place = tmp_path_factory.mktemp("audit")
    series = opened(place, size=1024)
    nin = 0
    while len(segments(place / "w0")) < 3:
        assert asked(series, nin)
        nin += 1
    series.stop(NOW)
    return place


@pytest.fixture
def place(written: Path, tmp_path: Path) -> Path:
    """A copy to harm."""
    shutil.copytree(written, tmp_path / "audit")
    return tmp_path / "audit"


@pytest.fixture(scope="module")
def unclosed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A series whose process was killed."""
    place = tmp_path_factory.mktemp("unclosed")
    in_child(lambda: fill(opened(place, size=1024), range(3)))
    return place


def flips(path: Path, step: int = 1) -> Iterator[int]:
    """Bit by bit, the file with it flipped. In place: to write it anew each time would wait for the disk."""
    data = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for bit in range(0, len(data) * 8, step):
            at = bit // 8
            os.pwrite(file.fileno(), bytes([data[at] ^ 1 << bit % 8]), at)
            yield bit
            os.pwrite(file.fileno(), data[at : at + 1], at)


def test_what_was_written_is_found_whole(written: Path) -> None:
    (report,) = verified(written)
    assert report.findings == []
    assert (report.segments, report.unsealed) == (3, 0)
    assert report.records == report.sealed
    assert report.last is not None


def test_every_flipped_bit_is_found(in_memory: Path) -> None:
    series = opened(in_memory)
    fill(series, range(2))
    series.stop(NOW)
    assert worst(verified(in_memory)) is None
    (path,) = segments(in_memory / "w0")
    assert [bit for bit in flips(path) if worst(verified(in_memory)) is None] == []
    assert worst(verified(in_memory)) is None


def test_every_flipped_bit_is_a_change_when_something_was_sealed_behind_it(place: Path) -> None:
    path = path_of(place / "w0", 2)
    assert [bit for bit in flips(path, 23) if worst(verified(place)) != CHANGED] == []


def test_every_flipped_octet_of_a_segment_that_is_not_closed_is_found(unclosed: Path, tmp_path: Path) -> None:
    shutil.copytree(unclosed, tmp_path / "audit")
    (path,) = segments(tmp_path / "audit" / "w0")
    assert worst(verified(tmp_path / "audit")) is None
    assert [bit for bit in flips(path, 5) if worst(verified(tmp_path / "audit")) is None] == []


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("left", [0, 7, HEAD_BYTES, HEAD_BYTES + 1, 500, -1])
def test_a_segment_that_was_cut_is_found(place: Path, number: int, left: int) -> None:
    path = path_of(place / "w0", number)
    path.write_bytes(path.read_bytes()[:left])
    assert worst(verified(place)) in ({CHANGED, TORN_END} if number == 3 else {CHANGED})


def pieces(data: bytes) -> list[tuple[Record, bytes]]:
    head, end, _ = decode_head(data)
    return [(found.record, data[found.at : found.after]) for found in records(data, end, head.first_sequence)]


def put_together(data: bytes, octets: bytes) -> bytes:
    end = (HEAD_BYTES + len(octets)).to_bytes(8, "little")
    return data[:END_AT] + end + data[END_AT + 8 : HEAD_BYTES] + octets


class TestForgery:
    def test_a_record_taken_out(self, place: Path) -> None:
        path = path_of(place / "w0", 2)
        data = path.read_bytes()
        octets = [piece for _, piece in pieces(data)]
        for gone in range(len(octets)):
            path.write_bytes(put_together(data, b"".join(octets[:gone] + octets[gone + 1 :])))
            assert worst(verified(place)) == CHANGED, gone

    def test_two_records_swapped(self, place: Path) -> None:
        path = path_of(place / "w0", 2)
        data = path.read_bytes()
        octets = [piece for _, piece in pieces(data)]
        octets[1], octets[2] = octets[2], octets[1]
        path.write_bytes(put_together(data, b"".join(octets)))
        assert worst(verified(place)) == CHANGED

    @pytest.mark.parametrize("signed", ["as it was", "with another key", "with none"])
    def test_a_record_changed_and_everything_behind_it_chained_anew(self, place: Path, signed: str) -> None:
        path = path_of(place / "w0", 3)
        data = path.read_bytes()
        head, _, chain = decode_head(data)
        octets = b""
        for record, _ in pieces(data):
            forged = record._replace(subjects=()) if record.kind == READ and not octets.count(b"event-1") else record
            if record.kind == SEAL and signed == "with another key":
                place_ = Place(head.series, head.number, chain)
                forged = record._replace(
                    text=text_of(OTHER_KEYS, place_, record.sequence, record.time_ns, record.flags)
                )
            if record.kind == SEAL and signed == "with none":
                forged = record._replace(text=bytes(80))
            octets += encode(forged, chain)
            chain = octets[-CHAIN_BYTES:]
        path.write_bytes(put_together(data, octets))
        assert {"as it was": "forged signature", "with another key": "not among", "with none": "not among"}[
            signed
        ] in told(verified(place))
        assert worst(verified(place)) == CHANGED

    def test_a_segment_taken_out(self, place: Path) -> None:
        for number in (1, 2):
            path = path_of(place / "w0", number)
            data = path.read_bytes()
            path.unlink()
            assert f"segment {number} before it is missing" in told(verified(place))
            path.write_bytes(data)

    def test_segments_under_each_others_numbers(self, place: Path) -> None:
        one, other = path_of(place / "w0", 1), path_of(place / "w0", 2)
        data = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(data)
        assert worst(verified(place)) == CHANGED

    def test_a_segment_of_another_series(self, place: Path, tmp_path: Path) -> None:
        series = opened(tmp_path / "other", size=1024)
        fill(series, range(30))
        series.stop(NOW)
        shutil.copy(path_of(tmp_path / "other" / "w0", 2), path_of(place / "w0", 2))
        assert "another series" in told(verified(place))
        shutil.copy(path_of(tmp_path / "other" / "w0", 4), path_of(place / "w0", 4))
        assert told(verified(place)).count("another series") == 2

    @pytest.mark.parametrize("wrong", ["chain", "sequence"])
    def test_a_whole_segment_made_up(self, place: Path, wrong: str) -> None:
        last = path_of(place / "w0", 3)
        head, _, _ = decode_head(last.read_bytes())
        before, first = last.read_bytes()[-CHAIN_BYTES:], pieces(last.read_bytes())[-1][0].sequence + 1
        made_up = head._replace(
            number=4,
            before=bytes(CHAIN_BYTES) if wrong == "chain" else before,
            first_sequence=first + (wrong == "sequence"),
        )
        path_of(place / "w0", 4).write_bytes(encode_head(made_up))
        assert "does not go on" in told(verified(place))

    def test_octets_behind_a_closed_segment(self, place: Path) -> None:
        path = path_of(place / "w0", 3)
        path.write_bytes(path.read_bytes() + bytes(8) + b"x")
        assert worst(verified(place)) == CHANGED
        path.write_bytes(path.read_bytes()[:-1])
        assert worst(verified(place)) is None

    def test_another_key_altogether(self, place: Path) -> None:
        assert worst(verified(place, publics=Publics(OTHER_KEYS.public))) == CHANGED


class TestHeads:
    def test_the_end_cut_off_is_found_by_a_head_that_was_kept(self, place: Path) -> None:
        (report,) = verified(place)
        assert report.last is not None
        assert worst(verified(place, report.last)) is None
        path_of(place / "w0", 3).unlink()
        assert worst(verified(place)) is None  # as the module says: from the files alone nobody can know
        assert "it ends before record" in told(verified(place, report.last))
        shutil.rmtree(place / "w0")
        assert "whole series is missing" in told(verified(place, report.last))

    def test_a_series_written_anew_is_found(self, place: Path, tmp_path: Path) -> None:
        (report,) = verified(place)
        series = opened(tmp_path / "other", size=1024)
        fill(series, range(40))
        series.stop(NOW)
        assert report.last is not None
        assert "another series" in told(verified(tmp_path / "other", report.last))
        other = report.last.sequence - 1
        assert worst(verified(place, Kept(report.series, "w0", 3, other, report.last.chain))) == CHANGED

    def test_what_is_no_head_is_refused_by_its_line(self, tmp_path: Path) -> None:
        (tmp_path / "heads").write_text("\n{}\n")
        with pytest.raises(Malformed, match="heads:2"):
            read_heads(tmp_path / "heads")


class TestTorn:
    def test_a_torn_record_is_told_as_torn_and_not_as_forged(self, unclosed: Path, tmp_path: Path) -> None:
        shutil.copytree(unclosed, tmp_path / "audit")
        (path,) = segments(tmp_path / "audit" / "w0")
        data = path.read_bytes()
        _, end, _ = decode_head(data)
        for at, torn in ((end - 40, bytes(40)), (end - 200, bytes(200)), (end - 8, b"whatever")):
            path.write_bytes(data[:at] + torn + data[at + len(torn) :])
            (report,) = verified(tmp_path / "audit")
            assert [f.kind for f in report.findings] == [TORN_END], at

    def test_adopting_what_was_torn_leaves_a_series_that_is_whole_and_says_so(
        self, unclosed: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(unclosed, tmp_path / "audit")
        (path,) = segments(tmp_path / "audit" / "w0")
        data = path.read_bytes()
        _, end, _ = decode_head(data)
        path.write_bytes(data[: end - 40] + bytes(40) + data[end:])
        opened(tmp_path / "audit", size=1024).stop(NOW)
        reports = verified(tmp_path / "audit")
        assert worst(reports) is None
        assert "put aside" in told(reports)

    def test_one_that_is_being_written_is_whole(self, tmp_path: Path) -> None:
        series = opened(tmp_path)
        fill(series, range(5))
        (report,) = verified(tmp_path)
        assert (report.findings, report.unsealed) == ([], 6)
        series.stop(NOW)

    def test_one_that_was_not_closed_is_noted(self, unclosed: Path) -> None:
        (report,) = verified(unclosed)
        assert [f.kind for f in report.findings] == [NOTED]


def test_both_skip_to_the_same_place(written: Path) -> None:
    data = path_of(written / "w0", 2).read_bytes()
    head, end, _ = decode_head(data)
    assert compiled_skip(data, HEAD_BYTES, end, head.first_sequence) == skip(data, HEAD_BYTES, end, head.first_sequence)
    for bit in range(0, end * 8, 3):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        expected = skip(bytes(changed), HEAD_BYTES, end, head.first_sequence)
        assert compiled_skip(bytes(changed), HEAD_BYTES, end, head.first_sequence) == expected, bit
    for one in (skip, compiled_skip):
        with pytest.raises(ValueError, match="not within"):
            one(data, HEAD_BYTES, len(data) + 1, 1)
