"""From what is to be shown to an HTTP answer: templates, and the fields of the head that every page has."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.response.base import ASGIResponse

from lookup.page import wording
from lookup.page.addresses import HOME
from lookup.page.reasons import REASONS

FOLDER = Path(__file__).parent
STYLE, ICON = (FOLDER / "page.css").read_bytes(), (FOLDER / "icon.svg").read_bytes()
HTML = "text/html"
# No script at all; forms are sent to us alone, and nobody may frame the page.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
FIELDS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_environment = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.filters.update(
    address=wording.address,
    dialled=wording.dialled,
    emails=wording.emails,
    name=wording.name,
    period=wording.period,
    phone=wording.phone,
    phones=wording.phones,
    since=lambda time: f"siden {wording.day(time)}",
)
_environment.globals.update(
    home=HOME, reasons=REASONS, style=hashlib.sha256(STYLE).hexdigest()[:8], errors={}, told=None, answer=None
)


def page(template: str, status: int, context: Mapping[str, Any], cookies: Sequence[str] = ()) -> ASGIResponse:
    """A page, with the cookies that it leaves."""
    body = _environment.get_template(template).render(context)
    return ASGIResponse(
        body=body.encode(),
        status_code=status,
        media_type=HTML,
        headers=_head(cookies),
    )


def redirected(url: str, cookies: Sequence[str]) -> ASGIResponse:
    """On to another address."""
    return ASGIResponse(status_code=303, headers=[*_head(cookies), ("Location", url)])


def asset(body: bytes, media_type: str) -> ASGIResponse:
    """A file of the page's, which browsers may keep."""
    fields = {"Cache-Control": "public, max-age=86400", "Cross-Origin-Resource-Policy": "same-origin"}
    return ASGIResponse(body=body, media_type=media_type, headers=fields)


def _head(cookies: Sequence[str]) -> list[tuple[str, str]]:
    return [*FIELDS.items(), *(("Set-Cookie", cookie) for cookie in cookies)]
