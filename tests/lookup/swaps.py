"""What the tests of the running service share: a question that tells generations apart, damage, and waiting."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from tests import tiny
from tests.service import PATIENCE_SECONDS, Service

LOOKUP = {"nin": tiny.ASSIGNED, "at": "2026-11-24T12:00:00"}


def serial_served(service: Service) -> int:
    """The serial of one answer, which the headers and the body agree on."""
    status, headers, body = service.ask("/v1/gp-lookup", LOOKUP)
    assert status == 200, body
    serial = int(headers["flr-generation"])
    assert json.loads(body)["office"]["name"] == f"Kontor {serial}"
    return serial


def damage(folder: Path) -> None:
    path = folder / "index.mdb"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def unopenable(folder: Path, serial: int) -> str:
    """Make a generation one whose files are what its manifest says, and which no worker can open; its new name."""
    path = folder / "manifest.json"
    path.write_bytes(
        path.read_bytes().replace(b'"serial": %d,' % int(folder.name.split("-")[0]), b'"serial": %d,' % serial)
    )
    path.write_bytes(path.read_bytes().replace(b'"content_digest": "' + b"0" * 32, b'"content_digest": "' + b"1" * 32))
    name = f"{serial}-{tiny.digest8_of(folder)}"
    folder.rename(folder.with_name(name))
    return name


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no event tells of."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
