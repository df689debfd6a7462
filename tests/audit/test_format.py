"""The format as docs/audit-format.md has it, read here without any code of ours; and frozen, octet for octet."""

import hashlib
import re
import struct
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lookup.audit.record import CLOSED, OUTCOMES, READ, SEAL, WHO, Head, Record, Subject, encode, encode_head, hash_of
from lookup.audit.seal import Place, text_of
from lookup.core import Ledger
from tests.audit.writing import KEYS

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit-format.md"
SERIES = bytes(range(16))
FROZEN = "82ea5ae61280d6d866e4aec4bc29e937beb76cd70d143dc129e96cb8de0b62a8"


def written() -> bytes:
    """A small closed segment, always the same."""
    segment = bytearray(2048)
    segment[:256] = encode_head(Head(1, 1, 1000, 2048, "w0", SERIES, bytes(32)))
    ledger = Ledger(KEYS.newest, 1, lambda: False)
    ledger.use(memoryview(segment), 1, -1)
    who = ledger.who(b'{"client":"clinic"}')
    assert ledger.record(2000, who, 1, 9, 41, b"event", [(13816511016, 0, 1), (13816511024, 4, 0)])
    assert ledger.record(3000, 0, 0, 11, 0, None, [])
    text = text_of(KEYS, Place(SERIES, 1, ledger.chain), ledger.sequence, 4000, CLOSED)
    assert ledger.append(SEAL, 4000, CLOSED, 0, text)
    return bytes(segment[: ledger.end])


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()


def test_is_what_it_was() -> None:
    assert hashlib.sha256(written()).hexdigest() == FROZEN


def test_reads_as_the_document_says() -> None:
    data = written()
    assert data[:8] == b"FLRAUDIT"
    assert struct.unpack_from("<IIQQqQ", data, 8) == (1, 256, 1, 1, 1000, 2048)
    assert data[48:80].rstrip(b"\0") == b"w0"
    assert data[80:96] == SERIES
    assert data[96:216] == bytes(120)
    assert struct.unpack_from("<Q", data, 216) == (len(data),)
    assert data[224:256] == digest(data[:216])
    at, found = 256, []
    while at < len(data):
        size, kind, operation, outcome, flags, sequence, time, who, text, subjects, serial = struct.unpack_from(
            "<IBBBBQqIHHQ", data, at
        )
        told = [struct.unpack_from("<16sBBH", data, at + 40 + 20 * i) for i in range(subjects)]
        text_at = at + 40 + 20 * subjects
        end = at + size
        assert size % 8 == 0
        assert data[end - 32 : end] == digest(data[at - 32 : end - 32])
        assert not any(data[text_at + text : end - 32])
        found.append(
            (kind, operation, outcome, flags, sequence, time, who, serial, told, data[text_at : text_at + text])
        )
        at = end
    hashes = [
        hashlib.blake2b(nin.to_bytes(8, "little"), key=bytes(range(32)), digest_size=16).digest()
        for nin in (13816511016, 13816511024)
    ]
    assert found[:3] == [
        (2, 0, 0, 0, 1, 2000, 1, 0, [], b'{"client":"clinic"}'),
        (1, 1, 9, 1, 2, 2000, 1, 41, [(hashes[0], 0, 1, 1), (hashes[1], 4, 0, 1)], b"event"),
        (1, 0, 11, 0, 3, 3000, 0, 0, [], b""),
    ]
    *seal, text = found[3]
    assert seal == [3, 0, 0, 1, 4, 4000, 0, 0, []]
    public = KEYS.public[0]
    assert text[:16] == hashlib.blake2b(public, digest_size=16).digest()
    before = data[len(data) - 152 - 32 : len(data) - 152]
    signed = b"flr-audit-seal-1" + SERIES + struct.pack("<QQqBQ", 1, 4, 4000, 1, 0) + before
    Ed25519PublicKey.from_public_bytes(public).verify(text[16:], signed)


def test_the_document_has_the_outcomes_in_their_places() -> None:
    (row,) = [line for line in DOCUMENT.read_text().splitlines() if "| outcome: " in line]
    assert re.findall(r"(\d+) ([a-z-]+)", row.split("outcome: ")[1]) == [(str(i), o) for i, o in enumerate(OUTCOMES)]


def test_kinds_are_frozen() -> None:
    assert (READ, WHO, SEAL) == (1, 2, 3)
    subject = Subject(hash_of(1, KEYS.newest), 0, 0, 1)
    usual = Record(READ, 1, 1, text=b"0f8fad5b-d9cb-469f-a165-70867728950e", subjects=(subject,))
    assert len(encode(usual, bytes(32))) == 128  # one block to chain
