"""A series over its segments: rotated, closed, gone on with after a kill or a power cut, and without room."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from lookup.audit.adopt import adopt
from lookup.audit.record import ADOPTED, CLOSED, READ, SEAL, TORN, decode_head, hash_of, size_of
from lookup.audit.segment import SUFFIX, TORN_SUFFIX, head_of, segments
from lookup.audit.series import SEAL_SECONDS, Unavailable
from lookup.core import COMPILED
from tests.audit.writing import KEYS, NOW, SMALL, asked, contents, fill, in_child, opened


def all_records(folder: Path):  # type: ignore[no-untyped-def]
    return [record for path in segments(folder) for record in contents(path)]


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_rotates_closes_and_loses_nothing(tmp_path: Path) -> None:
    series = opened(tmp_path)
    fill(series, range(300))
    series.stop(NOW)
    found = all_records(tmp_path / "w0")
    assert [r.sequence for r in found] == list(range(1, len(found) + 1))
    asked_about = [s.hash for r in found if r.kind == READ for s in r.subjects]
    assert asked_about == [hash_of(nin, KEYS.newest) for nin in range(300)]
    paths = segments(tmp_path / "w0")
    assert len(paths) > 3
    before = bytes(32)
    for number, path in enumerate(paths, 1):
        head, end = head_of(path)
        last = contents(path)[-1]
        assert (head.number, head.before, end) == (number, before, path.stat().st_size)
        assert (last.kind, last.flags) == (SEAL, CLOSED)
        before = path.read_bytes()[-32:]
    assert {path.suffix for path in (tmp_path / "w0").iterdir()} == {SUFFIX, ""}


def test_goes_on_with_the_series_that_was_stopped(tmp_path: Path) -> None:
    for start in (0, 10):
        series = opened(tmp_path)
        fill(series, range(start, start + 10))
        series.stop(NOW)
    first, second = segments(tmp_path / "w0")
    assert head_of(second)[0].before == first.read_bytes()[-32:]
    assert head_of(second)[0].series == head_of(first)[0].series
    assert contents(second)[0].sequence == contents(first)[-1].sequence + 1


def test_seals_once_a_minute_and_only_what_is_new(tmp_path: Path) -> None:
    series = opened(tmp_path)
    now = head_of(series.place)[0].made_ns  # type: ignore[arg-type]
    second = 10**9

    def seals() -> int:
        return sum(r.kind == SEAL for r in contents(series.place))  # type: ignore[arg-type]

    assert asked(series, 1)
    series.tick(now + (SEAL_SECONDS - 1) * second)
    assert seals() == 0
    series.tick(now + SEAL_SECONDS * second)
    assert seals() == 1
    series.tick(now + 3 * SEAL_SECONDS * second)
    assert seals() == 1
    assert asked(series, 2)
    series.tick(now + 3 * SEAL_SECONDS * second)
    assert seals() == 2
    series.stop(now)


def test_there_is_always_room_for_the_closing_seal(tmp_path: Path) -> None:
    series = opened(tmp_path)
    sealed = 0
    while series.seal(NOW):
        sealed += 1
    assert sealed > 40
    series.stop(NOW)
    (path,) = segments(tmp_path / "w0")
    assert contents(path)[-1].flags == CLOSED


def test_a_series_in_use_is_left_alone(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    assert (one.name, other.name) == ("w0", "w0.1")
    one.stop(NOW)
    other.stop(NOW)


def killed(folder: Path, numbers: range) -> Path:
    """The last segment of a process that recorded these and was killed."""

    def work() -> None:
        fill(opened(folder), numbers)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(work) == -signal.SIGKILL
    return segments(folder / "w0")[-1]


class TestAdoption:
    def test_what_a_killed_process_has_recorded_is_there_and_is_sealed(self, tmp_path: Path) -> None:
        path = killed(tmp_path, range(20))
        assert contents(path)[-1].kind == READ
        series = opened(tmp_path)
        last = contents(path)[-1]
        assert (last.kind, last.flags) == (SEAL, CLOSED | ADOPTED)
        assert sum(r.kind == READ for r in contents(path)) == 20
        assert asked(series, 20)
        assert head_of(series.place)[0].before == path.read_bytes()[-32:]  # type: ignore[arg-type]
        series.stop(NOW)

    def test_whole_records_behind_the_committed_end_are_kept(self, tmp_path: Path) -> None:
        path = killed(tmp_path, range(20))
        data = bytearray(path.read_bytes())
        data[216:224] = (256).to_bytes(8, "little")
        path.write_bytes(data)
        opened(tmp_path).stop(NOW)
        assert sum(r.kind == READ for r in contents(path)) == 20

    @pytest.mark.parametrize("lost", [1, 33, 200])
    def test_a_torn_end_is_put_aside_and_told(self, tmp_path: Path, lost: int) -> None:
        path = killed(tmp_path, range(20))
        data = bytearray(path.read_bytes())
        _, end, _ = decode_head(bytes(data))
        data[end - lost : end - lost + 8] = b"torntorn"
        path.write_bytes(data)
        opened(tmp_path).stop(NOW)
        last = contents(path)[-1]
        assert last.flags == CLOSED | ADOPTED | TORN
        assert last.serial >= lost
        assert b"torntorn"[:lost] in path.with_suffix(TORN_SUFFIX).read_bytes()

    def test_a_segment_that_never_reached_the_disk_gives_its_number_back(self, tmp_path: Path) -> None:
        path = killed(tmp_path, range(1))
        path.write_bytes(bytes(SMALL))
        series = opened(tmp_path)
        assert (series.name, series.place) == ("w0", path)
        assert path.with_suffix(TORN_SUFFIX).read_bytes() == bytes(SMALL)
        series.stop(NOW)

    def test_a_segment_that_was_changed_before_its_seal_is_left_as_it_is(self, tmp_path: Path) -> None:
        series = opened(tmp_path)
        fill(series, range(5))
        series.stop(NOW)
        (path,) = segments(tmp_path / "w0")
        data = bytearray(path.read_bytes())
        data[300] ^= 1
        path.write_bytes(data)
        series = opened(tmp_path)
        assert series.name == "w0.1"
        series.stop(NOW)
        assert path.read_bytes() == data

    def test_half_a_record_at_any_octet_is_put_aside(self, in_memory: Path) -> None:
        path = killed(in_memory, range(3))
        data = path.read_bytes()
        found = contents(path)
        _, end, _ = decode_head(data)
        last = size_of(len(found[-1].text), 1)
        for written in range(last):
            torn = bytearray(data)
            torn[end - last + written : end] = bytes(last - written)
            torn[216:224] = (end - last).to_bytes(8, "little")
            path.write_bytes(torn)
            adopt(path, KEYS, NOW)
            assert contents(path)[:-1] == found[:-1]
            assert contents(path)[-1].flags == CLOSED | ADOPTED
        path.write_bytes(data[:216] + (end - last).to_bytes(8, "little") + data[224:])
        adopt(path, KEYS, NOW)
        assert contents(path)[:-1] == found

    def test_what_a_closed_segment_did_not_use_is_cut_off_later(self, tmp_path: Path) -> None:
        series = opened(tmp_path)
        fill(series, range(100))
        series.stop(NOW)
        paths = segments(tmp_path / "w0")
        whole = [path.read_bytes() for path in paths]
        for path in paths:
            path.write_bytes(path.read_bytes().ljust(SMALL, b"\0"))
        opened(tmp_path).stop(NOW)
        assert [path.read_bytes() for path in paths] == whole

    def test_segments_that_were_never_begun_are_swept_up(self, tmp_path: Path) -> None:
        killed(tmp_path, range(1))
        assert list((tmp_path / "w0").glob("*.next"))
        opened(tmp_path).stop(NOW)
        assert not list((tmp_path / "w0").glob("*.next"))

    def test_adopting_again_changes_nothing(self, tmp_path: Path) -> None:
        path = killed(tmp_path, range(20))
        opened(tmp_path).stop(NOW)
        before = path.read_bytes()
        opened(tmp_path).stop(NOW)
        assert path.read_bytes() == before


class TestWithoutRoom:
    def test_says_no_when_the_disk_is_full_and_goes_on_when_it_is_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        series = opened(tmp_path)
        monkeypatch.setattr(os, "posix_fallocate", no_room)
        recorded = 0
        while asked(series, recorded):
            recorded += 1
        assert recorded > 20
        assert not series.available
        assert not asked(series, 0)
        monkeypatch.undo()
        series.work()
        assert series.available
        assert asked(series, recorded)
        series.stop(NOW)
        asked_about = [s.hash for r in all_records(tmp_path / "w0") if r.kind == READ for s in r.subjects]
        assert asked_about == [hash_of(nin, KEYS.newest) for nin in range(recorded + 1)]

    def test_a_real_limit_is_an_error_and_no_signal(self, tmp_path: Path) -> None:
        def work() -> None:
            series = opened(tmp_path)
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
            recorded = 0
            while asked(series, recorded):
                recorded += 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            series.work()
            assert asked(series, recorded)
            series.stop(NOW)
            (tmp_path / "recorded").write_text(str(recorded + 1))

        assert in_child(work) == 0
        recorded = int((tmp_path / "recorded").read_text())
        assert sum(r.kind == READ for r in all_records(tmp_path / "w0")) == recorded

    def test_takes_the_second_place_when_the_first_cannot(self, tmp_path: Path) -> None:
        first, second = tmp_path / "audit", tmp_path / "spool"
        series = opened(first, second)
        fill(series, range(20))
        for path in (first / "w0").iterdir():
            path.rename(tmp_path / path.name)
        (first / "w0").rmdir()
        (first / "w0").write_text("no folder any more")
        fill(series, range(20, 200))
        series.stop(NOW)
        assert segments(second / "w0")[0].name > "0000000001.seg"
        moved = sorted(tmp_path.glob("*.seg"))
        asked_about = [
            s.hash for path in [*moved, *segments(second / "w0")] for r in contents(path) for s in r.subjects
        ]
        assert asked_about == [hash_of(nin, KEYS.newest) for nin in range(200)]

    def test_begins_a_new_series_while_not_every_place_can_be_seen(self, tmp_path: Path) -> None:
        first, second = tmp_path / "audit", tmp_path / "spool"
        first.write_text("no folder")
        series = opened(first, second)
        assert series.name.startswith("w0-")
        assert asked(series, 1)
        series.stop(NOW)
        assert len(segments(second / series.name)) == 1

    def test_without_any_place_it_does_not_begin(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(Unavailable, match=r"Not a directory|File exists"):
            opened(tmp_path / "file")

    def test_a_failing_sync_stops_disclosure_until_another_segment_is_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def dead(_: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        series = opened(tmp_path)
        assert asked(series, 1)
        for name in ("fdatasync", "fsync"):
            monkeypatch.setattr(os, name, dead)
        series.work()
        assert not series.available
        assert not asked(series, 2)
        series.tick(NOW)
        assert not asked(series, 2)
        monkeypatch.undo()
        series.work()
        series.tick(NOW)
        assert asked(series, 2)
        series.stop(NOW)
        paths = segments(tmp_path / "w0")
        assert head_of(paths[1])[0].before == head_chain_end(paths[0])
        assert not list((tmp_path / "w0").glob("*.next"))  # nor is what was prepared there left behind

    def test_pages_that_are_gone_are_a_no_and_no_signal(self, tmp_path: Path) -> None:
        def work() -> None:
            series = opened(tmp_path)
            assert asked(series, 1)
            assert series.place is not None
            os.truncate(series.place, 0)
            assert not asked(series, 2)
            assert series.ledger.failed
            series.tick(NOW)
            assert asked(series, 2)

        assert in_child(work) == (0 if COMPILED else -signal.SIGBUS)


def head_chain_end(path: Path) -> bytes:
    data = path.read_bytes()
    _, end, _ = decode_head(data)
    return data[end - 32 : end]
