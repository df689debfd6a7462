"""A generation written as the real register's own export: a ZIP with one XML entry for each office with its contracts.

History and persons' particulars are in it, as far as the interface has room for them (docs/flr-export.md). The
register lies by person, the export by office: so one pass over the index deals the memberships out into parts, some
offices to each, in files that have no name and go with the process; then part after part is put in order and written.
Memory is that of one part.
"""

import fcntl
import os
import struct
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import msgspec

from loader.errors import UsageError
from loader.progress import Progress
from loader.publish import fsync
from lookup.flr_document import BEGIN, END, LEVEL, Documents, Listed, entry_of
from lookup.flr_wire import Wording
from lookup.generation import Generation
from lookup.record import Membership
from lookup.tables import present
from register.flr_xml import Rendered
from register.localtime import local_micros
from register.model import Code, Office

PARTS = 64
BUFFER_BYTES = 1 << 17
FILE_MODE = 0o640
_ROW = struct.Struct("<Q?IqqBBqQ")  # number; whether protected; a membership of the index, member by member

Members = dict[int, list[Listed]]  # slot -> who is on its list


def write_archive(generation: Generation, target: Path, progress: Progress) -> dict[str, int]:
    """Write the export to `target`, whole or not at all; returns how many records of each table are in it."""
    partial = target.with_name(f".{target.name}.partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    try:
        with ExitStack() as stack:
            file = stack.enter_context(os.fdopen(os.open(partial, flags, FILE_MODE), "wb"))
            _claim(file, partial)
            parts: list[IO[bytes]] = [
                stack.enter_context(tempfile.TemporaryFile(dir=target.parent)) for _ in range(PARTS)
            ]
            export = _Export(generation, parts)
            with progress.step("deal", 1 << generation.index.bits):
                export.deal(progress)
            with (
                progress.step("offices", len(export.offices)),
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive,
            ):
                export.write(archive, progress)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
        fsync(target.parent)
    except UsageError:
        raise
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return export.written


def _claim(file: IO[bytes], partial: Path) -> None:
    """Make the file ours, and empty: one that was killed may have left something in it. Raises UsageError."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{partial}: another export is being written to it") from None
    file.truncate(0)


class _Export:
    def __init__(self, generation: Generation, parts: list[IO[bytes]]) -> None:
        self.generation, self.tables = generation, generation.tables
        word = Wording(msgspec.json.decode(line, type=Code) for line in self.tables.lines("codes"))
        self._documents = Documents(generation, word, local_micros(generation.as_of_seconds))
        offices = (msgspec.json.decode(line, type=Office) for line in self.tables.lines("offices"))
        self.offices = [one for one in offices if self.tables.contract_ids_of_office(one.organization_number)]
        self.written: dict[str, int] = defaultdict(int)
        self._parts, self._buffers = parts, [bytearray() for _ in parts]
        self._part_of_slot = self._dealt()

    def _dealt(self) -> dict[int, int]:
        """slot -> part; the contracts of an office are in one part."""
        part_of = {office.organization_number: i * PARTS // len(self.offices) for i, office in enumerate(self.offices)}
        return {
            present(self.tables.slot_of_contract(contract_id)): part
            for number, part in part_of.items()
            for contract_id in self.tables.contract_ids_of_office(number)
        }

    def deal(self, progress: Progress) -> None:
        """Deal all memberships out into the parts."""
        for bucket in range(1 << self.generation.index.bits):
            for nin, record in self.generation.index.bucket(bucket):
                for membership in record.memberships:
                    part = self._part_of_slot[membership.slot]
                    self._buffers[part] += _ROW.pack(nin, record.protected, *membership)
                    if len(self._buffers[part]) >= BUFFER_BYTES:
                        self._flush(part)
            progress.advance()

    def _flush(self, part: int) -> None:
        self._parts[part].write(self._buffers[part])
        self._buffers[part] = bytearray()

    def _members(self, part: int) -> Members:
        self._flush(part)
        self._parts[part].seek(0)
        members: Members = defaultdict(list)
        for nin, protected, *row in _ROW.iter_unpack(self._parts[part].read()):
            membership = Membership(*row)
            members[membership.slot].append(Listed(nin, protected, membership))
        for rows in members.values():
            rows.sort(key=lambda row: row.membership.id)
        return members

    def write(self, archive: zipfile.ZipFile, progress: Progress) -> None:
        """Write an entry for each office, part by part."""
        members: Members = {}
        last = -1
        for i, office in enumerate(self.offices):
            if i * PARTS // len(self.offices) != last:
                last = i * PARTS // len(self.offices)
                members = self._members(last)
            info = entry_of(self.generation, f"{office.organization_number}.xml")
            with archive.open(info, "w", force_zip64=True) as entry:
                for text in self._entry(office, members):
                    entry.write(text.encode())
            self.written["offices"] += 1
            progress.advance()

    def _entry(self, office: Office, members: Members) -> Iterator[str]:
        """The document of an office, contract by contract."""
        yield BEGIN
        shown = self._documents.office(office)
        for contract_id in self.tables.contract_ids_of_office(office.organization_number):
            yield from self._contract(contract_id, shown, members)
        yield END

    def _contract(self, contract_id: int, office: Rendered, members: Members) -> Iterator[str]:
        contract = self._documents.contract(present(self.tables.contract(contract_id)), office)
        patients = members.pop(present(self.tables.slot_of_contract(contract_id)), [])
        self.written["contracts"] += 1
        self.written["doctor_cycles"] += contract.doctor_cycles
        self.written["outposts"] += contract.outposts
        self.written["memberships"] += len(patients)
        yield contract.before
        for listed in patients:
            yield self._documents.patient(listed, contract)
        yield contract.behind
