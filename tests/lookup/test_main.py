"""The command `flr-lookup`: what it refuses, and with which exit code."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, module: str = "lookup", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])  # noqa: S104
def test_without_access_control_or_with_another_clock_only_loopback_is_served(tmp_path: Path, host: str) -> None:
    there = ("serve", "--data-dir", str(tmp_path), "--port", "0", "--host", host)
    for done in (run(*there, module="bench.unguarded"), run(*there, "--clock-offset", "60")):
        assert (done.returncode, "is not a loopback address" in done.stderr) == (78, True)
    done = run("serve", "--data-dir", str(tmp_path), "--port", "0", "--admin", "0.0.0.0:0", module="bench.unguarded")
    assert (done.returncode, "is not a loopback address" in done.stderr) == (78, True)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_an_address_that_this_machine_does_not_have_is_74(tmp_path: Path, host: str) -> None:
    assert run("serve", "--data-dir", str(tmp_path), "--port", "0", "--host", host).returncode == 74


@pytest.mark.parametrize("admin", ["localhost", "localhost:65536"])
def test_the_admin_listener_has_host_and_port(tmp_path: Path, admin: str) -> None:
    done = run("serve", "--data-dir", str(tmp_path), "--port", "0", "--admin", admin)
    assert (done.returncode, "HOST:PORT" in done.stderr) == (78, True)


def test_clients_that_cannot_be_read_and_proxies_that_are_everybody_are_78(tmp_path: Path) -> None:
    clients = tmp_path / "clients.json"
    clients.write_text("{")
    clients.chmod(0o640)
    done = run("serve", "--data-dir", str(tmp_path), "--port", "0", FLR_CLIENTS_FILE=str(clients))
    assert (done.returncode, str(clients) in done.stderr) == (78, True)
    done = run("serve", "--data-dir", str(tmp_path), "--port", "0", FLR_TRUSTED_PROXIES="0.0.0.0/0")
    assert (done.returncode, "everybody" in done.stderr) == (78, True)
    done = run("serve", "--data-dir", str(tmp_path), "--port", "0", FLR_ISSUERS_FILE=str(clients))
    assert (done.returncode, str(clients) in done.stderr) == (78, True)


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
