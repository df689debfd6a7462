"""The feed from the master: manifest, data files, events, canonical line and content digest.

A feed is a folder of data files and `manifest.json`, written last. This module knows the format (docs/feed-format.md)
and can write one; reading one with all its checks is the loader's work.
"""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, Self

import msgspec
import xxhash
import zstandard

from register.model import TABLES, Record

FORMAT = "1.0"
MANIFEST = "manifest.json"
DIGEST_MODULUS = 1 << 128

# event name -> (table, what happens to the record); the first thirteen are the real register's own
EVENTS: dict[str, tuple[str, Literal["put", "delete", "change-nin"]]] = {
    "ContractCreated": ("contracts", "put"),
    "ContractUpdated": ("contracts", "put"),
    "ContractCanceled": ("contracts", "put"),
    "GPOnContractCreated": ("doctor_cycles", "put"),
    "GPOnContractUpdated": ("doctor_cycles", "put"),
    "GPOnContractDeleted": ("doctor_cycles", "delete"),
    "PatientOnContractCreated": ("memberships", "put"),
    "PatientOnContractUpdated": ("memberships", "put"),
    "PatientOnContractCanceled": ("memberships", "put"),
    "PatientNinChanged": ("nin_changes", "change-nin"),
    "OutOfOfficeLocationCreated": ("outposts", "put"),
    "OutOfOfficeLocationUpdated": ("outposts", "put"),
    "OutOfOfficeLocationDeleted": ("outposts", "delete"),
    "OfficeCreated": ("offices", "put"),
    "OfficeUpdated": ("offices", "put"),
    "OfficeDeleted": ("offices", "delete"),
    "DoctorCreated": ("doctors", "put"),
    "DoctorUpdated": ("doctors", "put"),
    "DoctorDeleted": ("doctors", "delete"),
    "TeamCreated": ("teams", "put"),
    "TeamUpdated": ("teams", "put"),
    "TeamDeleted": ("teams", "delete"),
    "PersonCreated": ("persons", "put"),
    "PersonUpdated": ("persons", "put"),
    "PersonDeleted": ("persons", "delete"),
    "CodeCreated": ("codes", "put"),
    "CodeUpdated": ("codes", "put"),
}


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One data file of a feed: `table` is a table of the register, or "events" in an incremental feed."""

    name: str
    table: str
    records: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a feed holds. `content_digest` is of the state after the feed; `base_*` only in an incremental one."""

    format: str
    kind: Literal["full", "incremental"]
    sequence: int | None
    base_sequence: int | None = None
    base_digest: str | None = None
    content_digest: str
    as_of: str
    source: str
    files: list[FileEntry]


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of an events file; `body` is the whole record after the change (before it, when deleted)."""

    event: str
    body: msgspec.Raw


_encoder = msgspec.json.Encoder()
_ESCAPE = re.compile(r"(\\(?:u[0-9a-fA-F]{4}|.))")
# In UTF-8 a character at or above U+0300 begins with a byte from 0xCC on. All below it are in form C as they stand,
# so text without such a byte need not be asked about: most of a nation's lines, at a tenth of the cost.
_NFC_BYTES = bytes(range(0xCC))


def canonical_lines(records: Sequence[Record]) -> bytes:
    """The canonical lines of `records`, each ended by a line feed: members in schema order, no blanks, UTF-8 in NFC."""
    return normalized(_encoder.encode_lines(records))


def canonical_line(record: Record) -> bytes:
    """The canonical line of one record, without line feed."""
    return normalized(_encoder.encode(record))


def normalized(text: bytes) -> bytes:
    """UTF-8 JSON `text` with its strings in Unicode normalization form C.

    An escape stands for its character, not its letters: a combining mark after a line feed must not join the n of \\n.
    """
    if not text.translate(None, _NFC_BYTES):
        return text
    pieces = _ESCAPE.split(text.decode()) if b"\\" in text else [text.decode()]
    pieces[::2] = [unicodedata.normalize("NFC", piece) for piece in pieces[::2]]
    return "".join(pieces).encode()


def record_digest(table: str, line: bytes) -> int:
    """XXH3-128 (seed 0) of `table`, 0x1F and the canonical line, as an integer."""
    return xxhash.xxh3_128_intdigest(table.encode() + b"\x1f" + line)


def lines_digest(table: str, lines: bytes) -> int:
    """The sum modulo 2**128 of the record digests of canonical lines, each ended by a line feed."""
    prefix = table.encode() + b"\x1f"
    digest = xxhash.xxh3_128_intdigest
    return sum([digest(prefix + line) for line in lines.splitlines()]) % DIGEST_MODULUS


def format_digest(digest: int) -> str:
    """The 32 hex digits of a content digest."""
    return f"{digest % DIGEST_MODULUS:032x}"


def file_sha256(path: Path) -> str:
    """The hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class DataFile(Protocol):
    """A data file while it is written."""

    def write(self, lines: bytes, records: int) -> None:
        """Append canonical lines, so many records."""

    def close(self) -> FileEntry:
        """End the file, for good; returns what the manifest says of it."""


class _LinesFile:
    """A file of lines while it is written: counts, hashes, and compresses when its name ends in .zst."""

    def __init__(self, path: Path, table: str) -> None:
        self.path, self.table, self.records = path, table, 0
        self._raw = path.open("wb")
        self._out: BinaryIO = (
            zstandard.ZstdCompressor(level=3).stream_writer(self._raw, closefd=False)
            if path.suffix == ".zst"
            else self._raw
        )

    def write(self, lines: bytes, records: int) -> None:
        self._out.write(lines)
        self.records += records

    def close(self) -> FileEntry:
        if self._out is not self._raw:
            self._out.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        size = self.path.stat().st_size
        return FileEntry(self.path.name, self.table, self.records, size, file_sha256(self.path))


class FeedWriter:
    """Writes a feed folder: data files first, the manifest last. Use as a context manager and call `finish`.

    Leaving without `finish` leaves a folder without a manifest, which no reader takes for a feed.
    """

    def __init__(self, folder: Path, *, suffix: str = ".ndjson") -> None:
        self.folder = folder
        self.suffix = suffix
        self.digest = 0
        self._files: dict[str, DataFile] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}

    def write(self, table: str, records: Sequence[Record]) -> None:
        """Append records of one table and add them to the content digest."""
        lines = canonical_lines(records)
        self.write_lines(table, lines, len(records))
        self.digest = (self.digest + lines_digest(table, lines)) % DIGEST_MODULUS

    def write_events(self, events: Iterable[tuple[str, Record]]) -> None:
        """Append events, in the order they apply. The caller keeps `digest`, which is of the state after them."""
        lines = [
            normalized(_encoder.encode(Event(event=name, body=msgspec.Raw(_encoder.encode(body)))))
            for name, body in events
        ]
        self.write_lines("events", b"".join(line + b"\n" for line in lines), len(lines))

    def write_lines(self, table: str, lines: bytes, records: int) -> None:
        """Append ready canonical lines without touching the digest."""
        if table not in self._files:
            self._files[table] = self.data_file(table)
        self._files[table].write(lines, records)

    def data_file(self, table: str) -> DataFile:
        """The data file of a table, begun."""
        return _LinesFile(self.folder / f"{table}{self.suffix}", table)

    def finish(
        self,
        *,
        sequence: int | None,
        as_of: str,
        source: str,
        base: tuple[int, str] | None = None,
    ) -> Manifest:
        """Close the data files and write the manifest; `base` is (sequence, digest) of an incremental feed.

        `sequence` None: the source has none, and the loader takes the next.
        """
        names = ["events"] if base else list(TABLES)
        for table in names:
            self.write_lines(table, b"", 0)
        entries = [self._files[table].close() for table in names]
        self._files = {}
        manifest = Manifest(
            format=FORMAT,
            kind="incremental" if base else "full",
            sequence=sequence,
            base_sequence=base[0] if base else None,
            base_digest=base[1] if base else None,
            content_digest=format_digest(self.digest),
            as_of=as_of,
            source=source,
            files=entries,
        )
        path = self.folder / MANIFEST
        with path.with_suffix(".tmp").open("wb") as file:
            file.write(msgspec.json.format(_encoder.encode(manifest), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".tmp").rename(path)
        return manifest
