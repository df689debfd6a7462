"""The operations page: its routes.

The page is whole without its script, which fetches it again every few seconds and puts in what has changed. It loads
nothing from elsewhere, and its policy says so. It only shows: what changes anything is a command.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import get
from litestar.response.base import ASGIResponse

from lookup.exchange import exchange_of
from lookup.ops.chart import charts
from lookup.ops.gather import gather
from lookup.ops.words import clock, few, moment, size, span
from lookup.rest import schema
from lookup.rest.asking import AnyRequest

HERE = Path(__file__).resolve().parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_encoder = msgspec.json.Encoder()


_environment = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters.update(clock=clock, moment=moment, span=span, few=few, size=size)
_page = _environment.get_template("page.html")


@get("/ops", sync_to_thread=True, **schema.OPS)
def ops(request: AnyRequest) -> ASGIResponse:
    """What one looks at at night: whether all is well, and if not what to run. A page for people."""
    state = exchange_of(request.scope).state
    told = gather(state)
    at = datetime.fromisoformat(told.at).timestamp()
    text = _page.render(state=told, charts=charts(told.hour, at))
    return ASGIResponse(
        body=text.encode(), media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY}
    )


@get("/ops/state", sync_to_thread=True, **schema.OPS_STATE)
def ops_state(request: AnyRequest) -> ASGIResponse:
    """What that page shows, for programs."""
    return ASGIResponse(body=_encoder.encode(gather(exchange_of(request.scope).state)), media_type="application/json")


def _file(name: str, media_type: str) -> Any:
    content = (HERE / name).read_bytes()

    @get(f"/ops/{name}", sync_to_thread=False, include_in_schema=False, operation_id="ops")
    def file() -> ASGIResponse:
        """A file of the page."""
        return ASGIResponse(body=content, media_type=media_type)

    return file


ROUTES: list[Any] = [ops, ops_state]
FILES: list[Any] = [_file("page.css", "text/css"), _file("page.js", "text/javascript")]
