"""The data folder: staging, sealing, the swap in its order, the workers, and what is removed."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loader import publish
from loader.errors import BadGeneration, ConfigurationError, NotAdopted, OutOfOrder, StorageError
from loader.publish import Staging, admit, in_service, prepare, prune, require_space, sweep, wait_adopted
from loader.report import LoadReport, write_report
from lookup.generation import open_generation, read_pointer, verify_files
from lookup.manifest import Refusal
from tests import tiny
from tests.loader.published import build, names, publish_one

ROOT = Path(__file__).resolve().parents[2]


def test_a_generation_is_published_sealed(data: Path, tmp_path: Path) -> None:
    name = publish_one(data, tmp_path)
    folder = data / "gen" / name
    assert (data / "CURRENT").read_bytes() == f"{name}\n".encode()
    assert (data / "CURRENT").stat().st_mode & 0o777 == 0o640
    assert open_generation(folder).name == name
    assert folder.stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o440}
    assert list((data / "staging").iterdir()) == []


def test_a_sealed_candidate_opens_under_its_final_name_before_it_is_published(data: Path, tmp_path: Path) -> None:
    with Staging(data) as staging:
        build(staging, tmp_path, 3)
        candidate = staging.seal(3)
        stamps = verify_files(candidate)
        name = staging.publish()
    assert candidate.name == name
    open_generation(data / "gen" / name, stamps).self_test()


def test_what_is_not_published_goes(data: Path, tmp_path: Path) -> None:
    def fail() -> None:
        with Staging(data) as staging:
            build(staging, tmp_path)
            staging.seal(1)
            raise BadGeneration("it did not verify")

    with pytest.raises(BadGeneration):
        fail()
    assert list((data / "staging").iterdir()) == []
    assert list((data / "gen").iterdir()) == []
    assert not (data / "CURRENT").exists()


def test_every_step_is_durable_before_the_next(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def recorded_fsync(fd: int) -> None:
        fsync(fd)
        steps.append(f"fsync {Path(f'/proc/self/fd/{fd}').readlink().relative_to(data)}")

    def recorded_rename(path: Path, target: Any) -> Path:
        steps.append(f"rename {path.relative_to(data)} {Path(target).relative_to(data)}")
        return rename(path, target)

    with Staging(data) as staging:
        build(staging, tmp_path)
        monkeypatch.setattr(os, "fsync", recorded_fsync)
        monkeypatch.setattr(Path, "rename", recorded_rename)
        first = staging.folder.name
        name = staging.seal(1).name
        files = {f"fsync staging/{name}/{file.name}" for file in staging.folder.iterdir()}
        staging.publish()
    assert steps[0] == f"rename staging/{first} staging/{name}"
    assert set(steps[1:5]) == files
    assert steps[5:] == [
        f"fsync staging/{name}",
        "fsync staging",
        f"rename staging/{name} gen/{name}",
        "fsync gen",
        "fsync CURRENT.tmp",
        "rename CURRENT.tmp CURRENT",
        "fsync .",
        "rename verified.json.tmp verified.json",  # a hint, which need not be durable
    ]


@pytest.mark.parametrize("nth", range(1, 10))
def test_when_a_step_fails_the_old_generation_stays_whole(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    old = publish_one(data, tmp_path, 1)
    fsync, calls = os.fsync, iter(range(1, 100))

    def failing(fd: int) -> None:
        if next(calls) == nth:
            raise OSError(errno.EIO, "Input/output error")
        fsync(fd)

    def publish_two() -> None:
        with Staging(data) as staging:
            build(staging, tmp_path, 2)
            monkeypatch.setattr(os, "fsync", failing)
            staging.seal(2)
            staging.publish()

    with pytest.raises(StorageError, match="Input/output error") as caught:
        publish_two()
    monkeypatch.undo()
    current = read_pointer(data, "CURRENT")
    assert current is not None
    if nth < 9:  # the ninth is after the swap: the new one is in service, only not known to be durable
        assert current == old
        assert names(data) == {old}  # what nobody was told of is gone
        assert not (data / "CURRENT.tmp").exists()
    else:
        assert current != old
        assert f"CURRENT names {current} now" in str(caught.value)
    verify_files(data / "gen" / current)
    assert list((data / "staging").iterdir()) == []


def test_a_generation_is_not_taken_back_while_current_is_damaged(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_one(data, tmp_path, 1)

    def failing(*_: object) -> None:
        (data / "CURRENT").write_text("nonsense")
        raise StorageError("CURRENT could not be written")

    monkeypatch.setattr(publish, "point", failing)
    with pytest.raises(StorageError, match="CURRENT could not be written"):
        publish_one(data, tmp_path, 2)
    assert len(names(data)) == 2  # somebody may have fallen back on it


def test_all_of_the_steps_that_fail_above_are_there(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0
    fsync = os.fsync

    def counted(fd: int) -> None:
        nonlocal count
        count += 1
        fsync(fd)

    monkeypatch.setattr(os, "fsync", counted)
    publish_one(data, tmp_path)
    assert count == 9


def test_the_same_generation_is_not_published_over_itself(data: Path, tmp_path: Path) -> None:
    name = publish_one(data, tmp_path)
    (tmp_path / "built-1").rename(tmp_path / "once")
    with pytest.raises(StorageError, match="already there"):
        publish_one(data, tmp_path)
    verify_files(data / "gen" / name)


def test_publishing_and_removing_leave_a_reader_undisturbed(data: Path, tmp_path: Path) -> None:
    first = open_generation(data / "gen" / publish_one(data, tmp_path, 1))
    publish_one(data, tmp_path, 2)
    assert prune(data, data / "run", 1) == ([first.name], [])
    first.warm()
    first.self_test()
    assert first.tables.office(tiny.OFFICE) is not None


def test_what_a_dead_loader_left_is_swept(data: Path) -> None:
    (data / "staging" / "building-1").mkdir()
    (data / "staging" / "building-1" / "index.mdb").touch(0o440)
    (data / "staging" / "loose").touch()
    sweep(data)
    assert list((data / "staging").iterdir()) == []


def test_the_data_folder_is_made_where_there_is_a_place_for_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"data_dir: there is no folder .*typo to make data in"):
        prepare(tmp_path / "typo" / "data", tmp_path / "typo" / "data" / "run")
    assert not (tmp_path / "typo").exists()
    assert prepare(tmp_path / "data", tmp_path / "data" / "run")
    assert not prepare(tmp_path / "data", tmp_path / "data" / "run")


def test_space_is_asked_for_before_writing(data: Path) -> None:
    require_space(data, 0)
    with pytest.raises(StorageError, match="are free"):
        require_space(data, 1 << 62)


# -- which feeds are taken


def test_the_first_feed_and_higher_ones_are_taken(data: Path, tmp_path: Path) -> None:
    assert admit(data, 5) == (True, 5, None)
    assert admit(data, None) == (True, 1, None)
    name = publish_one(data, tmp_path, 5)
    assert admit(data, 6) == (True, 6, name)
    assert admit(data, None) == (True, 6, name)


def test_the_sequence_in_service_is_nothing_new_unless_rebuilt(data: Path, tmp_path: Path) -> None:
    name = publish_one(data, tmp_path, 5)
    assert admit(data, 5) == (False, 5, name)
    assert admit(data, 5, rebuild=True) == (True, 5, name)


@pytest.mark.parametrize("broken", ["CURRENT", "folder", "file"])
def test_the_sequence_in_service_is_built_again_when_it_is_not_whole(data: Path, tmp_path: Path, broken: str) -> None:
    name = publish_one(data, tmp_path, 5)
    if broken == "CURRENT":
        (data / "CURRENT").write_text("nonsense")
    elif broken == "folder":
        (data / "gen" / name / "manifest.json").unlink()
    else:
        index = data / "gen" / name / "index.mdb"
        damaged = bytearray(index.read_bytes())
        damaged[-1] ^= 1
        index.chmod(0o640)
        index.write_bytes(damaged)
    assert admit(data, 5) == (True, 5, name)


def test_a_lower_sequence_needs_a_reason(data: Path, tmp_path: Path) -> None:
    name = publish_one(data, tmp_path, 5)
    with pytest.raises(OutOfOrder, match="sequence is 4, 5 is in service"):
        admit(data, 4)
    assert admit(data, 4, allow_older="the master was restored") == (True, 4, name)


def test_a_refused_sequence_is_not_taken_again(data: Path, tmp_path: Path) -> None:
    publish_one(data, tmp_path, 5)
    refusal = Refusal("6-0123abcd", "bad data", "2026-11-24T02:00:00+01:00")
    (data / "refused.json").write_bytes(msgspec.json.encode([refusal]))
    with pytest.raises(OutOfOrder, match="was refused"):
        admit(data, 6)
    assert admit(data, 7).build
    for nonsense in (b"?", msgspec.json.encode([Refusal("six", "bad data", "2026-11-24T02:00:00+01:00")])):
        (data / "refused.json").write_bytes(nonsense)
        with pytest.raises(BadGeneration, match=r"refused\.json"):
            admit(data, 7)


def test_without_a_sound_current_the_newest_generation_counts(data: Path, tmp_path: Path) -> None:
    assert in_service(data) == (None, 0)
    publish_one(data, tmp_path, 4)
    name = publish_one(data, tmp_path, 5)
    (data / "CURRENT").write_text("nonsense")
    assert in_service(data) == (name, 5)
    with pytest.raises(OutOfOrder):
        admit(data, 4)


# -- the workers

WORKER = """
import sys, time
from pathlib import Path
from lookup.runfile import RunFile
file = RunFile(Path(sys.argv[1]))
file.write(sys.argv[2], int(sys.argv[3]), sys.argv[4])
print("written", flush=True)
for line in sys.stdin:
    file.write(*[kind(word) for kind, word in zip((str, int, str), line.split())])
"""


@pytest.fixture
def start(data: Path) -> Iterator[Any]:
    started: list[subprocess.Popen[bytes]] = []

    def start(state: str, name: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(data / "run"), state, *name.split("-")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def adopt(data: Path, name: str, seconds: float = 0.0) -> tuple[str, int]:
    return tuple(wait_adopted(data, data / "run", name, seconds))  # type: ignore[return-value]


def test_nobody_alive_is_no_reason_to_wait(data: Path, start: Any) -> None:
    assert adopt(data, "2-0123abcd", 1e9) == ("no worker alive", 0)
    dead = start("ready", "1-0123abcd")
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    assert adopt(data, "2-0123abcd", 1e9) == ("no worker alive", 0)


def test_every_live_worker_is_waited_for(data: Path, start: Any) -> None:
    start("ready", "2-0123abcd")
    behind = start("ready", "1-0123abcd")
    with pytest.raises(NotAdopted, match=rf"1 of 2 workers .* \(process {behind.pid}\)"):
        adopt(data, "2-0123abcd")
    behind.stdin.write(b"ready 2 0123abcd\n")
    behind.stdin.flush()
    assert adopt(data, "2-0123abcd", 60) == ("adopted", 2)


def test_a_worker_of_the_same_serial_but_another_digest_is_behind(data: Path, start: Any) -> None:
    start("ready", "2-ffffffff")
    with pytest.raises(NotAdopted):
        adopt(data, "2-0123abcd")


def test_one_that_starts_is_waited_for_and_one_that_stops_is_not(data: Path, start: Any) -> None:
    start("draining", "1-0123abcd")
    assert adopt(data, "2-0123abcd", 1e9) == ("no worker alive", 0)
    start("starting", "2-0123abcd")
    with pytest.raises(NotAdopted):
        adopt(data, "2-0123abcd")


def test_a_pin_on_another_generation_ends_the_waiting(data: Path, start: Any) -> None:
    start("ready", "1-0123abcd")
    (data / "PIN").write_text("1-0123abcd\n")
    assert adopt(data, "2-0123abcd", 1e9) == ("pinned", 1)
    assert adopt(data, "1-0123abcd", 1e9) == ("adopted", 1)


def test_reports_are_for_the_group_only_and_none_takes_the_place_of_another(data: Path) -> None:
    """Though a clock may be set back, and two of them get one name."""
    reports = [LoadReport(outcome="published", generation=f"{n}-0123abcd", serial=n, started="now") for n in range(3)]
    paths = [write_report(data, "a-load", report) for report in reports]
    assert [path.name for path in paths] == ["a-load.json", "a-load-2.json", "a-load-3.json"]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o640}
    assert [msgspec.json.decode(path.read_bytes(), type=LoadReport) for path in paths] == reports
    assert set(paths) == set((data / "reports").iterdir())
