"""The fragments of all contracts: the shared part of every answer, rendered for the window."""

from collections import defaultdict
from collections.abc import Container, Iterator

from loader.check import Rows
from lookup.answers import ContractView, fragments
from lookup.index import encode_fragments
from register import codes
from register.localtime import to_micros

DAY_MICROS = 86_400_000_000
WINDOW_DAYS = 40


def window_at(now: int) -> tuple[int, int]:
    """The window of a generation built at `now` (local microseconds): from midnight before it, 40 days on."""
    start = now // DAY_MICROS * DAY_MICROS
    return start, start + WINDOW_DAYS * DAY_MICROS


def views(
    rows: Rows, slots: dict[int, int], window: tuple[int, int], only: Container[int] | None = None
) -> Iterator[ContractView]:
    """The view of every contract whose own period touches the window, by slot. `only`: of those with these ids."""
    doctors = {row.record.hpr_number: row.record for row in rows["doctors"]}
    offices = {row.record.organization_number: row.record for row in rows["offices"]}
    names = {row.record.value: row.record.text for row in rows["codes"] if row.record.oid == codes.MUNICIPALITY}
    cycles = defaultdict(list)
    for row in rows["doctor_cycles"]:
        cycles[row.record.contract_id].append(row.record)
    for row in sorted(rows["contracts"], key=lambda row: slots[row.record.id]):
        contract = row.record
        if only is not None and contract.id not in only:
            continue
        if to_micros(contract.valid_from) < window[1] and to_micros(contract.to) > window[0]:
            yield ContractView(
                contract=contract,
                cycles=tuple(cycles[contract.id]),
                doctors={cycle.hpr_number: doctors[cycle.hpr_number] for cycle in cycles[contract.id]},
                office=offices[contract.office_organization_number],
                municipality_names=names,
            )


def render(
    rows: Rows, slots: dict[int, int], window: tuple[int, int], only: Container[int] | None = None
) -> Iterator[tuple[int, bytes]]:
    """(slot, value of database `fragments`) of these contracts, by slot."""
    for view in views(rows, slots, window, only):
        slot = slots[view.contract.id]
        yield slot, encode_fragments(slot, fragments(view, *window))
