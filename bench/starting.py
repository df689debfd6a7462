"""Seconds from start to ready, page cache warm and cold, and the private memory of each further worker.

    python -m bench.starting --data-dir DIR [--rounds 5] [--workers 4] [--drop-caches] [--out FILE.json]

From the start of the process, interpreter included, to the first 200 of `/readyz`, one worker, on all processors and on
one. Cold: the files of the
generation, of the interpreter and of its packages are put out of the page cache before each start; what other processes
hold mapped stays, and how much of the generation did is told. With --drop-caches the kernel drops all that it can
(root; it slows down whatever else runs there).

Memory: the private pages (smaps_rollup) of each of several workers, once they have answered lookups. The generation,
which they share, is in none of it.
"""

import argparse
import contextlib
import ctypes
import json
import mmap
import os
import statistics
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.compare import persons_of
from bench.generator import Shape, run, write_requests
from bench.prepared import singles
from bench.rounds import processors
from bench.servers import NoServer, Ours
from bench.staging import NoRegister, Stage, staged

SAMPLE = 20_000
LOOKUP_SECONDS = 3.0
WORKERS = 4
DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def forget(paths: Iterable[Path]) -> None:
    """Put files out of the page cache, as far as nobody has them mapped."""
    for path in paths:
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)


def resident_bytes(path: Path) -> int:
    """How much of a file is in the page cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    # A private map that may be written to, because ctypes takes no address of one that may not; nothing is written.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        pages = (len(mapped) + mmap.PAGESIZE - 1) // mmap.PAGESIZE
        states = (ctypes.c_ubyte * pages)()
        start = ctypes.c_char.from_buffer(mapped)
        address, size = ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(len(mapped))
        failed = libc.mincore(address, size, states)
        del start
        if failed:
            raise OSError(ctypes.get_errno(), "mincore")
    return sum(state & 1 for state in states) * mmap.PAGESIZE


def program_files() -> Iterator[Path]:
    """What a Python process of ours is loaded from."""
    yield Path(sys.executable).resolve()
    ours = Path(__file__).resolve().parent.parent
    packages = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    for folder in (*packages, ours / "lookup", ours / "register"):
        for suffix in ("py", "pyc", "so"):
            yield from folder.rglob(f"*.{suffix}")
    yield from Path(sysconfig.get_config_var("LIBDIR") or ".").glob("libpython*")


def start_seconds(stage: Stage, processor: int | None) -> float:
    """One start, and the stop after it."""
    began = time.perf_counter()
    with Ours(stage.data_dir, stage.room, processor):
        return time.perf_counter() - began


def cold_seconds(stage: Stage, processor: int | None, drop: bool) -> tuple[float, int]:
    """One cold start, and how many octets of the generation had stayed in the page cache all the same."""
    os.sync()
    files = [path for path in stage.served.iterdir() if path.stat().st_size]
    if drop:
        DROP_CACHES.write_text("1")
    forget([*files, *program_files()])
    stayed = sum(map(resident_bytes, files))
    return start_seconds(stage, processor), stayed


def private_bytes(pid: int) -> int:
    """The pages of a process that are no other's."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def worker_memory(stage: Stage, workers: int) -> dict[str, Any]:
    """The private memory of the supervisor and of each of several workers that have answered lookups."""
    persons = persons_of(stage, SAMPLE)
    requests = write_requests(stage.room / "small.requests", singles(persons))
    with Ours(stage.data_dir, stage.room, None, workers=workers) as ours:
        told = run(ours.port, requests, Shape(64 * workers, LOOKUP_SECONDS))
        supervisor, *others = ours.pids()
        each = {pid: private_bytes(pid) for pid in others}
        whole = private_bytes(supervisor)
    if told.load.mistakes:
        raise NoServer(f"ours: {json.dumps(told.load.mistakes)}")
    return {
        "workers": workers,
        "lookups": told.load.answers,
        "supervisor_bytes": whole,
        "worker_bytes": sorted(each.values()),
        "worker_median_bytes": statistics.median(each.values()),
    }


def measure(data_dir: Path, rounds: int, workers: int, drop: bool) -> dict[str, Any]:
    """All of it."""
    processor, _ = processors()
    with staged(data_dir) as stage:
        start_seconds(stage, None)
        warm, one = [], []
        for _ in range(rounds):
            warm.append(start_seconds(stage, None))
            one.append(start_seconds(stage, processor))
        cold = [cold_seconds(stage, None, drop) for _ in range(rounds)]
        memory = worker_memory(stage, workers)
        generation_bytes = sum(path.stat().st_size for path in stage.served.iterdir())
    return {
        "generation_bytes": generation_bytes,
        "warm_seconds": {"median": statistics.median(warm), "each": warm},
        "warm_on_one_processor_seconds": {"median": statistics.median(one), "each": one},
        "cold_seconds": {"median": statistics.median(one for one, _ in cold), "each": [one for one, _ in cold]},
        "cold_stayed_bytes": max(stayed for _, stayed in cold),
        "caches_dropped": drop,
        "memory": memory,
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as Markdown."""
    memory = result["memory"]
    stayed = result["cold_stayed_bytes"] / result["generation_bytes"]
    how = "the kernel's caches dropped" if result["caches_dropped"] else "its files put out of the page cache"
    yield from ("| | median | each |", "|---|---|---|")
    for name, told in (
        ("warm", result["warm_seconds"]),
        ("warm, on one processor", result["warm_on_one_processor_seconds"]),
        ("cold", result["cold_seconds"]),
    ):
        yield f"| start to ready, {name} | {told['median']:.2f} s | {', '.join(f'{one:.2f}' for one in told['each'])} |"
    each = ", ".join(f"{one / 1e6:.1f}" for one in memory["worker_bytes"])
    private = f"{memory['worker_median_bytes'] / 1e6:.1f} MB"
    yield f"| private memory of each of {memory['workers']} workers | {private} | {each} |"
    yield f"| of the supervisor | {memory['supervisor_bytes'] / 1e6:.1f} MB | |"
    yield ""
    yield f"A generation of {result['generation_bytes'] / 1e6:,.0f} MB. Cold: {how}; {stayed:.0%} of it had stayed."
    yield f"The workers had answered {memory['lookups']:,} lookups."


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="start to ready, and memory of a further worker")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--drop-caches", action="store_true", help="cold starts with the kernel's caches dropped")
    parser.add_argument("--out", type=Path, help="write the result as JSON here too")
    args = parser.parse_args()
    try:
        result = measure(args.data_dir, args.rounds, args.workers, args.drop_caches)
    except (NoRegister, NoServer, OSError) as error:
        print(f"starting: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines(result)))
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
