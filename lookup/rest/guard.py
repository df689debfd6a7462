"""Who asks, and whether they may: before any handler of the REST face, and before any body is read.

A face whose operations share an address asks in two steps: who it is by the head (`known`), and whether they may once
the operation is read (`admit`).
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from lookup.access.gate import BY_NAME, Gate, may
from lookup.access.roles import Operation
from lookup.access.tickets import BUSY, TAKEN
from lookup.audit.recorder import PLACES
from lookup.core import Ticket
from lookup.exchange import Exchange, exchange_of
from lookup.problems import BUSY_DETAIL, Forbidden, NotFound, Quota, Unauthenticated, Unready

DAY_MICROS = 86_400 * 10**6
OPERATORS = ("status", "metrics", "ops", "opsState")
SCRAPED = ("status", "metrics")  # those of them that machines ask, on the operators' own address without a credential
_OUTCOMES = {"unauthenticated": "unauthenticated", "forbidden": "forbidden", "quota": "too-many"}


async def admitted(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let the request through, or raise the problem that it is answered with."""
    exchange = exchange_of(connection.scope)
    gate = exchange.state.gate
    operation = BY_NAME.get(handler.operation_id) if isinstance(handler, HTTPRouteHandler) else None  # type: ignore[arg-type]
    if operation is None:
        return
    exchange.operation = operation.name
    if gate is None:
        return
    server, state = connection.scope["server"], exchange.state
    if operation.name in SCRAPED and state.is_admin(server):
        return
    if operation.name in OPERATORS and not (state.is_admin(server) or state.is_private(server)):
        raise NotFound
    exchange.ticket = await known(exchange, gate, operation)
    admit(exchange, operation)


async def known(exchange: Exchange, gate: Gate, operation: Operation) -> Ticket:
    """Who asks, by the request's head alone. Raises Unauthenticated, which is recorded of the operation, or Unready."""
    try:
        return await _known(exchange, gate)
    except Unauthenticated as refusal:
        record_refusal(exchange, operation, _OUTCOMES[refusal.word])
        raise


def admit(exchange: Exchange, operation: Operation) -> None:
    """Whether whoever asks may. Raises Forbidden, or Quota, which are recorded."""
    if exchange.ticket is None:
        return
    try:
        _admit(exchange, exchange.ticket, operation)
    except (Forbidden, Quota) as refusal:
        record_refusal(exchange, operation, _OUTCOMES[refusal.word])
        raise


async def _known(exchange: Exchange, gate: Gate) -> Ticket:
    """Who asks. Raises Unauthenticated, or Unready."""
    credential = _one(exchange, gate, b"authorization")
    certificate = None
    if credential is None and gate.trusts(_address(exchange)):
        certificate = _one(exchange, gate, gate.certificate_field.lower().encode())
    ticket = await gate.admit(credential, certificate)
    if ticket.verdict == BUSY:
        raise Unready(BUSY_DETAIL)
    if ticket.verdict != TAKEN:
        raise Unauthenticated(gate.challenge)
    if ticket.bound is not None:
        proof, path = _one(exchange, gate, b"dpop"), exchange.scope["raw_path"].decode("latin-1")
        if not gate.is_signed(ticket, proof, exchange.scope["method"], path):
            raise Unauthenticated(gate.challenge)
    return ticket


def _admit(exchange: Exchange, ticket: Ticket, operation: Operation) -> None:
    """Whether they may. Raises Forbidden, or Quota."""
    if ticket.caller is None or not may(ticket.caller, operation):
        raise Forbidden
    if ticket.account is not None:
        reason = ticket.account.request(exchange.state.monotonic_ns(), exchange.now // DAY_MICROS)
        if reason is not None:
            raise Quota(1 if reason == "requests" else exchange.state.clock.seconds_to_midnight())


def record_refusal(exchange: Exchange, operation: Operation, outcome: str) -> None:
    """Record that whoever asks is refused an operation; `outcome` is a word of lookup/audit/record.py."""
    audit, state = exchange.state.audit, exchange.state
    if audit is not None:
        audit.refused(state.clock.epoch_ns(), PLACES[operation.name], outcome, exchange.ticket, exchange.event_id)


def _one(exchange: Exchange, gate: Gate, name: bytes) -> bytes | None:
    """The one field of this name, or None. More than one is nobody's."""
    values = [value for one, value in exchange.scope["headers"] if one == name]
    if len(values) > 1:
        raise Unauthenticated(gate.challenge)
    return values[0] if values else None


def _address(exchange: Exchange) -> str | None:
    client = exchange.scope["client"]
    return None if client is None else client[0]
