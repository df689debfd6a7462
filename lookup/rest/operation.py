"""Whether the service is alive and ready, what it serves, and its metrics."""

from typing import Any

import msgspec
from litestar import get
from litestar.response.base import ASGIResponse

from lookup import shapes
from lookup.core import COMPILED
from lookup.exchange import age_seconds, exchange_of
from lookup.metrics import CONTENT_TYPE, exposition
from lookup.problems import Unready
from lookup.rest import schema
from lookup.rest.asking import AnyRequest
from lookup.rest.guard import DAY_MICROS

_encoder = msgspec.json.Encoder()


def _json(shape: shapes.Shape) -> ASGIResponse:
    return ASGIResponse(body=_encoder.encode(shape), media_type="application/json")


@get("/livez", sync_to_thread=False, **schema.LIVEZ)
def livez() -> ASGIResponse:
    """The process answers."""
    return _json(shapes.Health(status="alive"))


@get("/readyz", sync_to_thread=False, **schema.READYZ)
def readyz(request: AnyRequest) -> ASGIResponse:
    """The register can be asked: there is a generation, not too old to answer from, and the service is to stay."""
    exchange = exchange_of(request.scope)
    if exchange.state.draining:
        raise Unready("the service is about to stop")
    exchange.take()
    return _json(shapes.Health(status="ready"))


@get("/v1/status", sync_to_thread=False, **schema.STATUS)
def status(request: AnyRequest) -> ASGIResponse:
    """The generation in service, however old."""
    exchange = exchange_of(request.scope)
    generation = exchange.take(fresh=False)
    manifest = generation.manifest
    return _json(
        shapes.StatusAnswer(
            serial=generation.serial,
            digest8=generation.digest8,
            as_of=manifest.as_of,
            age_seconds=round(age_seconds(exchange.state, generation)),
            source=manifest.source,
            pinned=exchange.state.current.pinned,
            counts=manifest.counts,
            content_digest=manifest.content_digest,
            built_at=manifest.built_at,
            compiled=COMPILED,
        )
    )


@get("/metrics", sync_to_thread=False, **schema.METRICS)
def metrics(request: AnyRequest) -> ASGIResponse:
    """The counters of every worker."""
    state = exchange_of(request.scope).state
    usage = () if state.gate is None else state.gate.quotas.usage(state.now() // DAY_MICROS)
    body = exposition(state.counters, state.clock.epoch_ns() / 1e9, state.settings.stale_warn_hours, usage)
    return ASGIResponse(body=body, headers={"Content-Type": CONTENT_TYPE})


ROUTES: list[Any] = [livez, readyz, status, metrics]
