"""A register for integrators' examples: a small population with the showcase in it, in service, and a client of it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flr_client import Basic, Client
from tests.served import load, run
from tests.service import ROOT, Service

ROLES = ("FlrRead", "FlrReadAllPatients", "FlrExport", "FlrOperator")
PERSONS, DAYS = 500, 1


@dataclass
class Demonstrated:
    """In service on loopback, to one client, who has no right to protected persons."""

    folder: Path
    service: Service
    name: str
    password: str
    days: list[Path]  # feeds that have not been loaded yet

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service.address['port']}"

    def client(self) -> Client:
        return Client(self.url, Basic(self.name, self.password), timeout=60)

    def environment(self) -> dict[str, str]:
        """What the pages' examples go by. Programs of this checkout find `flr_client`."""
        told = {"FLR_URL": self.url, "FLR_USER": self.name, "FLR_PASSWORD": self.password}
        return {**os.environ, **told, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def let_a_day_pass(self) -> None:
        """Load the next day's feed; it is in service when this returns."""
        load(self.days.pop(0), self.folder / "data")


def feeds(folder: Path) -> list[Path]:
    """A full feed and those of the days after it."""
    run("bench.population", "--persons", str(PERSONS), "--out", str(folder), "--days", str(DAYS), "--examples")
    return sorted(folder.iterdir())


def registered(data: Path) -> tuple[str, str]:
    """A client's name and password."""
    roles = [word for role in ROLES for word in ("--role", role)]
    command = [sys.executable, "-m", "lookup", "clients", "add", "--org", "999999999", *roles, "--json"]
    done = subprocess.run([*command, "--data-dir", str(data)], cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=60)
    made = json.loads(done.stdout)
    return made["name"], made["password"]


def serve(data: Path) -> Service:
    """`flr-lookup serve`, who asks for credentials, on a free port."""
    command = [sys.executable, "-m", "lookup", "serve", "--data-dir", str(data), "--port", "0"]
    return Service(data, workers=1, command=command)
