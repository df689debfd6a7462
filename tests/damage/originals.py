"""The generations that get damaged: two written by hand, and two that the loader built of crooked feeds.

The same on every machine and every day, so that a case is made from its seed and number alone. The two crooked ones
have the same numbers and contracts, and nothing else in common: the worst to be mixed up.
"""

import shutil
import struct
from array import array
from pathlib import Path
from typing import NamedTuple

from lookup import key
from lookup.generation import open_generation
from lookup.manifest import FORMAT, Manifest, digest8_of, write_manifest
from lookup.tables import Window
from register.localtime import to_micros
from tests import crooked, tiny
from tests.loader import feeds
from tests.lookup import village

INDEX, POINTERS = "index.mdb", "pointers.bin"
FILES = (INDEX, POINTERS, "people.mdb", "manifest.json")
HEADER = 32  # octets of pointers.bin before its entries
PERSONS = 150


class Original(NamedTuple):
    """An undamaged generation: its folder, the octets of its files, and what can be asked of it."""

    name: str
    folder: Path
    files: dict[str, bytes]
    bits: int
    slots: int
    begin_codes: tuple[str | None, ...]
    numbers: tuple[int, ...]
    times: tuple[int, ...]

    def entry_of(self, nin: int) -> int:
        """The place in the pointer table of a number's bucket."""
        return key.split(key.mix(nin), self.bits)[0]


def entries_of(pointers: bytes) -> "array[int]":
    """The entries of a pointer table."""
    return array("Q", pointers[HEADER:])


def place_of(entry: int) -> slice:
    """Where in `index.mdb` an entry points."""
    return slice(entry >> 24, (entry >> 24) + (entry & 0xFFFFFF))


def build(folder: Path) -> None:
    """Write all of them, each under its name."""
    tiny.generation(folder / "tiny")
    village.generation(folder / "village")
    for name, seed in (("crooked", 3), ("other", 4)):
        _crooked(folder / name, seed)


def read(folder: Path) -> dict[str, Original]:
    """Those that `build` wrote, by name."""
    return {name: _read(name, folder / name) for name in ("tiny", "village", "crooked", "other")}


def _crooked(folder: Path, seed: int) -> None:
    crooked.write_feed(folder / "feed", seed, persons=PERSONS)
    building = folder / "building"
    built = feeds.build(folder / "feed", building)
    files = [(INDEX, "index", True), (POINTERS, "pointers", True), ("people.mdb", "people", False)]
    manifest = Manifest(
        format=FORMAT,
        reader=1,
        serial=1,
        base=None,
        content_digest=built.content_digest,
        as_of=tiny.AS_OF,
        source="crooked",
        built_at=tiny.AS_OF,
        window=Window(*built.window),
        bits=built.bits,
        slots=built.slots,
        counts=built.counts,
        unplaced=built.unplaced,
        files=[tiny.entry(building / name, kind, needed) for name, kind, needed in files],
    )
    write_manifest(building, manifest)
    place = folder / "gen" / f"1-{digest8_of(building)}"
    place.parent.mkdir()
    building.rename(place)
    shutil.rmtree(folder / "feed")


def _read(name: str, folder: Path) -> Original:
    (place,) = (folder / "gen").iterdir()
    files = {file: (place / file).read_bytes() for file in FILES}
    bits, slots = struct.unpack_from("<II", files[POINTERS], 8)
    generation = open_generation(place)
    window = generation.manifest.window
    known = [nin for bucket in range(1 << bits) for nin, _ in generation.index.bucket(bucket)]
    middle = (window.valid_from + window.to) // 2
    return Original(
        name=name,
        folder=place,
        files=files,
        bits=bits,
        slots=slots,
        begin_codes=tuple(generation.tables.begin_codes),
        numbers=(*known, *_neighbours(known, bits)),
        times=(window.valid_from, middle, window.to - 1, window.valid_from - 1, to_micros(village.day(2013))),
    )


def _neighbours(known: list[int], bits: int) -> list[int]:
    """For each number one that nobody has, of the same bucket, and with a rest that differs in a single bit."""
    out = []
    for i, nin in enumerate(known):
        bucket, rest = key.split(key.mix(nin), bits)
        other = key.unmix(key.join(bucket, rest ^ 1 << i % (key.KEY_BITS - bits), bits))
        if other < 10**11 and other not in known:
            out.append(other)
    return out
