"""The package: the one that `make deb` has built, and a newer one that is made of it."""

import re
import subprocess
from pathlib import Path

from tests.service import ROOT

NAME = "fastlegeregisteret"


class NoPackage(Exception):
    """`make deb` has not been run."""


def built() -> Path:
    """The package in dist/. Raises NoPackage."""
    found = sorted(ROOT.glob(f"dist/{NAME}_*.deb"))
    if len(found) != 1:
        raise NoPackage(f"{len(found)} packages in dist/, and one is wanted: make deb")
    return found[0]


def newer(package: Path, folder: Path) -> Path:
    """The same with a higher version, a file more and one fewer, in `folder`."""
    tree = folder / "newer"
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+newer", control.read_text()))
    (lookup,) = tree.glob(f"usr/lib/{NAME}/lib/python3*/site-packages/lookup")
    (lookup / "newer.py").write_text('"""Only in the newer one."""\n')
    (lookup.parent / "loader" / "moves.py").unlink()
    made = folder / "newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made)], check=True)
    return made
