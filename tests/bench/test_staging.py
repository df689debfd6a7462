"""The stage of a benchmark: what a data folder serves, under another CURRENT, and a second generation to swap with."""

import signal
from pathlib import Path

import pytest

from bench.staging import NoRegister, staged
from lookup.generation import CURRENT, open_generation, read_pointer
from lookup.manifest import GENERATIONS, verify_files
from tests.lookup import village


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = village.generation(tmp_path / "made")
    data = tmp_path / "data"
    (data / GENERATIONS).mkdir(parents=True)
    folder.rename(data / GENERATIONS / folder.name)
    (data / CURRENT).write_text(f"{folder.name}\n")
    return data


def test_two_generations_of_the_same_content_can_be_swapped(data: Path) -> None:
    before = {path: path.lstat() for path in data.rglob("*")}
    with staged(data) as stage:
        first, second = stage.names[0], stage.add_second()
        assert stage.names == [first, second]
        assert read_pointer(stage.data_dir, CURRENT) == first == read_pointer(data, CURRENT)
        opened = [open_generation(stage.data_dir / GENERATIONS / name) for name in stage.names]
        assert opened[0] is not opened[1]
        assert opened[1].serial == opened[0].serial + 1
        assert opened[0].manifest.content_digest == opened[1].manifest.content_digest
        stage.point(second)
        assert read_pointer(stage.data_dir, CURRENT) == second
        assert set(verify_files(stage.data_dir / GENERATIONS / second)) == set(verify_files(stage.served))
    assert not stage.data_dir.exists()
    after = {path: path.lstat() for path in data.rglob("*")}
    assert {path: stat.st_ctime_ns for path, stat in after.items()} == {
        path: stat.st_ctime_ns for path, stat in before.items()
    }


def test_a_folder_without_a_register_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoRegister), staged(tmp_path):
        pass


def test_a_benchmark_that_is_stopped_leaves_nothing(data: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def stopped() -> None:
        with staged(data) as stage:
            seen.append(stage.room)
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        stopped()
    assert ended.value.code == 128 + signal.SIGTERM
    assert [room.exists() for room in seen] == [False]
    assert signal.getsignal(signal.SIGTERM) is before
