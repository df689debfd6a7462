"""The command `flr-loader`: exit codes, what is printed, and what is not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loader import __main__ as command
from loader import errors
from loader.lock import LoaderLock
from tests import tiny
from tests.service import Service

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loader", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feed")
    population = [sys.executable, "-m", "bench.population", "--persons", "1000", "--out", str(folder / "feed")]
    subprocess.run(population, cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return folder / "feed"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 64),
        (errors.BadFeed("x", ("persons.ndjson:3: y",)), 65),
        (errors.BadGeneration("x"), 65),
        (errors.OutOfOrder("x"), 65),
        (errors.StaleData("x"), 65),
        (errors.SourceUnreachable("x"), 69),
        (errors.NotAdopted("x"), 70),
        (errors.StorageError("x"), 74),
        (OSError(28, "No space left on device", "index.mdb"), 74),
        (errors.LockHeld("x", stuck=True), 75),
        (errors.ConfigurationError("x"), 78),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_every_error_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int, as_json: bool
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setitem(command.VERBS, "status", fail)
    assert command.main(["status", *(["--json"] if as_json else [])]) == code
    out, err = capsys.readouterr()
    if as_json:
        assert err == ""
        assert json.loads(out)["error"]["exitCode"] == code
    else:
        assert out == ""
        assert err.startswith("flr-loader: ")
        assert err.count("\n") == 1 + len(getattr(error, "faults", ()))


def test_the_table_above_has_every_error_there_is() -> None:
    (table,) = [mark for mark in test_every_error_has_its_exit_code.pytestmark if mark.args[0] == ("error", "code")]
    assert {type(error) for error, _ in table.args[1]} - {OSError} == set(errors.LoaderError.__subclasses__())


@pytest.mark.parametrize("first", ["a.ndjson:1: x", "a feed"])
def test_no_fault_is_told_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], first: str
) -> None:
    def fail(*_: object) -> None:
        raise errors.BadFeed(first, ("a.ndjson:1: x", "a.ndjson:2: x"))

    monkeypatch.setitem(command.VERBS, "status", fail)
    assert command.main(["status"]) == 65
    told = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("flr-loader: ") for line in told] == [
        *([first] if first == "a feed" else []),
        "a.ndjson:1: x",
        "a.ndjson:2: x",
    ]


def test_an_error_in_the_loader_itself_tells_where_and_nothing_of_a_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise KeyError(f"Kari Nordmann {tiny.ASSIGNED}")

    monkeypatch.setitem(command.VERBS, "status", fail)
    assert command.main(["status"]) == 71
    out, err = capsys.readouterr()
    assert "an error in the loader itself: KeyError" in err
    assert "test_cli.py" in err
    for text in (tiny.ASSIGNED, "Nordmann"):
        assert text not in out + err.replace('f"Kari Nordmann {tiny.ASSIGNED}"', "")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dance",),
        ("load",),
        ("status", "--colour"),
        ("load", "a", "b"),
        ("push",),
        ("pull",),
        ("verify", "../../etc"),
    ],
)
def test_wrong_use_is_64(data: Path, arguments: tuple[str, ...]) -> None:
    data.mkdir()
    given = [*arguments, "--data-dir", data] if arguments else []
    assert run(*given).returncode == 64


def test_a_wrong_value_of_a_flag_is_64_and_of_the_environment_78(feed: Path, data: Path) -> None:
    done = run("load", feed, "--data-dir", data, "--processes", "many")
    assert (done.returncode, "processes (from the command line)" in done.stderr) == (64, True)
    done = run("load", feed, "--data-dir", data, FLR_PROCESSES="many")
    assert (done.returncode, "processes (from the environment)" in done.stderr) == (78, True)
    assert not data.exists()


def test_a_data_folder_in_no_folder_is_78(feed: Path, data: Path) -> None:
    done = run("load", feed, "--data-dir", data / "typo" / "data")
    assert (done.returncode, "there is no folder" in done.stderr) == (78, True)
    assert not data.exists()


def test_wrong_settings_are_78(data: Path) -> None:
    done = run("status", "--data-dir", data)
    assert (done.returncode, done.stderr) == (78, f"flr-loader: data_dir: there is no folder {data}\n")
    done = run("settings", FLR_KEEP_GENERATIONS="none")
    assert (done.returncode, "keep_generations (from the environment)" in done.stderr) == (78, True)


def test_a_load_is_quiet_and_then_there_is_nothing_new(feed: Path, data: Path) -> None:
    done = run("load", feed, "--data-dir", data)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    report = json.loads(run("load", feed, "--data-dir", data, "--json").stdout)
    assert report["outcome"] == "nothing new"
    assert report["generation"] == (data / "CURRENT").read_text().strip()
    rebuilt = json.loads(run("load", feed, "--data-dir", data, "--json", "--rebuild").stdout)
    assert (rebuilt["outcome"], rebuilt["serial"], rebuilt["adoption"]) == (
        "published",
        report["serial"],
        "no worker alive",
    )
    assert rebuilt["generation"] != report["generation"]
    for deep in ([], ["--deep"]):
        done = run("verify", "--data-dir", data, *deep)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    status = json.loads(run("status", "--data-dir", data, "--json").stdout)
    assert status["current"] == rebuilt["generation"]
    assert [one["name"] for one in status["generations"]] == [rebuilt["generation"], report["generation"]]
    assert (status["workers"], status["problems"], status["loading"]) == ([], [], None)


def test_a_load_waits_until_live_workers_serve_it_and_says_pinned(feed: Path, data: Path) -> None:
    data.mkdir()
    with Service(data) as service:
        report = json.loads(run("load", feed, "--data-dir", data, "--json").stdout)
        assert (report["adoption"], report["workers"]) == ("adopted", 2)
        assert json.loads(service.ask("/v1/status")[2])["digest8"] == report["generation"].split("-")[1]
        (data / "PIN").write_text(f"{report['generation']}\n")
        done = run("load", feed, "--data-dir", data, "--rebuild")
        assert (done.returncode, "pinned" in done.stdout) == (0, True)
        assert json.loads(service.ask("/v1/status")[2])["digest8"] == report["generation"].split("-")[1]


def test_a_generation_that_live_workers_do_not_take_up_is_70(feed: Path, data: Path) -> None:
    assert run("load", feed, "--data-dir", data).returncode == 0
    with Service(data, workers=1) as service:
        service.wait("serving")
        service.process.send_signal(
            signal.SIGSTOP
        )  # stopped, as a machine in trouble is: the workers live, nobody tells them
        try:
            done = run("load", feed, "--data-dir", data, "--rebuild", "--adopt-timeout", "0.5")
        finally:
            service.process.send_signal(signal.SIGCONT)
        assert done.returncode == 70
        assert "is announced, but 1 of 1 workers" in done.stderr
        service.wait("serving", generation=(data / "CURRENT").read_text().strip())


def test_a_held_lock_is_75_and_silent_unless_it_is_old(feed: Path, data: Path) -> None:
    data.mkdir()
    with LoaderLock(data, 1800):
        done = run("load", feed, "--data-dir", data)
        assert (done.returncode, done.stdout, done.stderr) == (75, "", "")
        done = run("load", feed, "--data-dir", data, "--stuck-after", "0")
        assert (done.returncode, f"process {os.getpid()}" in done.stderr) == (75, True)
        status: dict[str, Any] = json.loads(run("status", "--data-dir", data, "--json").stdout)
        assert status["loading"]["pid"] == os.getpid()


def test_no_feed_is_69(data: Path, tmp_path: Path) -> None:
    assert run("load", tmp_path / "nowhere", "--data-dir", data).returncode == 69


def test_verify_finds_what_is_wrong(data: Path) -> None:
    data.mkdir()
    done = run("verify", "--data-dir", data)
    assert (done.returncode, "nothing is in service" in done.stderr) == (65, True)
    folder = tiny.generation(data)
    assert run("verify", folder.name, "--data-dir", data).returncode == 0
    done = run("verify", "--deep", folder.name, "--data-dir", data)
    assert (done.returncode, "do not add up" in done.stderr) == (65, True)
    (folder / "people.mdb").unlink()
    assert run("verify", "--deep", folder.name, "--data-dir", data).returncode == 64
    (folder / "pointers.bin").write_bytes(b"")
    done = run("verify", folder.name, "--data-dir", data)
    assert (done.returncode, done.stderr) == (65, "flr-loader: pointers.bin is not what the manifest says\n")


def test_status_tells_what_is_wrong(data: Path) -> None:
    data.mkdir()
    (data / "CURRENT").write_text("9-0123abcd\n")
    (data / "PIN").write_text("nonsense")
    (data / "refused.json").write_text("{")
    done = run("status", "--data-dir", data)
    assert done.returncode == 0
    for problem in (
        "CURRENT names 9-0123abcd, which is not there",
        "PIN is not one line",
        "refused.json cannot be read",
    ):
        assert problem in done.stdout
