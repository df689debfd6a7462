"""The application: the REST, FHIR and SOAP faces on Litestar, with one exchange around each request.

No generation is opened here.
"""

from typing import TYPE_CHECKING, Any, cast

from litestar import Litestar
from litestar.types import HTTPScope, Receive, Send

from lookup.exchange import PARAMETER_TYPE, Exchange
from lookup.fhir import outcome, searching
from lookup.ops import page as ops
from lookup.page import addresses
from lookup.problems import PROBLEMS, SCOPE_KEY, tell
from lookup.rest import events, export, operation, page, patients, persons, reverse
from lookup.rest.guard import admitted
from lookup.soap import face
from lookup.soap.operations import COUNTED

if TYPE_CHECKING:
    from lookup.current import ServiceState

HANDLED: list[Any] = [
    *persons.ROUTES,
    *reverse.ROUTES,
    *export.ROUTES,
    *patients.ROUTES,
    *events.ROUTES,
    *operation.ROUTES,
    *ops.ROUTES,
    *searching.ROUTES,
    *face.ROUTES,
]
# every route by which requests are counted
TEMPLATES = tuple(
    sorted(
        {PARAMETER_TYPE.sub("", path) for handler in HANDLED for path in handler.paths}
        | {path for file in ops.FILES for path in file.paths}
        | {"/schema", "/schema/assets", *COUNTED, *addresses.ALL}
    )
)


class Service(Litestar):
    """Litestar with an exchange around each request."""

    service_state: "ServiceState"

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Answer one request."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        inner: HTTPScope = cast("HTTPScope", {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope)
        exchange = Exchange(self.service_state, inner, receive, send, head=inner is not scope)
        inner[SCOPE_KEY] = exchange  # type: ignore[literal-required]
        try:
            await super().__call__(inner, exchange.receive, exchange.send)
        except Exception as error:
            if not exchange.status:
                raise
            # The answer had begun. Left unfinished, the server closes the connection, and nobody takes it for whole.
            tell(error.__cause__ or error)
            exchange.status = PROBLEMS["internal"][0]
        finally:
            exchange.count()


def create_app(state: "ServiceState") -> Litestar:
    """The application for a worker. It answers from `state.current.generation`, taken once for each request."""
    handlers = [*HANDLED, *ops.FILES, *page.ROUTES]
    if state.page is not None:
        from lookup.page import routes  # noqa: PLC0415 -- takes a while, and few services have the page

        handlers += routes.ROUTES
    app = Service(
        route_handlers=handlers,
        openapi_config=page.openapi(),
        exception_handlers=outcome.HANDLERS,
        guards=[admitted],
        request_max_body_size=state.settings.max_batch_body_bytes,
        logging_config=None,
    )
    app.service_state = state
    return app
