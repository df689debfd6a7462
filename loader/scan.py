"""Scanning: lines that are canonical already, straight into rows. (Plain twin: the specification.)

What a master hands over is nearly always in the canonical form (docs/feed-format.md), and then nothing needs to be
decoded and encoded again to know it. A line is recognised when its record is without fault, its canonical line is
the line itself, and that is plain to see: no escape, no character from U+0300 on. All else is odd: left to be read
one by one (loader/read.py), which is where it is told what is wrong, if anything is.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import msgspec

from loader.pack import Known, Parts, pack_memberships, pack_persons
from register.feed import canonical_line
from register.model import Membership, Person

PLAIN = bytes(byte for byte in range(0xCC) if byte != ord("\\"))


class Odd(NamedTuple):
    """A line that was not recognised: which of the lines from 0 on, and where it stands, line feed not counted."""

    nth: int
    start: int
    end: int


class Scanner:
    """Recognises lines that are canonical and without fault, and packs their records.

    `slots`, `known` and the codes are as in loader/pack.py; parts are told apart by `part_bits`. Every method packs
    the lines of `data` that it recognises and returns the others.
    """

    def __init__(
        self,
        slots: dict[int, int],
        known: Known,
        begin_codes: dict[str | None, int],
        end_codes: dict[str | None, int],
        part_bits: int,
    ) -> None:
        self._known, self._part_bits = known, part_bits
        self._places = slots, begin_codes, end_codes

    def memberships(self, data: bytes, rows: Parts, ids: Parts, file: int, first_line: int) -> list[Odd]:
        """Packs a row each, and its id dealt out by its low bits."""
        odd = []
        for place, line in _lines(data):
            item, number = _recognised(_membership, line), first_line + place.nth
            if item is None or pack_memberships([item], *self._places, rows, ids, self._part_bits, file, number):
                odd.append(place)
        return odd

    def persons(self, data: bytes, rows: Parts, texts: Parts, file: int, first_line: int, reader: int) -> list[Odd]:
        """Packs a row each, and the line beside it; the row's id is the line's place in its part of `texts` now."""
        odd = []
        for place, line in _lines(data):
            item, number = _recognised(_person, line), first_line + place.nth
            if item is None or self._pack(item, line, Parts(rows.count), Parts(rows.count), file, number, reader):
                odd.append(place)
            else:
                self._pack(item, line, rows, texts, file, number, reader)
        return odd

    def _pack(
        self, item: Person, line: bytes, rows: Parts, texts: Parts, file: int, number: int, reader: int
    ) -> list[tuple[str, int]]:
        return pack_persons([item], line + b"\n", self._known, rows, texts, self._part_bits, file, number, reader)


_membership, _person = msgspec.json.Decoder(Membership), msgspec.json.Decoder(Person)
_T = TypeVar("_T", Membership, Person)


def _lines(data: bytes) -> Iterator[tuple[Odd, bytes]]:
    if data and not data.endswith(b"\n"):
        raise ValueError("the last line has no end")
    start = 0
    for index, line in enumerate(data.split(b"\n")[:-1]):
        yield Odd(index, start, start + len(line)), line
        start += len(line) + 1


def _recognised(decoder: msgspec.json.Decoder[_T], line: bytes) -> _T | None:
    """The record of a line that is canonical, and plainly so."""
    try:
        record = decoder.decode(line)
        canonical = canonical_line(record)
    except (ValueError, msgspec.MsgspecError):
        return None
    return record if canonical == line and not line.translate(None, PLAIN) else None
