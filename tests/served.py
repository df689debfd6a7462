"""A feed in service for the oracle's tests: population or crooked world, loader and service all as real processes."""

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.oracle import Register
from tests.service import ROOT, Service

BATCH = 1000
UNKNOWN = ["02013299997", "70019950032", "30108299939"]
INVALID = [
    "12345678999",
    "",
    "0201329999",
    "０２０１３２９９９９７",
    "020132 99997",
    "02013299998",
    "null",
    "2013299997",
]


class Served(NamedTuple):
    """A feed in service, and what the oracle makes of the same feed."""

    register: Register
    data_dir: Path
    service: Service

    def post(self, path: str, body: object) -> tuple[int, dict[str, str], Any]:
        status, headers, raw = self.service.ask(path, body)
        return status, headers, json.loads(raw)

    def get(self, path: str) -> tuple[int, dict[str, str], Any]:
        status, headers, raw = self.service.ask(path)
        return status, headers, json.loads(raw)

    def numbers(self) -> list[str]:
        """Every number that the register has seen, old ones too."""
        return [*self.register.persons, *self.register.changes]


class Line:
    """One connection, kept, for many questions."""

    def __init__(self, service: Service) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", service.address["port"], timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def post(self, path: str, body: object) -> tuple[int, Any]:
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True)


def load(feed: Path, data_dir: Path, *arguments: str) -> None:
    run("loader", "load", str(feed), "--data-dir", str(data_dir), *arguments)


def wide_batch(line: Line, numbers: list[str], at: str | None) -> list[Any]:
    """The results for any many numbers at a time."""
    results = []
    for start in range(0, len(numbers), BATCH):
        asked = {"nins": numbers[start : start + BATCH]} | ({} if at is None else {"at": at})
        status, answer = line.post("/v1/gp-lookup/batch", asked)
        assert (status, answer["generation"]) == (200, 1), answer
        results += answer["results"]
    assert len(results) == len(numbers)
    return results
