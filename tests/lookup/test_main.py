"""The command `flr-lookup`: what it refuses, and with which exit code."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lookup", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "example.org", ""])  # noqa: S104
def test_only_loopback_is_served_and_the_message_says_why(tmp_path: Path, host: str) -> None:
    done = run("serve", "--data-dir", str(tmp_path), "--host", host, "--port", "0")
    assert done.returncode == 78
    assert "not a loopback address" in done.stderr
    assert "no access control" in done.stderr


def test_so_is_the_admin_listener(tmp_path: Path) -> None:
    for admin, why in (("0.0.0.0:0", "not a loopback"), ("localhost", "HOST:PORT"), ("localhost:65536", "HOST:PORT")):
        done = run("serve", "--data-dir", str(tmp_path), "--port", "0", "--admin", admin)
        assert (done.returncode, why in done.stderr) == (78, True)


def test_the_plain_core_is_refused_unless_asked_for_by_name(tmp_path: Path) -> None:
    done = run("serve", "--data-dir", str(tmp_path), "--port", "0", FLR_PLAIN_CORE="1")
    assert done.returncode == 78
    assert "--allow-plain" in done.stderr
    done = run("serve", "--data-dir", str(tmp_path / "nowhere"), "--port", "0", "--allow-plain", FLR_PLAIN_CORE="1")
    assert "there is no folder" in done.stderr


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = run("serve", "--data-dir", str(tmp_path / "nowhere"), "--port", "0")
    assert (done.returncode, done.stderr) == (78, f"flr-lookup: data_dir: there is no folder {tmp_path / 'nowhere'}\n")


def test_an_address_that_is_taken_is_74(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--data-dir", str(tmp_path), "--port", port)
    assert done.returncode == 74
    assert "in use" in done.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("dance",), ("serve", "--colour", "red"), ("settings", "--json", "--markdown")]
)
def test_wrong_use_is_64(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).returncode == 64


def test_settings_are_printed_and_wrong_ones_are_78(tmp_path: Path) -> None:
    done = run("settings", "--json", "--data-dir", str(tmp_path), FLR_PORT="81")
    assert (json.loads(done.stdout)["data_dir"], json.loads(done.stdout)["port"]) == (str(tmp_path), 81)
    done = run("settings", FLR_PORT="eighty")
    assert (done.returncode, "port (from the environment)" in done.stderr) == (78, True)
