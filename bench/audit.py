"""ns of an audit record about one person, and of each person in a record about many, inside a worker.

    python -m bench.audit [--rounds 7] [--folder DIR] [--json]

The ledger is driven from C, as the compiled HTTP path drives it, into a mapped file; what drives it is compiled first,
which takes some seconds. Beside it: the same hashing by hashlib, called from Python as hashlib has to be. Contenders
take turns; medians of processor time are told. "First touch" is a file that nobody has written to before, where the
kernel has a page to find for every thirtieth record; "again" is the same memory once more.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import mmap
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from types import ModuleType

from lookup._fast.ledger import Ledger
from lookup.audit.record import HEAD_BYTES, Head, encode_head

RECORDS = 100_000
BATCHES, SUBJECTS = 200, 1000
FILE_BYTES = 1 << 24
KEY = bytes(range(32))
EVENT = b"0f8fad5b-d9cb-469f-a165-70867728950e"

DRIVER = """
from libc.stdint cimport int64_t, uint8_t
from lookup._fast.ledger cimport Ledger

def drive(Ledger ledger, int records, int subjects, const uint8_t[::1] event, int who):
    cdef int i, j
    cdef int done = 0
    with nogil:
        for i in range(records):
            if not ledger.begin(i, who, 0, 0, 7, &event[0], event.shape[0], subjects):
                break
            for j in range(subjects):
                ledger.subject(<int64_t> 13000000000 + i + j, 0, 0)
            if not ledger.commit():
                break
            done += 1
    return done
"""


def driver(folder: Path) -> ModuleType:
    """What drives the ledger, compiled."""
    source = folder / "audit_driver.pyx"
    source.write_text(DRIVER)
    root = Path(__file__).resolve().parent.parent
    flags = ["-3", "-X", "boundscheck=False", "-I", str(root)]
    subprocess.run([sys.executable, "-m", "cython", *flags, str(source)], check=True, cwd=root)
    library = source.with_suffix(".so")
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run(
        ["cc", "-O3", "-shared", "-fPIC", include, str(source.with_suffix(".c")), "-o", str(library)], check=True
    )
    spec = importlib.util.spec_from_file_location("audit_driver", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Segment:
    """A mapped file that the ledger writes, over and over."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "bench.seg").open("w+b")
        os.posix_fallocate(self._file.fileno(), 0, FILE_BYTES)
        self._map = mmap.mmap(self._file.fileno(), FILE_BYTES)
        self.ledger = Ledger(KEY, 1, self.again)
        self.again()
        self.who = self.ledger.who(b'{"client":"clinic","kind":"dpop","organization":123456785}')

    def again(self) -> bool:
        """Begin at the front."""
        self._map[:HEAD_BYTES] = encode_head(Head(1, 1, 0, FILE_BYTES, "w0", bytes(16), bytes(32)))
        self.ledger.use(memoryview(self._map), 1, self._file.fileno())
        return True


def by_hashlib() -> float:
    """ns of what a record about one person has to have hashed."""
    body, chain = bytes(104), bytes(32)
    began = time.thread_time_ns()
    for i in range(RECORDS // 10):
        blake2b(i.to_bytes(8, "little"), key=KEY, digest_size=16).digest()
        chain = blake2b(chain + body, digest_size=32).digest()
    return (time.thread_time_ns() - began) / (RECORDS // 10)


def contenders(folder: Path) -> dict[str, Callable[[], float]]:
    """Each gives ns."""
    drive = driver(folder).drive

    def timed(segment: Segment, records: int, subjects: int, each: int) -> float:
        began = time.thread_time_ns()
        done = drive(segment.ledger, records, subjects, EVENT, segment.who)
        took = time.thread_time_ns() - began
        if done != records:
            raise SystemExit("audit: not every record was written")
        return took / each

    def first_touch() -> float:
        fresh = Segment(folder)
        return timed(fresh, RECORDS, 1, RECORDS)

    warm = Segment(folder)
    timed(warm, 2 * RECORDS, 1, 1)
    return {
        "record about one person, again": lambda: timed(warm, RECORDS, 1, RECORDS),
        "record about one person, first touch": first_touch,
        "each person in a record about 1000": lambda: timed(warm, BATCHES, SUBJECTS, BATCHES * SUBJECTS),
        "hashlib, one person's hashes alone": by_hashlib,
    }


def main() -> int:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description="ns of an audit record")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where segments are written; unless given, the temporary folder")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flr-audit-", dir=args.folder) as folder:
        runs = contenders(Path(folder))
        results: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(args.rounds):
            for name, run in runs.items():
                results[name].append(run())
    medians = {name: statistics.median(values) for name, values in results.items()}
    if args.json:
        print(json.dumps({"ns": medians}))
        return 0
    print(f"{'':<40}{'ns':>10}")
    for name, value in medians.items():
        print(f"{name:<40}{value:>10.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
