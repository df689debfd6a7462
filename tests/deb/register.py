"""The small register that is loaded where the package is installed, and what is asked of it."""

import base64
import subprocess
import sys
from itertools import islice
from pathlib import Path

from bench.callers import records
from register.model import Membership
from tests.lookup.wires import request

ORGANIZATION = "974767880"
PERSONS = 1000


def write_feed(folder: Path) -> Path:
    """A feed of a synthetic population."""
    feed = folder / "feed"
    command = [
        sys.executable,
        "-m",
        "bench.population",
        "--persons",
        str(PERSONS),
        "--out",
        str(feed),
        "--as-of",
        "today",
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return feed


def questions(feed: Path, name: str, password: str) -> list[bytes]:
    """Requests that a registered client has answered with 200."""
    who = "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
    nins = [membership.nin for membership in islice(records(feed, "memberships", Membership), 20)]
    return [
        *(request("/v1/gp-lookup", {"nin": nin}, who) for nin in nins),
        request("/v1/gp-history", {"nin": nins[0]}, who),
        request("/v1/gp-lookup/batch", {"nins": nins}, who),
        request("/livez"),
    ]
