"""The command `flr-lookup doctor`, beside a service that runs: what it prints, and with which code it ends."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lookup.doctor.command import CHECKS
from lookup.doctor.finding import OK
from tests.access import registered
from tests.lookup.authority import Authority
from tests.service import PATIENCE_SECONDS, ROOT, Service

MACHINE = {"core", "open files", "memory", "clock", "kernel", "dumps"}  # what ours is like is for test_checks.py


class Examined(NamedTuple):
    """How the doctor has ended, and what it has printed."""

    code: int
    findings: dict[str, list[dict[str, Any]]]
    text: str

    def state(self, check: str) -> set[str]:
        """What was found of a check."""
        return {one["state"] for one in self.findings[check]}

    def troubles(self) -> set[str]:
        """The checks that have found something, but for those of the machine."""
        return {name for name in self.findings if self.state(name) != {OK}} - MACHINE


def doctor(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lookup", "doctor", "--data-dir", str(data), *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def examine(data: Path, *arguments: str, **environment: str) -> Examined:
    done = doctor(data, "--json", *arguments, **environment)
    assert done.stderr == ""
    told = json.loads(done.stdout)
    findings: dict[str, list[dict[str, Any]]] = {}
    for one in told["findings"]:
        findings.setdefault(one["check"], []).append(one)
    worst = ("ok", "warning", "wrong").index(told["state"])
    assert worst == done.returncode
    return Examined(done.returncode, findings, done.stdout)


@pytest.fixture
def data(loaded: Path, tmp_path: Path) -> Path:
    folder = shutil.copytree(loaded, tmp_path / "data")
    (folder / "access").mkdir(mode=0o750)
    registered.put(folder / "access" / "clients.json", registered.client())
    return folder


@pytest.fixture
def short() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="flr-") as folder:  # the path of a unix socket has 107 octets at most
        yield Path(folder)


def serving(data: Path, *arguments: str, **environment: str) -> Service:
    guarded = [sys.executable, "-m", "lookup", "serve", "--data-dir", str(data)]
    return Service(data, *arguments, command=guarded, workers=1, FLR_AUDIT_SEGMENT_BYTES="65536", **environment)


def test_a_service_that_is_well(data: Path, short: Path) -> None:
    told = {"FLR_UDS": str(short / "flr.sock"), "FLR_WORKERS": "1"}
    with serving(data, FLR_UDS=told["FLR_UDS"]) as service:
        service.wait("serving")
        found = examine(data, "--deep", **told)
        assert set(found.findings) == set(CHECKS)
        assert found.troubles() == set()
        assert "1 serve 1-" in found.findings["workers"][0]["what"]
        assert "answers" in found.findings["address"][0]["what"]
        text = doctor(data, **told)
        assert text.returncode == found.code
        assert len(text.stdout.splitlines()) == sum(
            1 + (one["mend"] is not None) for ones in found.findings.values() for one in ones
        )


def test_a_service_over_tls_is_asked_over_tls(data: Path, tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("service")
    told = {"FLR_TLS_CERTIFICATE": str(files.certificate), "FLR_TLS_KEY": str(files.key)}
    with serving(data, "--port", "0", **told) as service:
        port = service.address["port"]
        service.wait("serving")
        assert examine(data, FLR_WORKERS="1", FLR_PORT=str(port), **told).troubles() == set()
        plain = examine(data, FLR_WORKERS="1", FLR_PORT=str(port))
        assert plain.troubles() == {"address"}
        assert "none with these settings" in plain.findings["address"][0]["what"]


def test_an_address_without_a_service(loaded: Path, short: Path) -> None:
    """Nobody is called there: systemd would start the service."""
    with socket.create_server(("127.0.0.1", 0)) as other, socket.socket(socket.AF_UNIX) as unix:
        other.setblocking(False)
        found = examine(loaded, FLR_PORT=str(other.getsockname()[1]))
        assert found.state("address") == {"warning"}
        with pytest.raises(BlockingIOError):
            other.accept()
        unix.bind(str(short / "flr.sock"))
        unix.listen()
        assert examine(loaded, FLR_UDS=str(short / "flr.sock")).state("address") == {"warning"}
    found = examine(loaded, FLR_UDS=str(short / "flr.sock"))  # which nobody listens on any more
    assert found.state("address") == {OK}
    found = examine(loaded, FLR_HOST="192.0.2.1")
    assert "Cannot assign requested address" in found.findings["address"][0]["what"]


def test_what_is_found_before_there_is_anything(tmp_path: Path) -> None:
    found = examine(tmp_path / "data")
    assert found.code == 2
    assert found.troubles() >= {"folder", "clients", "workers"}
    (tmp_path / "data").mkdir(mode=0o750)
    found = examine(tmp_path / "data")
    assert found.findings["generation"][0]["what"] == "nothing is in service, and who asks is told 503"
    assert found.findings["generation"][0]["mend"] == f"flr-loader load FEED --data-dir {tmp_path / 'data'}"


def test_settings_that_cannot_be_read_are_a_finding_too(data: Path) -> None:
    done = doctor(data, FLR_PORT="eighty")
    assert (done.returncode, "port (from the environment)" in done.stdout) == (2, True)
    assert done.stdout.splitlines()[1].endswith("$ flr-lookup settings")


def test_wrong_use_is_64(data: Path) -> None:
    assert doctor(data, "--depp").returncode == 64
