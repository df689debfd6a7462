"""Reading a full feed: manifest, data files, schema, code values. The first verb of the pipeline.

Every data file is read once, from front to back: what is hashed is what is parsed, so a feed that changes under the
reader is found out. Nothing of a record's content is ever told: a fault names the file, the line and what is wrong.
"""

import hashlib
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard

from loader._fast.lines import count_lines, lines_digest
from loader.errors import BadFeed, SourceUnreachable
from loader.parquet import PARQUET, PARQUET_TABLES
from register.feed import (
    FORMAT,
    MANIFEST,
    FileEntry,
    Manifest,
    canonical_line,
    format_digest,
)
from register.model import TABLES, Record

BLOCK_BYTES = 4 << 20
MAX_LINE_BYTES = 1 << 20
MAX_FAULTS = 20
MAX_SEQUENCE = 1 << 53
_DIGEST = re.compile("[0-9a-f]{32}")
_SHA256 = re.compile("[0-9a-f]{64}")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_MEMBER = re.compile("[a-z][A-Za-z]{0,39}")
_QUOTED_VALUE = re.compile(r"Invalid enum value .*?(?= - at `\$[^`]*`\Z|\Z)", re.S)
_QUOTED_MEMBER = re.compile(r"unknown field `(.*)`(?= - at `\$[^`]*`\Z|\Z)", re.S)


@dataclass(frozen=True)
class Feed:
    """A feed folder with a manifest that has been checked, its data files not yet."""

    folder: Path
    manifest: Manifest

    def files(self, table: str) -> list[tuple[int, FileEntry]]:
        """(number of the file in the manifest, entry) of every data file of a table."""
        return [(i, entry) for i, entry in enumerate(self.manifest.files) if entry.table == table]

    def records(self, table: str) -> int:
        """How many records the manifest says a table has."""
        return sum(entry.records for _, entry in self.files(table))

    @property
    def bytes(self) -> int:
        """The size of all data files."""
        return sum(entry.bytes for entry in self.manifest.files)


@dataclass(frozen=True, repr=False)
class Block:
    """Whole lines of a data file. `line` is the number of the first, from 1."""

    file: int
    line: int
    data: bytes

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """(number, line without its line feed) of every line."""
        return enumerate(self.data.split(b"\n")[:-1], self.line)


def open_feed(folder: Path, key: Path | None = None) -> Feed:
    """The feed in `folder`. Raises SourceUnreachable when there is none, BadFeed when its manifest is wrong.

    With a public key (a PEM file) the manifest's signature is required.
    """
    signed = None if key is None else _required(key)
    try:
        raw = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise SourceUnreachable(f"{folder}: no feed here: {MANIFEST} is missing") from None
    except OSError as error:
        raise SourceUnreachable(f"{folder / MANIFEST}: {error.strerror}") from None
    if signed is not None:
        signed(folder, raw)
    try:
        version = msgspec.json.decode(raw, type=_Version).format
        if version.split(".")[0] != FORMAT.split(".")[0]:
            raise BadFeed(f"{MANIFEST}: format {version!r} is not one this loader reads ({FORMAT})")
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BadFeed(f"{MANIFEST}: {told(error)}") from None
    except UnicodeDecodeError as error:
        raise BadFeed(f"{MANIFEST}: {told(error)}") from None
    _check_manifest(manifest)
    return Feed(folder, manifest)


def _required(key: Path) -> Callable[[Path, bytes], None]:
    """The check that a manifest is signed by the owner of a public key. Raises ConfigurationError."""
    from loader.signature import check_signature, public_key  # noqa: PLC0415 -- cryptography takes its time to begin

    required = public_key(key)
    return lambda folder, raw: check_signature(folder, raw, required)


class _Version(msgspec.Struct):
    format: str


def _check_manifest(manifest: Manifest) -> None:
    wrong = []
    if not _DIGEST.fullmatch(manifest.content_digest):
        wrong.append("content_digest is not 32 hex digits")
    if manifest.sequence is not None and not 1 <= manifest.sequence <= MAX_SEQUENCE:
        wrong.append("sequence is not a number from 1 to 2**53")
    names = [entry.name for entry in manifest.files]
    if len(set(names)) != len(names):
        wrong.append("a file is listed twice")
    tables = {"events"} if manifest.kind == "incremental" else set(TABLES)
    for entry in manifest.files:
        if not _FILE_NAME.fullmatch(entry.name) or entry.name == MANIFEST:
            wrong.append("a file has a name that is not allowed")
        elif not _SHA256.fullmatch(entry.sha256) or entry.records < 0 or entry.bytes < 0:
            wrong.append(f"{entry.name}: sha256, records or bytes is not what it should be")
        elif entry.table not in tables:
            wrong.append(f"{entry.name}: no such table in a feed of this kind")
        elif entry.name.endswith(PARQUET) and entry.table not in PARQUET_TABLES:
            wrong.append(f"{entry.name}: only {' and '.join(PARQUET_TABLES)} may be Parquet")
    missing = tables - {entry.table for entry in manifest.files}
    if missing:
        wrong.append(f"no file for {', '.join(sorted(missing))}")
    try:
        datetime.fromisoformat(manifest.as_of)  # as the reader that serves does
        if not _RFC_3339.fullmatch(manifest.as_of):
            raise ValueError
    except ValueError:
        wrong.append("as_of is not an RFC 3339 time with an offset")
    if wrong:
        raise BadFeed(f"{MANIFEST}: {wrong[0]}", tuple(f"{MANIFEST}: {what}" for what in wrong))


def _stream(path: Path, raw: BinaryIO) -> BinaryIO:
    if path.suffix != ".zst":
        return raw
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)


class _Hashing:
    """A file that hashes and counts the bytes it hands out."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw, self.sha256, self.size = raw, hashlib.sha256(), 0

    def read(self, size: int) -> bytes:
        data = self.raw.read(size)
        self.sha256.update(data)
        self.size += len(data)
        return data


def blocks(feed: Feed, number: int) -> Iterator[Block]:
    """The lines of a data file in blocks. Raises BadFeed when the file is not the one that the manifest lists.

    Size, sha256 and the number of lines are known only at the end: what was made of the blocks must not be used before.
    """
    entry = feed.manifest.files[number]
    path = feed.folder / entry.name
    try:
        with path.open("rb") as file:
            hashing = _Hashing(file)
            line = yield from _lines(number, entry.name, _stream(path, hashing))  # type: ignore[arg-type]
            while hashing.read(BLOCK_BYTES):  # what a compressed stream left unread
                pass
    except FileNotFoundError:
        raise BadFeed(f"{entry.name}: listed in the manifest but missing") from None
    except zstandard.ZstdError:
        raise BadFeed(f"{entry.name}: damaged compression") from None
    except OSError as error:
        raise SourceUnreachable(f"{entry.name}: {error.strerror}") from None
    if hashing.size != entry.bytes:
        raise BadFeed(f"{entry.name}: {hashing.size} bytes, the manifest says {entry.bytes}")
    if hashing.sha256.hexdigest() != entry.sha256:
        raise BadFeed(f"{entry.name}: sha256 differs from the manifest's")
    if line - 1 != entry.records:
        raise BadFeed(f"{entry.name}: {line - 1} records, the manifest says {entry.records}")


def _lines(number: int, name: str, stream: BinaryIO) -> Generator[Block, None, int]:
    """Blocks of whole lines; returns the number of the line after the last."""
    line, rest = 1, b""
    while data := stream.read(BLOCK_BYTES):
        cut = data.rfind(b"\n") + 1
        if cut:
            block = Block(number, line, b"".join((rest, memoryview(data)[:cut])))
            _check_lengths(name, block)
            line += count_lines(block.data)
            rest = data[cut:]
            yield block
        else:
            rest += data
        if len(rest) > MAX_LINE_BYTES:
            raise _too_long(name, line)
    if rest:
        raise BadFeed(f"{name}:{line}: the last line has no end: the file is cut short")
    return line


def _check_lengths(name: str, block: Block) -> None:
    """Raises BadFeed when a line is too long. Looks only at one place in every MAX_LINE_BYTES."""
    start = 0
    while len(block.data) - start > MAX_LINE_BYTES:
        end = block.data.rfind(b"\n", start, start + MAX_LINE_BYTES + 1)
        if end < 0:
            raise _too_long(name, block.line + block.data.count(b"\n", 0, start))
        start = end + 1


def _too_long(name: str, line: int) -> BadFeed:
    return BadFeed(f"{name}:{line}: a line of more than {MAX_LINE_BYTES} bytes")


_decoders = {table: msgspec.json.Decoder(record) for table, record in TABLES.items()}


def parse(table: str, name: str, lines: Iterable[tuple[int, bytes]]) -> list[tuple[Record, bytes]]:
    """(record, canonical line) of each (number, line) of a file. Raises BadFeed naming the line of every bad record.

    The records' strings are in NFC, whatever came.
    """
    decode = _decoders[table].decode
    parsed: list[tuple[Record, bytes]] = []
    faults: list[str] = []
    for number, line in lines:
        try:
            record = decode(line)
            canonical = canonical_line(record)
            if not canonical.isascii():
                record = decode(canonical)
            parsed.append((record, canonical))
        except (ValueError, msgspec.MsgspecError) as error:
            faults.append(f"{name}:{number}: {told(error)}")
            if len(faults) == MAX_FAULTS:
                break
    if faults:
        raise BadFeed(faults[0], tuple(faults))
    return parsed


def told(error: ValueError | msgspec.MsgspecError) -> str:
    """What is wrong, in msgspec's words, without the content it quotes: a value, or what is no name of a member."""
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    text = _QUOTED_VALUE.sub("Invalid enum value", str(error))
    return _QUOTED_MEMBER.sub(lambda quoted: quoted[0] if _MEMBER.fullmatch(quoted[1]) else "unknown field", text)


def read_table(feed: Feed, table: str) -> tuple[list[tuple[Record, int, int]], bytes, int]:
    """All of a small table: ((record, file, line), canonical lines, digest)."""
    out, texts = [], []
    for number, entry in feed.files(table):
        for block in blocks(feed, number):
            parsed = parse(table, entry.name, block.numbered())
            out += [(record, number, line) for line, (record, _) in enumerate(parsed, block.line)]
            texts += [canonical + b"\n" for _, canonical in parsed]
    lines = b"".join(texts)
    return out, lines, lines_digest(table, lines)


def check_digest(feed: Feed, digest: int, unreadable: int = 0) -> list[str]:
    """Hold the digest of all records that were read against the manifest. Raises BadFeed; returns warnings.

    A line that is no record has no canonical line: where `unreadable` ones were left out, nobody can say what is
    missing.
    """
    if format_digest(digest) == feed.manifest.content_digest:
        return []
    if unreadable:
        return [f"content_digest was not checked: {unreadable} of the lines that were left out are no records"]
    raise BadFeed(f"{MANIFEST}: content_digest is not that of the records in the data files")
