"""A small valid generation, written by hand: two contracts, three doctors, six persons.

For tests of who serves and who opens. The serial is in the office's name, so that a test sees in every answer which
generation it came from.
"""

import hashlib
import struct
from datetime import datetime
from pathlib import Path

import lmdb
import msgspec

from lookup import key, tables
from lookup.answers import ContractView, fragments
from lookup.index import MAGIC, encode_buckets, encode_fragments
from lookup.manifest import FORMAT, FileEntry, Manifest, digest8_of, write_manifest
from lookup.people import DICTIONARY_KEY, META, META_KEY, PEOPLE, Frames, PeopleMeta
from lookup.record import FOREVER, Membership, Record, encode_bucket
from register.feed import canonical_line
from register.ids import control_digits
from register.localtime import to_micros
from register.model import Code, Contract, Doctor, DoctorCycle, NinChange, Office, Person

BITS = key.MIN_BITS
OSLO = "0301"
SINCE = datetime(2020, 1, 1)
WINDOW = tables.Window(to_micros(datetime(2026, 1, 1)), to_micros(datetime(2036, 1, 1)))
ASSIGNED_CONTRACT, VACANT_CONTRACT = 101, 102
SLOTS = {ASSIGNED_CONTRACT: 0, VACANT_CONTRACT: 1}
OFFICE = 123456785
AS_OF = "2026-11-24T02:00:00+01:00"


def number(serial: int) -> str:
    """A synthetic national id (month + 80), the same for the same serial."""
    for nine in range(serial * 10, serial * 10 + 10):
        text = f"018190{nine:03d}"
        digits = control_digits(text)
        if digits:
            return text + digits
    raise AssertionError("no number in ten")


GP, SHARED, SUBSTITUTE, ASSIGNED, VACANT, NOBODY, PROTECTED, OLD = map(number, range(8))
DOCTORS = [
    Doctor(hpr_number=hpr, nin=nin, first_name=name, last_name="Lie", sex="2")
    for hpr, nin, name in ((7000001, GP, "Kari"), (7000002, SHARED, "Per"), (7000003, SUBSTITUTE, "Anne"))
]
PERSONS = {
    ASSIGNED: Record(None, False, (Membership(0, to_micros(SINCE), FOREVER, 1, 0, to_micros(SINCE), 1),)),
    VACANT: Record(None, False, (Membership(1, to_micros(SINCE), FOREVER, 0, 0, to_micros(SINCE), 2),)),
    PROTECTED: Record(None, True, (Membership(0, to_micros(SINCE), FOREVER, 1, 0, to_micros(SINCE), 3),)),
    NOBODY: Record(),
    GP: Record(),
    OLD: Record(alias_of=int(ASSIGNED)),
}


def rows(serial: int) -> dict[str, list]:
    """The records of the small tables; `serial` shows in the office's name."""
    cycle = {"valid_from": SINCE, "updated": SINCE}
    office = Office(
        organization_number=OFFICE,
        her_id=81234,
        name=f"Kontor {serial}",
        valid_from=SINCE,
        municipality=OSLO,
        updated=SINCE,
    )
    contract = {
        "office_organization_number": OFFICE,
        "municipality": OSLO,
        "status": "FAAA",
        "max_patients": 1000,
        "agreement_date": SINCE,
        "valid_from": SINCE,
        "updated": SINCE,
    }
    return {
        "codes": [Code(oid=3402, value=OSLO, text="Oslo")],
        "offices": [office],
        "doctors": DOCTORS,
        "contracts": [
            Contract(id=ASSIGNED_CONTRACT, **contract),
            Contract(id=VACANT_CONTRACT, her_id=90002, **contract),
        ],
        "doctor_cycles": [
            DoctorCycle(id=1, contract_id=101, hpr_number=7000001, her_id=4000001, relationship="LPFL", **cycle),
            DoctorCycle(id=2, contract_id=101, hpr_number=7000002, her_id=4000002, relationship="LPDL", **cycle),
            DoctorCycle(id=3, contract_id=102, hpr_number=7000003, her_id=4000003, relationship="LPVI", **cycle),
        ],
        "outposts": [],
        "teams": [],
        "nin_changes": [NinChange(old_nin=OLD, new_nin=ASSIGNED, changed=SINCE)],
    }


def generation(
    data_dir: Path, serial: int = 1, *, people: bool = True, as_of: str = AS_OF, built_at: str = AS_OF
) -> Path:
    """Write one under gen/ and return its folder. Same arguments, same name."""
    building = data_dir / "staging" / f"{serial}"
    building.mkdir(parents=True)
    databases = index_databases(rows(serial))
    write_store(building / "index.mdb", databases)
    write_pointers(building, databases)
    files = [("index.mdb", "index", True), ("pointers.bin", "pointers", True)]
    if people:
        write_people(building / "people.mdb")
        files.append(("people.mdb", "people", False))
    manifest = Manifest(
        format=FORMAT,
        reader=1,
        serial=serial,
        base=None,
        content_digest="0" * 32,
        as_of=as_of,
        source="tiny",
        built_at=built_at,
        window=WINDOW,
        bits=BITS,
        slots=len(SLOTS),
        counts=counts(serial),
        unplaced=0,
        files=[entry(building / name, kind, needed) for name, kind, needed in files],
    )
    write_manifest(building, manifest)
    folder = data_dir / "gen" / f"{serial}-{digest8_of(building)}"
    folder.parent.mkdir(exist_ok=True)
    return building.rename(folder)


def announce(data_dir: Path, name: str, which: str = "CURRENT") -> None:
    """Point CURRENT, or PIN, at a generation, as the loader does."""
    (data_dir / f"{which}.tmp").write_text(f"{name}\n")
    (data_dir / f"{which}.tmp").rename(data_dir / which)


def entry(path: Path, kind: str, needed: bool) -> FileEntry:
    data = path.read_bytes()
    return FileEntry(name=path.name, kind=kind, needed=needed, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def counts(serial: int) -> dict[str, int]:
    memberships = sum(len(record.memberships) for record in PERSONS.values())
    persons = sum(record.alias_of is None for record in PERSONS.values())
    return {table: len(records) for table, records in rows(serial).items()} | {
        "persons": persons,
        "memberships": memberships,
    }


def buckets() -> dict[int, list[tuple[int, str, Record]]]:
    """bucket -> (rest, national id, record) of the persons in it."""
    out: dict[int, list[tuple[int, str, Record]]] = {}
    for nin, record in PERSONS.items():
        bucket, rest = key.split(key.mix(int(nin)), BITS)
        out.setdefault(bucket, []).append((rest, nin, record))
    return out


def index_databases(records: dict[str, list]) -> dict[str, dict[bytes, bytes]]:
    """database -> key -> value of index.mdb."""
    out = {
        table: {of(record): canonical_line(record) for record in records[table]}
        for table, of in tables.RECORD_DATABASES.items()
    }
    out[tables.PERSONS] = {
        tables.u32_key(bucket): encode_bucket(bucket, [(rest, record) for rest, _, record in members])
        for bucket, members in buckets().items()
    }
    contracts = {contract.id: contract for contract in records["contracts"]}
    cycles = {n: [c for c in records["doctor_cycles"] if c.contract_id == n] for n in contracts}
    doctors = {doctor.hpr_number: doctor for doctor in records["doctors"]}
    out[tables.FRAGMENTS], out[tables.PATIENTS] = {}, {}
    for n, slot in SLOTS.items():
        view = ContractView(contracts[n], tuple(cycles[n]), doctors, records["offices"][0], {OSLO: "Oslo"})
        rendered = fragments(view, WINDOW.valid_from, WINDOW.to)
        out[tables.FRAGMENTS][tables.u32_key(slot)] = encode_fragments(slot, rendered)
        on_list = [
            b for b, members in buckets().items() if any(m.slot == slot for *_, r in members for m in r.memberships)
        ]
        out[tables.PATIENTS][tables.u32_key(slot)] = encode_buckets(slot, sorted(on_list))
    return out | relations(records, cycles)


def relations(records: dict[str, list], cycles: dict[int, list[DoctorCycle]]) -> dict[str, dict[bytes, bytes]]:
    ids = struct.Struct("<Q").pack
    things = struct.Struct("<Bq").pack
    meta = tables.IndexMeta(
        format=FORMAT,
        bits=BITS,
        slots=len(SLOTS),
        begin_codes=[None, "BGVA"],
        end_codes=[None, "OHID"],
        content_digest="0" * 32,
        counts=counts(1),
        window=WINDOW,
    )
    return {
        tables.SLOTS: {tables.u64_key(n): slot.to_bytes(4, "little") for n, slot in SLOTS.items()},
        tables.SLOT_CONTRACTS: {tables.u32_key(slot): n.to_bytes(8, "little") for n, slot in SLOTS.items()},
        tables.CONTRACT_CYCLES: {
            tables.u64_key(n): b"".join(ids(c.id) for c in of_contract) for n, of_contract in cycles.items()
        },
        tables.CONTRACT_OUTPOSTS: {},
        tables.DOCTOR_CYCLES_OF: {tables.u32_key(c.hpr_number): ids(c.id) for c in records["doctor_cycles"]},
        tables.OFFICE_CONTRACTS: {tables.i64_key(OFFICE): b"".join(ids(n) for n in SLOTS)},
        tables.HER_IDS: {
            **{tables.u32_key(c.her_id): things(tables.KIND_CYCLE, c.id) for c in records["doctor_cycles"]},
            tables.u32_key(81234): things(tables.KIND_OFFICE, OFFICE),
            tables.u32_key(90002): things(tables.KIND_CONTRACT, VACANT_CONTRACT),
        },
        tables.META: {tables.META_KEY: msgspec.json.encode(meta)},
    }


def write_store(path: Path, databases: dict[str, dict[bytes, bytes]]) -> None:
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=tables.MAX_DATABASES, map_size=1 << 24) as env:
        for name, items in databases.items():
            database = env.open_db(name.encode())
            with env.begin(write=True) as txn:
                for k, value in items.items():
                    txn.put(k, value, db=database)


def write_pointers(folder: Path, databases: dict[str, dict[bytes, bytes]]) -> None:
    """Each value is looked for in the file: slow, obvious, and independent of the loader."""
    data = (folder / "index.mdb").read_bytes()
    entries = [0] * ((1 << BITS) + 2 * len(SLOTS))
    for name, first in (
        (tables.PERSONS, 0),
        (tables.FRAGMENTS, 1 << BITS),
        (tables.PATIENTS, (1 << BITS) + len(SLOTS)),
    ):
        for k, value in databases[name].items():
            entries[first + int.from_bytes(k, "big")] = data.index(value) << 24 | len(value)
    head = struct.pack("<8sIIQQ", MAGIC, BITS, len(SLOTS), len(data), 0)
    (folder / "pointers.bin").write_bytes(head + struct.pack(f"<{len(entries)}Q", *entries))


def write_people(path: Path) -> None:
    frames = Frames(b"")
    people = {}
    for bucket, members in buckets().items():
        newest = [nin for _, nin, record in sorted(members) if record.alias_of is None]
        lines = [canonical_line(Person(nin=nin, first_name="Test", last_name="Person")) + b"\n" for nin in newest]
        people[tables.u32_key(bucket)] = frames.encode(b"".join(lines))
    meta = PeopleMeta(format=FORMAT, bits=BITS, count=counts(1)["persons"])
    write_store(path, {PEOPLE: people, META: {DICTIONARY_KEY: b"", META_KEY: msgspec.json.encode(meta)}})
