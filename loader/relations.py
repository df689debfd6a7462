"""Which records belong together: the relation databases of `index.mdb`, from the small tables."""

from collections import defaultdict
from collections.abc import Iterator

from loader.check import Rows
from lookup import tables

Items = list[tuple[bytes, bytes]]


def relations(rows: Rows, slots: dict[int, int]) -> dict[str, Items]:
    """database -> (key, value) in any order, as docs/generation-format.md lists them."""
    contract_cycles: dict[int, list[int]] = defaultdict(list)
    doctor_cycles: dict[int, list[int]] = defaultdict(list)
    outposts: dict[int, list[int]] = defaultdict(list)
    offices: dict[int, list[int]] = defaultdict(list)
    for row in rows["doctor_cycles"]:
        contract_cycles[row.record.contract_id].append(row.record.id)
        doctor_cycles[row.record.hpr_number].append(row.record.id)
    for row in rows["outposts"]:
        outposts[row.record.contract_id].append(row.record.id)
    for row in rows["contracts"]:
        offices[row.record.office_organization_number].append(row.record.id)
    her_ids: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for her_id, kind, key in sorted(_her_ids(rows)):
        her_ids[her_id].append((kind, key))
    return {
        tables.SLOTS: [(tables.u64_key(one), slot.to_bytes(4, "little")) for one, slot in slots.items()],
        tables.SLOT_CONTRACTS: [(tables.u32_key(slot), one.to_bytes(8, "little")) for one, slot in slots.items()],
        tables.CONTRACT_CYCLES: [
            (tables.u64_key(key), tables.encode_ids(sorted(ids))) for key, ids in contract_cycles.items()
        ],
        tables.CONTRACT_OUTPOSTS: [
            (tables.u64_key(key), tables.encode_ids(sorted(ids))) for key, ids in outposts.items()
        ],
        tables.DOCTOR_CYCLES_OF: [
            (tables.u32_key(key), tables.encode_ids(sorted(ids))) for key, ids in doctor_cycles.items()
        ],
        tables.OFFICE_CONTRACTS: [
            (tables.i64_key(key), tables.encode_ids(sorted(ids))) for key, ids in offices.items()
        ],
        tables.HER_IDS: [(tables.u32_key(key), tables.encode_things(things)) for key, things in her_ids.items()],
    }


def _her_ids(rows: Rows) -> Iterator[tuple[int, int, int]]:
    """(HER-ID, kind, key) of every use of a HER-ID."""
    for row in rows["doctor_cycles"]:
        if row.record.her_id is not None:
            yield row.record.her_id, tables.KIND_CYCLE, row.record.id
    for row in rows["offices"]:
        if row.record.her_id is not None:
            yield row.record.her_id, tables.KIND_OFFICE, row.record.organization_number
    for row in rows["contracts"]:
        if row.record.her_id is not None:
            yield row.record.her_id, tables.KIND_CONTRACT, row.record.id
