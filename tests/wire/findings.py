"""What fuzzing finds: made smaller, written to build/fuzz/, and reported; and the command line of both fuzzers."""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MAX_FINDINGS = 20
FOLDER = Path("build/fuzz")


class Finding(NamedTuple):
    """A case that does not hold, and why."""

    number: int
    kind: str
    why: str
    stream: bytes


def smaller(stream: bytes, fails: Callable[[bytes], bool], patience: int = 3000) -> bytes:
    """A shorter stream that fails, too: pieces are left out, large ones first, as long as it does."""
    size = len(stream) // 2
    while size and patience:
        place = 0
        while place < len(stream) and patience:
            patience -= 1
            shorter = stream[:place] + stream[place + size :]
            if fails(shorter):
                stream = shorter
            else:
                place += size
        size //= 2
    return stream


class Run:
    """A run of a fuzzer, as it is told: progress at a terminal, what was found, a report at the end."""

    def __init__(self, name: str, seed: int, count: int) -> None:
        self.name, self.seed, self.count = name, seed, count
        self.began, self.done = time.monotonic(), 0
        self.tally: Counter[str] = Counter()
        self.findings: list[Finding] = []
        print(f"{name}: seed {seed}", file=sys.stderr)

    def add(self, cases: int, tally: Counter[str], findings: list[Finding]) -> bool:
        """Take up what some cases gave; False when there is enough to look at."""
        self.done += cases
        self.tally.update(tally)
        self.findings += findings
        if sys.stderr.isatty():
            pace = self.done / (time.monotonic() - self.began)
            print(
                f"\r{self.name}: {self.done:,} of {self.count:,} streams, {pace:,.0f}/s, {len(self.findings)} found ",
                end="",
                file=sys.stderr,
            )
        return len(self.findings) < MAX_FINDINGS

    def keep(self, finding: Finding) -> Path:
        """Write a finding down."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.name}-{self.seed}-{finding.number}.http"
        path.write_bytes(finding.stream)
        return path

    def report(self, *, as_json: bool) -> int:
        """Say what was done, and return the exit code."""
        seconds = round(time.monotonic() - self.began, 1)
        found = [one._asdict() | {"stream": str(self.keep(one))} for one in self.findings]
        if as_json:
            told = {"seed": self.seed, "streams": self.done, "seconds": seconds, "tally": self.tally, "findings": found}
            print(json.dumps(told))
        else:
            print(f"\n{self.name}: {self.done:,} streams in {seconds} s, seed {self.seed}: {dict(self.tally)}")
            print(*found, f"{len(found)} found", sep="\n")
        return int(bool(found))


def command(name: str, about: str | None, arguments: list[str] | None, count: int) -> argparse.Namespace:
    """The options of a fuzzer."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.wire.{name}", description=about)
    parser.add_argument("--count", type=int, default=count, help="streams to judge (%(default)s)")
    parser.add_argument("--seed", type=int, help="the run to repeat (another one each time)")
    parser.add_argument("--json", action="store_true", help="say at the end what was done, as JSON")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="judge one stream that was kept")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    return options
