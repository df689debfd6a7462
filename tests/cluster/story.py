"""What is to hold on a real store: a register is loaded from it, built once, pulled by nodes, while parts of it fail.

Everything runs as an operator runs it: `flr-loader` in processes of its own, settings from the environment.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from loader.objects import PART_BYTES
from tests.cluster.swift import Swift

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "register"
FEEDS, STORE = f"s3://{BUCKET}/feeds", f"s3://{BUCKET}/generations"
TIMEOUT_SECONDS = 600
TRIES = 10
UNREACHABLE = 69


class Broken(Exception):
    """Something did not hold."""


class Story:
    """The steps, in their order; each returns what was seen, in a few words."""

    def __init__(self, swift: Swift, folder: Path, persons: int) -> None:
        self.swift, self.folder, self.persons = swift, folder, persons
        self.feeds, self.builder = folder / "feeds", folder / "builder"
        self.nodes = [folder / f"node-{number}" for number in range(3)]
        self.environment = {**os.environ, **swift.environment, "PYTHONPATH": str(ROOT)}
        self._fresh = 0

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """(what is to hold, how it is found out)."""
        yield "feeds are loaded from the store, and pushed", self.is_built
        yield "three nodes pull at once, and again", self.is_pulled
        yield "with a storage node lost all goes on", self.goes_on_without_a_node
        yield "with another lost instead, what was written meanwhile is there", self.reads_from_replicas
        yield "a pull that breaks off goes on where it was", self.pull_goes_on
        yield "a push that breaks off shows nothing, and is finished", self.push_is_finished
        yield "what the builder rolls back is on offer no longer", self.is_withdrawn

    def is_built(self) -> str:
        made = [sys.executable, "-m", "bench.population", "--persons", str(self.persons), "--out", str(self.feeds)]
        subprocess.run([*made, "--days", "2", "--zstd"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
        self._s3().create_bucket(Bucket=BUCKET)
        self._put_feed("000001-full")
        loaded = self._flr("load", FEEDS, self.builder)
        pushed = self._flr("push", "--to", STORE, self.builder)
        _require(loaded["serial"] == 1 and loaded["fetched_bytes"] > 0, loaded)
        _require(pushed["outcome"] == "pushed" and pushed["pushed_bytes"] > 0, pushed)
        return f"{loaded['fetched_bytes'] >> 20} MB of feeds, {pushed['pushed_bytes'] >> 20} MB of generation"

    def is_pulled(self) -> str:
        pulls = [self._begin("pull", "--from", STORE, node) for node in self.nodes]
        for pull in pulls:
            out, err = pull.communicate(timeout=TIMEOUT_SECONDS)
            _require(pull.returncode == 0, out + err)
        self._all_have(self._current(self.builder))
        for node in self.nodes:
            _require(self._flr("pull", "--from", STORE, node)["outcome"] == "nothing new", node)
            self._flr("verify", node)
        return self._current(self.builder)

    def goes_on_without_a_node(self) -> str:
        self.swift.lose(0)
        self._put_feed("000002-incremental")
        self._flr("load", FEEDS, self.builder)
        self._flr("push", "--to", STORE, self.builder)
        for node in self.nodes:
            self._flr("pull", "--from", STORE, node)
        self._all_have(self._current(self.builder))
        return self._current(self.builder)

    def reads_from_replicas(self) -> str:
        self.swift.return_(0)
        self.swift.lose(1)
        fresh = self._fresh_node()
        self._pull_newest(fresh)
        self._flr("verify", fresh)
        self.swift.return_(1)
        return self._current(fresh)

    def pull_goes_on(self) -> str:
        whole = _bytes(self.builder)
        for _ in range(TRIES):
            node = self._fresh_node()
            pull = self._begin("pull", "--from", STORE, node)
            with self._proxy_lost_when(lambda: sum(_sizes(node)) >= PART_BYTES, pull):  # noqa: B023
                out, err = pull.communicate(timeout=TIMEOUT_SECONDS)
            if pull.returncode == 0:
                continue  # it was faster
            _require(pull.returncode == UNREACHABLE and not (node / "CURRENT").exists(), out + err)
            there = sum(_sizes(node))
            resumed = self._flr("pull", "--from", STORE, node)
            _require(resumed["outcome"] == "published", resumed)
            if resumed["generation"] != self._current(self.builder):
                continue  # it was given an older list in between, or before
            _require(resumed["fetched_bytes"] + there == whole, resumed)
            return f"{there >> 20} of {whole >> 20} MB were there"
        raise Broken("no pull broke off")

    def push_is_finished(self) -> str:
        old = self._current(self.builder)
        self._put_feed("000003-incremental")
        self._flr("load", FEEDS, self.builder)
        for _ in range(TRIES):
            push = self._begin("push", "--to", STORE, self.builder)
            with self._proxy_lost_when(lambda: (self.builder / "push.lock").stat().st_size > 0, push):
                out, err = push.communicate(timeout=TIMEOUT_SECONDS)
            if push.returncode == UNREACHABLE:
                break
            raise Broken(f"a push was to break off, and ended with {push.returncode}: {out}{err}")
        self._flr("pull", "--from", STORE, self.nodes[0])
        _require(self._current(self.nodes[0]) == old, "a half pushed generation was taken")
        self._flr("push", "--to", STORE, self.builder)
        for node in self.nodes:
            self._pull_newest(node)
        self._all_have(self._current(self.builder))
        return self._current(self.builder)

    def is_withdrawn(self) -> str:
        bad = self._current(self.builder)
        self._flr("rollback", "--reason", "a drill", self.builder)
        pushed = self._flr("push", "--to", STORE, self.builder)
        _require(pushed["withdrawn"] == [bad], pushed)
        refused = self._flr("pull", "--from", STORE, self.nodes[0], code=65)
        _require("was withdrawn" in refused["error"]["message"], refused)
        self._pull_newest(self._fresh_node())
        return f"{bad} withdrawn"

    def _pull_newest(self, node: Path) -> None:
        """Pull until the newest is there: a storage node that was away may give an older list. None goes back."""
        before = 0
        for _ in range(TRIES):
            self._flr("pull", "--from", STORE, node)
            serial = int(self._current(node).split("-")[0])
            _require(serial >= before, f"{node.name} went back from {before} to {serial}")
            before = serial
            if self._current(node) == self._current(self.builder):
                return
        raise Broken(f"{node.name} has {self._current(node)} after {TRIES} pulls")

    @contextmanager
    def _proxy_lost_when(self, so_far: Callable[[], bool], process: subprocess.Popen[str]) -> Iterator[None]:
        until = time.monotonic() + TIMEOUT_SECONDS
        while process.poll() is None and not so_far() and time.monotonic() < until:
            time.sleep(0.001)
        self.swift.kill("proxy")
        try:
            yield
        finally:
            self.swift.start("proxy")

    def _begin(self, *arguments: str | Path) -> subprocess.Popen[str]:
        *given, data = map(str, arguments)
        command = [sys.executable, "-m", "loader", *given, "--data-dir", data, "--json"]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _flr(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        process = self._begin(*arguments)
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        _require(process.returncode == code, f"{arguments}: {process.returncode}: {out}{err}")
        told: dict[str, Any] = json.loads(out)
        return told

    def _put_feed(self, name: str) -> None:
        for path in sorted((self.feeds / name).iterdir(), key=lambda path: path.name == "manifest.json"):
            self._s3().upload_file(str(path), BUCKET, f"feeds/{name}/{path.name}")

    def _s3(self) -> Any:
        made = Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
        return boto3.client(
            "s3",
            config=made,
            endpoint_url=self.swift.endpoint,
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    def _fresh_node(self) -> Path:
        self._fresh += 1
        return self.folder / f"fresh-{self._fresh}"

    def _current(self, data: Path) -> str:
        return (data / "CURRENT").read_text().strip()

    def _all_have(self, name: str) -> None:
        have = {node.name: self._current(node) for node in self.nodes}
        _require(set(have.values()) == {name}, f"{name} is pushed, there are {have}")


def _sizes(node: Path) -> list[int]:
    """Of what has been fetched so far: the manifest does not count."""
    fetching = node / "staging" / "fetching"
    return [path.stat().st_size for path in fetching.glob("*/*") if path.name != "manifest.json"]


def _bytes(builder: Path) -> int:
    """The size of the generation that is in service."""
    folder = builder / "gen" / (builder / "CURRENT").read_text().strip()
    return sum(path.stat().st_size for path in folder.iterdir() if path.name != "manifest.json")


def _require(holds: bool, seen: object) -> None:
    if not holds:
        raise Broken(str(seen))
