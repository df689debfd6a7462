"""How far each client is to its limits today: those nearest to one, and those that ask the most."""

from typing import TYPE_CHECKING

from lookup.access.caller import Limits
from lookup.access.quota import ENOUGH_NUMBERS, Usage
from lookup.ops.state import Client
from register.ids import mask

if TYPE_CHECKING:
    from lookup.current import ServiceState

SHOWN = 20
DAY_MICROS = 86_400 * 10**6


def clients(state: "ServiceState") -> list[Client]:
    """The clients nearest to a limit, then those that have asked the most; none without access control."""
    if state.gate is None:
        return []
    told = [_client(one, _limits(state, one.client)) for one in state.gate.quotas.usage(state.now() // DAY_MICROS)]
    return sorted(told, key=lambda one: (-(one.used or 0.0), -one.requests, one.name))[:SHOWN]


def _limits(state: "ServiceState", name: str) -> Limits:
    """What a client may ask: as it is registered, or as the issuer of its tokens has it."""
    if state.credentials is None:
        return Limits()
    registered = state.credentials.registry.client(name)
    if registered is not None:
        return registered.limits
    issuer, _, client = name.partition(":")
    return next((one.limits for one in state.credentials.issuers if client and one.name == issuer), Limits())


def _client(usage: Usage, limits: Limits) -> Client:
    shares = {}
    if limits.persons_per_day:
        shares["persons a day"] = usage.persons / limits.persons_per_day
    if limits.unknown_share and usage.numbers >= ENOUGH_NUMBERS:
        shares["unknown numbers"] = usage.unknown / usage.numbers / limits.unknown_share
    limit = max(shares, key=shares.__getitem__, default=None)
    return Client(
        name=mask(usage.client),
        requests=usage.requests,
        numbers=usage.numbers,
        unknown=usage.unknown,
        persons=usage.persons,
        refused=usage.refused,
        used=None if limit is None else round(shares[limit], 3),
        limit=limit,
    )
