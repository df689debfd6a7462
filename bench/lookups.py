"""ns per lookup: compiled index, plain index, bare py-lmdb get, beside a dependent memory access of the same run.

    python -m bench.lookups --data-dir DIR [--rounds 7] [--json]

Warm, random persons of the generation in service, one thread. The contenders take turns, round by round; medians are
told, and also as a multiple of one dependent access. "Independent" is a batch, which has what the next lookups need
brought near while it works on one; "one by one" is without that; "each on the last" cannot begin before the lookup
before it has its answer.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import lmdb

from lookup import key
from lookup._fast.index import Index as FastIndex
from lookup.generation import CURRENT, read_pointer
from lookup.index import Index as PlainIndex
from lookup.tables import u32_key
from register.localtime import local_micros

COMPILED_LOOKUPS = 1_000_000
PLAIN_LOOKUPS = 20_000
LMDB_LOOKUPS = 200_000
CHASE_STEPS = 2_000_000
CHASE_BYTES = 1 << 30


def chaser() -> Callable[[], float]:
    """A function that gives the ns of one dependent access, over more memory than any cache holds."""
    folder = Path(tempfile.mkdtemp())
    source = Path(__file__).with_name("dram.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(folder / "dram.so"), str(source)], check=True)
    library = ctypes.CDLL(str(folder / "dram.so"))
    library.chase.restype = ctypes.c_uint64
    library.chase.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64]
    library.make_cycle.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64]
    memory = ctypes.create_string_buffer(CHASE_BYTES)
    library.make_cycle(memory, CHASE_BYTES // 64, 7)
    place = [0]

    def run() -> float:
        started = time.perf_counter()
        place[0] = library.chase(memory, CHASE_STEPS, place[0])
        return (time.perf_counter() - started) / CHASE_STEPS * 1e9

    return run


def sample(index: FastIndex, count: int, seed: int) -> array[int]:
    """`count` numbers of persons known to the index, evenly drawn over the buckets, in random order."""
    choose = random.Random(seed)
    buckets = choose.choices(range(1 << index.bits), k=max(1, count // 8))
    known = [nin for bucket in buckets for nin, record in index.bucket(bucket) if record.alias_of is None]
    choose.shuffle(known)
    return array("Q", known[:count])


def timed(work: Callable[[], object], lookups: int) -> float:
    """ns per lookup of one run of `work`."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / lookups * 1e9


def contenders(folder: Path, seed: int) -> dict[str, Callable[[], float]]:
    """name -> a function that runs one round and gives ns per lookup."""
    pointers, data = (folder / "pointers.bin").read_bytes(), (folder / "index.mdb").read_bytes()
    fast, plain = FastIndex(pointers, data), PlainIndex(pointers, data)
    at = local_micros(time.time())
    many = sample(fast, COMPILED_LOOKUPS, seed)
    few = list(many[:PLAIN_LOOKUPS])
    env = lmdb.open(str(folder / "index.mdb"), subdir=False, readonly=True, lock=False, max_dbs=32)
    txn = env.begin(env.open_db(b"persons", create=False), buffers=True)
    keys = [u32_key(key.split(key.mix(nin), fast.bits)[0]) for nin in many[:LMDB_LOOKUPS]]
    return {
        "dependent memory access": chaser(),
        "compiled, independent": lambda: timed(lambda: fast.sweep(many, at, ahead=True), len(many)),
        "compiled, one by one": lambda: timed(lambda: fast.sweep(many, at), len(many)),
        "compiled, each on the last": lambda: timed(lambda: fast.sweep(many, at, dependent=True), len(many)),
        "compiled, from Python": lambda: timed(lambda: [fast.find(nin, at) for nin in few], len(few)),
        "plain twin": lambda: timed(lambda: [plain.find(nin, at) for nin in few], len(few)),
        "bare py-lmdb get of a bucket": lambda: timed(lambda: [txn.get(one) for one in keys], len(keys)),
    }


def main() -> int:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description="ns per lookup, against a dependent memory access of the same run")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    name = read_pointer(args.data_dir, CURRENT)
    if name is None:
        print("no generation in service there", file=sys.stderr)
        return 65
    runs = contenders(args.data_dir / "gen" / name, args.seed)
    results: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(args.rounds):
        for contender, run in runs.items():
            results[contender].append(run())
    medians = {contender: statistics.median(values) for contender, values in results.items()}
    floor = medians["dependent memory access"]
    if args.json:
        print(json.dumps({"ns": medians, "ratio": {name: value / floor for name, value in medians.items()}}))
        return 0
    print(f"{'':<30}{'ns':>10}{'accesses':>10}")
    for contender, value in medians.items():
        print(f"{contender:<30}{value:>10.0f}{value / floor:>10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
