"""The Debian package, from its installation to its end: `python -m tests.deb`. Exit code 1 when something did not hold.

On a small Debian of its own that systemd starts (tests/deb/machine.py), or, where that cannot be had or with --prefix,
in a fresh folder in which the package is unpacked; it says which.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.deb import machine, prefix
from tests.deb.package import NoPackage, built
from tests.deb.story import Broken, Step, Story


def told(steps: Iterable[Step]) -> None:
    """Take the steps, and say what each has seen."""
    for what, step in steps:
        began = time.monotonic()
        seen = step()
        print(f"{time.monotonic() - began:6.1f} s  {what}: {seen}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.deb", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prefix", action="store_true", help="in a fresh folder, even where there could be a machine")
    parser.add_argument("--package", type=Path, help="another than the one in dist/")
    arguments = parser.parse_args()
    lacking = "not asked for" if arguments.prefix else machine.lacks()
    with tempfile.TemporaryDirectory(prefix="flr-deb-") as folder:
        try:
            package = arguments.package or built()
            if lacking is None:
                print("on a Debian of its own, started by systemd", flush=True)
                with machine.started(Path(folder)) as debian:
                    told(Story(debian, package, Path(folder)).steps())
            else:
                print(f"in a fresh folder, without systemd and dpkg (a Debian of its own: {lacking})", flush=True)
                told(prefix.steps(package, Path(folder)))
        except (Broken, NoPackage, machine.Failed) as error:
            print(f"broken: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
