"""What the real register's export can carry of a register, worked out from its records; archives that are wrong."""

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from loader import load as loading
from loader.choose import FlrExport
from loader.errors import BadFeed
from loader.export import FLR_EXPORT, export
from loader.load import load
from loader.progress import Progress
from loader.reader import membership_record
from loader.report import LoadReport
from loader.settings import Settings
from lookup.generation import Generation, open_generation
from register import codes
from register.feed import canonical_line
from register.localtime import OSLO
from register.model import TABLES, Code, CodeRef, Office, Person, Record
from tests.loader import feeds

Register = dict[str, list[Any]]
SYSTEM_OF = {
    "municipality": codes.MUNICIPALITY,
    "coop_municipalities": codes.MUNICIPALITY,
    "district": codes.DISTRICT,
    "country": codes.COUNTRY,
}


def put(data: Path, source: Path, **arguments: Any) -> Generation:
    """Load a feed, or an archive, and open what has come of it."""
    if source.suffix == ".zip":
        arguments.setdefault("flr_export", FlrExport())
    report = load(source, Settings(data_dir=data, keep_generations=9), Progress(show=False), **arguments)
    return open_generation(data / "gen" / str(report.generation))


def lines_of(generation: Generation) -> dict[str, set[bytes]]:
    """The canonical lines of every table."""
    out = {table: set(generation.tables.lines(table)) for table in TABLES if table not in ("persons", "memberships")}
    assert generation.people is not None
    out["persons"] = {line for lines in generation.people.lines() for line in lines.splitlines()}
    out["memberships"] = {
        canonical_line(membership_record(generation, nin, m))
        for bucket in range(1 << generation.index.bits)
        for nin, record in generation.index.bucket(bucket)
        for m in record.memberships
    }
    return out


def records_of(generation: Generation) -> Register:
    return {
        table: [msgspec.json.decode(line, type=TABLES[table]) for line in lines]
        for table, lines in lines_of(generation).items()
    }


def carried(whole: Register, at: datetime) -> Register:
    """What is left of a register when it has been an export, made at `at`: docs/flr-export.md, once more."""
    at_offices = {contract.office_organization_number for contract in whole["contracts"]}
    with_cycle = {cycle.hpr_number for cycle in whole["doctor_cycles"]}
    listed = {membership.nin for membership in whole["memberships"]}
    doctors = [replace(one, languages=()) for one in whole["doctors"] if one.hpr_number in with_cycle]
    told = [_without_protected(one) for one in whole["persons"] if one.nin in listed]
    named = {one.nin: _person_of(one) for one in doctors if one.nin not in listed}
    out: Register = {
        "offices": [_office(one) for one in whole["offices"] if one.organization_number in at_offices],
        "doctors": doctors,
        "contracts": [replace(one, her_id=None, team_id=None) for one in whole["contracts"]],
        "doctor_cycles": list(_cycles(whole, with_cycle, at)),
        "outposts": whole["outposts"],
        "teams": [],
        "persons": told + list(named.values()),
        "nin_changes": [],
        "memberships": whole["memberships"],
    }
    used = {pair for records in out.values() for record in records for pair in _codes(record)}
    out["codes"] = [code for code in whole["codes"] if (code.oid, code.value) in used]
    return out


def at(generation: Generation) -> datetime:
    """When its content was made, as an export says it."""
    return datetime.fromisoformat(generation.manifest.as_of).astimezone(OSLO).replace(tzinfo=None)


def assert_carried(before: Generation, after: Generation) -> None:
    """What the export can carry is the same, record by record, and nothing else has come."""
    wanted, got = lines(carried(records_of(before), at(before))), lines_of(after)
    for table, found in got.items():
        assert found == wanted[table], table
    assert after.manifest.as_of == at(before).replace(tzinfo=OSLO).isoformat()


def _office(office: Office) -> Office:
    office = replace(office, her_id=None, team_id=None)
    return office if None not in (office.latitude, office.longitude) else replace(office, latitude=None, longitude=None)


def _without_protected(person: Person) -> Person:
    return replace(person, protection=None, physical_addresses=()) if person.protection else person


def _person_of(doctor: Any) -> Person:
    same = ("nin", "first_name", "middle_name", "last_name", "date_of_birth", "sex")
    return Person(**{member: getattr(doctor, member) for member in same})


def _in_force(record: Any, at: datetime) -> bool:
    return record.valid_from <= at and (record.to is None or at < record.to)


def _cycles(whole: Register, with_cycle: set[int], at: datetime) -> Iterator[Any]:
    """A HER-ID is that of the list now, where somebody is on it to whom it can be told."""
    contracts = {one.id: one for one in whole["contracts"]}
    told = {one.contract_id for one in whole["memberships"] if _in_force(one, at)}
    now: dict[int, list[Any]] = defaultdict(list)
    for cycle in whole["doctor_cycles"]:
        if cycle.contract_id in told and _in_force(cycle, at) and _in_force(contracts[cycle.contract_id], at):
            now[cycle.contract_id].append(cycle)
    for cycle in whole["doctor_cycles"]:
        there = now[cycle.contract_id]
        gps = sorted((one for one in there if one.relationship == "LPFL"), key=lambda one: (one.valid_from, one.id))
        substitutes = [one for one in there if one.relationship == "LPVI"]
        whose = gps[-1:] or (substitutes if len(substitutes) == 1 else [])
        known = cycle.substitute_for_hpr_number in with_cycle
        yield replace(
            cycle,
            her_id=cycle.her_id if cycle in whose else None,
            substitute_for_hpr_number=cycle.substitute_for_hpr_number if known else None,
        )


def _codes(record: Record) -> Iterator[tuple[int, str]]:
    """Every (system, value) in a record and in the records inside it."""
    if isinstance(record, CodeRef):
        yield record.oid, record.value
    for member in () if isinstance(record, Code) else record.__struct_fields__:
        value = getattr(record, member)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Record):
                yield from _codes(one)
            elif one is not None and member in SYSTEM_OF:
                yield SYSTEM_OF[member], one


def lines(register: Register) -> dict[str, set[bytes]]:
    return {table: {canonical_line(record) for record in records} for table, records in register.items()}


# -- archives

Documents = dict[str, str]
PAST, NOW = f"{feeds.HISTORICAL}.xml", f"{feeds.OFFICE}.xml"
MADE = (2026, 11, 24, 3, 0, 0)


def whole_export(folder: Path) -> Documents:
    """The documents of the feed in which every table and member occurs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "ask_reader", lambda *_: None)
        put(folder / "data", feeds.write(folder / "feed", feeds.tables()))
    export(folder / "data", None, folder / "out.zip", FLR_EXPORT, Progress(show=False))
    with zipfile.ZipFile(folder / "out.zip") as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def packed(path: Path, documents: Documents, made: tuple[int, ...] = MADE, method: int = zipfile.ZIP_DEFLATED) -> Path:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, text in documents.items():
            info = zipfile.ZipInfo(name, made)  # type: ignore[arg-type]
            info.compress_type = method
            archive.writestr(info, text)
    return path


def refused(tmp_path: Path, archive: Path, **settings: Any) -> tuple[str, ...]:
    """The faults for which an archive is refused; nothing is in service then, nothing left over, nobody named."""
    data = tmp_path / "data"
    with pytest.raises(BadFeed) as caught:
        load(archive, Settings(data_dir=data, **settings), Progress(show=False), flr_export=FlrExport())
    assert not list((data / "gen").iterdir())
    assert not list((data / "staging").iterdir())
    faults = caught.value.faults or (str(caught.value),)
    (report,) = (data / "reports").iterdir()
    said = json.loads(report.read_text())
    assert (said["faults"], said["message"]) == (list(faults), str(caught.value))
    feeds.assert_tells_nothing([*faults, str(caught.value), said["feed"] or ""])
    return faults


def loaded(tmp_path: Path, documents: Documents, **settings: Any) -> tuple[LoadReport, Register]:
    archive = packed(tmp_path / "x.zip", documents)
    report = load(
        archive, Settings(data_dir=tmp_path / "data", **settings), Progress(show=False), flr_export=FlrExport()
    )
    (folder,) = (tmp_path / "data" / "gen").iterdir()
    return report, records_of(open_generation(folder))
