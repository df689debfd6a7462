"""The audit: whether it can be written, whether its keys are there, and whether what was written last is whole."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from lookup.audit.keys import KeysUnfit, Publics, read_keys
from lookup.audit.trail import places
from lookup.audit.verify import CHANGED, TORN_END, series_of, verify_end, verify_series
from lookup.doctor.finding import Finding, Installation, ok, shell, warning, wrong

AUDIT, KEYS, SEALS = "audit", "audit keys", "audit seals"
SEGMENTS_AHEAD = 2  # of each worker: the next one, and the one after that


def writable(site: Installation) -> Iterator[Finding]:
    """Each place takes the next segments."""
    settings = site.settings
    needed = SEGMENTS_AHEAD * settings.worker_count * settings.audit_segment_bytes
    for place in places(settings):
        there = _nearest(place)
        free = shutil.disk_usage(there).free
        if not os.access(there, os.W_OK | os.X_OK):
            yield wrong(
                AUDIT,
                f"{there} cannot be written to: nothing is told of persons",
                shell("install", "-d", "-m", "0750", place),
            )
        elif free < needed:
            yield wrong(
                AUDIT,
                f"{place}: {free >> 20} MB free, and the next segments take {needed >> 20} MB; without room nothing is"
                " told of persons",
                site.command("flr-lookup audit prune"),
            )
        else:
            yield ok(AUDIT, f"{place}, {free >> 20} MB free")


def _nearest(place: Path) -> Path:
    """The place, or the folder that it is to be made in."""
    return next(one for one in (place, *place.absolute().parents) if one.exists())


def keys(site: Installation) -> Iterator[Finding]:
    """The secrets are there, and closed to others."""
    path = site.settings.audit_keys
    if not path.exists():
        if series_of(places(site.settings)):
            yield wrong(
                KEYS,
                f"{path} is not there, and the audit is: without it nobody finds who looked at a person",
                shell("install", "-m", "0600", "BACKUP", path),
            )
        else:
            yield ok(KEYS, f"made when the service first starts, in {path}")
        return
    try:
        found = read_keys(path)
    except KeysUnfit as error:
        mend = (
            shell("chmod", "0600", path)
            if path.stat().st_mode & 0o077
            else shell("install", "-m", "0600", "BACKUP", path)
        )
        yield wrong(KEYS, str(error), mend)
        return
    yield ok(KEYS, f"{path}: persons by key {found.version}, seals by key {len(found.public)}")


def seals(site: Installation) -> Iterator[Finding]:
    """The newest segment of each series is as it was written; with `deep`, every one is."""
    try:
        publics = Publics(read_keys(site.settings.audit_keys).public)
    except (KeysUnfit, FileNotFoundError):
        return  # told of already
    verify = site.command("flr-lookup audit verify")
    there = series_of(places(site.settings))
    whole = True
    for name, folders in there.items():
        report = (verify_series if site.deep else verify_end)(name, folders, publics)
        for finding in report.findings:
            if finding.kind in {CHANGED, TORN_END}:
                whole = False
                told = wrong if finding.kind == CHANGED else warning
                yield told(SEALS, f"{finding.where}: {finding.what}", verify)
    if whole:
        what = "every segment" if site.deep else "the newest segment"
        yield ok(SEALS, f"{what} of {len(there)} series is as it was written" if there else "nothing is recorded yet")
