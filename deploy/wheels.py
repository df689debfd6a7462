"""Builds a wheel for each Python that is named, and tries it: `make wheels`, or python deploy/wheels.py PYTHON...

Each is built from one sdist in an environment of its own, installed there with all that it needs, and loads a small
feed with the compiled core. Wheels go to dist/. A Python needs its C headers and venv.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILED = "from lookup.core import COMPILED; assert COMPILED, 'the wheel holds no compiled core'"


def run(*command: str | Path) -> None:
    """Raises CalledProcessError."""
    subprocess.run(command, check=True)


def sdist(folder: Path) -> Path:
    """What all are built from."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, ROOT)
    return next(folder.glob("*.tar.gz"))


def wheel(python: str, source: Path, feed: Path, folder: Path) -> Path:
    """The wheel for one Python, which has been tried."""
    run(python, "-m", "venv", folder / "venv")
    own = folder / "venv" / "bin"
    run(own / "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source)
    (made,) = folder.glob("*.whl")
    run(own / "pip", "install", "--quiet", made)
    run(own / "python", "-I", "-c", COMPILED)
    run(own / "flr-lookup", "--help")
    run(own / "flr-loader", "load", feed, "--data-dir", folder / "data")
    run(own / "flr-loader", "verify", "--deep", "--data-dir", folder / "data")
    return made


def main() -> int:
    """All of them."""
    (ROOT / "dist").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="flr-wheels-") as name:
        folder = Path(name)
        feed, source = folder / "feed", sdist(folder)
        run(sys.executable, "-m", "bench.population", "--persons", "1000", "--out", feed, "--seed", "1")
        for python in sys.argv[1:]:
            (folder / python.replace("/", "-")).mkdir()
            made = wheel(python, source, feed, folder / python.replace("/", "-"))
            print(shutil.copy(made, ROOT / "dist"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
