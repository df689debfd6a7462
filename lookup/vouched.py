"""Generations whose files have been held against their manifests since this machine started: nobody has to do it again.

The loader says so of each that it publishes, in one small file beside CURRENT; whoever asks looks whether the files
still have these stamps. A hint and no more: without the file, after a restart of the machine, or when anything is
another file than it was, everything is read again. So a rollback does not wait for the reading of a gigabyte.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from lookup.manifest import GENERATIONS, KINDS, MANIFEST, NotServable, Stamps, check_stamps, stamp_of

VERIFIED = "verified.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MODE = 0o640


class _Said(msgspec.Struct):
    boot: str
    stamps: dict[str, Stamps]


def vouched(data_dir: Path, name: str) -> Stamps | None:
    """The stamps of a generation that was verified since this machine started and has not changed, or None."""
    stamps = _read(data_dir).stamps.get(name)
    if stamps is None:
        return None
    try:
        check_stamps(data_dir / GENERATIONS / name, stamps)
    except NotServable:
        return None
    return stamps


def stamps_of(folder: Path) -> Stamps:
    """The stamps of a generation's files as they are now. Raises NotServable."""
    try:
        files = [path for path in (folder / file for file in (*KINDS.values(), MANIFEST)) if path.exists()]
        return {path.name: stamp_of(path.stat()) for path in files}
    except OSError as error:
        raise NotServable(f"{folder} cannot be read: {error.strerror}") from None


def vouch(data_dir: Path, name: str, stamps: Stamps) -> None:
    """Say that a generation whose files have these stamps is what its manifest says; where that can be written."""
    new = data_dir / f"{VERIFIED}.tmp"
    with contextlib.suppress(OSError):
        said = _read(data_dir)
        kept = {other: one for other, one in said.stamps.items() if (data_dir / GENERATIONS / other).is_dir()}
        kept[name] = stamps
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- no path
            file.write(msgspec.json.encode(_Said(_boot(), kept)))
        new.rename(data_dir / VERIFIED)


def _read(data_dir: Path) -> _Said:
    try:
        said = msgspec.json.decode((data_dir / VERIFIED).read_bytes(), type=_Said)
    except (OSError, msgspec.DecodeError):
        return _Said(_boot(), {})
    return said if said.boot == _boot() != "" else _Said(_boot(), {})


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""  # nobody knows whether the machine was started since
