"""The octets of the audit: a segment's head, its records, their chain. The specification: docs/audit-format.md.

Promises that what is decoded is exactly what was encoded: one encoding for each record, padding is zero, and the last
32 octets of every record are the digest of the record before's last 32 and the record. Leaves out files (segment.py),
signatures (seal.py) and who writes when (ledger.py).
"""

import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

MAGIC = b"FLRAUDIT"
FORMAT = 1
HEAD_BYTES = 256
CHAIN_BYTES = 32
RECORD_HEAD_BYTES = 40
SUBJECT_BYTES = 20
HASH_BYTES = 16
MAX_EVENT_BYTES = 128
MAX_SUBJECTS = 1000
MAX_TEXT_BYTES = 4096

READ, WHO, SEAL = 1, 2, 3  # kinds of record
PROTECTED = 1  # flag of a subject, and of the record that has one: a protected person was told
CLOSED, ADOPTED, TORN = 1, 2, 4  # flags of a seal

# Frozen: files hold places in this table. Only ever appended to. The first are in the order of book.OUTCOMES.
OUTCOMES = (
    *("assigned", "vacant", "none", "withheld", "unknown", "invalid", "confirmed", "not-confirmed", "history"),
    "several",  # a list or a batch: each subject has its own
    "listed",  # a person on a list or in the change feed
    *("unauthenticated", "forbidden", "too-many"),  # refusals: 401, 403, 429
    "failed",  # nothing was told, for a reason of ours
)
OUTCOME = {name: place for place, name in enumerate(OUTCOMES)}

# magic, format, head bytes, number, first sequence, made at (ns), file bytes, series' name, series' id, chain before
_HEAD = struct.Struct("<8sIIQQqQ32s16s32s")
_END = struct.Struct("<Q")
END_AT = HEAD_BYTES - CHAIN_BYTES - _END.size  # where the committed end stands: the one word that is not chained
# size, kind, operation, outcome, flags, sequence, time (ns), who, octets of text, subjects, generation's serial
_RECORD = struct.Struct("<IBBBBQqIHHQ")
_SUBJECT = struct.Struct("<16sBBH")
assert _HEAD.size <= END_AT
assert _RECORD.size == RECORD_HEAD_BYTES
assert _SUBJECT.size == SUBJECT_BYTES


class Malformed(ValueError):
    """Octets that no writer of ours has left."""


class Subject(NamedTuple):
    """A person in a record: the keyed hash of the number, what came of it, flags, and the version of the key."""

    hash: bytes
    outcome: int
    flags: int
    key_version: int


class Head(NamedTuple):
    """A segment's head, but for its committed end. `before` is the chain's value at the end of the segment before."""

    number: int
    first_sequence: int
    made_ns: int
    file_bytes: int
    name: str
    series: bytes
    before: bytes


class Record(NamedTuple):
    """One record. `text` is the caller's event id, of a WHO its JSON, of a SEAL its signature."""

    kind: int
    sequence: int
    time_ns: int
    operation: int = 0
    outcome: int = 0
    flags: int = 0
    who: int = 0
    serial: int = 0
    text: bytes = b""
    subjects: tuple[Subject, ...] = ()


def digest(data: bytes | memoryview) -> bytes:
    """The chain's digest."""
    return blake2b(data, digest_size=CHAIN_BYTES).digest()


def hash_of(nin: int, key: bytes) -> bytes:
    """The keyed hash of a number."""
    return blake2b((nin & (1 << 64) - 1).to_bytes(8, "little"), key=key, digest_size=HASH_BYTES).digest()


def encode_head(head: Head) -> bytes:
    """The HEAD_BYTES octets of a segment's head, with nothing committed yet; the last 32 begin its chain."""
    name = head.name.encode()
    if len(name) > 32 or len(head.series) != 16 or len(head.before) != CHAIN_BYTES:
        raise ValueError("not a head")
    packed = _HEAD.pack(MAGIC, FORMAT, HEAD_BYTES, *head[:4], name, head.series, head.before).ljust(END_AT, b"\0")
    return packed + _END.pack(HEAD_BYTES) + digest(packed)


def decode_head(data: bytes) -> tuple[Head, int, bytes]:
    """(head, committed end, where the chain begins) of a segment's first HEAD_BYTES octets. Raises Malformed."""
    if len(data) < HEAD_BYTES or data[:8] != MAGIC:
        raise Malformed("it is no segment of an audit")
    _, form, size, number, first, made, length, name, series, before = _HEAD.unpack_from(data)
    if form != FORMAT or size != HEAD_BYTES:
        raise Malformed(f"it is of format {form}, which this version does not know")
    try:
        head = Head(number, first, made, length, name.rstrip(b"\0").decode("ascii"), series, before)
    except UnicodeDecodeError:
        raise Malformed("its head was changed") from None
    chain = bytes(data[HEAD_BYTES - CHAIN_BYTES : HEAD_BYTES])
    (end,) = _END.unpack_from(data, END_AT)
    if encode_head(head)[HEAD_BYTES - CHAIN_BYTES :] != chain or any(data[_HEAD.size : END_AT]):
        raise Malformed("its head was changed")
    return head, end, chain


def size_of(text_bytes: int, subjects: int) -> int:
    """The octets of a record."""
    return (RECORD_HEAD_BYTES + subjects * SUBJECT_BYTES + text_bytes + 7) // 8 * 8 + CHAIN_BYTES


def encode(record: Record, chain: bytes) -> bytes:
    """The record's octets; `chain` are the last 32 of what stands before it."""
    size = size_of(len(record.text), len(record.subjects))
    body = b"".join(
        (
            _RECORD.pack(
                *(size, record.kind, record.operation, record.outcome, record.flags, record.sequence, record.time_ns),
                *(record.who, len(record.text), len(record.subjects), record.serial),
            ),
            *(_SUBJECT.pack(*subject) for subject in record.subjects),
            record.text,
        )
    ).ljust(size - CHAIN_BYTES, b"\0")
    return body + digest(chain + body)


def decode(data: bytes | memoryview, at: int, end: int, *, chained: bool = True) -> tuple[Record, int]:
    """(record, where the next one begins). `data` has the 32 octets before `at`. Raises Malformed.

    Not `chained`: what is there is read even though it does not fit the chain.
    """
    if end - at < RECORD_HEAD_BYTES + CHAIN_BYTES:
        raise Malformed("a record is cut short")
    size, kind, operation, outcome, flags, sequence, time, who, text_bytes, subjects, serial = _RECORD.unpack_from(
        data, at
    )
    if size != size_of(text_bytes, subjects) or size > end - at:
        raise Malformed("a record's size is not that of what is in it")
    after = at + size
    if chained and digest(data[at - CHAIN_BYTES : after - CHAIN_BYTES]) != data[after - CHAIN_BYTES : after]:
        raise Malformed("a record does not fit the chain")
    text_at = at + RECORD_HEAD_BYTES + subjects * SUBJECT_BYTES
    text = bytes(data[text_at : text_at + text_bytes])
    listed = tuple(_subjects(data, at + RECORD_HEAD_BYTES, subjects))
    record = Record(kind, sequence, time, operation, outcome, flags, who, serial, text, listed)
    return record, after


def _subjects(data: bytes | memoryview, at: int, count: int) -> Iterator[Subject]:
    for place in range(at, at + count * SUBJECT_BYTES, SUBJECT_BYTES):
        yield Subject(*_SUBJECT.unpack_from(data, place))


def total_flags(subjects: Sequence[Subject]) -> int:
    """The flags of a record with these subjects."""
    flags = 0
    for subject in subjects:
        flags |= subject.flags
    return flags


def skip(data: bytes, at: int, end: int, sequence: int) -> tuple[int, int]:
    """(where, which sequence number) the first record from `at` on is that is a seal, or none, or does not fit."""
    if end > len(data) or not CHAIN_BYTES <= at <= end:
        raise ValueError("not within the data")
    while at < end:
        try:
            record, after = decode(data, at, end)
        except Malformed:
            break
        if record.kind == SEAL or record.sequence != sequence:
            break
        at, sequence = after, sequence + 1
    return at, sequence
