"""From what the register holds of a contract to an answer of the real register's interface about a person on it.

As lookup/answers.py does for JSON: a PatientToGPContractAssociation is what everybody on the list shares, and the
person's own membership. The loader renders the shared parts of its window ahead with `shared_parts`; outside the
window, and where a generation has no file of them, the service renders with `shared_at`. Both give the same text.
Rules: docs/soap.md. No I/O, no HTTP.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from lookup.answers import BEGINNING, ContractView, addressed, boundaries, changes, covers
from lookup.flr_wire import Wording, contract_values, cycle_values, office_values, outpost_values, period
from lookup.record import Membership
from lookup.tables import present
from lookup.views import in_order
from register import codes, flr_xml
from register.flr_schema import INSTANCE, PREFIXES
from register.flr_xml import Rendered
from register.localtime import FOREVER, from_micros
from register.model import Outpost

_NIL = f"{PREFIXES[INSTANCE]}:nil"


class Shared(NamedTuple):
    """What everybody on a list shares in [since, until), as content of an association.

    `before` is its element DoctorCycles, `behind` its elements GPContract, GPContractId and GPHerId; what is the
    person's own stands before, between and behind them. `vacant`: the list has no GP.
    """

    since: int
    until: int
    before: str
    behind: str
    her_id: int | None
    vacant: bool

    def __repr__(self) -> str:
        """No content: it names doctors."""
        return "<Shared>"


def shared_at(view: ContractView, outposts: Iterable[Outpost], word: Wording, at: int) -> Shared | None:
    """The shared part at `at`, with the whole period in which nothing changes; None when the contract is not in force.

    `outposts` are those of the contract, in the order they are to be shown.
    """
    times = changes(view)
    since = max((time for time in times if time <= at), default=BEGINNING)
    until = min((time for time in times if time > at), default=FOREVER)
    return _shared(view, _Contract(view, tuple(outposts), word), since, until)


def shared_parts(
    view: ContractView, outposts: Iterable[Outpost], word: Wording, start: int, end: int
) -> Iterator[tuple[int, int, Shared | None]]:
    """(since, until, shared part or None) of [start, end), each beginning where the one before it ends."""
    contract = _Contract(view, tuple(outposts), word)
    for since, until in pairwise([*boundaries(view, start, end), end]):
        yield since, until, _shared(view, contract, since, until)


class _Contract:
    """A contract's own elements, which are the same in all its periods."""

    def __init__(self, view: ContractView, outposts: Sequence[Outpost], word: Wording) -> None:
        self.word = word
        self._view, self._outposts, self._rendered = view, outposts, ""

    def content(self) -> str:
        """GPContract: with office and outposts, without cycles, which stand beside it, and without patients."""
        if not self._rendered:
            values = contract_values(
                self._view.contract,
                self.word,
                GPOffice=office_values(self._view.office, self.word),
                OutOfOfficeOffices=[outpost_values(outpost, self.word) for outpost in self._outposts],
            )
            self._rendered = flr_xml.content("GPContract", values)
        return self._rendered


def _shared(view: ContractView, contract: _Contract, since: int, until: int) -> Shared | None:
    if not covers(view.contract.valid_from, view.contract.to, since):
        return None
    current = in_order(cycle for cycle in view.cycles if covers(cycle.valid_from, cycle.to, since))
    whose = addressed(view.contract, current, since)
    her_id = None if whose is None else whose.her_id
    cycles = [cycle_values(cycle, view.doctors[cycle.hpr_number], contract.word) for cycle in current]
    return Shared(
        since,
        until,
        before=element("DoctorCycles", flr_xml.content("ArrayOfGPOnContractAssociation", cycles)),
        behind=element("GPContract", contract.content())
        + element("GPContractId", str(view.contract.id))
        + element("GPHerId", None if her_id is None else str(her_id)),
        her_id=her_id,
        vacant=all(cycle.relationship != codes.GP for cycle in current),
    )


def association(
    shared: Shared,
    membership: Membership,
    nin: int,
    begin: Rendered | None,
    end: Rendered | None,
    patient: Rendered | None = None,
) -> Rendered:
    """The content of a PatientToGPContractAssociation of the person whose newest number is `nin`.

    `begin` and `end` are the membership's codes, `patient` is a Person where the answer tells of one.
    """
    valid_from, updated = present(from_micros(membership.valid_from)), present(from_micros(membership.updated))
    return Rendered(
        "".join(
            (
                element("BeginCode", begin),
                shared.before,
                element("EndCode", end),
                shared.behind,
                element("Id", str(membership.id)),
                element("Patient", patient),
                element("PatientNIN", f"{nin:011d}"),
                element("Period", flr_xml.content("Period", period(valid_from, from_micros(membership.to)))),
                element("UpdatedOn", flr_xml.content("dateTime", updated)),
            )
        )
    )


def element(name: str, content: str | None) -> str:
    """A member of an association, nil for None."""
    return f'<{name} {_NIL}="true"/>' if content is None else f"<{name}>{content}</{name}>"
