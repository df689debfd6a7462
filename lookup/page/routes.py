"""The page's routes. A national id comes in the body of a form alone, and what is answered to it is nowhere kept.

Nothing of the page is a script. Every form must come from a page of ours (`Sec-Fetch-Site`, or `Origin`) and hold what
the session's forms hold. The answer to a form is the page itself: no address names what was asked.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from litestar import Router, get, post
from litestar.exceptions import HTTPException
from litestar.params import RawBody
from litestar.response import Response
from litestar.response.base import ASGIResponse

from lookup.access.caller import Refused
from lookup.access.gate import may
from lookup.access.issuers import fetchable
from lookup.access.jwks import Unavailable
from lookup.page import render
from lookup.page.addresses import HOME, ICON, RETURN, SIGN_IN, SIGN_OUT, STYLE
from lookup.page.states import PROBLEMS as STATES
from lookup.page.states import SIGNED_OUT
from lookup.page.visit import ASKING, Visit
from lookup.problems import PROBLEMS, Problem, tell
from lookup.rest.asking import AnyRequest

FORBIDDEN, INTERNAL, UNAVAILABLE = 403, 500, 503
AGAIN = "ny"


@get(HOME, sync_to_thread=False)
def home(request: AnyRequest) -> ASGIResponse:
    """The form for whoever has signed in, and the way to sign in for others."""
    visit = Visit(request)
    return visit.welcome() if visit.session is None else visit.form()


@post(HOME, status_code=200, sync_to_thread=False)
def look_up(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """A person's GP, now."""
    return Visit(request).look_up(body)


@get(SIGN_IN)
async def sign_in(request: AnyRequest) -> ASGIResponse:
    """Send the browser to the issuer."""
    visit = Visit(request)
    try:
        url, cookie = await visit.page.begin(visit.now, again=AGAIN in request.query_params)
    except Unavailable as unavailable:
        visit.gate.tell(unavailable, "page")
        return visit.notice("no-issuer", UNAVAILABLE)
    return render.redirected(url, [cookie])


@get(RETURN)
async def signed_in(request: AnyRequest) -> ASGIResponse:
    """Where the issuer sends the browser back to."""
    visit = Visit(request)
    gone = visit.page.sign_ins.gone
    try:
        answer = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), max_num_fields=20))
        begun = visit.page.sign_ins.read(request.scope["headers"])
        session = await visit.page.finish(begun, answer, visit.now)
        visit.admit(session)
    except Unavailable as unavailable:
        visit.gate.tell(unavailable, "page")
        return visit.notice("no-issuer", UNAVAILABLE, [gone])
    except (Refused, ValueError) as error:
        refused = error if isinstance(error, Refused) else Refused("malformed")
        visit.gate.tell(refused, "page")
        visit.refuse("unauthenticated")
        return visit.notice("cancelled" if refused.why == "cancelled" else "not-signed-in", FORBIDDEN, [gone])
    assert visit.exchange.ticket is not None
    assert visit.exchange.ticket.caller is not None
    if not may(visit.exchange.ticket.caller, ASKING):
        visit.refuse("forbidden")
        return visit.notice("forbidden", FORBIDDEN, [gone])
    return render.redirected(HOME, [visit.page.sessions.made(session), gone])


@post(SIGN_OUT, status_code=200)
async def sign_out(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """End the session in this browser, and show how to end the issuer's."""
    visit = Visit(request)
    if not visit.is_ours(body):
        return visit.notice("forged", FORBIDDEN)
    links = [("Logg inn igjen", f"{SIGN_IN}?{AGAIN}")]
    try:
        ends = (await visit.page.provider.metadata()).end_session_endpoint
    except Unavailable:
        ends = None
    if ends is not None and fetchable(ends):
        links.insert(0, ("Logg ut av HelseID", f"{ends}?{urlencode({'client_id': visit.page.provider.client_id})}"))
    context = {"told": SIGNED_OUT, "links": links, "session": None}
    return render.page("notice.html", 200, context, [visit.page.sessions.gone])


@get(STYLE, sync_to_thread=False)
def style() -> ASGIResponse:
    """How the page looks."""
    return render.asset(render.STYLE, "text/css")


@get(ICON, sync_to_thread=False)
def icon() -> ASGIResponse:
    """The page's icon."""
    return render.asset(render.ICON, "image/svg+xml")


def _gone_wrong(request: AnyRequest, word: str, status: int) -> Response[bytes]:
    if status < INTERNAL and word not in STATES:
        word = "invalid-request"
    shown = Visit(request).notice(word, status)
    return Response(shown.body, status_code=status, media_type=render.HTML, headers=render.FIELDS)


def _on_problem(request: AnyRequest, error: Problem) -> Response[bytes]:
    return _gone_wrong(request, error.word, PROBLEMS[error.word][0])


def _on_http_exception(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """The framework's own refusals, without its texts: they may quote the request."""
    if error.status_code >= INTERNAL:
        tell(error)
    return _gone_wrong(request, "internal", error.status_code)


def _on_exception(request: AnyRequest, error: Exception) -> Response[bytes]:
    tell(error)
    return _gone_wrong(request, "internal", INTERNAL)


ROUTES: list[Any] = [
    Router(
        path="/",
        route_handlers=[home, look_up, sign_in, signed_in, sign_out, style, icon],
        include_in_schema=False,
        exception_handlers={
            Problem: _on_problem,
            HTTPException: _on_http_exception,
            Exception: _on_exception,
        },
    )
]
