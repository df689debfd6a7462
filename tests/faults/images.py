"""What a disk may hold after the power went: of all that is possible, what has an edge, and some by chance."""

import random
from collections.abc import Callable, Iterator

from tests.faults.disk import PAGE, SECTOR, Change, Disk, File, Tree, played

BY_CHANCE = 4  # images at each point, besides those that are always looked at

Octets = Callable[[File], bytes]


def lost(file: File) -> bytes:
    """Nothing that was not safe is there."""
    return file.safe


def zeroed(file: File) -> bytes:
    """It has the size that it was given, and zeroes where octets were to follow."""
    size = len(file.seen())
    return file.safe[:size] + bytes(max(0, size - len(file.safe)))


def torn(chance: random.Random) -> Octets:
    """Of the writes in their order some are there, and of the next one as many sectors as had been written."""

    def octets(file: File) -> bytes:
        count = chance.randint(0, len(file.unsafe))
        writes = file.unsafe[:count]
        if count < len(file.unsafe):
            at, data = file.unsafe[count]
            if data is not None:
                end = (at + chance.randint(0, len(data))) // SECTOR * SECTOR
                writes = [*writes, (at, data[: max(0, end - at)])]
        return bytes(played(file.safe, writes))

    return octets


def patched(chance: random.Random) -> Octets:
    """It has the size that it was given; page for page it is what it was to be, what it was before, or zeroes."""

    def octets(file: File) -> bytes:
        new, old = file.seen(), zeroed(file)
        pages = range(0, len(new) if file.unsafe else 0, PAGE)
        return b"".join(chance.choice((new, old))[at : at + PAGE] for at in pages) if pages else file.safe

    return octets


def chosen(changes: list[Change], chance: random.Random) -> Iterator[list[Change]]:
    """Which changes of entries are there: none, all, the first ones, one alone, all but one, and some by chance."""
    yield []
    for count in range(1, len(changes) + 1):
        yield changes[:count]
    for one in changes:
        yield [one]
        yield [other for other in changes if one not in other.with_needs()]
    for _ in range(BY_CHANCE):
        yield [one for one in changes if chance.random() < 0.5]


def images(disk: Disk, chance: random.Random) -> Iterator[Tree]:
    """Trees that may be found at this point."""
    for kept in chosen(disk.unsafe(), chance):
        for octets in (lost, File.seen, zeroed, torn(chance), patched(chance)):
            yield disk.after(kept, octets)
