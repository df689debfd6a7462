"""Questions about one person, or many: gp-lookup, batch, gp-confirm, gp-history. National ids come in bodies alone."""

from time import perf_counter
from typing import Any

import msgspec
from litestar import post
from litestar.params import RawBody
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from lookup.answers import INVALID, UNKNOWN, WITHHELD
from lookup.exchange import Exchange
from lookup.lane import TURN_SECONDS, Lane
from lookup.problems import Forbidden, InvalidRequest, UnknownPerson
from lookup.resident import Reply, confirmed, history, reply
from lookup.rest import schema
from lookup.rest.asking import (
    MAX_BATCH,
    AnyRequest,
    GpConfirm,
    GpHistory,
    GpLookup,
    GpLookupBatch,
    parse_nin,
    read_at,
    read_nin,
    read_question,
)

SEVERAL = "several"  # what came of a batch, for the audit: each person has an outcome of its own
RESULTS_A_PIECE = 50  # about 30 kB
_encoder = msgspec.json.Encoder()


def json_answer(body: bytes) -> ASGIResponse:
    """200 with ready JSON."""
    return ASGIResponse(body=body, media_type="application/json")


@post("/v1/gp-lookup", status_code=200, sync_to_thread=False, **schema.GP_LOOKUP)
def gp_lookup(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """A person's GP at a time."""
    exchange, question = read_question(request, body, GpLookup)
    at = read_at(exchange, question.at)
    nin = read_nin(exchange, question.nin)
    answer = reply(exchange.take(), nin, at, exchange.withhold)
    if answer is None:
        raise _never_seen(exchange, nin)
    exchange.disclose(nin, answer.status, protected=answer.protected)
    return json_answer(answer.body)


@post("/v1/gp-lookup/batch", status_code=200, **schema.GP_LOOKUP_BATCH)
async def gp_lookup_batch(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """The GPs of up to 1000 persons at a time, in the order asked."""
    exchange, question = read_question(request, body, GpLookupBatch)
    at = read_at(exchange, question.at)
    if len(question.nins) > MAX_BATCH:
        raise InvalidRequest(f"nins may hold {MAX_BATCH} numbers")
    generation = exchange.take()
    withhold = exchange.withhold
    results: list[bytes] = []
    subjects: list[tuple[int, str, bool]] = []
    over = perf_counter() + TURN_SECONDS
    for text in question.nins:
        if perf_counter() >= over:
            over = await exchange.state.lane.turn()
        nin = parse_nin(exchange, text)
        answer = None if nin < 0 else reply(generation, nin, at, withhold)
        status = answer.status if answer is not None else INVALID if nin < 0 else UNKNOWN
        if nin >= 0:
            subjects.append((nin, status, answer is not None and answer.protected))
        results.append(_missed(text, status) if answer is None else _result(answer))
    exchange.disclose_all(SEVERAL, subjects)
    exchange.state.counters.count_lookup(INVALID, len(results) - len(subjects))
    return _Results(exchange.state.lane, b'{"generation":%d,"results":[' % generation.serial, results)


class _Results(ASGIResponse):
    """The answer to a batch, sent in pieces, each in a turn of its own when there is more than one."""

    def __init__(self, lane: Lane, begin: bytes, results: list[bytes]) -> None:
        super().__init__()
        self.lane = lane
        some = [results[i : i + RESULTS_A_PIECE] for i in range(0, len(results), RESULTS_A_PIECE)]
        self.pieces = [b",".join(piece) for piece in some]
        self.begin, self.size = begin, len(begin) + sum(map(len, self.pieces)) + max(0, len(self.pieces) - 1) + 2

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % self.size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        before = self.begin
        for i, piece in enumerate(self.pieces):
            if i:
                await self.lane.turn()
            await send({"type": "http.response.body", "body": before + piece, "more_body": True})
            before = b","
        end = b"]}" if self.pieces else self.begin + b"]}"
        await send({"type": "http.response.body", "body": end, "more_body": False})


def _result(answer: Reply) -> bytes:
    return b'{"nin":"%011d",%b' % (answer.nin, answer.body[1:])


def _missed(text: str, status: str) -> bytes:
    return b'{"nin":%b,"status":"%b"}' % (_encoder.encode(text), status.encode())


def _never_seen(exchange: Exchange, nin: int) -> UnknownPerson:
    exchange.disclose(nin, UNKNOWN, protected=False)
    return UnknownPerson()


def _refuse_protected(exchange: Exchange, nin: int, protected: bool) -> None:
    if protected and exchange.withhold:
        exchange.disclose(nin, WITHHELD, protected=True)
        raise Forbidden


@post("/v1/gp-confirm", status_code=200, sync_to_thread=False, **schema.GP_CONFIRM)
def gp_confirm(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """Whether a doctor is a person's GP, or shares the list, at a time."""
    exchange, question = read_question(request, body, GpConfirm)
    at = read_at(exchange, question.at)
    nin = read_nin(exchange, question.nin)
    generation = exchange.take()
    found = generation.index.find(nin, at)
    if found is None:
        raise _never_seen(exchange, nin)
    _refuse_protected(exchange, nin, found.protected)
    yes = confirmed(generation, found, question.hpr_number, at)
    exchange.disclose(nin, "confirmed" if yes else "not-confirmed", protected=found.protected)
    return json_answer(b'{"confirmed":true}' if yes else b'{"confirmed":false}')


@post("/v1/gp-history", status_code=200, sync_to_thread=False, **schema.GP_HISTORY)
def gp_history(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """Every membership of a person, newest first."""
    exchange, question = read_question(request, body, GpHistory)
    nin = read_nin(exchange, question.nin)
    generation = exchange.take()
    person = generation.index.person(nin)
    if person is None:
        raise _never_seen(exchange, nin)
    _, record = person
    _refuse_protected(exchange, nin, record.protected)
    answer = _encoder.encode(history(generation, record.memberships))
    exchange.disclose(nin, "history", protected=record.protected)
    return json_answer(answer)


ROUTES: list[Any] = [gp_lookup, gp_lookup_batch, gp_confirm, gp_history]
