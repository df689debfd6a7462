"""`pull`: the newest generation that a store offers, put in service here. Built once, served anywhere.

Which one is decided by sequence, and among generations of one sequence by when they were built; never one that is
refused here. It is held against what is in service (drift) before anything is fetched, and against its manifest, page
by page, and by the serving reader in a process of its own before it is published, as what a load has built. What was
fetched stays until it is in service, so that no failure makes anybody fetch it again.
"""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

from loader.breaker import hold_offered
from loader.canaries import read_canaries
from loader.errors import BadGeneration, SourceUnreachable
from loader.fetch import Differs, Wanted, fetch, parked, parking, unpark
from loader.lock import LoaderLock
from loader.objects import Missing, Objects
from loader.offer import NEWEST, key_of, offered, serial_of
from loader.progress import Progress
from loader.publish import Staging, in_service, is_whole, point, prepare, refused_serials, remove, sweep
from loader.reader import ask_reader
from loader.recorded import follow_up, recorded, text
from loader.report import LoadReport
from loader.settings import Settings
from loader.signature import SIGNATURE, SIGNATURE_BYTES, is_signed, public_key
from loader.verify import check_tables_stored, structure
from lookup.manifest import (
    CURRENT,
    GENERATIONS,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Manifest,
    NotServable,
    read_manifest,
    verify_files,
)
from register.localtime import local_micros
from register.model import TABLES

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_SHA256 = re.compile("[0-9a-f]{64}")


def pull(place: str, settings: Settings, progress: Progress, *, accept_drift: str | None = None) -> LoadReport:
    """Put the newest generation of a store in service, if it is not. Raises what loader.errors says."""
    started = datetime.now(UTC)
    created = prepare(settings.data_dir, settings.run_folder)
    with LoaderLock(settings.data_dir, settings.stuck_after_seconds):
        before, _ = in_service(settings.data_dir)
        report = LoadReport(
            outcome="failed",
            verb="pull",
            generation=before,
            previous=before,
            started=text(started),
            created=created,
            accept_drift=accept_drift,
        )
        with recorded(settings, started, progress, report):
            sweep(settings.data_dir)
            _Pull(Objects(place, settings), settings, progress, report).run(before)
            follow_up(settings, progress, report)
    return report


class _Pull:
    """One pull, with the lock held."""

    def __init__(self, objects: Objects, settings: Settings, progress: Progress, report: LoadReport) -> None:
        self.objects, self.settings, self.progress, self.report = objects, settings, progress, report
        self.data_dir = settings.data_dir
        self.canaries = read_canaries(settings.canaries, local_micros(time.time()))
        key = settings.generation_public_key
        self.key = None if key is None else public_key(key, "generation_public_key")

    def run(self, current: str | None) -> None:
        """Decide, and do it."""
        name = self._newest(current)
        if name is None or not self._is_new(name, current):
            self.report.outcome = "nothing new"
            self._forget(current)
            return
        self.report.serial = serial_of(name)
        target = self.data_dir / GENERATIONS / name
        if _is_sound(target):  # it was refused for a while, say, and is no longer
            hold_offered(self.data_dir, current, read_manifest(target)[0], self.report)
            point(self.data_dir, CURRENT, name)
        else:
            self._fetch(name, target, current)
        self.report.generation, self.report.outcome = name, "published"
        self.report.counts = read_manifest(target)[0].counts
        unpark(self.data_dir)

    def _forget(self, current: str | None) -> None:
        """Remove what was fetched of what is in service, or before it. Of what comes after, the rest may come yet."""
        there = parked(self.data_dir)
        if current is not None and all(_is_past(name, current) for name in there):
            unpark(self.data_dir)

    def _newest(self, current: str | None) -> str | None:
        """The newest on offer that is not refused here. Raises BadGeneration when what is in service was withdrawn."""
        refused = refused_serials(self.data_dir)
        try:
            offer = offered(self.objects)
        except Missing:
            raise SourceUnreachable(f"{self.objects.place}: no generations here: {NEWEST} is missing") from None
        name = next((name for name in offer.newest if serial_of(name) not in refused), None)
        if current in offer.withdrawn and (name is None or serial_of(name) <= serial_of(current)):
            raise BadGeneration(f"{current}, which is in service, was withdrawn: `flr-loader rollback` it here too")
        return name

    def _is_new(self, name: str, current: str | None) -> bool:
        """Whether it is newer than what is in service, or that is damaged."""
        if current is None or serial_of(current) in refused_serials(self.data_dir):
            return True
        if name == current:
            return not is_whole(self.data_dir, current)
        serial, ours = serial_of(name), serial_of(current)
        return serial > ours or (serial == ours and self._was_built_after(name, current))

    def _was_built_after(self, name: str, current: str) -> bool:
        try:
            ours, _ = read_manifest(self.data_dir / GENERATIONS / current)
        except NotServable:
            return True
        theirs, _ = self._manifest(name)
        return _time(theirs) > _time(ours)

    def _manifest(self, name: str) -> tuple[Manifest, Path]:
        """A generation's manifest, checked, and the folder where it is now alone or with what was fetched before."""
        raw = self.objects.read(key_of(name, MANIFEST), MAX_MANIFEST_BYTES)
        if self.key is not None:
            try:
                signature = self.objects.read(key_of(name, SIGNATURE), SIGNATURE_BYTES)
            except Missing:
                raise BadGeneration(f"{name}/{SIGNATURE}: missing, and a signature is required") from None
            if not is_signed(raw, signature, self.key):
                raise BadGeneration(f"{name}/{SIGNATURE}: not a signature of its {MANIFEST} by the configured key")
        folder = parking(self.data_dir, name)
        (folder / MANIFEST).write_bytes(raw)
        try:
            manifest, _ = read_manifest(folder)
            _check_files(manifest)
        except NotServable as error:
            raise BadGeneration(f"{name}: {error}") from None
        return manifest, folder

    def _fetch(self, name: str, target: Path, current: str | None) -> None:
        manifest, folder = self._manifest(name)
        self.report.feed = manifest.source
        hold_offered(self.data_dir, current, manifest, self.report)
        files = [Wanted(key_of(name, one.name), folder / one.name, one.bytes, one.sha256) for one in manifest.files]
        try:
            self.report.fetched_bytes = fetch(self.objects, files, self.data_dir, self.progress)
        except Differs as error:
            raise BadGeneration(f"{name}: {error} is not what the manifest says") from None
        with self.progress.step("structure"):
            structure(folder)
            check_tables_stored(folder, manifest.counts)
        with self.progress.step("reader"):
            self.report.canaries = len(self.canaries.lines)
            ask_reader(folder, [], self.canaries)
        with Staging(self.data_dir) as staging:
            for path in [folder / MANIFEST, *(file.path for file in files)]:
                path.rename(staging.folder / path.name)
            with self.progress.step("seal"):
                staging.seal(manifest.serial)
            if target.exists():
                remove(target)  # damaged, and of the same name: nothing can be published over it
            staging.publish()


def _is_past(name: str, current: str) -> bool:
    try:
        return serial_of(name) <= serial_of(current)
    except NotServable:  # a feed, which this node does not load any more
        return True


def _time(manifest: Manifest) -> datetime:
    return datetime.fromisoformat(manifest.built_at).astimezone(UTC)


def _is_sound(folder: Path) -> bool:
    try:
        verify_files(folder)
    except NotServable:
        return False
    return True


def _check_files(manifest: Manifest) -> None:
    """Raises NotServable for what nobody looks at in a generation that was built here."""
    names = [entry.name for entry in manifest.files]
    if len({*names, MANIFEST}) != len(names) + 1:
        raise NotServable(f"{MANIFEST} lists a file twice")
    for entry in manifest.files:
        if not _FILE_NAME.fullmatch(entry.name) or not _SHA256.fullmatch(entry.sha256) or entry.bytes < 0:
            raise NotServable(f"{MANIFEST} lists a file with a name, size or sha256 that is not allowed")
    if set(TABLES) - set(manifest.counts):
        raise NotServable(f"{MANIFEST} does not count every table")
    try:
        _time(manifest)
    except (ValueError, OverflowError):
        raise NotServable(f"{MANIFEST}: built_at is not a time") from None
