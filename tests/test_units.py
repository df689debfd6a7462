"""The units in deploy/: the service has no more of the machine than it needs, and serves under what can be tried."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import loader.settings
import lookup.settings
from register.settings import read_settings
from tests import tiny
from tests.lookup.swaps import LOOKUP
from tests.service import ROOT, Service

SERVICE, LOADER = ROOT / "deploy" / "flr-lookup.service", ROOT / "deploy" / "flr-loader.service"
UNITS = pytest.mark.parametrize("unit", [SERVICE, LOADER], ids=lambda unit: str(unit.stem))
MOST_EXPOSED = 20  # in tenths, as systemd-analyze counts
WRITES = {
    SERVICE: "/var/lib/flr/run -/var/lib/flr/audit -/var/lib/flr/access",
    LOADER: "/var/lib/flr",
}
WANTED = {
    "LimitCORE": "0",
    "UMask": "0027",
    "User": "flr",
    "Group": "flr",
    "NoNewPrivileges": "true",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "ProtectProc": "invisible",
    "MemoryDenyWriteExecute": "true",
    "RestrictNamespaces": "true",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "EPERM",
}
# What MemoryDenyWriteExecute= comes to on newer kernels: no memory that can be written ever becomes code.
WITHOUT_NEW_CODE = """
import ctypes, os, sys
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def settings_of(unit: Path) -> list[tuple[str, str]]:
    lines = [line for line in unit.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


@UNITS
def test_a_unit_gets_little(unit: Path) -> None:
    settings = settings_of(unit)
    assert {name: value for name, value in settings if name in WANTED} == WANTED
    assert [value for name, value in settings if name == "SystemCallFilter"] == ["@system-service", "~@privileged"]
    assert [value for name, value in settings if name == "ReadWritePaths"] == [WRITES[unit]]


def test_the_loader_sees_nothing_of_who_asks() -> None:
    assert ("InaccessiblePaths", "-/var/lib/flr/audit -/var/lib/flr/access") in settings_of(LOADER)


@UNITS
def test_systemd_finds_it_well_protected(unit: Path) -> None:
    """Where systemd is; it reads the unit, and starts nothing."""
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        command = [analyze, "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_settings_file_of_the_package_is_one() -> None:
    environment = {"FLR_CONFIG": str(ROOT / "deploy" / "flr.toml")}
    for kind, table in ((lookup.settings.Settings, "lookup"), (loader.settings.Settings, "loader")):
        assert read_settings(kind, table, environment, {}).data_dir == Path("/var/lib/flr")  # type: ignore[type-var]


@pytest.mark.parametrize("hot", ["true", "false"])
def test_it_serves_without_making_new_code(tmp_path: Path, hot: str) -> None:
    tiny.announce(tmp_path, tiny.generation(tmp_path).name)
    serve = ["-m", "bench.unguarded", "serve", "--data-dir", str(tmp_path), "--port", "0"]
    command = [sys.executable, "-c", WITHOUT_NEW_CODE, *serve]
    with Service(tmp_path, command=command, workers=1, FLR_HOT_PATH=hot) as service:
        service.wait("serving")
        assert service.ask("/v1/gp-lookup", LOOKUP)[0] == 200
        assert service.ask("/v1/gp-history", {"nin": tiny.ASSIGNED})[0] == 200
        assert service.ask("/metrics")[0] == 200
