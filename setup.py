"""Builds what is compiled (*/_fast/*.pyx) and puts the OpenAPI page's browser files into lookup/assets/.

LOOKUP_BUILD=release|debug|sanitize chooses how it is compiled, and every extension says in its file which it was
(tests/test_build.py); the rest of the build is in pyproject.toml.
The browser files come from a package that pyproject.toml names as a build requirement, at one exact version. It
belongs to a framework that is not used here: its files are copied, never imported, and each must have the sha256
that stands below. To move to a newer version, change the requirement and the digests together.
"""

import hashlib
import os
from importlib import metadata
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ASSETS_FROM = "drf-spectacular-sidecar"
ASSETS = {
    "favicon-32x32.png": "3ed612f41e050ca5e7000cad6f1cbe7e7da39f65fca99c02e99e6591056e5837",
    "swagger-ui-bundle.js": "050bc415ee7048dcd881682678f720264e7da5e373f7461d7c58c755305255f7",
    "swagger-ui-bundle.js.LICENSE.txt": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    "swagger-ui-standalone-preset.js": "5243d492e14505e0cab87ac8b0195d0e615943e651743b2b698450a46eb470be",
    "swagger-ui.css": "1ac324f7dcd27e4b9386b4bd6421271ec147e922a22c05ba24b11515e9aa6321",
}
SANITIZERS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
EXACT_AREAS = ["-DFLR_EXACT_BELOW=65536"]  # lookup/_fast/encode.pyx
CHECKED = {"boundscheck": True, "wraparound": False, "cdivision": False}
# build -> (compiler flags, linker flags, Cython directives)
BUILDS: dict[str, tuple[list[str], list[str], dict[str, bool]]] = {
    "release": (
        ["-O3", "-g0", "-DCYTHON_WITHOUT_ASSERTIONS"],
        [],
        {"boundscheck": False, "wraparound": False, "cdivision": True},
    ),
    "debug": (["-O1", "-g", "-UNDEBUG"], [], CHECKED),
    # not optimised: nothing is left out before it is looked at, and it compiles in a third of the time
    "sanitize": (["-O0", "-g", "-UNDEBUG", *EXACT_AREAS, *SANITIZERS], SANITIZERS, CHECKED),
}


def place_assets(folder: Path) -> None:
    """Copy the browser files into `folder`; files that are there with the right digest need no source package."""

    def is_right(path: Path) -> bool:
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == ASSETS[path.name]

    if all(is_right(folder / name) for name in ASSETS):
        return
    files = metadata.files(ASSETS_FROM) or []
    folder.mkdir(exist_ok=True)
    for name in ASSETS:
        found = [Path(str(file.locate())) for file in files if file.parts[-2:] == ("swagger-ui-dist", name)]
        if len(found) != 1 or not is_right(found[0]):
            raise SystemExit(f"setup.py: {name} of {ASSETS_FROM} is missing or has another sha256 than the pinned one")
        (folder / name).write_bytes(found[0].read_bytes())


def build_header(build: str) -> Path:
    """The C header that every extension is compiled with: it leaves the name of the build in the extension's file.

    Written when the build is another than the last, which makes the objects of that one out of date.
    """
    header = Path("build/flr_build.h")
    text = f'static const char flr_build[] __attribute__((used)) = "flr-build:{build};";\n'
    header.parent.mkdir(exist_ok=True)
    if not header.is_file() or header.read_text() != text:
        header.write_text(text)
    return header


def extensions(build: str) -> list[Extension]:
    """One extension for each .pyx, its C in build/."""
    if build not in BUILDS:
        raise SystemExit(f"setup.py: LOOKUP_BUILD is {build!r}; it must be one of {', '.join(BUILDS)}")
    sources = sorted(path for folder in ("lookup", "loader") for path in Path(folder, "_fast").glob("*.pyx"))
    if not sources:
        return []
    compile_flags, link_flags, directives = BUILDS[build]
    header = str(build_header(build))
    return cythonize(
        [
            Extension(
                ".".join(path.with_suffix("").parts),
                [str(path)],
                depends=[header],
                extra_compile_args=["-include", header, *compile_flags],
                extra_link_args=link_flags,
            )
            for path in sources
        ],
        build_dir=f"build/cython-{build}",
        nthreads=os.cpu_count() or 0,
        compiler_directives=directives,
    )


place_assets(Path("lookup/assets"))
setup(
    ext_modules=extensions(os.environ.get("LOOKUP_BUILD", "release")),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
