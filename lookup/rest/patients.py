"""The patient list of a contract, streamed: by national id, with the persons' particulars where they are asked for.

A stream holds its generation, is made in short turns (lookup.lane), and may take `stream_seconds` in all; one that is
cut short lacks its end, and never looks whole.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from operator import itemgetter
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
from litestar import get
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from lookup import shapes
from lookup.access.caller import Caller
from lookup.access.gate import BY_NAME
from lookup.answers import covers, postal_address
from lookup.exchange import Exchange, StreamTooSlow, exchange_of
from lookup.generation import Generation
from lookup.lane import Lane
from lookup.people import People
from lookup.problems import Forbidden, InvalidRequest, NotServedHere, UnknownContract
from lookup.record import Membership
from lookup.rest import schema
from lookup.rest.asking import AnyRequest, read_at, read_number, read_query
from lookup.rest.reverse import MAX_ID
from lookup.tables import Tables, present
from lookup.views import municipality_names
from register.ids import format_national_id
from register.localtime import format_micros, from_micros

BUCKETS_AT_ONCE = 8
PATIENTS_A_PIECE = 100
LISTED = "listed"  # what came of a person on a list, for the audit
_encoder = msgspec.json.Encoder()


class List(NamedTuple):
    """What a list is asked for: contract and slot, the time, and how much of each patient."""

    contract_id: int
    slot: int | None
    at: int
    withhold: bool
    people: People | None
    lane: Lane


@get("/v1/contracts/{id:str}/patients", sync_to_thread=False, **schema.PATIENTS)
def patients(request: AnyRequest) -> ASGIResponse:
    """The patients of a contract at a time."""
    exchange = exchange_of(request.scope)
    contract_id = read_number(request.path_params["id"], 1, MAX_ID)
    query = read_query(request, "at", "includePatientData")
    at = read_at(exchange, query.get("at"))
    include = query.get("includePatientData", "false")
    if include not in ("true", "false"):
        raise InvalidRequest("includePatientData is true or false")
    generation = exchange.take()
    contract = None if contract_id is None else generation.tables.contract(contract_id)
    if contract_id is None or contract is None:
        raise UnknownContract
    if not may_have_list(exchange.caller, contract.office_organization_number):
        raise Forbidden
    people = generation.people if include == "true" else None
    if include == "true" and people is None:
        raise NotServedHere("this node has no persons' particulars")
    slot = generation.tables.slot_of_contract(contract_id) if covers(contract.valid_from, contract.to, at) else None
    state = exchange.state
    asked = List(contract_id, slot, at, exchange.withhold, people, state.lane)
    return _Stream(exchange, _pieces(exchange, generation, asked))


def may_have_list(caller: Caller | None, office: int) -> bool:
    """Whether the list of a contract at this office is for this caller: everybody's are, or those of its own unit."""
    operation = BY_NAME["contractPatients"]
    return caller is None or bool(caller.roles & operation.roles) or office in (caller.unit, caller.organization)


async def members_of(generation: Generation, asked: List) -> tuple[list[tuple[int, bool, Membership]], int]:
    """(number, protected, membership) of those of a list to be shown, by number; and how many are left out."""
    shown: list[tuple[int, bool, Membership]] = []
    withheld = 0
    if asked.slot is None:
        return shown, withheld
    index = generation.index
    buckets = index.member_buckets(asked.slot)
    over = 0.0
    for place in range(0, len(buckets), BUCKETS_AT_ONCE):
        if perf_counter() >= over:
            over = await asked.lane.turn()
        for member in index.members(asked.slot, asked.at, buckets[place : place + BUCKETS_AT_ONCE]):
            if asked.withhold and member[1]:
                withheld += 1
            else:
                shown.append(member)
    await asked.lane.turn()
    shown.sort(key=itemgetter(0))
    return shown, withheld


async def _pieces(exchange: Exchange, generation: Generation, asked: List) -> AsyncGenerator[bytes, None]:
    """The body, piece by piece; that a person is told of is recorded before the piece is given."""
    members, withheld = await members_of(generation, asked)
    tables = generation.tables
    at = format_micros(asked.at)
    before = f'{{"contractId":{asked.contract_id},"at":"{at}","patients":['.encode()
    piece: list[bytes] = []
    over = 0.0
    for number, member in enumerate(members):
        if perf_counter() >= over:
            over = await asked.lane.turn()
        if number % PATIENTS_A_PIECE == 0:
            some = members[number : number + PATIENTS_A_PIECE]
            exchange.record_all(LISTED, [(nin, LISTED, protected) for nin, protected, _ in some])
        piece.append(_encoder.encode(_patient(tables, asked.people, *member)))
        if len(piece) == PATIENTS_A_PIECE:
            await asked.lane.turn()
            yield before + b",".join(piece)
            before, piece, over = b",", [], 0.0
    end = b'],"count":%d,"withheld":%d}' % (len(members), withheld)
    yield (before if piece or not members else b"") + b",".join(piece) + end


def _patient(
    tables: Tables, people: People | None, nin: int, protected: bool, membership: Membership
) -> shapes.Patient:
    return shapes.Patient(
        nin=format_national_id(nin),
        valid_from=present(from_micros(membership.valid_from)),
        to=from_micros(membership.to),
        begin_code=tables.begin_codes[membership.begin],
        membership_id=membership.id,
        person=None if people is None else _particulars(tables, people, nin, protected),
    )


def _particulars(tables: Tables, people: People, nin: int, protected: bool) -> shapes.Particulars:
    person = present(people.person(nin))
    # Of a protected person neither address nor municipality may leave; index and record must both say it is safe.
    addresses = () if protected or person.protection is not None else person.physical_addresses
    names = municipality_names(tables, {a.municipality for a in addresses if a.municipality is not None})
    return shapes.Particulars(
        first_name=person.first_name,
        middle_name=person.middle_name,
        last_name=person.last_name,
        date_of_birth=person.date_of_birth,
        date_of_death=person.date_of_death,
        sex=person.sex,
        addresses=[postal_address(address, names) for address in addresses],
    )


class _Stream(ASGIResponse):
    """The streamed answer."""

    def __init__(self, exchange: Exchange, pieces: AsyncGenerator[bytes, None]) -> None:
        super().__init__()
        self.exchange, self.pieces = exchange, pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self.exchange.state.settings.stream_seconds):
                headers = [(b"content-type", b"application/json")]
                async with aclosing(self.pieces) as pieces:
                    first = b"" if self.exchange.head else await anext(pieces)
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                    await send({"type": "http.response.body", "body": first, "more_body": True})
                    if not self.exchange.head:
                        async for piece in pieces:
                            await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            raise StreamTooSlow from None


ROUTES: list[Any] = [patients]
