"""The kinds of damage, each done to one file of a generation, and cases made from a seed and a number alone.

Half the damage strikes what answers come from (the values that are pointed at, and the entries that point), half any
place of the file.
"""

import random
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from tests.damage.originals import HEADER, INDEX, POINTERS, Original, entries_of, place_of

PAGE = 4096
FILE_WEIGHTS = {INDEX: 50, POINTERS: 35, "people.mdb": 9, "manifest.json": 6}
ORIGINAL_WEIGHTS = {"tiny": 2, "village": 3, "crooked": 5}


class Case(NamedTuple):
    """One file of one original, damaged."""

    original: str
    file: str
    kind: str
    data: bytes

    def __repr__(self) -> str:
        return f"<{self.kind}: {self.file} of {self.original}>"


class _Target(NamedTuple):
    """A file to be damaged: its octets, the stretches that matter, and the same file of other generations."""

    data: bytearray
    live: tuple[tuple[int, int], ...]
    donors: list[bytes]

    def place(self, chance: random.Random) -> int:
        if self.live and chance.random() < 0.5:
            return chance.randrange(*chance.choice(self.live))
        return chance.randrange(len(self.data))

    def stretch(self, chance: random.Random) -> tuple[int, int]:
        """(start, end) of one octet to two pages, now and then aligned to what stands in such a file."""
        size = chance.choice([1, 2, 4, 8, 8, 8, 64, PAGE, 2 * PAGE, chance.randint(1, 2 * PAGE)])
        step = chance.choice([1, 8, min(size, PAGE)])
        start = self.place(chance) // step * step
        return start, min(start + size, len(self.data))


def _flipped(chance: random.Random, target: _Target) -> None:
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8, 64])):
        target.data[target.place(chance)] ^= 1 << chance.randrange(8)


def _overwritten(chance: random.Random, target: _Target) -> None:
    for _ in range(chance.randint(1, 3)):
        place = target.place(chance)
        octets = chance.choice([b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff", bytes(4), chance.randbytes(8)])
        target.data[place : place + len(octets)] = octets[: len(target.data) - place]


def _truncated(chance: random.Random, target: _Target) -> None:
    size = len(target.data)
    page = chance.randrange(-(-size // PAGE)) * PAGE
    at = chance.choice([chance.randrange(size), target.place(chance), max(0, size - chance.randint(1, 64)), page])
    del target.data[at:]


def _lengthened(chance: random.Random, target: _Target) -> None:
    size = chance.choice([1, 8, 16, PAGE])
    target.data.extend(chance.choice([bytes(size), chance.randbytes(size), bytes(target.data[-size:])]))


def _spliced(chance: random.Random, target: _Target) -> None:
    """A stretch of the file comes to stand in another place of it."""
    start, end = target.stretch(chance)
    place = target.stretch(chance)[0]
    target.data[place : place + end - start] = target.data[start:end][: len(target.data) - place]


def _spliced_from_another(chance: random.Random, target: _Target) -> None:
    """A stretch comes from another generation, from the same place or from any."""
    donor = chance.choice(target.donors)
    start, end = target.stretch(chance)
    source = chance.choice([start, chance.randrange(len(donor))])
    octets = donor[source : source + end - start]
    target.data[start : start + len(octets)] = octets


def _shifted(chance: random.Random, target: _Target) -> None:
    """A stretch is left out, or comes twice: everything behind it stands elsewhere."""
    start, end = target.stretch(chance)
    octets = target.data[start:end] if chance.random() < 0.5 else b""
    target.data[start:end] = octets + octets


def _exchanged(chance: random.Random, target: _Target) -> None:
    """The whole file is another generation's, from some octet on or all of it."""
    donor = chance.choice(target.donors)
    start = chance.choice([0, target.place(chance)])
    target.data[start:] = donor[start:]


def _zeroed(chance: random.Random, target: _Target) -> None:
    """A page, or some, are zeros: as after a crash of the machine."""
    page = target.place(chance) // PAGE * PAGE
    end = min(page + PAGE * chance.choice([1, 1, 2, 8]), len(target.data))
    target.data[page:end] = bytes(end - page)


def _swapped(chance: random.Random, target: _Target) -> None:
    """Two stretches of the same size, pages most often, stand in each other's place."""
    size = chance.choice([8, PAGE, PAGE])
    one, other = sorted(target.place(chance) // size * size for _ in range(2))
    if one == other or other + size > len(target.data):
        return
    stretch = target.data[one : one + size]
    target.data[one : one + size] = target.data[other : other + size]
    target.data[other : other + size] = stretch


KINDS: dict[str, tuple[Callable[[random.Random, _Target], None], int]] = {
    "flipped": (_flipped, 30),
    "overwritten": (_overwritten, 10),
    "truncated": (_truncated, 10),
    "lengthened": (_lengthened, 3),
    "spliced": (_spliced, 12),
    "spliced from another": (_spliced_from_another, 14),
    "shifted": (_shifted, 6),
    "exchanged": (_exchanged, 3),
    "zeroed": (_zeroed, 6),
    "swapped": (_swapped, 6),
}


def case(originals: dict[str, Original], seed: int, number: int) -> Case:
    """The case with this number. Damage that changes nothing is none: then it is done again, maybe in another way."""
    chance = random.Random(f"{seed}:{number}")
    (name,) = chance.choices(list(ORIGINAL_WEIGHTS), list(ORIGINAL_WEIGHTS.values()))
    (file,) = chance.choices(list(FILE_WEIGHTS), list(FILE_WEIGHTS.values()))
    before = originals[name].files[file]
    donors = [original.files[file] for other, original in originals.items() if other != name]
    target = _Target(bytearray(before), _live(originals[name].files[POINTERS], file), donors)
    while target.data == before:
        (kind,) = chance.choices(list(KINDS), [weight for _, weight in KINDS.values()])
        KINDS[kind][0](chance, target)
    return Case(name, file, kind, bytes(target.data))


@cache
def _live(pointers: bytes, file: str) -> tuple[tuple[int, int], ...]:
    """The stretches of a file that answers of the compiled index come from."""
    entries = [(i, entry) for i, entry in enumerate(entries_of(pointers)) if entry]
    if file == INDEX:
        return tuple((place_of(entry).start, place_of(entry).stop) for _, entry in entries)
    if file == POINTERS:
        return ((0, HEADER), *((HEADER + 8 * i, HEADER + 8 * i + 8) for i, _ in entries))
    return ()
