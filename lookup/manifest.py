"""The manifest of a generation, what names generations (CURRENT, PIN, refused.json, folders), and verifying the files.

Everything of a generation that can be told without opening it. The supervisor, which must stay small and must not map
anything before it forks, uses this alone; lookup.generation opens. Layout: docs/generation-format.md.
"""

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import msgspec

from lookup.tables import Window

FORMAT = "1.0"
READER = 1
MANIFEST = "manifest.json"
GENERATIONS = "gen"
CURRENT = "CURRENT"
PIN = "PIN"
REFUSED = "refused.json"

INDEX, POINTERS, PEOPLE, EVENTS, SOAP, CONTRACTS = "index", "pointers", "people", "events", "soap", "contracts"
KINDS = {
    INDEX: "index.mdb",
    POINTERS: "pointers.bin",
    PEOPLE: "people.mdb",
    EVENTS: "events.bin",
    SOAP: "soap.bin",
    CONTRACTS: "contracts.bin",
}
NEEDED = (INDEX, POINTERS)
LARGE_FILES = 2  # the index, and persons' particulars: of the size of all others together, many times
MAX_MANIFEST_BYTES = 1 << 20

_NAME = re.compile(r"(0|[1-9][0-9]{0,18})-([0-9a-f]{8})", re.ASCII)


class NotServable(Exception):
    """A pointer or a generation that must not be served; the message says why, and holds no content."""


class Unreadable(NotServable):
    """A generation of which a file is missing or could not be read: nothing is known against what was written."""


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a generation. Readers ignore kinds they do not know."""

    name: str
    kind: str
    needed: bool
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation holds. `window` is in local microseconds; `base` is the generation it was built on, or None.

    `unplaced` is how many persons were on no list when it was built, `municipalities` how many were on the lists of
    each one; None where nobody counted. `omitted`: records of the feed that the operator let it leave out.
    """

    format: str
    reader: int
    serial: int
    base: str | None
    content_digest: str
    as_of: str
    source: str
    built_at: str
    window: Window
    bits: int
    slots: int
    counts: dict[str, int]
    unplaced: int
    municipalities: dict[str, int] | None = None
    omitted: int = 0
    files: list[FileEntry]

    def file(self, kind: str) -> FileEntry | None:
        """The file of a known kind, under the name that the format gives it."""
        return next((entry for entry in self.files if entry.kind == kind and entry.name == KINDS[kind]), None)


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """What tells that a file is still the one that was hashed."""

    device: int
    inode: int
    bytes: int
    ctime_ns: int


Stamps = dict[str, Stamp]  # file name -> stamp, of every file of a known kind that is there, and the manifest


def split_name(name: str) -> tuple[int, str]:
    """(serial, digest8) of a generation's name. Raises NotServable."""
    match = _NAME.fullmatch(name)
    if not match:
        raise NotServable("not a generation's name")
    return int(match[1]), match[2]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json into a folder that has none yet."""
    with (folder / MANIFEST).open("xb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")


def digest8_of(folder: Path) -> str:
    """The first eight hex digits of the sha256 of a folder's manifest."""
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()[:8]


def read_pointer(data_dir: Path, which: str) -> str | None:
    """The generation that CURRENT or PIN names, or None where there is no such file. Raises NotServable."""
    try:
        text = (data_dir / which).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotServable(f"{which} cannot be read: {error.strerror}") from None
    name = text[:-1].decode("ascii", "replace")
    if text[-1:] != b"\n" or not _NAME.fullmatch(name):
        raise NotServable(f"{which} is not one line that names a generation")
    return name


class Refusal(msgspec.Struct, frozen=True):
    """A generation that load, pull and start-up must not choose: its name, why, and when it was said (RFC 3339)."""

    name: str
    reason: str
    at: str


def read_refused(data_dir: Path) -> list[Refusal]:
    """What refused.json holds, a list of refusals; empty where there is no such file. Raises NotServable."""
    try:
        return msgspec.json.decode((data_dir / REFUSED).read_bytes(), type=list[Refusal])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError):
        raise NotServable(f"{REFUSED} cannot be read") from None


def folders(data_dir: Path) -> list[Path]:
    """The folders that look like generations (name, and a readable manifest of this serial), newest first."""
    found = []
    for folder in (data_dir / GENERATIONS).glob("*-*"):
        try:
            manifest, _ = read_manifest(folder)
        except NotServable:
            continue
        found.append((manifest.serial, manifest.built_at, folder.name, folder))
    return [folder for *_, folder in sorted(found, reverse=True)]


def read_manifest(folder: Path) -> tuple[Manifest, Stamp]:
    """The manifest of a folder, held against the folder's name and what this reader reads. Raises NotServable."""
    serial, digest8 = split_name(folder.name)
    try:
        with (folder / MANIFEST).open("rb") as file:
            text = file.read(MAX_MANIFEST_BYTES + 1)
            stamp = stamp_of(os.fstat(file.fileno()))
    except OSError as error:
        raise Unreadable(f"{MANIFEST} cannot be read: {error.strerror}") from None
    if len(text) > MAX_MANIFEST_BYTES or hashlib.sha256(text).hexdigest()[:8] != digest8:
        raise NotServable(f"{MANIFEST} is not the one that the folder is named after")
    try:
        _check_version(msgspec.json.decode(text, type=_Version))
        manifest = msgspec.json.decode(text, type=Manifest)
        age = datetime.fromisoformat(manifest.as_of)
    except (msgspec.DecodeError, ValueError):
        raise NotServable(f"{MANIFEST} is not of its format") from None
    if manifest.serial != serial or age.tzinfo is None:
        raise NotServable(f"{MANIFEST} is of another serial, or its as_of has no offset")
    for kind in NEEDED:
        if manifest.file(kind) is None:
            raise NotServable(f"{MANIFEST} lists no {KINDS[kind]}")
    return manifest, stamp


class _Version(msgspec.Struct):
    format: str
    reader: int


def _check_version(version: _Version) -> None:
    """Looked at before the rest, which another version may lay out otherwise."""
    if version.reader > READER:
        raise NotServable(f"needs reader {version.reader}, this is reader {READER}: upgrade the servers first")
    if version.format.split(".")[0] != FORMAT.split(".")[0]:
        raise NotServable(f"format {version.format!r} is not one this reader reads ({FORMAT})")


def stamp_of(stat: os.stat_result) -> Stamp:
    """The stamp of a file."""
    return Stamp(stat.st_dev, stat.st_ino, stat.st_size, stat.st_ctime_ns)


def verify_files(folder: Path, *, side_by_side: bool = False) -> Stamps:
    """Hold every file of a known kind against the manifest: size and sha256. Raises NotServable, of which Unreadable.

    A file that is not needed may be missing; then it is not among the stamps. `side_by_side`: the two large ones are
    read at a time; not where somebody serves meanwhile, who needs the processors more.
    """
    manifest, stamp = read_manifest(folder)
    known = [(kind, entry) for kind in KINDS if (entry := manifest.file(kind)) is not None]
    if side_by_side:
        with ThreadPoolExecutor(LARGE_FILES) as threads:
            stamps = list(threads.map(lambda one: _verify_file(folder, *one), known))
    else:
        stamps = [_verify_file(folder, *one) for one in known]
    return {MANIFEST: stamp} | {
        KINDS[kind]: one for (kind, _), one in zip(known, stamps, strict=True) if one is not None
    }


def _verify_file(folder: Path, kind: str, entry: FileEntry) -> Stamp | None:
    """A file's stamp, None where it is missing and not needed. Raises NotServable."""
    name = KINDS[kind]
    try:
        with (folder / name).open("rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))
            sha256 = hashlib.file_digest(file, "sha256").hexdigest() if stamp.bytes == entry.bytes else ""
            unchanged = stamp == stamp_of(os.fstat(file.fileno()))
    except FileNotFoundError:
        if kind in NEEDED or entry.needed:
            raise Unreadable(f"{name} is missing") from None
        return None
    except OSError as error:
        raise Unreadable(f"{name} cannot be read: {error.strerror}") from None
    if not unchanged:
        raise Unreadable(f"{name} changed while it was read")
    if sha256 != entry.sha256:
        raise NotServable(f"{name} is not what the manifest says")
    return stamp


def check_stamps(folder: Path, stamps: Stamps) -> None:
    """Raises NotServable when a file is no longer the one that was hashed.

    (A hard link made for a backup changes the ctime too: then the files have to be verified again.)
    """
    for name, stamp in stamps.items():
        try:
            now = stamp_of((folder / name).stat())
        except OSError as error:
            raise NotServable(f"{name} cannot be read: {error.strerror}") from None
        if now != stamp:
            raise NotServable(f"{name} has changed since it was verified")
