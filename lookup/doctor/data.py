"""The data folder: whose it is, whether a load has room in it, what is in service, how old that is, and the loader."""

import os
import pwd
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from lookup.doctor.finding import Finding, Installation, ok, shell, warning, wrong
from lookup.manifest import (
    CURRENT,
    GENERATIONS,
    PIN,
    Manifest,
    NotServable,
    folders,
    read_manifest,
    read_pointer,
    read_refused,
    verify_files,
)
from lookup.vouched import vouched

FOLDER, ROOM, GENERATION, PINNED, AGE, LOADER = "folder", "room", "generation", "pin", "age", "loader"
OPEN_TO_OTHERS = 0o027
AHEAD_SECONDS = 300.0
# What the loader holds a full load to need (loader/load.py), and a nation of Norway's size, to tell before the first.
PERSON_BYTES, MEMBERSHIP_BYTES = 400, 110
NATION_BYTES = 5_600_000 * PERSON_BYTES + 16_800_000 * MEMBERSHIP_BYTES


class _Report(msgspec.Struct):
    verb: Literal["load", "pull"]  # and no other: a rollback says nothing of whether loads go well
    exit_code: int = 0
    message: str | None = None


def in_service(data_dir: Path) -> tuple[Path, Manifest] | None:
    """What PIN or else CURRENT names, if it is there; no file of it is read but the manifest."""
    with suppress(NotServable):
        name = read_pointer(data_dir, PIN) or read_pointer(data_dir, CURRENT)
        if name is not None:
            folder = data_dir / GENERATIONS / name
            return folder, read_manifest(folder)[0]
    return None


def bytes_in_service(data_dir: Path) -> int:
    """The size of what is in service; 0 where nothing is."""
    found = in_service(data_dir)
    return 0 if found is None else sum(entry.bytes for entry in found[1].files)


def folder(site: Installation) -> Iterator[Finding]:
    """It is there, closed to others, and the run folder can be written to."""
    data_dir, run = site.settings.data_dir, site.settings.run_folder
    if not data_dir.is_dir():
        yield wrong(FOLDER, f"there is no folder {data_dir}", shell("install", "-d", "-m", "0750", data_dir))
        return
    about = data_dir.stat()
    fine = True
    for one in (data_dir, data_dir / GENERATIONS, run):
        if one.is_dir() and (mode := stat.S_IMODE(one.stat().st_mode)) & OPEN_TO_OTHERS:
            fine = False
            yield warning(FOLDER, f"{one} has the mode {mode:04o}: others get in", shell("chmod", "0750", one))
    if site.machine.root and about.st_uid != 0:
        fine = False
        owner = _name(about.st_uid)
        command = site.command("flr-lookup doctor")
        yield warning(
            FOLDER, f"it is {owner}'s, and root may do what {owner} may not", f"runuser -u {owner} -- {command}"
        )
    if not os.access(run if run.exists() else run.parent, os.W_OK | os.X_OK):
        fine = False
        yield wrong(
            FOLDER, f"{run}: workers cannot say there what they serve", shell("install", "-d", "-m", "0750", run)
        )
    if fine:
        yield ok(FOLDER, f"{data_dir}, of {_name(about.st_uid)}")


def room(site: Installation) -> Iterator[Finding]:
    """The next load fits beside what is there: a full one, or an incremental one, which begins with a copy."""
    data_dir = site.settings.data_dir
    if not data_dir.is_dir():
        return
    free, found = shutil.disk_usage(data_dir).free, in_service(data_dir)
    if found is None:
        yield ok(ROOM, f"{free >> 20} MB free; a full load of all of Norway takes {NATION_BYTES >> 20} MB")
        return
    counts = found[1].counts
    full = counts.get("persons", 0) * PERSON_BYTES + counts.get("memberships", 0) * MEMBERSHIP_BYTES
    needed = max(full, 2 * bytes_in_service(data_dir))
    told = f"{free >> 20} MB free, of which a load takes {needed >> 20} MB"
    if free >= needed:
        yield ok(ROOM, told)
    else:
        yield wrong(ROOM, f"{told}: the next one ends with 74", site.command("flr-loader prune --keep 1"))


def generation(site: Installation) -> Iterator[Finding]:
    """What is named is there and what its manifest says; with `deep`, whatever is there is."""
    data_dir = site.settings.data_dir
    if not data_dir.is_dir():
        return
    load = site.command("flr-loader load FEED")
    names = []
    for which in (PIN, CURRENT):
        try:
            name = read_pointer(data_dir, which)
            if name is None or name in names:
                continue
            names.append(name)
            if name in {refusal.name for refusal in read_refused(data_dir)}:
                yield wrong(
                    GENERATION,
                    f"{which} names {name}, which is refused",
                    site.command("flr-loader rollback --reason TEXT"),
                )
                continue
            told = _held(data_dir, name, site.deep)
        except NotServable as error:
            yield wrong(GENERATION, f"{which}: {error}", load)
        else:
            yield ok(GENERATION, f"{name}, which {which} names, is {told}")
    if not names:
        yield wrong(GENERATION, "nothing is in service, and who asks is told 503", load)
    if site.deep:
        yield from _others(data_dir, names)


def _held(data_dir: Path, name: str, deep: bool) -> str:
    if not deep and vouched(data_dir, name) is not None:
        return "as the loader has verified it since the machine started"
    verify_files(data_dir / GENERATIONS / name)
    return "what its manifest says"


def _others(data_dir: Path, known: list[str]) -> Iterator[Finding]:
    for one in folders(data_dir):
        if one.name not in known:
            try:
                verify_files(one)
                yield ok(GENERATION, f"{one.name} is what its manifest says")
            except NotServable as error:
                yield warning(GENERATION, f"{one.name}: {error}; nobody serves it", shell("rm", "-r", one))


def pin(site: Installation) -> Iterator[Finding]:
    """Nothing holds an old generation in service."""
    with suppress(NotServable):  # told of already
        name = read_pointer(site.settings.data_dir, PIN)
        if name is None:
            yield ok(PINNED, "none")
        else:
            yield warning(
                PINNED, f"{name} is served whatever is loaded, until that is ended", site.command("flr-loader unpin")
            )


def age(site: Installation) -> Iterator[Finding]:
    """The register is not too old, and not of tomorrow."""
    found = in_service(site.settings.data_dir)
    if found is None:
        return
    hours = (time.time() - datetime.fromisoformat(found[1].as_of).timestamp()) / 3600
    refuse, warn = site.settings.stale_refuse_hours, site.settings.stale_warn_hours
    loader = float(site.loader.settings.get("stale_after_seconds", 0)) / 3600
    limits = [one for one in (warn, loader) if one]
    load = site.command("flr-loader load FEED")
    told = f"{found[0].name} is {hours:.0f} hours old"
    if hours * 3600 < -AHEAD_SECONDS:
        yield wrong(AGE, f"{found[0].name} is as of {found[1].as_of}, which has not been yet: the clock", "timedatectl")
    elif refuse and hours > refuse:
        yield wrong(AGE, f"{told}, and from {refuse:g} on nobody is answered (stale_refuse_hours)", load)
    elif limits and hours > min(limits):
        yield warning(AGE, f"{told}: {min(limits):g} is the limit", load)
    else:
        yield ok(AGE, told)


def loader(site: Installation) -> Iterator[Finding]:
    """It is not stuck, and its last run went well."""
    asked, fine = site.loader, True
    if asked.loading is not None:
        since = datetime.fromisoformat(asked.loading.since)
        seconds = max(0.0, (datetime.now(UTC) - since).total_seconds())
        if seconds >= float(asked.settings["stuck_after_seconds"]):
            fine = False
            yield warning(
                LOADER, f"process {asked.loading.pid} has been loading for {seconds:.0f} s", f"kill {asked.loading.pid}"
            )
    last = _last(site.settings.data_dir)
    if last is not None and last[1].exit_code:
        fine = False
        path, report = last
        yield warning(
            LOADER, f"the last {report.verb} ended with {report.exit_code}: {report.message}", shell("cat", path)
        )
    if fine:
        said = "no load was tried" if last is None else f"the last {last[1].verb} went well"
        yield ok(LOADER, said if asked.loading is None else f"process {asked.loading.pid} is at work")


def _last(data_dir: Path) -> tuple[Path, _Report] | None:
    for path in sorted((data_dir / "reports").glob("*.json"), reverse=True):
        with suppress(OSError, msgspec.DecodeError):
            return path, msgspec.json.decode(path.read_bytes(), type=_Report)
    return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
