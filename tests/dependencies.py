"""What we depend on: under which licences it comes, and whether a list of advisories names a version that is installed.

`python -m tests.dependencies`, for `make check`. Looks at what is installed, and at everything that needs in turn, and
asks no network. The licences are those that the packages state. Advisories are looked up in a list in the form of OSV,
which FLR_ADVISORIES names (a folder, or a zip, of JSON files); without one it says that nothing was checked.
"""

import json
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

OURS, EVERYTHING = "fastlegeregisteret", {"dev"}
VARIABLE = "FLR_ADVISORIES"
# SPDX. What may stand beside, or be linked to, a work under the EUPL; MPL-2.0 and EUPL-1.2 bind their own files alone.
ALLOWED = set(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause CC0-1.0 CNRI-Python EUPL-1.2 ISC MIT MIT-0 MPL-2.0 OLDAP-2.8 PSF-2.0"
    " ZPL-2.1 Zlib".split()
)
# What packages say that state no SPDX expression, and what is meant.
WORDS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD-3-Clause",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
# What state nothing, or too much, by name, and what their licence files say: those of the package and of what is in it.
# Docutils is in the public domain but for some files; its GPL is that of a mode for an editor, which no wheel has.
UNSTATED = {"axe-playwright-python": "MIT AND MPL-2.0", "docutils": "CC0-1.0 AND BSD-2-Clause AND PSF-2.0"}
# Advisories that do not concern us, and why.
ACCEPTED: dict[str, str] = {}


class Found(NamedTuple):
    """An advisory that names a version that is installed."""

    advisory: str
    name: str
    version: str


def closure(name: str, extras: set[str]) -> dict[str, Distribution]:
    """What is installed of this package and all that it needs, by name. Raises LookupError for what is missing."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(name, extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            raise LookupError(f"{name} is not installed: make setup") from None
        for needed in map(Requirement, found[name].requires or []):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(needed.name), more) for more in ("", *needed.extras)]
    return found


def licence(stated: Distribution) -> str:
    """The SPDX expression of a package's licence, or what it says instead."""
    metadata = stated.metadata
    if metadata.get("License-Expression"):
        return metadata["License-Expression"]
    classified = [line.split(" :: ")[-1] for line in metadata.get_all("Classifier") or [] if line[:7] == "License"]
    text = (metadata.get("License") or "").strip().split("\n")[0].strip()
    for said in (text, " OR ".join(WORDS.get(one, one) for one in classified)):
        said = WORDS.get(said, said)  # noqa: PLW2901 -- the same, in other words
        if said and is_expression(said):
            return said
    return text or UNSTATED.get(canonicalize_name(metadata["Name"]), "nothing")


def is_expression(text: str) -> bool:
    """Whether this is a well-formed SPDX expression."""
    try:
        canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return False
    return True


def is_allowed(expression: str) -> bool:
    """Whether one of the ways in which it may be taken is allowed. What is nested is not understood, and refused."""
    ways = [way.split(" AND ") for way in expression.split(" OR ")]
    return any(all(part in ALLOWED for part in way) for way in ways)


def advisories(path: Path) -> Iterator[dict[str, Any]]:
    """Every advisory of a list. Raises ValueError for what is none, with the file it stands in."""
    if path.is_dir():
        texts = ((file.name, file.read_bytes()) for file in sorted(path.rglob("*.json")))
    else:
        archive = zipfile.ZipFile(path)
        texts = ((name, archive.read(name)) for name in sorted(archive.namelist()) if name.endswith(".json"))
    for name, text in texts:
        try:
            advisory = json.loads(text)
            if not isinstance(advisory["id"], str) or not isinstance(advisory.get("affected", []), list):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path}: {name}: not an advisory") from None
        yield advisory


def concerns(affected: dict[str, Any], name: str, version: str) -> bool:
    """Whether what an advisory says is affected is this version."""
    package = affected.get("package", {})
    if package.get("ecosystem") != "PyPI" or canonicalize_name(package.get("name", "")) != name:
        return False
    ranges = [one["events"] for one in affected.get("ranges", []) if one["type"] != "GIT"]
    return version in affected.get("versions", []) or any(is_within(events, Version(version)) for events in ranges)


def is_within(events: list[dict[str, str]], version: Version) -> bool:
    """Whether a version is between an event that introduced it and the one that ended it."""
    within = False
    for kind, text in sorted(((kind, text) for one in events for kind, text in one.items()), key=_place):
        at = _version(text)
        if kind == "introduced" and version >= at:
            within = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            within = False
    return within


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def _place(event: tuple[str, str]) -> tuple[Version, bool]:
    return _version(event[1]), event[0] == "introduced"


def check_advisories(path: Path, installed: dict[str, Distribution]) -> tuple[list[Found], str]:
    """What the list has against what is installed, and the date of its newest entry."""
    found, newest = [], ""
    for advisory in advisories(path):
        newest = max(newest, str(advisory.get("modified", ""))[:10])
        if advisory.get("withdrawn") or advisory["id"] in ACCEPTED:
            continue
        for affected in advisory.get("affected", []):
            name = canonicalize_name(affected.get("package", {}).get("name", ""))
            if name in installed and concerns(affected, name, installed[name].version):
                found.append(Found(advisory["id"], name, installed[name].version))
    if not newest:
        raise ValueError(f"{path}: no advisories")
    return sorted(set(found)), newest


def main() -> int:
    """Say what was found; 1 when something is not as it must be."""
    try:
        installed = closure(OURS, EVERYTHING)
    except LookupError as error:
        print(f"dependencies: {error}")
        return 1
    wrong = {name: said for name, one in installed.items() if not is_allowed(said := licence(one))}
    for name, said in sorted(wrong.items()):
        print(f"licences: {name}: {re.sub(r'[^ -~]', '?', said)[:60]} is not among those that are allowed")
    print(f"licences: {len(installed)} packages, {len(wrong)} not allowed")
    listed = os.environ.get(VARIABLE)
    if not listed:
        print(f"vulnerabilities: not checked, {VARIABLE} names no list of advisories")
        return int(bool(wrong))
    try:
        found, newest = check_advisories(Path(listed), installed)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        print(f"vulnerabilities: not checked: {error}")
        return 1
    for one in found:
        print(f"vulnerabilities: {one.name} {one.version}: {one.advisory}")
    print(f"vulnerabilities: {len(found)} known on {newest}")
    return int(bool(wrong or found))


if __name__ == "__main__":
    sys.exit(main())
