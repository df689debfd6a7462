"""The load test of operations, run as they run it, headless against a real service."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import crooked
from tests.leaks import numbers_in, ways
from tests.served import load
from tests.service import ROOT, Service

ROUTES = {
    ("POST", "/v1/gp-lookup"),
    ("POST", "/v1/gp-lookup/batch"),
    ("POST", "/v1/gp-confirm"),
    ("GET", "/v1/her/{herId}"),
}


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crooked.write_feed(tmp_path_factory.mktemp("callers") / "feed", seed=7)


@pytest.fixture(scope="module")
def service(feed: Path) -> Iterator[Service]:
    load(feed, feed.parent / "data")
    with Service(feed.parent / "data", workers=1) as service:
        service.wait("serving")
        yield service


def locust(port: int, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["-m", "locust", "-f", "bench/locustfile.py", "--headless", "--host", f"http://127.0.0.1:{port}"]
    mix = ["-u", "10", "-r", "10", "-t", "5s", "--rate", "300", "--json"]
    # nothing of the caller's own LOCUST_ settings
    return subprocess.run(
        [sys.executable, *command, *mix, *arguments],
        cwd=ROOT,
        env={"PATH": "", "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def statistics(run: subprocess.CompletedProcess[str]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(entry["method"], entry["name"]): entry for entry in json.loads(run.stdout)}


def test_the_mix_is_answered_without_failures(service: Service, feed: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    run = locust(service.address["port"], "--numbers", str(feed), "--html", str(report))
    assert run.returncode == 0, run.stderr
    seen = statistics(run)
    assert seen.keys() == ROUTES
    assert sum(entry["num_failures"] for entry in seen.values()) == 0
    assert seen["POST", "/v1/gp-lookup"]["num_requests"] > 100
    for outcome in ("assigned", "vacant", "none", "confirmed", "her-id", "invalid-nin"):
        assert f" {outcome} " in run.stderr
    text = report.read_text()
    assert "/v1/gp-confirm" in text
    said = text + run.stderr + run.stdout
    assert ways(said.encode(), numbers_in(feed.iterdir())) == set()
    assert [nin for nin in crooked.World(7).numbers if nin in said] == []


def test_made_up_numbers_are_mostly_unknown_and_that_is_said(service: Service) -> None:
    run = locust(service.address["port"])
    assert run.returncode == 0, run.stderr
    assert sum(entry["num_failures"] for entry in statistics(run).values()) == 0
    assert "unknown-person" in run.stderr
    assert "the numbers were made up" in run.stderr


def test_a_wrong_answer_fails_the_run_and_tells_nothing(feed: Path, tmp_path: Path) -> None:
    """A service without a generation answers 503, but to numbers that are none."""
    report = tmp_path / "report.html"
    (tmp_path / "data").mkdir()
    with Service(tmp_path / "data", workers=1) as empty:
        run = locust(empty.address["port"], "--numbers", str(feed), "--html", str(report), LOCUST_BEARER="a-secret")
    assert run.returncode == 1
    seen = statistics(run)
    assert seen.keys() == ROUTES
    single = seen.pop(("POST", "/v1/gp-lookup"))
    assert single["num_failures"] > 0.9 * single["num_requests"] > 0
    assert all(entry["num_failures"] == entry["num_requests"] > 0 for entry in seen.values())
    text = report.read_text()
    assert "status 503, unready" in text
    assert [nin for nin in crooked.World(7).numbers if nin in text + run.stderr] == []
    assert "a-secret" not in text + run.stderr


def test_numbers_that_are_not_synthetic_stop_it(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers"
    numbers.write_text("01010012356\n")
    run = locust(9, "--numbers", str(numbers))
    assert run.returncode != 0
    assert "is not a synthetic national id" in run.stderr
    assert "01010012356" not in run.stderr
