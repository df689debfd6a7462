"""The settings: whether they can be read, whether some are misspelt, and whether both programs mean the same folder."""

import difflib
import os
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path

from lookup.doctor.finding import Finding, Installation, ok, shell, warning, wrong
from lookup.settings import TABLE
from register.settings import FILE_VARIABLE, PREFIX

SETTINGS = "settings"
TABLES = (TABLE, "loader")
# What is no setting and means something to our programs, tests and builds.
OTHERS = frozenset({FILE_VARIABLE, "FLR_PLAIN_CORE", "FLR_CONTRACTS", "FLR_ADVISORIES"})


def unreadable(why: str) -> Finding:
    """The settings of the service cannot be: nothing else can be looked at then."""
    return wrong(SETTINGS, why, "flr-lookup settings")


def settings(site: Installation) -> Iterator[Finding]:
    """Every variable and table is one that somebody reads, and the loader publishes where the service looks."""
    fine = True
    for finding in _troubles(site):
        fine = False
        yield finding
    if fine:
        given = sum(PREFIX + name.upper() in os.environ for name in site.settings.__struct_fields__)
        file = os.environ.get(FILE_VARIABLE)
        yield ok(SETTINGS, f"{given} from the environment{f', more in {file}' if file else ''}")


def _troubles(site: Installation) -> Iterator[Finding]:
    if site.loader.fault is not None:
        yield wrong(SETTINGS, site.loader.fault, site.command("flr-loader settings"))
    if site.loader.settings:
        names = {*site.settings.__struct_fields__, *site.loader.settings}
        yield from _misspelt({PREFIX + name.upper() for name in names} | OTHERS)
        published = Path(site.loader.settings["data_dir"])
        if published.absolute() != site.settings.data_dir.absolute():
            yield warning(
                SETTINGS,
                f"flr-loader publishes in {published}, and flr-lookup serves {site.settings.data_dir}",
                shell("export", f"FLR_DATA_DIR={site.settings.data_dir}"),
            )
    yield from _tables(os.environ.get(FILE_VARIABLE))


def _misspelt(known: Collection[str]) -> Iterator[Finding]:
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"; {near[0]} may be meant" if near else ""
            yield warning(SETTINGS, f"{name} is no setting, and nobody reads it{meant}", f"unset {name}")


def _tables(path: str | None) -> Iterator[Finding]:
    if path:
        with Path(path).open("rb") as file:
            for name in tomllib.load(file):
                if name not in TABLES:
                    tables = " and ".join(f"[{table}]" for table in TABLES)
                    yield warning(
                        SETTINGS, f"{path}: {name!r} is read by nobody; it has {tables}", shell("editor", path)
                    )
