"""The cache of verified credentials: one behaviour on both twins."""

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lookup._fast.tickets
import lookup.access.tickets
from lookup.access.caller import Caller
from lookup.access.roles import Role
from lookup.access.tickets import SETS, WAYS

CALLER = Caller(client="clinic", kind="basic", roles=frozenset({Role.LOOKUP}))
SECRET = bytes(range(32))
pytestmark = pytest.mark.parametrize(
    "tickets", [lookup.access.tickets, lookup._fast.tickets], ids=["plain", "compiled"]
)


class TestTickets:
    @given(one=st.binary(max_size=300), other=st.binary(max_size=300))
    def test_a_ticket_is_for_exactly_one_credential(self, tickets: ModuleType, one: bytes, other: bytes) -> None:
        kept = tickets.Tickets(SECRET)
        ticket = tickets.Ticket(CALLER, expires=10)
        kept.put(one, ticket)
        assert kept.get(one, 9) is ticket
        assert kept.get(other, 9) is (ticket if one == other else None)

    def test_lasts_until_it_expires(self, tickets: ModuleType) -> None:
        kept = tickets.Tickets(SECRET)
        kept.put(b"Basic abc", tickets.Ticket(CALLER, expires=10))
        assert kept.get(b"Basic abc", 9) is not None
        assert kept.get(b"Basic abc", 10) is None

    def test_a_newer_ticket_takes_the_place_of_the_older(self, tickets: ModuleType) -> None:
        kept = tickets.Tickets(SECRET)
        for verdict in (tickets.Ticket(None, verdict=1, expires=10), tickets.Ticket(CALLER, expires=20)):
            kept.put(b"Basic abc", verdict)
        assert kept.get(b"Basic abc", 5).caller is CALLER
        kept.clear()
        assert kept.get(b"Basic abc", 5) is None

    def test_holds_many_and_forgets_rather_than_mixes_up(self, tickets: ModuleType) -> None:
        kept = tickets.Tickets(SECRET)
        made = {b"Basic %d" % i: tickets.Ticket(CALLER, expires=10) for i in range(2 * SETS * WAYS)}
        for credential, ticket in made.items():
            kept.put(credential, ticket)
        found = [credential for credential, ticket in made.items() if kept.get(credential, 1) is ticket]
        assert SETS * WAYS * 0.9 < len(found) <= SETS * WAYS
        assert all(kept.get(credential, 1) in (ticket, None) for credential, ticket in made.items())

    def test_refusals_displace_nobody_who_is_admitted(self, tickets: ModuleType) -> None:
        """Or whoever sends made-up credentials would have everybody else verified again, all the time."""
        kept = tickets.Tickets(SECRET)
        made = {b"Basic %d" % i: tickets.Ticket(CALLER, expires=10) for i in range(SETS)}
        for credential, ticket in made.items():
            kept.put(credential, ticket)
        before = [credential for credential, ticket in made.items() if kept.get(credential, 1) is ticket]
        assert len(before) > SETS * 0.9
        for i in range(3 * SETS * WAYS):
            kept.put(b"Bearer %d" % i, tickets.Ticket(None, verdict=1, expires=10))
        assert all(kept.get(credential, 1) is made[credential] for credential in before)
        last = tickets.Ticket(CALLER, expires=10)
        kept.put(b"Basic last", last)
        assert kept.get(b"Basic last", 1) is last

    def test_shows_nothing_of_a_credential(self, tickets: ModuleType) -> None:
        assert repr(tickets.Ticket(CALLER, expires=10)) == "<Ticket <Caller clinic>>"

    def test_wants_a_whole_secret(self, tickets: ModuleType) -> None:
        with pytest.raises(ValueError, match="32 octets"):
            tickets.Tickets(b"short")
