"""A full load, whole process, against decoding every line of the same feed with msgspec on one core.

    python -m bench.loads --feed FEED [--parquet FEED] [--rounds 3] [--json]

Each round runs the decoding and then the load into a fresh data folder; medians and the median of the ratios are
told, with the seconds of each step. With --parquet each round then loads the same feed with Parquet too, and tells
how the two loads stand to each other, in wall seconds and in those of the processors. Peak memory is of the whole
process tree: the sum of each process's private and shared pages, shared ones counted once (PSS), sampled ten times a
second; page cache is not in it, be it mapped (as the files are that are checked) or not.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

DECODE = """
import sys, msgspec
decoder = msgspec.json.Decoder()
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        for line in file:
            decoder.decode(line)
"""
SAMPLE_SECONDS = 0.1


def decode_seconds(feed: Path) -> float:
    """Wall seconds of the decoding, without the start of the interpreter."""
    files = [str(feed / entry["name"]) for entry in json.loads((feed / "manifest.json").read_text())["files"]]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", DECODE, *files], check=True)
    whole = time.perf_counter() - started
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", DECODE], check=True)
    return whole - (time.perf_counter() - started)


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    pids = [pid]
    for parent in pids:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return pids


def pss_bytes(pid: int) -> int:
    """The proportional set size of one process without the files that it has mapped, 0 when it has gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return (kilobytes["Pss"] - kilobytes["Pss_File"]) * 1024


def load_once(feed: Path, kept: Path | None = None) -> dict[str, Any]:
    """One load into a fresh data folder: wall and processor seconds, peak memory, and what the loader reports.

    `kept`: a folder that is to be the data folder, and to be there afterwards.
    """
    folder = kept or Path(tempfile.mkdtemp(prefix="flr-loads-"))
    command = [sys.executable, "-m", "loader", "load", str(feed), "--data-dir", str(folder), "--json"]
    peak, done = [0], threading.Event()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    environment = {**os.environ, "FLR_CORE_DUMPS": "true"}  # its memory is looked into
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], sum(map(pss_bytes, tree(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    wall = time.perf_counter() - started
    done.set()
    watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sizes = {path.name: path.stat().st_size for path in (folder / "gen").glob("*/*")}
    if kept is None:
        shutil.rmtree(folder)
    if process.returncode:
        raise SystemExit(f"the load ended with {process.returncode}")
    return {"wall_seconds": wall, "cpu_seconds": cpu, "peak_bytes": peak[0], "files": sizes, "report": json.loads(out)}


def against(lines: list[dict[str, Any]], parquet: list[dict[str, Any]]) -> dict[str, Any]:
    """How loads of Parquet stand to those of lines in the same round."""
    both = list(zip(parquet, lines, strict=True))
    return {
        "load_seconds": statistics.median(load["wall_seconds"] for load in parquet),
        "read_seconds": statistics.median(load["report"]["seconds"]["read"] for load in parquet),
        "ratio": statistics.median(one["wall_seconds"] / other["wall_seconds"] for one, other in both),
        "cpu_ratio": statistics.median(one["cpu_seconds"] / other["cpu_seconds"] for one, other in both),
        "read_ratio": statistics.median(
            one["report"]["seconds"]["read"] / other["report"]["seconds"]["read"] for one, other in both
        ),
        "peak_bytes": max(load["peak_bytes"] for load in parquet),
    }


def main() -> int:
    """Run the rounds and print the result."""
    parser = argparse.ArgumentParser(description="a full load against decoding the same feed")
    parser.add_argument("--feed", type=Path, required=True)
    parser.add_argument("--parquet", type=Path, help="the same feed, with Parquet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    decodes, loads, parquet = [], [], []
    for _ in range(args.rounds):
        decodes.append(decode_seconds(args.feed))
        loads.append(load_once(args.feed))
        if args.parquet is not None:
            parquet.append(load_once(args.parquet))
    ratios = [load["wall_seconds"] / decode for load, decode in zip(loads, decodes, strict=True)]
    middle = sorted(loads, key=lambda load: float(load["wall_seconds"]))[len(loads) // 2]
    result = {
        "decode_seconds": statistics.median(decodes),
        "load_seconds": middle["wall_seconds"],
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "peak_bytes": max(load["peak_bytes"] for load in loads),
        "steps": middle["report"].get("seconds", {}),
        "files": middle["files"],
        "processors": len(os.sched_getaffinity(0)),
        "parquet": against(loads, parquet) if parquet else None,
    }
    if args.json:
        print(json.dumps(result))
        return 0
    print(f"decode every line   {result['decode_seconds']:8.1f} s")
    print(f"load                {result['load_seconds']:8.1f} s   {result['ratio']:.2f} times")
    print(f"peak memory         {result['peak_bytes'] / 1e6:8.0f} MB")
    if parquet:
        beside = result["parquet"]
        print(f"load of Parquet     {beside['load_seconds']:8.1f} s   {beside['ratio']:.2f} times the load of lines")
        print(
            f"  its processors' seconds {beside['cpu_ratio']:.2f} times, its step read {beside['read_ratio']:.2f} times"
        )
        print(f"  its peak memory   {beside['peak_bytes'] / 1e6:8.0f} MB")
    for name, seconds in result["steps"].items():
        print(f"  {name:<18}{seconds:8.1f} s")
    for name, size in result["files"].items():
        print(f"  {name:<18}{size / 1e6:8.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
