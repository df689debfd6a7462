"""The OpenAPI document and the page that shows it. All that the page loads comes from here, and its policy says so."""

from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Router
from litestar._openapi.plugin import OpenAPIPlugin
from litestar.handlers import get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.response import Response
from litestar.response.base import ASGIResponse
from litestar.static_files import create_static_files_router

from lookup.problems import NotFound
from lookup.rest import admission

ASSETS = Path(__file__).resolve().parent.parent / "assets"
# Swagger UI sets styles on elements and draws icons from data URLs; scripts come from files alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fastlegeregisteret</title>
<link rel="icon" type="image/png" href="/schema/assets/favicon-32x32.png">
<link rel="stylesheet" href="/schema/assets/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/schema/assets/swagger-ui-bundle.js"></script>
<script src="/schema/start.js"></script>
</body>
</html>
"""
_START = b"""SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"""


class Page(OpenAPIRenderPlugin):
    """The browsable page."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page, which fetches the document itself."""
        return _PAGE


def _tidy(response: Any) -> Any:
    """What the framework's schema router answers, with our policy, and its own "not found" page as a problem."""
    if response.status_code == 404:
        raise NotFound
    if isinstance(response, Response):
        response.headers["Content-Security-Policy"] = POLICY
    return response


@get("/start.js", sync_to_thread=False)
def start() -> ASGIResponse:
    """What starts the page."""
    return ASGIResponse(body=_START, media_type="text/javascript")


def openapi() -> OpenAPIConfig:
    """The document's head, and the routes of document and page."""
    return OpenAPIConfig(
        title="Fastlegeregisteret: lookup",
        version="1",
        description=(
            "Which general practitioner a resident of Norway has, and how to reach that GP. Times are Norwegian "
            "wall-clock time. National ids come in bodies, never in URLs. Every answer from the register carries "
            "FLR-Generation and FLR-As-Of."
        ),
        components=admission.SCHEMES,
        use_handler_docstrings=True,
        render_plugins=[Page(path="/"), JsonRenderPlugin(media_type="application/json")],  # type: ignore[arg-type]
        openapi_router=Router(path="/schema", route_handlers=[start], include_in_schema=False, after_request=_tidy),
    )


def describe(app: Litestar) -> None:
    """Work the OpenAPI document out, a tenth of a second, before there is a worker whose loop would stand still."""
    app.plugins.get(OpenAPIPlugin).provide_openapi_schema()


ROUTES: list[Any] = [create_static_files_router(path="/schema/assets", directories=[ASSETS], name="assets")]
