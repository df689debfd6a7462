"""Questions about a HER-ID, a doctor, a contract or an office. The answers hold no persons, and carry an ETag."""

from typing import Any

import msgspec
from litestar import get
from litestar.response.base import ASGIResponse

from lookup import directory
from lookup.directory import ALWAYS, Entry
from lookup.exchange import exchange_of
from lookup.generation import Generation
from lookup.problems import UnknownContract, UnknownGp, UnknownHerId, UnknownOffice
from lookup.rest import schema
from lookup.rest.asking import AnyRequest, read_at, read_number, read_query
from register.localtime import from_micros

INT32_MAX = 2**31 - 1
MAX_ID = 2**53
CACHE_CONTROL = "private, max-age=0, must-revalidate"
_encoder = msgspec.json.Encoder()


def etag_of(generation: Generation, since: int) -> str:
    """The entity tag of an answer that has been the same since a local time in microseconds."""
    if since == ALWAYS:
        start = "always"
    else:
        time = from_micros(since)
        start = "" if time is None else time.isoformat().replace("-", "").replace(":", "")
    return f'"{generation.name}-{start}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match header names this entity tag: `*`, or a list of tags, weak ones too."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return tags == ["*"] or etag in tags


def _answer(request: AnyRequest, generation: Generation, entry: Entry) -> ASGIResponse:
    etag = etag_of(generation, entry.since)
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL}
    if matches(",".join(request.headers.getall("if-none-match", [])), etag):
        return ASGIResponse(status_code=304, headers=headers)
    return ASGIResponse(body=_encoder.encode(entry.body), media_type="application/json", headers=headers)


def _asked(request: AnyRequest) -> tuple[Generation, int, int | None]:
    """(generation, now, `at` if the query gives one)"""
    exchange = exchange_of(request.scope)
    at = read_query(request, "at").get("at")
    return exchange.take(), exchange.now, None if at is None else read_at(exchange, at)


@get("/v1/her/{herId:str}", sync_to_thread=False, **schema.HER)
def her(request: AnyRequest) -> ASGIResponse:
    """What a HER-ID is: a GP at an office, an office, or the service of a list."""
    number = read_number(request.path_params["herId"], 1, INT32_MAX)
    generation, now, at = _asked(request)
    entry = None if number is None else directory.her(generation.tables, number, now if at is None else at)
    if entry is None:
        raise UnknownHerId
    return _answer(request, generation, entry)


@get("/v1/gps/{hprNumber:str}", sync_to_thread=False, **schema.GPS)
def gps(request: AnyRequest) -> ASGIResponse:
    """A doctor and the contracts: those in force at a time, or all."""
    number = read_number(request.path_params["hprNumber"], 1, 999_999_999)
    generation, _, at = _asked(request)
    entry = None if number is None else directory.gp(generation.tables, number, at)
    if entry is None:
        raise UnknownGp
    return _answer(request, generation, entry)


@get("/v1/contracts/{id:str}", sync_to_thread=False, **schema.CONTRACT)
def contract(request: AnyRequest) -> ASGIResponse:
    """A contract with its doctor cycles and office: the cycles at a time, or all."""
    number = read_number(request.path_params["id"], 1, MAX_ID)
    generation, _, at = _asked(request)
    entry = None if number is None else directory.contract(generation.tables, number, at)
    if entry is None:
        raise UnknownContract
    return _answer(request, generation, entry)


@get("/v1/offices/{organizationNumber:str}/contracts", sync_to_thread=False, **schema.OFFICE)
def office(request: AnyRequest) -> ASGIResponse:
    """An office and its contracts: those in force at a time, or all."""
    number = read_number(request.path_params["organizationNumber"], -INT32_MAX, INT32_MAX)
    generation, _, at = _asked(request)
    entry = None if number is None else directory.office_contracts(generation.tables, number, at)
    if entry is None:
        raise UnknownOffice
    return _answer(request, generation, entry)


ROUTES: list[Any] = [her, gps, contract, office]
