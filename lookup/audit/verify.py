"""Whether an audit is what was written: every record, the chain through all segments of a series, every seal.

Finds any octet that was changed, any record or segment that was taken out, put in or moved, and any seal by another
key. What it cannot find, nobody can from the files alone: that the newest part of a series was cut off, down to a seal
or to what was never sealed. For that a head that was kept elsewhere is needed (`heads`).
A record that is torn at the end of what was written, with no seal behind it, is what a power cut leaves: told as torn.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from lookup.audit.keys import Publics
from lookup.audit.prune import NOTE, Pruned, read_note
from lookup.audit.record import (
    ADOPTED,
    CHAIN_BYTES,
    CLOSED,
    HEAD_BYTES,
    SEAL,
    TORN,
    Head,
    Malformed,
    Record,
    decode,
    decode_head,
)
from lookup.audit.seal import Place, problem_of, sealed_behind
from lookup.audit.segment import SUFFIX, head_of, in_use, segments
from lookup.core import skip

CHANGED, TORN_END, NOTED = "changed", "torn", "note"


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it was written, or (a note) that who reads this should know."""

    kind: str
    where: str
    what: str


class Kept(msgspec.Struct, frozen=True):
    """A head that was kept elsewhere: the chain's value behind a seal, by sequence number."""

    series: str
    name: str
    number: int
    sequence: int
    chain: str


@dataclass
class Verified:
    """What was found of one series. `sealed` is the sequence number of its last seal."""

    name: str
    series: str = ""
    segments: int = 0
    records: int = 0
    octets: int = 0
    sealed: int = 0
    unsealed: int = 0
    last: Kept | None = None
    findings: list[Finding] = field(default_factory=list)

    def found(self, kind: str, path: Path, what: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(kind, f"{self.name}/{path.name}", what))


@dataclass
class _Going:
    """Where the series is, between two segments: what the next one has to begin with. None: not known."""

    series: bytes | None = None
    number: int = 0
    pruned: int = 0
    sequence: int | None = 1
    chain: bytes | None = bytes(CHAIN_BYTES)


def series_of(places: Iterable[Path]) -> dict[str, list[Path]]:
    """The folders of every series, by name."""
    found = defaultdict(list)
    for place in places:
        if not place.is_dir():
            continue
        for folder in sorted(place.iterdir()):
            if folder.is_dir() and (any(folder.glob(f"*{SUFFIX}")) or (folder / NOTE).exists()):
                found[folder.name].append(folder)
    return dict(sorted(found.items()))


def verify(places: Iterable[Path], publics: Publics, heads: Sequence[Kept] = ()) -> Iterator[Verified]:
    """Verify every series, one after the other. Raises OSError for what cannot be read."""
    there = series_of(places)
    unseen = {head.name for head in heads} - set(there)
    for name, folders in there.items():
        yield verify_series(name, folders, publics, [head for head in heads if head.name == name])
    for name in sorted(unseen):
        yield Verified(name, findings=[Finding(CHANGED, name, "the whole series is missing: a head of it was kept")])


def verify_series(name: str, folders: Sequence[Path], publics: Publics, heads: Sequence[Kept] = ()) -> Verified:
    """Verify one series, whose segments are in these folders."""
    report, going = Verified(name), _Going()
    wanted = {head.sequence: head for head in heads}
    writing = any(in_use(folder) for folder in folders)
    _begin_behind_note(report, going, folders, publics)
    paths = sorted((path for folder in folders for path in segments(folder)), key=lambda path: path.name)
    for path in paths:
        _Segment(report, going, path, publics, wanted, newest=path == paths[-1], writing=writing).verify()
    for sequence, head in sorted(wanted.items()):
        if going.series is not None and head.series != going.series.hex():
            report.findings.append(Finding(CHANGED, name, "it is another series than the head that was kept is of"))
        elif sequence >= (going.sequence or 0) or not paths:
            report.findings.append(Finding(CHANGED, name, f"it ends before record {sequence}, whose head was kept"))
        else:
            report.findings.append(Finding(CHANGED, name, f"record {sequence}, whose head was kept, is not there"))
    report.series = going.series.hex() if going.series else ""
    return report


def verify_end(name: str, folders: Sequence[Path], publics: Publics) -> Verified:
    """Verify the newest segment of a series alone: what is before it is taken for what its head says."""
    report, going = Verified(name), _Going()
    paths = sorted((path for folder in folders for path in segments(folder)), key=lambda path: path.name)
    for path in paths[-1:]:
        with suppress(Malformed):  # of which `verify` tells
            head, _ = head_of(path)
            going = _Going(head.series, head.number - 1, 0, head.first_sequence, head.before)
        writing = any(in_use(folder) for folder in folders)
        _Segment(report, going, path, publics, {}, newest=True, writing=writing).verify()
    return report


def _begin_behind_note(report: Verified, going: _Going, folders: Sequence[Path], publics: Publics) -> None:
    for folder in folders:
        path = folder / NOTE
        if not path.exists():
            continue
        try:
            note, problem = read_note(path, publics)
        except Malformed as error:
            report.found(CHANGED, path, str(error))
            continue
        if problem:
            report.found(CHANGED, path, problem)
            continue
        if note.through > going.number:
            going.series, going.number, going.pruned = bytes.fromhex(note.series), note.through, note.through
            going.sequence, going.chain = note.sequence + 1, bytes.fromhex(note.chain)
            report.found(NOTED, path, _told(note))


def _told(note: Pruned) -> str:
    return (
        f"segments up to {note.through}, with the records up to {note.sequence}, were removed by `prune` at {note.at}"
    )


class _Segment:
    """One segment's part of a verification."""

    def __init__(
        self,
        report: Verified,
        going: _Going,
        path: Path,
        publics: Publics,
        wanted: dict[int, Kept],
        *,
        newest: bool,
        writing: bool,
    ) -> None:
        self._report, self._going, self._path, self._publics = report, going, path, publics
        self._wanted, self._newest, self._writing = wanted, newest, writing and newest

    def verify(self) -> None:
        data = self._path.read_bytes()
        try:
            head, end, _ = decode_head(data)
        except Malformed as error:
            if not any(data) and self._newest:
                self._found(TORN_END, "it is empty: it was begun, and never reached the disk")
                return
            self._found(CHANGED, str(error))
            self._going.number += 1
            self._going.sequence = self._going.chain = None
            return
        if not self._fits(head):
            return
        self._report.segments += 1
        self._report.octets += len(data)
        if end < HEAD_BYTES:
            self._found(CHANGED, "its committed end lies in its head")
        self._walk(head, data, max(HEAD_BYTES, min(end, len(data))))
        if end > len(data):
            self._found(CHANGED if not self._newest else TORN_END, f"it ends before octet {end}, the committed end")

    def _found(self, kind: str, what: str) -> None:
        self._report.found(kind, self._path, what)

    def _fits(self, head: Head) -> bool:
        """Whether it is of the series; that goes on from it, even if it should have begun elsewhere."""
        going = self._going
        if (going.series is not None and head.series != going.series) or head.name != self._report.name:
            self._found(CHANGED, "it is of another series")
            return False
        if self._path.stem != f"{head.number:010}":
            self._found(CHANGED, f"it is segment {head.number} under another number")
            return False
        if head.number <= going.pruned:
            self._found(NOTED, "it was to be removed, and is still there: `prune` was interrupted")
            return False
        if head.number <= going.number:
            self._found(CHANGED, "there is another segment of this number")
            return False
        if head.number > going.number + 1:
            missing = f"{going.number + 1}" + (f" to {head.number - 1}" if head.number > going.number + 2 else "")
            self._found(CHANGED, f"segment {missing} before it is missing")
        elif going.chain is not None and (head.before, head.first_sequence) != (going.chain, going.sequence):
            self._found(CHANGED, "it does not go on where the segment before it ends")
        going.series, going.number = head.series, head.number
        return True

    def _walk(self, head: Head, data: bytes, end: int) -> None:
        """From seal to seal, to the end or to what is no record."""
        at, sequence, closed = HEAD_BYTES, head.first_sequence, False
        problem = None
        while True:
            at, following = skip(data, at, end, sequence)
            self._report.records += following - sequence
            self._report.unsealed += following - sequence
            sequence = following
            if at == end:
                break
            before = data[at - CHAIN_BYTES : at]
            try:
                record, after = decode(data, at, end)
            except Malformed as error:
                problem = str(error)
                break
            if record.sequence != sequence or record.kind != SEAL or closed:
                problem = "a record stands where none or another comes"
                break
            self._seal(head, record, before, data[after - CHAIN_BYTES : after])
            closed = bool(record.flags & CLOSED)
            at, sequence = after, sequence + 1
        self._going.sequence, self._going.chain = sequence, data[at - CHAIN_BYTES : at]
        if problem is not None:
            self._broken(head, data, at, problem)
        elif not (self._writing and not closed):
            self._behind(data, at, closed)
        if not closed and problem is None and not self._writing:
            self._found(NOTED, "it was not closed: its process was killed, or its disk failed")

    def _seal(self, head: Head, record: Record, before: bytes, chain: bytes) -> None:
        report = self._report
        report.records += 1
        problem = problem_of(self._publics, Place(head.series, head.number, before), record)
        if problem:
            self._found(CHANGED, f"the seal at record {record.sequence} {problem}")
            return
        report.unsealed, report.sealed = 0, record.sequence
        report.last = Kept(head.series.hex(), head.name, head.number, record.sequence, chain.hex())
        kept = self._wanted.get(record.sequence)
        if kept is not None and (kept.series, kept.chain) == (head.series.hex(), chain.hex()):
            del self._wanted[record.sequence]
        if record.flags & TORN:
            self._found(NOTED, f"{record.serial} octets that were no records were put aside when it was adopted")
        elif record.flags & ADOPTED:
            self._found(NOTED, "it was closed by the process that came after the one that wrote it")

    def _broken(self, head: Head, data: bytes, at: int, problem: str) -> None:
        if not self._newest or sealed_behind(self._publics, head, data, at):
            self._found(CHANGED, f"octet {at}: {problem}; what comes after it was sealed once")
            self._going.sequence = self._going.chain = None
        else:
            self._found(TORN_END, f"octet {at}: {problem}; nothing was sealed behind it, as after a power cut")

    def _behind(self, data: bytes, at: int, closed: bool) -> None:
        rest = len(data[at:].rstrip(b"\0"))
        if rest:
            what = f"{rest} octets stand behind the end, at octet {at}"
            self._found(CHANGED if closed or not self._newest else TORN_END, what)


def read_heads(path: Path) -> list[Kept]:
    """Heads that `audit head` has printed, one a line. Raises Malformed, OSError."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip():
            try:
                found.append(msgspec.json.decode(line, type=Kept))
            except msgspec.DecodeError:
                raise Malformed(f"{path}:{number}: it is no head of an audit") from None
    return found


def worst(reports: Iterable[Verified]) -> str | None:
    """CHANGED, TORN_END or None."""
    kinds = {finding.kind for report in reports for finding in report.findings}
    return CHANGED if CHANGED in kinds else TORN_END if TORN_END in kinds else None


def counts(reports: Sequence[Verified]) -> Mapping[str, int]:
    """Totals, for the last line."""
    return {
        "series": len(reports),
        "segments": sum(report.segments for report in reports),
        "records": sum(report.records for report in reports),
        "unsealed": sum(report.unsealed for report in reports),
    }
