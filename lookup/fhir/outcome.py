"""What can go wrong with a FHIR request, as an OperationOutcome.

The problems of lookup/problems.py are worded anew, with the same status and fields of the head; and FHIR has a few
refusals of its own. Nothing here ever repeats what was asked for.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException, NotFoundException
from litestar.response import Response
from litestar.types import ExceptionHandlersMap

from lookup import problems, shapes
from lookup.fhir.shapes import CodeableConcept, Coding, Issue, OperationOutcome

ROOT = "/fhir/"
MEDIA_TYPE = "application/fhir+json"
_WORDS = "urn:flr:problem"
# the word of a problem -> FHIR's code of an issue
CODES = {
    "invalid-request": "invalid",
    "invalid-nin": "value",
    "unauthenticated": "login",
    "forbidden": "forbidden",
    "unknown-person": "not-found",
    "unknown-contract": "not-found",
    "unknown-her-id": "not-found",
    "unknown-gp": "not-found",
    "unknown-office": "not-found",
    "not-found": "not-found",
    "method-not-allowed": "not-supported",
    "resync": "expired",
    "too-large": "too-long",
    "unsupported-media-type": "not-supported",
    "quota": "throttled",
    "internal": "exception",
    "unready": "transient",
    "audit-unavailable": "transient",
    "not-served-here": "not-supported",
    "not-supported": "not-supported",
    "not-acceptable": "not-supported",
}
_SEARCHED = tuple(f"{ROOT}R4/{kind}" for kind in ("Patient", "PractitionerRole", "Practitioner", "Organization"))
_encoder = msgspec.json.Encoder()


class Refusal(Exception):
    """A refusal that only FHIR has. `detail` is for the developer who asks."""

    def __init__(self, status: int, word: str, title: str, detail: str) -> None:
        super().__init__(word)
        self.status, self.word, self.title, self.detail = status, word, title, detail


def not_supported(detail: str) -> Refusal:
    """A search that is FHIR, but that this face does not know how to do."""
    return Refusal(400, "not-supported", "The search is not one of those supported", detail)


def not_acceptable() -> Refusal:
    """An answer is wanted in another form than JSON."""
    return Refusal(406, "not-acceptable", "Answers are JSON", f"answers are {MEDIA_TYPE}")


def issue(word: str, title: str, detail: str | None, severity: Literal["error", "warning"] = "error") -> Issue:
    """One thing that is wrong, by its word."""
    details = CodeableConcept(coding=[Coding(system=_WORDS, code=word)], text=title)
    return Issue(severity=severity, code=CODES[word], details=details, diagnostics=detail)


def _response(status: int, told: Issue, headers: dict[str, str] | None = None) -> Response[bytes]:
    body = _encoder.encode(OperationOutcome(issue=[told]))
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers or {})


def _on_refusal(_: Request[Any, Any, Any], error: Refusal) -> Response[bytes]:
    return _response(error.status, issue(error.word, error.title, error.detail))


def _on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The framework's own refusals. What can be searched is there, though it takes no other method."""
    if isinstance(error, NotFoundException) and request.scope["path"].rstrip("/") in _SEARCHED:
        told = issue("method-not-allowed", problems.PROBLEMS["method-not-allowed"][1], "POST to its _search")
        return _response(405, told, {"Allow": ""})
    return _reworded(problems.HANDLERS[HTTPException])(request, error)


def _reworded(handler: Callable[[Any, Any], Response[bytes]]) -> Callable[[Any, Any], Response[bytes]]:
    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        response = handler(request, error)
        problem = msgspec.json.decode(response.content, type=shapes.Problem)
        word = problem.type.removeprefix(problems.URN)
        title = "The body must be a form" if word == "unsupported-media-type" else problem.title
        return _response(problem.status, issue(word, title, problem.detail), dict(response.headers))

    return answer


_HANDLERS: dict[type[Exception], Callable[[Any, Any], Response[bytes]]] = {
    Refusal: _on_refusal,
    problems.Problem: _reworded(problems.HANDLERS[problems.Problem]),
    HTTPException: _on_http_exception,
    Exception: _reworded(problems.HANDLERS[Exception]),
}


def _by_face(kind: type[Exception]) -> Callable[[Any, Any], Any]:
    elsewhere = problems.HANDLERS.get(kind, problems.HANDLERS[Exception])

    def answer(request: Request[Any, Any, Any], error: Exception) -> Any:
        return (_HANDLERS[kind] if request.scope["path"].startswith(ROOT) else elsewhere)(request, error)

    return answer


# Of the whole application: what is not routed, and who is not admitted, is refused before this face is reached.
HANDLERS: ExceptionHandlersMap = {kind: _by_face(kind) for kind in _HANDLERS}
