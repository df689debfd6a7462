"""The counts that the master owns, free places and waiting lists: taken as they come, looked at, and warned of.

A warning tells how many contracts are odd, never stops a load, and is in the report.
"""

from collections.abc import Iterable, Mapping, Sequence

from loader.check import Row
from register import codes
from register.localtime import to_micros
from register.model import Contract

NOT_THE_REST = "placesAvailable of {} open contracts is not the ceiling less the members"
NOT_OPEN = "placesAvailable of {} contracts that are not open is not 0"
WAITING_FOR_NOTHING = "{} open contracts have free places, and patients on the waiting list"
WAITING_AT_ENDED = "{} contracts that have ended have patients on the waiting list"


def warnings(rows: Iterable[Row], now: int, members: Mapping[int, int] | None = None) -> list[str]:
    """What is odd in the counts of contracts; `members` is contract id -> persons on its list now, where known."""
    contracts = [row.record for row in rows]
    found = {
        NOT_THE_REST: 0 if members is None else sum(_is_not_the_rest(one, members.get(one.id, 0)) for one in contracts),
        NOT_OPEN: sum(one.status != codes.STATUS_OPEN and bool(one.places_available) for one in contracts),
        WAITING_FOR_NOTHING: sum(_waits_for_nothing(one) for one in contracts),
        WAITING_AT_ENDED: sum(to_micros(one.to) <= now and one.patients_on_waiting_list > 0 for one in contracts),
    }
    return [text.format(many) for text, many in found.items() if many]


def members_of(slots: Mapping[int, int], listed: Sequence[int]) -> dict[int, int]:
    """contract id -> persons on its list, of how many each slot has."""
    return {contract_id: listed[slot] for contract_id, slot in slots.items()}


def _is_not_the_rest(contract: Contract, members: int) -> bool:
    if contract.status != codes.STATUS_OPEN or contract.places_available is None or contract.to is not None:
        return False
    return contract.places_available != max(0, contract.max_patients - members)


def _waits_for_nothing(contract: Contract) -> bool:
    return (
        contract.status == codes.STATUS_OPEN
        and contract.to is None
        and bool(contract.places_available)
        and contract.patients_on_waiting_list > 0
    )
