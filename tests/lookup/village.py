"""A village of nine persons and five contracts with everything that makes an answer hard, as a generation on disk.

Written by hand: the records below, and the relations between them worked out the slow way.
"""

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

import register.model
from loader.check import Row
from loader.eventfile import NewBatch, Told, told, write_events
from loader.public_list import write_public_list
from lookup import key, tables
from lookup.answers import ContractView, fragments
from lookup.index import encode_buckets, encode_fragments
from lookup.manifest import FORMAT, Manifest, digest8_of, write_manifest
from lookup.people import DICTIONARY_KEY, META, META_KEY, PEOPLE, Frames, PeopleMeta
from lookup.record import Membership, Record, encode_bucket
from register.feed import canonical_line
from register.localtime import to_micros
from register.model import (
    Code,
    CodeRef,
    Contract,
    Doctor,
    DoctorCycle,
    ElectronicAddress,
    NinChange,
    Office,
    Outpost,
    Person,
    PhysicalAddress,
)
from tests import tiny

AS_OF = "2026-11-24T03:00:00+01:00"
NOW = datetime(2026, 11, 24, 12)
WINDOW = tables.Window(to_micros(datetime(2026, 11, 24)), to_micros(datetime(2027, 1, 3)))
OFFICE, OLD_OFFICE, PARENT = 123456785, -7, 974767880
SHARED, ONE_SUBSTITUTE, TWO_SUBSTITUTES, CLOSED, COMING = 100, 101, 102, 103, 104
KARI, PER, ANNE, OLA = 7000001, 7000002, 7000003, 7000004
(
    LISTED,
    ON_VACANT,
    ON_DOUBLE,
    NOBODY,
    PROTECTED,
    MOVING,
    OLD_NUMBER,
    EARLY,
    DOCTOR,
) = map(tiny.number, range(20, 29))
UNKNOWN = tiny.number(40)
BITS = key.MIN_BITS
BEGIN_CODES, END_CODES = [None, "BGVA", "BGFL"], [None, "OHBV"]


def day(year: int, month: int = 1, of_month: int = 1) -> datetime:
    return datetime(year, month, of_month)


def _membership(
    contract: int, number: int, valid_from: datetime, to: datetime | None = None, begin: int = 1, end: int = 0
) -> Membership:
    slot = SLOTS[contract]
    return Membership(slot, to_micros(valid_from), to_micros(to), begin, end, to_micros(valid_from), number)


SLOTS = {contract: slot for slot, contract in enumerate((SHARED, ONE_SUBSTITUTE, TWO_SUBSTITUTES, CLOSED, COMING))}
PERSONS = {
    LISTED: Record(None, False, (_membership(SHARED, 1, day(2022)),)),
    ON_VACANT: Record(None, False, (_membership(ONE_SUBSTITUTE, 2, day(2022), begin=0),)),
    ON_DOUBLE: Record(None, False, (_membership(TWO_SUBSTITUTES, 3, day(2022), begin=2),)),
    NOBODY: Record(),
    PROTECTED: Record(None, True, (_membership(SHARED, 4, day(2022)),)),
    MOVING: Record(
        None,
        False,
        (_membership(SHARED, 6, day(2026, 11, 25)), _membership(CLOSED, 5, day(2010), day(2014), end=1)),
    ),
    OLD_NUMBER: Record(alias_of=int(LISTED)),
    EARLY: Record(None, False, (_membership(COMING, 7, day(2020)),)),
    DOCTOR: Record(),
}
ADDRESS = PhysicalAddress(
    type="RES", street_address="Storgata 1", postal_code="0155", city="Oslo", municipality="0301", country="NO"
)
CODES = [Code(oid=3402, value="0301", text="Oslo"), Code(oid=3303, value="no", text="Norsk")]
OFFICES = [
    Office(
        organization_number=OFFICE,
        her_id=81234,
        name="STORGATA LEGESENTER AS",
        display_name="Storgata legesenter",
        parent_organization_number=PARENT,
        parent_organization_name="Kommunen",
        valid_from=day(2000),
        physical_addresses=(ADDRESS, PhysicalAddress(type="PST", postbox="12")),
        electronic_addresses=(ElectronicAddress(type="E_TLF", address="22000000"),),
        updated=day(2000),
    ),
    Office(organization_number=OLD_OFFICE, name="Gamle kontor", valid_from=day(1990), to=day(2016), updated=day(2016)),
]
DOCTORS = [
    Doctor(hpr_number=number, nin=DOCTOR, first_name=name, last_name="Lie", languages=(CodeRef(oid=3303, value="no"),))
    for number, name in ((KARI, "Kari"), (PER, "Per"), (ANNE, "Anne"), (OLA, "Ola"))
]


def _contract(number: int, valid_from: datetime, to: datetime | None = None, **more: Any) -> Contract:
    return Contract(
        id=number,
        office_organization_number=more.pop("office", OFFICE),
        municipality="0301",
        status="FAAA",
        max_patients=1000,
        agreement_date=valid_from,
        valid_from=valid_from,
        to=to,
        updated=valid_from,
        **more,
    )


CONTRACTS = [
    _contract(SHARED, day(2015), name="Fellesliste", coop_municipalities=("4601",)),
    _contract(ONE_SUBSTITUTE, day(2015), day(2026, 12, 15), her_id=90002),
    _contract(TWO_SUBSTITUTES, day(2015)),
    _contract(CLOSED, day(2005), day(2015), office=OLD_OFFICE),
    _contract(COMING, day(2026, 12, 1)),
]


def _cycle(
    number: int,
    contract: int,
    doctor: int,
    relationship: str,
    valid_from: datetime,
    to: datetime | None = None,
    **more: Any,
) -> DoctorCycle:
    return DoctorCycle(
        id=number,
        contract_id=contract,
        hpr_number=doctor,
        relationship=relationship,
        valid_from=valid_from,
        to=to,
        updated=valid_from,
        **more,
    )


def _told(nin: str, *, protected: bool = False) -> Told:
    """An event about a villager, protected now or when it happened."""
    body = register.model.Membership(id=99, nin=nin, contract_id=SHARED, valid_from=day(2022), updated=day(2022))
    return told("PatientOnContractUpdated", body, protected=protected)


CYCLES = [
    _cycle(1, SHARED, KARI, "LPFL", day(2020), her_id=4000001),
    _cycle(2, SHARED, PER, "LPFL", day(2021), her_id=4000002),
    _cycle(3, SHARED, ANNE, "LPDL", day(2022), her_id=4000003),
    _cycle(4, SHARED, OLA, "LPVI", day(2026, 11), day(2026, 12), substitute_for_hpr_number=PER),
    _cycle(5, ONE_SUBSTITUTE, OLA, "LPVI", day(2024), her_id=4000009),
    _cycle(6, TWO_SUBSTITUTES, OLA, "LPVI", day(2024), her_id=4000010),
    _cycle(7, TWO_SUBSTITUTES, ANNE, "LPVI", day(2025), her_id=4000011),
    _cycle(8, CLOSED, KARI, "LPFL", day(2005), day(2012), her_id=4000050),
    _cycle(9, CLOSED, ANNE, "LPFL", day(2012), day(2015), her_id=4000051),
    _cycle(10, COMING, ANNE, "LPFL", day(2026, 12), her_id=4000050),
]
OUTPOSTS = [
    Outpost(id=1, contract_id=SHARED, description="Øya", valid_from=day(2015), to=day(2020), updated=day(2015)),
    Outpost(id=2, contract_id=SHARED, physical_addresses=(ADDRESS,), valid_from=day(2020), updated=day(2020)),
]
ROWS: dict[str, list[Any]] = {
    "codes": CODES,
    "offices": OFFICES,
    "doctors": DOCTORS,
    "contracts": CONTRACTS,
    "doctor_cycles": CYCLES,
    "outposts": OUTPOSTS,
    "teams": [],
    "nin_changes": [],
}
# Of the feed before nothing is told but where it ended; this one is about everybody, and took 70 times as long.
BATCHES = [
    NewBatch(41, "1" * 32, "2026-11-23T03:00:00+01:00", 12, None),
    NewBatch(
        42,
        "0" * 32,
        AS_OF,
        75,
        [
            told("ContractUpdated", CONTRACTS[0]),
            _told(LISTED),
            _told(PROTECTED),
            _told(NOBODY, protected=True),
            told("PatientNinChanged", NinChange(old_nin=OLD_NUMBER, new_nin=LISTED, changed=day(2020))),
            *([_told(MOVING)] * 70),
        ],
    ),
]
COUNTS = {table: len(rows) for table, rows in ROWS.items()}


def view(contract: int) -> ContractView:
    """The view of a contract, as the loader makes it."""
    record = next(c for c in CONTRACTS if c.id == contract)
    return ContractView(
        contract=record,
        cycles=tuple(c for c in CYCLES if c.contract_id == contract),
        doctors={doctor.hpr_number: doctor for doctor in DOCTORS},
        office=next(o for o in OFFICES if o.organization_number == record.office_organization_number),
        municipality_names={"0301": "Oslo"},
    )


def generation(data_dir: Path, *, people: bool = True) -> Path:
    """Write the village under gen/ and return its folder."""
    building = data_dir / "staging"
    building.mkdir(parents=True)
    databases = _index_databases()
    tiny.write_store(building / "index.mdb", databases)
    _write_pointers(building, databases)
    files = [("index.mdb", "index", True), ("pointers.bin", "pointers", True)]
    if people:
        tiny.write_store(building / "people.mdb", _people_databases())
        files.append(("people.mdb", "people", False))
    write_events(building / "events.bin", None, BATCHES, keep=1000)
    files.append(("events.bin", "events", False))
    listed = {table: [Row(record, 0, line) for line, record in enumerate(rows)] for table, rows in ROWS.items()}
    write_public_list(building / "contracts.bin", listed, SLOTS, (WINDOW.valid_from, WINDOW.to), "0" * 32)
    files.append(("contracts.bin", "contracts", False))
    manifest = Manifest(
        format=FORMAT,
        reader=1,
        serial=42,
        base=None,
        content_digest="0" * 32,
        as_of=AS_OF,
        source="village",
        built_at=AS_OF,
        window=WINDOW,
        bits=BITS,
        slots=len(SLOTS),
        counts=COUNTS,
        unplaced=0,
        files=[tiny.entry(building / name, kind, needed) for name, kind, needed in files],
    )
    write_manifest(building, manifest)
    folder = data_dir / "gen" / f"42-{digest8_of(building)}"
    folder.parent.mkdir()
    return building.rename(folder)


def _buckets() -> dict[int, list[tuple[int, str, Record]]]:
    out: dict[int, list[tuple[int, str, Record]]] = defaultdict(list)
    for nin, record in PERSONS.items():
        bucket, rest = key.split(key.mix(int(nin)), BITS)
        out[bucket].append((rest, nin, record))
    return out


def _index_databases() -> dict[str, dict[bytes, bytes]]:
    out = {
        table: {of(row): canonical_line(row) for row in ROWS[table]} for table, of in tables.RECORD_DATABASES.items()
    }
    out[tables.PERSONS] = {
        tables.u32_key(bucket): encode_bucket(bucket, [(rest, record) for rest, _, record in members])
        for bucket, members in _buckets().items()
    }
    out[tables.FRAGMENTS] = {
        tables.u32_key(slot): encode_fragments(slot, fragments(view(n), WINDOW.valid_from, WINDOW.to))
        for n, slot in SLOTS.items()
    }
    on_list: dict[int, set[int]] = defaultdict(set)
    for bucket, members in _buckets().items():
        for _, _, record in members:
            for membership in record.memberships:
                on_list[membership.slot].add(bucket)
    out[tables.PATIENTS] = {tables.u32_key(s): encode_buckets(s, sorted(buckets)) for s, buckets in on_list.items()}
    return out | _relations()


def _grouped(of: Any, rows: list[Any]) -> dict[bytes, bytes]:
    ids: dict[bytes, list[int]] = defaultdict(list)
    for row in rows:
        ids[of(row)].append(row.id)
    return {k: tables.encode_ids(sorted(numbers)) for k, numbers in ids.items()}


def _relations() -> dict[str, dict[bytes, bytes]]:
    things: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for rows, kind, field in (
        (CYCLES, tables.KIND_CYCLE, "id"),
        (OFFICES, tables.KIND_OFFICE, "organization_number"),
        (CONTRACTS, tables.KIND_CONTRACT, "id"),
    ):
        for row in rows:
            if row.her_id is not None:
                things[row.her_id].append((kind, getattr(row, field)))
    meta = tables.IndexMeta(
        format=FORMAT,
        bits=BITS,
        slots=len(SLOTS),
        begin_codes=BEGIN_CODES,
        end_codes=END_CODES,
        content_digest="0" * 32,
        counts=COUNTS,
        window=WINDOW,
    )
    return {
        tables.SLOTS: {tables.u64_key(n): slot.to_bytes(4, "little") for n, slot in SLOTS.items()},
        tables.SLOT_CONTRACTS: {tables.u32_key(slot): n.to_bytes(8, "little") for n, slot in SLOTS.items()},
        tables.CONTRACT_CYCLES: _grouped(lambda row: tables.u64_key(row.contract_id), CYCLES),
        tables.CONTRACT_OUTPOSTS: _grouped(lambda row: tables.u64_key(row.contract_id), OUTPOSTS),
        tables.DOCTOR_CYCLES_OF: _grouped(lambda row: tables.u32_key(row.hpr_number), CYCLES),
        tables.OFFICE_CONTRACTS: _grouped(lambda row: tables.i64_key(row.office_organization_number), CONTRACTS),
        tables.HER_IDS: {tables.u32_key(n): tables.encode_things(which) for n, which in things.items()},
        tables.META: {tables.META_KEY: msgspec.json.encode(meta)},
    }


def _people_databases() -> dict[str, dict[bytes, bytes]]:
    frames = Frames(b"")
    people = {}
    for bucket, members in _buckets().items():
        newest = [nin for _, nin, record in sorted(members) if record.alias_of is None]
        people[tables.u32_key(bucket)] = frames.encode(b"".join(canonical_line(person(nin)) + b"\n" for nin in newest))
    meta = PeopleMeta(format=FORMAT, bits=BITS, count=len(PERSONS) - 1)
    return {PEOPLE: people, META: {DICTIONARY_KEY: b"", META_KEY: msgspec.json.encode(meta)}}


def person(nin: str) -> Person:
    """The particulars of a villager; everybody lives at the same address."""
    protection = "strengt-fortrolig" if nin == PROTECTED else None
    return Person(
        nin=nin, first_name="Test", last_name="Person", sex="2", protection=protection, physical_addresses=(ADDRESS,)
    )


def _write_pointers(folder: Path, databases: dict[str, dict[bytes, bytes]]) -> None:
    """As tests.tiny, with the village's slots."""
    before, tiny.SLOTS = tiny.SLOTS, SLOTS
    try:
        tiny.write_pointers(folder, databases)
    finally:
        tiny.SLOTS = before
