"""Seals: a signature over all of a series up to here, because the chain's value stands for every octet before it.

A seal binds the series, the segment's number, its own head and the chain before it, so one that is put anywhere else
does not fit. What was written since the last seal is only as safe as the file: at most a minute of it.
"""

import struct
from typing import NamedTuple

from lookup.audit.keys import KEY_ID_BYTES, Keys, Publics
from lookup.audit.ledger import SEAL_BYTES, SEAL_TEXT_BYTES
from lookup.audit.record import CHAIN_BYTES, SEAL, Head, Malformed, Record, decode

_CONTEXT = b"flr-audit-seal-1"
_SIGNED = struct.Struct("<16s16sQQqBQ32s")  # context, series, number, sequence, time, flags, octets torn, chain
_PATTERN = struct.pack("<IB", SEAL_BYTES, SEAL)


class Place(NamedTuple):
    """Where a seal stands: in which segment, and behind what."""

    series: bytes
    number: int
    chain: bytes


def message(place: Place, sequence: int, time_ns: int, flags: int, torn: int) -> bytes:
    """What is signed."""
    return _SIGNED.pack(_CONTEXT, place.series, place.number, sequence, time_ns, flags, torn, place.chain)


def text_of(keys: Keys, place: Place, sequence: int, time_ns: int, flags: int, torn: int = 0) -> bytes:
    """The text of a seal."""
    key, signature = keys.sign(message(place, sequence, time_ns, flags, torn))
    return key + signature


def problem_of(publics: Publics, place: Place, record: Record) -> str | None:
    """What is wrong with a seal, or None."""
    if len(record.text) != SEAL_TEXT_BYTES or record.subjects:
        return "is no seal of ours"
    signed = message(place, record.sequence, record.time_ns, record.flags, record.serial)
    return publics.problem(record.text[:KEY_ID_BYTES], record.text[KEY_ID_BYTES:], signed)


def sealed_behind(publics: Publics, head: Head, data: bytes, at: int) -> bool:
    """Whether a genuine seal of this segment stands somewhere from `at` on: what is broken before it once was whole."""
    while (at := data.find(_PATTERN, at)) >= 0:
        place = Place(head.series, head.number, data[at - CHAIN_BYTES : at])
        try:
            record, _ = decode(data, at, len(data))
        except Malformed:
            pass
        else:
            if problem_of(publics, place, record) is None:
                return True
        at += 1
    return False
