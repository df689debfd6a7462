"""The house rules that no other tool sees: sizes, names, docstrings, what .pyx files import, what may be tracked."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILT = ("build", "dist", "data", "site", "lookup/assets")
MAX_LINES = 400
MAX_TRACKED_BYTES = 500_000
VAGUE = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc"}
OURS = {"register", "lookup", "loader", "bench", "tests", "flr_client"}
CORE = (
    *(
        "lookup.key",
        "lookup.record",
        "lookup.index",
        "lookup.canonical",
        "lookup.question",
        "lookup.soap_question",
        "lookup.xml_walk",
        "lookup.errors",
        "lookup.soap_parts",
    ),
    "lookup._fast",
)
# what the compiled files of a package may import of ours
COMPILED_MAY_IMPORT = {"lookup": ("register.ids", *CORE), "loader": ("register", "loader", *CORE)}
COMPILED_NEVER_IMPORTS = {"litestar", "msgspec", "prometheus_client", "rich", "structlog"}
# Written so that they do not match themselves.
MACHINE_PATH = re.compile(r"(?<![\w.])/(wor[k]|hom[e]/\w+|roo[t]|User[s]/\w+|op[t]/(pypi|wheels)|tm[p]/fl)/")
REGISTRY_HOST = re.compile(r"pypi[.]org|pythonhosted[.]org|npm[j]s|jsd[e]livr|unp[k]g|anaconda[.]org|crates[.]io", re.I)
CYTHON_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<source>[\w.]+)[ \t]+c?import[ \t]+(?:\((?P<many>[^)]*)\)|(?P<some>[^\n#]+))"
    r"|c?import[ \t]+(?P<plain>[\w., \t]+))",
    re.M,
)


def tracked() -> list[Path]:
    """What git tracks or would track; without git (an unpacked sdist) every file that is not built."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0 and listing.stdout:
        paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not is_built(path.relative_to(ROOT))]
    return sorted(path for path in paths if path.is_file())


def is_built(path: Path) -> bool:
    hidden = any(part.startswith(".") and part not in {".ci", ".gitignore"} for part in path.parts)
    named = path.suffix in {".so", ".pyc"} or any(part.endswith(".egg-info") for part in path.parts)
    return hidden or named or any(path.is_relative_to(folder) for folder in BUILT)


FILES = tracked()
SOURCES = [path for path in FILES if path.suffix in {".py", ".pyx", ".pxd", ".pyi"}]
PYTHON = [path for path in SOURCES if path.suffix == ".py"]
CYTHON = [path for path in SOURCES if path.suffix in {".pyx", ".pxd"}]


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def names_of(imported: str) -> list[str]:
    """The names of an import list, without `as`."""
    return [part.split()[0] for part in imported.replace("\\", " ").split(",") if part.strip()]


def cython_imports(text: str, package: str) -> Iterator[str]:
    """Every dotted name that Cython source imports or cimports; relative ones are made absolute within `package`."""
    for found in CYTHON_IMPORT.finditer(text):
        if found["plain"]:
            yield from names_of(found["plain"])
            continue
        bare = found["source"].lstrip(".")
        up = len(found["source"]) - len(bare)
        parents = package.split(".")[: len(package.split(".")) - up + 1] if up else []
        source = ".".join([*parents, *([bare] if bare else [])])
        for name in names_of(found["many"] or found["some"]):
            yield f"{source}.{name}"


def breaks_layers(package: str, name: str) -> bool:
    root = name.split(".")[0]
    allowed = any(name == module or name.startswith(f"{module}.") for module in COMPILED_MAY_IMPORT[package])
    return root in COMPILED_NEVER_IMPORTS or (root in OURS and not allowed)


def python_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_there_is_something_to_look_at() -> None:
    assert {"register/ids.py", "lookup/_fast/__init__.py", "setup.py"} <= {shown(path) for path in SOURCES}


def test_no_source_file_is_long() -> None:
    lengths = {shown(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_module_has_a_vague_name() -> None:
    vague = [
        shown(path) for path in SOURCES if any(VAGUE & set(re.split(r"[_.]", p)) for p in path.relative_to(ROOT).parts)
    ]
    assert vague == []


def test_every_module_says_what_it_is() -> None:
    silent = [shown(path) for path in PYTHON if not ast.get_docstring(ast.parse(path.read_text()))]
    opening = re.compile(r'(?:[ \t]*(?:#[^\n]*)?\n)*"""\S')
    silent += [shown(path) for path in CYTHON if path.suffix == ".pyx" and not opening.match(path.read_text())]
    assert silent == []


def test_cython_cimports_and_never_includes() -> None:
    assert [shown(path) for path in CYTHON if re.search(r"^\s*include\s+[\"']", path.read_text(), re.M)] == []


def test_compiled_files_keep_to_the_layers() -> None:
    broken = []
    for path in CYTHON:
        folders = path.relative_to(ROOT).parent.parts
        names = cython_imports(path.read_text(), ".".join(folders))
        broken += [f"{shown(path)}: {name}" for name in names if breaks_layers(folders[0], name)]
    assert broken == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("cimport cython", ["cython"]),
        ("import lookup.settings as s, struct", ["lookup.settings", "struct"]),
        ("from libc.string cimport memcpy, memcmp  # why", ["libc.string.memcpy", "libc.string.memcmp"]),
        ("from lookup import metrics", ["lookup.metrics"]),
        ("from lookup.key import (\n    KEY_BITS,\n    parse as p,\n)", ["lookup.key.KEY_BITS", "lookup.key.parse"]),
        ("from . cimport record", ["lookup._fast.record"]),
        ("from .key cimport pack", ["lookup._fast.key.pack"]),
        ("from ..settings import Settings", ["lookup.settings.Settings"]),
        ("    from register cimport feed", ["register.feed"]),
    ],
)
def test_cython_imports_are_read(line: str, names: list[str]) -> None:
    assert list(cython_imports(f'"""Doc."""\n{line}\n', "lookup._fast")) == names


def test_the_layer_rule_tells_allowed_from_not() -> None:
    allowed = ["libc.stdint.uint64_t", "register.ids.parse_national_id", "lookup.record.Damaged", "lookup._fast.key"]
    assert [name for name in allowed if breaks_layers("lookup", name)] == []
    never = [
        "register.feed.Manifest",
        "lookup.metrics",
        "lookup.keyring",
        "litestar",
        "structlog.get_logger",
        "loader.x",
    ]
    assert [name for name in never if not breaks_layers("lookup", name)] == []
    assert not breaks_layers("loader", "register.feed.Manifest")
    assert breaks_layers("loader", "lookup.rest.routes")


def test_nobody_imports_bench_or_tests() -> None:
    packages = {"register", "lookup", "loader", "flr_client"}
    shipped = [path for path in PYTHON if path.relative_to(ROOT).parts[0] in packages]
    broken = [
        f"{shown(path)}: {name}"
        for path in shipped
        for name in python_imports(ast.parse(path.read_text()))
        if name.split(".")[0] in {"bench", "tests"}
    ]
    assert broken == []


def test_the_oracle_stands_alone() -> None:
    oracle = [path for path in PYTHON if re.match(r"tests/oracle(\.py$|/)", shown(path))]
    imports = {name.split(".")[0] for path in oracle for name in python_imports(ast.parse(path.read_text()))}
    assert imports & {"register", "lookup", "loader"} == set()


def test_no_machine_paths_or_registry_hosts() -> None:
    found = []
    for path in FILES:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{shown(path)}: {hit[0]}" for rule in (MACHINE_PATH, REGISTRY_HOST) for hit in rule.finditer(text)]
    assert found == []


def test_nothing_big_is_tracked() -> None:
    assert [shown(path) for path in FILES if path.stat().st_size > MAX_TRACKED_BYTES] == []
