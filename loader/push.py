"""`push`: what is in service, put in a store for other nodes to pull.

The files come first, then the signature, then the manifest, which is never overwritten, then the list of what is
newest: who reads from the list on never sees half of a generation. Every step finds out for itself whether it has been
done, so a push that was broken off is finished by the next one. It has a lock of its own: loads go on beside it, and
the files that it sends are held open.
"""

import hashlib
from contextlib import ExitStack
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

import msgspec

from loader.errors import BadGeneration, OutOfOrder, UsageError
from loader.lock import LoaderLock
from loader.objects import Missing, Objects, Taken
from loader.offer import Offer, key_of, offered_so_far, put_on_offer, serial_of
from loader.progress import Progress
from loader.publish import REPORTS, prepare, refused_serials
from loader.recorded import keep, text, told
from loader.settings import Settings
from loader.signature import SIGNATURE, SIGNATURE_BYTES, private_key
from lookup.manifest import (
    CURRENT,
    GENERATIONS,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    FileEntry,
    Manifest,
    NotServable,
    read_manifest,
    read_pointer,
    read_refused,
    split_name,
)

LOCK = "push.lock"


class PushReport(msgspec.Struct, kw_only=True):
    """One push. `pushed_bytes` went over the line in this run; `withdrawn` are refused here and no longer on offer."""

    outcome: str  # "pushed", "nothing new" or "failed"
    to: str
    started: str
    verb: str = "push"
    generation: str | None = None
    message: str | None = None
    exit_code: int = 0
    finished: str = ""
    signed: bool = False
    pushed_bytes: int = 0
    withdrawn: list[str] = []
    removed: list[str] = []
    seconds: dict[str, float] = {}

    def line(self) -> str:
        """The report in one line, for a terminal."""
        if self.outcome == "nothing new":
            return f"nothing new: {self.generation} is there"
        return f"pushed {self.generation}, {self.pushed_bytes / 1e6:,.0f} MB, in {sum(self.seconds.values()):.1f} s"


def push(place: str, settings: Settings, progress: Progress) -> PushReport:
    """Put what CURRENT names in a store, if it is not there. Raises what loader.errors says."""
    started = datetime.now(UTC)
    prepare(settings.data_dir, settings.run_folder)
    report = PushReport(outcome="failed", to=place, started=text(started))
    with LoaderLock(settings.data_dir, settings.stuck_after_seconds, LOCK):
        try:
            for half in (settings.data_dir / REPORTS).glob("*-push.tmp"):  # of one that died
                half.unlink()
            _push(place, settings, progress, report)
        except BaseException as error:
            report.message, report.exit_code = told(error)
            raise
        finally:
            report.seconds, report.finished = progress.seconds, text(datetime.now(UTC))
            if report.outcome != "nothing new":
                keep(settings.data_dir, f"{started:%Y%m%dT%H%M%S.%f}-push", report)
    return report


def _push(place: str, settings: Settings, progress: Progress, report: PushReport) -> None:
    if place.startswith(("http://", "https://")):
        raise UsageError("push needs s3://BUCKET/PREFIX or a folder: HTTP is for pulling")
    key = settings.generation_signing_key
    signing = None if key is None else private_key(key, "generation_signing_key")
    objects = Objects(place, settings, make=True)
    refused, withdrawn = refused_serials(settings.data_dir), sorted(one.name for one in read_refused(settings.data_dir))
    name = report.generation = _in_service(settings.data_dir, refused)
    before = offered_so_far(objects)
    report.withdrawn = [other for other in before.newest if serial_of(other) in refused]
    others = [other for other in before.newest if other != name and other not in report.withdrawn]
    if others and serial_of(others[0]) > serial_of(name):
        raise OutOfOrder(f"{place} offers {others[0]} already, {name} is in service here")
    folder = settings.data_dir / GENERATIONS / name
    with ExitStack() as held:
        manifest, raw, files = _hold(held, folder)
        is_there = _is_there(objects, name, raw)
        if not is_there:
            _check(manifest, files)
            objects.sweep("")
            objects.sweep(f"{GENERATIONS}/{name}")
            with progress.step("push", sum(entry.bytes for entry in manifest.files)):
                for entry in manifest.files:
                    report.pushed_bytes += _put_file(objects, name, entry, files[entry.name])
                    progress.advance(entry.bytes)
        if signing is not None:
            report.signed = _sign(objects, name, signing.sign(raw))
        if not is_there:
            _put_manifest(objects, name, raw)
    offer = Offer([name, *others][: settings.keep_pushed], withdrawn)
    if offer != before:
        put_on_offer(objects, offer)
        report.removed = _remove_old(objects, offer.newest)
    report.outcome = "nothing new" if is_there and offer == before and not report.signed else "pushed"


def _in_service(data_dir: Path, refused: set[int]) -> str:
    try:
        name = read_pointer(data_dir, CURRENT)
    except NotServable as error:
        raise BadGeneration(str(error)) from None
    if name is None:
        raise BadGeneration("there is no CURRENT: nothing is in service")
    if serial_of(name) in refused:
        raise BadGeneration(f"{name}, which CURRENT names, is refused")
    return name


def _hold(held: ExitStack, folder: Path) -> tuple[Manifest, bytes, dict[str, BufferedReader]]:
    """The manifest and the files of a generation, which are held open: it may be pruned meanwhile."""
    try:
        raw = (folder / MANIFEST).read_bytes()
        manifest, _ = read_manifest(folder)
        files = {entry.name: held.enter_context((folder / entry.name).open("rb")) for entry in manifest.files}
    except NotServable as error:
        raise BadGeneration(f"{folder.name}: {error}") from None
    except FileNotFoundError as error:
        raise BadGeneration(f"{folder.name}: {Path(error.filename).name} is not on this node") from None
    return manifest, raw, files


def _check(manifest: Manifest, files: dict[str, BufferedReader]) -> None:
    """Raises BadGeneration when a file is not what the manifest says: damage must not spread."""
    for entry in manifest.files:
        if hashlib.file_digest(files[entry.name], "sha256").hexdigest() != entry.sha256:
            raise BadGeneration(f"{entry.name} is not what the manifest says")


def _is_there(objects: Objects, name: str, raw: bytes) -> bool:
    """Whether the manifest is there, and with it all the rest. Raises BadGeneration when it is another one."""
    try:
        there = objects.read(key_of(name, MANIFEST), MAX_MANIFEST_BYTES)
    except Missing:
        return False
    if there != raw:
        raise BadGeneration(f"{objects.place} holds another generation {name}: it is not overwritten")
    return True


def _put_file(objects: Objects, name: str, entry: FileEntry, content: BufferedReader) -> int:
    """Put one file unless it is there; returns how many bytes that took. An object is there whole or not at all."""
    if objects.size(key_of(name, entry.name)) == entry.bytes:
        return 0
    content.seek(0)
    objects.put(key_of(name, entry.name), content)
    return entry.bytes


def _sign(objects: Objects, name: str, signature: bytes) -> bool:
    """Put the signature, unless it is there; returns whether it had to be."""
    try:
        if objects.read(key_of(name, SIGNATURE), SIGNATURE_BYTES) == signature:
            return False
    except Missing:
        pass
    objects.put(key_of(name, SIGNATURE), signature)
    return True


def _put_manifest(objects: Objects, name: str, raw: bytes) -> None:
    try:
        objects.put(key_of(name, MANIFEST), raw, new=True)
    except Taken:  # somebody else pushes the same at this moment, or another one
        _is_there(objects, name, raw)


def _remove_old(objects: Objects, newest: list[str]) -> list[str]:
    """Remove what is older than all that is on offer, whole or half; returns the names."""
    oldest = min(map(serial_of, newest))
    removed = []
    for name in objects.names(f"{GENERATIONS}/"):
        try:
            serial, _ = split_name(name)
        except NotServable:
            continue  # not ours
        if serial < oldest:
            objects.remove(f"{GENERATIONS}/{name}", f"{GENERATIONS}/{name}/{MANIFEST}")
            removed.append(name)
    return removed
