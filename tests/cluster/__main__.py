"""A cluster on this machine: `python -m tests.cluster`. Exit code 1 when something did not hold."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.story import Broken, Story
from tests.cluster.swift import NoSwift, Swift


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--persons", type=int, default=200_000, help="in the register (%(default)s)")
    parser.add_argument("--json", action="store_true", help="tell the outcome as JSON")
    arguments = parser.parse_args()
    seen: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="flr-cluster-") as folder:
        try:
            with Swift(Path(folder) / "swift") as swift:
                for what, step in Story(swift, Path(folder), arguments.persons).steps():
                    began = time.monotonic()
                    seen.append({"what": what, "seen": step(), "seconds": round(time.monotonic() - began, 1)})
                    if not arguments.json:
                        print("{seconds:6.1f} s  {what}: {seen}".format(**seen[-1]), flush=True)
        except (Broken, NoSwift) as error:
            print(json.dumps({"held": seen, "broken": str(error)}) if arguments.json else f"broken: {error}")
            return 1
    if arguments.json:
        print(json.dumps({"held": seen, "broken": None}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
