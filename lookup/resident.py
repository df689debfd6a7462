"""What a generation says of one resident: the answer, whether a doctor is theirs, and their history.

One place decides who has a GP: a membership counts at a time when its own period and its contract's both cover it.
No HTTP.
"""

from typing import TYPE_CHECKING, NamedTuple

from lookup import shapes
from lookup.answers import (
    ASSIGNED,
    NONE,
    NONE_ANSWER,
    VACANT,
    WITHHELD,
    WITHHELD_ANSWER,
    contract_shape,
    fragment_at,
    office_shape,
    single_answer,
)
from lookup.index import Found, Fragment
from lookup.record import Membership
from lookup.tables import present
from lookup.views import contract_view, cycle_shape, in_order
from register.localtime import from_micros, to_micros

if TYPE_CHECKING:
    from lookup.generation import Generation

VACANT_START = b'{"status":"%s"' % VACANT.encode()


class Reply(NamedTuple):
    """The answer for a person whose newest number is `nin`: `status` is that of the body, a JSON object.

    `protected` is whether the person is, also where the caller may know the answer.
    """

    status: str
    nin: int
    body: bytes
    protected: bool

    def __repr__(self) -> str:
        """No content: it is about a person."""
        return "<Reply>"


def reply(generation: "Generation", nin: int, at: int, withhold: bool) -> Reply | None:
    """The answer for a number at `at`, or None when the register has never seen it.

    `withhold`: the caller may not see protected persons.
    """
    found = generation.index.find(nin, at)
    if found is None:
        return None
    if withhold and found.protected:
        return Reply(WITHHELD, found.nin, WITHHELD_ANSWER, found.protected)
    fragment = fragment_of(generation, found, at)
    if fragment is None or found.membership is None:
        return Reply(NONE, found.nin, NONE_ANSWER, found.protected)
    begin_code = generation.tables.begin_codes[found.membership.begin]
    status = VACANT if fragment.json.startswith(VACANT_START) else ASSIGNED
    body = single_answer(fragment.json, found.membership, begin_code)
    return Reply(status, found.nin, body, found.protected)


def fragment_of(generation: "Generation", found: Found, at: int) -> Fragment | None:
    """The fragment of the contract that a person is on at `at`, or None when there is none in force."""
    if found.membership is None:
        return None
    slot = found.membership.slot
    fragment = generation.index.fragment(slot, at)
    if fragment is None:  # outside the window that was rendered when the generation was built
        tables = generation.tables
        fragment = fragment_at(present(contract_view(tables, tables.contract_id_of_slot(slot))), at)
    return fragment if fragment.json else None


def confirmed(generation: "Generation", found: Found, hpr_number: int, at: int) -> bool:
    """Whether the doctor is the person's GP, or shares the list, at `at`."""
    fragment = fragment_of(generation, found, at)
    return fragment is not None and hpr_number in fragment.confirmers


def history(generation: "Generation", memberships: tuple[Membership, ...]) -> shapes.HistoryAnswer:
    """Every membership of a person, newest first, with contract, office and the doctors of its time."""
    return shapes.HistoryAnswer(memberships=[_past(generation, membership) for membership in memberships])


def _past(generation: "Generation", membership: Membership) -> shapes.HistoryMembership:
    tables = generation.tables
    view = present(contract_view(tables, tables.contract_id_of_slot(membership.slot)))
    cycles = [
        cycle
        for cycle in view.cycles
        if to_micros(cycle.valid_from) < membership.to and membership.valid_from < to_micros(cycle.to)
    ]
    return shapes.HistoryMembership(
        id=membership.id,
        valid_from=present(from_micros(membership.valid_from)),
        to=from_micros(membership.to),
        begin_code=tables.begin_codes[membership.begin],
        end_code=tables.end_codes[membership.end],
        updated=present(from_micros(membership.updated)),
        contract=contract_shape(view),
        office=office_shape(view.office, view.municipality_names),
        doctors=[cycle_shape(cycle, view.doctors[cycle.hpr_number]) for cycle in in_order(cycles)],
    )
