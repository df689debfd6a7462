"""The shims, compiled when they are first asked for."""

import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


def compiled(folder: Path, name: str) -> Path:
    """The shared library of `name`.c, in `folder`."""
    library = folder / f"{name}.so"
    if not library.exists():
        source = HERE / f"{name}.c"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-o", library, source, "-ldl"], check=True)
    return library
