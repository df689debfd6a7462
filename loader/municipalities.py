"""How many persons are on the lists of each municipality: counted whole in a full load, counted on in an incremental.

A person counts in the municipality of the contract whose membership is in force at the moment of the load. Kept in
the generation's manifest, where the drift breaker of the next load finds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from loader.check import Row
from lookup.tables import present, u64_key
from register.localtime import to_micros
from register.model import Contract

if TYPE_CHECKING:  # which imports the build, which imports this
    from loader.state import State


def by_municipality(contracts: Iterable[Row], slots: dict[int, int], listed: Iterable[int]) -> dict[str, int]:
    """municipality -> persons, of how many each slot has at the moment."""
    of_slot = list(listed)
    counts: Counter[str] = Counter()
    for row in contracts:
        counts[row.record.municipality] += of_slot[slots[row.record.id]]
    return _tidy(counts)


def counted_on(state: State, now: int) -> dict[str, int] | None:
    """The counts of the state's base, with what events have changed; None where the base has none.

    What merely begins or ends with time is seen by the next full load.
    """
    base = state.generation
    if base.manifest.municipalities is None:
        return None
    counts = Counter(base.manifest.municipalities)
    for nin, entry in state.entries.items():
        record = base.index.record(nin)
        for m in () if record is None else record.memberships:
            if m.covers(now):
                counts[_before(state, base.tables.contract_id_of_slot(m.slot))] -= 1
        for held in entry.memberships.values():
            if to_micros(held.membership.valid_from) <= now < to_micros(held.membership.to):
                counts[_after(state, held.membership.contract_id)] += 1
    for slot, was, is_now in _moved(state):
        untouched = sum(nin not in state.entries for nin, _, _ in base.index.members(slot, now))
        counts[was] -= untouched
        counts[is_now] += untouched
    return _tidy(counts)


def _before(state: State, contract_id: int) -> str:
    """The municipality of a contract before any event."""
    return present(state.generation.tables.contract(contract_id)).municipality


def _after(state: State, contract_id: int) -> str:
    """The municipality of a contract as it is now."""
    key = u64_key(contract_id)
    if key not in state.before["contracts"]:
        return _before(state, contract_id)
    contract: Contract = state.rows("contracts")[key].record
    return contract.municipality


def _moved(state: State) -> Iterator[tuple[int, str, str]]:
    """(slot, municipality before, and now) of every contract that has come to another one."""
    contract: Contract | None
    for contract in state.before["contracts"].values():
        if contract is not None and contract.municipality != _after(state, contract.id):
            yield present(state.slot(contract.id)), contract.municipality, _after(state, contract.id)


def _tidy(counts: Counter[str]) -> dict[str, int]:
    return {municipality: count for municipality, count in sorted(counts.items()) if count > 0}
