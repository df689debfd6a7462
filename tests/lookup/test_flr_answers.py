"""The rules of an answer of the real register's interface about a person, on contracts written by hand."""

from datetime import datetime
from itertools import pairwise

import pytest

from lookup.answers import ContractView
from lookup.flr_answers import Shared, association, shared_at, shared_parts
from lookup.flr_wire import Wording, contract_values, cycle_values, office_values, outpost_values, period
from lookup.record import FOREVER, Membership
from register import codes, flr_xml
from register.flr_xml import Rendered
from register.localtime import from_micros, to_micros
from tests.lookup import village
from tests.lookup.village import day

NOON = to_micros(village.NOW)
ASSOCIATION = "PatientToGPContractAssociation"
MEMBERSHIP = Membership(0, to_micros(day(2022)), FOREVER, 1, 0, to_micros(datetime(2022, 1, 2, 3, 4, 5, 678900)), 77)


def word() -> Wording:
    return Wording(village.CODES)


def outposts(contract: int) -> list:
    return [outpost for outpost in village.OUTPOSTS if outpost.contract_id == contract]


def shared(contract: int, at: int = NOON) -> Shared | None:
    return shared_at(village.view(contract), outposts(contract), word(), at)


def in_full(view: ContractView, cycles: list[int], her_id: int | None, m: Membership, nin: str) -> str:
    """The same content, written as one value by the table of types; `cycles` are those to be shown, by id."""
    code, by_id = word(), {cycle.id: cycle for cycle in view.cycles}
    return flr_xml.content(
        ASSOCIATION,
        {
            "BeginCode": code.code(codes.BEGIN_REASON, village.BEGIN_CODES[m.begin]),
            "EndCode": code.code(codes.END_REASON, village.END_CODES[m.end]),
            "DoctorCycles": [cycle_values(by_id[n], view.doctors[by_id[n].hpr_number], code) for n in cycles],
            "GPContract": contract_values(
                view.contract,
                code,
                GPOffice=office_values(view.office, code),
                OutOfOfficeOffices=[outpost_values(one, code) for one in outposts(view.contract.id)],
            ),
            "GPContractId": view.contract.id,
            "GPHerId": her_id,
            "Id": m.id,
            "PatientNIN": nin,
            "Period": period(from_micros(m.valid_from), from_micros(m.to)),
            "UpdatedOn": from_micros(m.updated),
        },
    )


@pytest.mark.parametrize(
    ("contract", "at", "cycles", "her_id", "vacant"),
    [
        (village.SHARED, NOON, [2, 1, 3, 4], 4000002, False),  # the GP with the latest from, then who shares
        (village.SHARED, to_micros(day(2027)), [2, 1, 3], 4000002, False),
        (village.ONE_SUBSTITUTE, NOON, [5], 4000009, True),
        (village.TWO_SUBSTITUTES, NOON, [7, 6], None, True),
        (village.COMING, to_micros(day(2026, 12)), [10], 4000050, False),
        (village.SHARED, to_micros(day(2016)), [], None, True),
    ],
)
def test_an_association_is_what_the_table_of_types_writes_of_it(
    contract: int, at: int, cycles: list[int], her_id: int | None, vacant: bool
) -> None:
    part = shared(contract, at)
    assert part is not None
    assert (part.her_id, part.vacant) == (her_id, vacant)
    for m in (MEMBERSHIP, MEMBERSHIP._replace(to=to_micros(day(2030)), begin=0, end=1)):
        begin = word().code(codes.BEGIN_REASON, village.BEGIN_CODES[m.begin])
        end = word().code(codes.END_REASON, village.END_CODES[m.end])
        content = association(part, m, int(village.LISTED), begin, end)
        assert content == in_full(village.view(contract), cycles, her_id, m, village.LISTED)
        assert isinstance(content, Rendered)


def test_a_patient_is_told_where_one_is_given() -> None:
    part = shared(village.SHARED)
    assert part is not None
    assert '<Patient i:nil="true"/>' in association(part, MEMBERSHIP, 1, None, None)
    assert "<Patient><NIN>x</NIN></Patient>" in association(part, MEMBERSHIP, 1, None, None, Rendered("<NIN>x</NIN>"))
    assert "<PatientNIN>00000000001</PatientNIN>" in association(part, MEMBERSHIP, 1, None, None)


def test_a_contract_that_is_not_in_force_shares_nothing() -> None:
    assert shared(village.CLOSED) is None
    assert shared(village.COMING) is None
    assert shared(village.ONE_SUBSTITUTE, to_micros(day(2026, 12, 15))) is None
    assert shared(village.ONE_SUBSTITUTE, to_micros(day(2026, 12, 15)) - 1) is not None


@pytest.mark.parametrize("contract", village.SLOTS)
def test_what_is_rendered_ahead_is_what_is_rendered_on_the_spot(contract: int) -> None:
    start, end = village.WINDOW.valid_from, village.WINDOW.to
    parts = list(shared_parts(village.view(contract), outposts(contract), word(), start, end))
    assert (parts[0][0], parts[-1][1]) == (start, end)
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    for since, until, part in parts:
        for at in (since, until - 1):
            spot = shared(contract, at)
            assert (spot is None) == (part is None)
            if spot is not None and part is not None:
                assert spot[2:] == part[2:]
                assert spot.since <= since < until <= spot.until
                assert (part.since, part.until) == (since, until)


def test_a_shared_part_shows_nothing_of_itself() -> None:
    assert repr(shared(village.SHARED)) == "<Shared>"
