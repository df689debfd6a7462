"""What can go wrong with a request, as RFC 9457 problems: one table from word to status and title, and one error tree.

Nothing here ever repeats what was asked for, and an unforeseen error tells nothing at all.
"""

import re
from typing import Any, ClassVar

import msgspec
import structlog
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response import Response
from litestar.types import ExceptionHandlersMap

from lookup import shapes

MEDIA_TYPE = "application/problem+json"
URN = "urn:flr:problem:"
RETRY_SECONDS = 5
QUOTA_DETAIL = "the client has asked as much as it may; see its limits"
BUSY_DETAIL = "more credentials than can be checked at a time"
SCOPE_KEY = "flr"  # where a request's scope holds its Exchange

# word -> (HTTP status, title)
PROBLEMS: dict[str, tuple[int, str]] = {
    "invalid-request": (400, "The request is not of its shape"),
    "invalid-nin": (400, "Not a valid national id"),
    "unauthenticated": (401, "Who asks is not known"),
    "forbidden": (403, "Not for this client"),
    "unknown-person": (404, "The register has never seen this number"),
    "unknown-contract": (404, "No such contract"),
    "unknown-her-id": (404, "No such HER-ID"),
    "unknown-gp": (404, "No such doctor"),
    "unknown-office": (404, "No such office"),
    "not-found": (404, "No such resource"),
    "method-not-allowed": (405, "Not a method of this resource"),
    "resync": (410, "Start again from a fresh export"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "The body must be application/json"),
    "quota": (429, "Too many requests"),
    "internal": (500, "An unforeseen error"),
    "unready": (503, "The register cannot answer now"),
    "audit-unavailable": (503, "The answer could not be recorded, so it is not given"),
    "not-served-here": (503, "Not served by this node"),
}
_WORD_OF_STATUS = {400: "invalid-request", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
_encoder = msgspec.json.Encoder()
_log = structlog.get_logger()


class Problem(Exception):
    """An answer that is a problem. `detail` is for the developer who asks, and holds nothing that was asked for."""

    word: ClassVar[str] = "internal"

    def __init__(self, detail: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(self.word)
        self.detail, self.headers = detail, headers or {}
        self.position: str | None = None


class InvalidRequest(Problem):
    """The request's body, path or query is not of its shape."""

    word = "invalid-request"


class InvalidNin(Problem):
    """A string that is not a valid national id."""

    word = "invalid-nin"


class Unauthenticated(Problem):
    """Who asks is not known. What was wrong with the credential is not told."""

    word = "unauthenticated"

    def __init__(self, challenge: str) -> None:
        super().__init__(None, {"WWW-Authenticate": challenge})


class Forbidden(Problem):
    """The client may not have this answer."""

    word = "forbidden"


class UnknownPerson(Problem):
    """A number the register has never seen."""

    word = "unknown-person"


class UnknownContract(Problem):
    """A contract the register does not have."""

    word = "unknown-contract"


class UnknownHerId(Problem):
    """A HER-ID the register does not have."""

    word = "unknown-her-id"


class UnknownGp(Problem):
    """A doctor the register does not have."""

    word = "unknown-gp"


class UnknownOffice(Problem):
    """An office the register does not have."""

    word = "unknown-office"


class NotFound(Problem):
    """No such route."""

    word = "not-found"


class Resync(Problem):
    """A position from which the change feed cannot go on. `position` is where to begin, before a fresh export."""

    word = "resync"

    def __init__(self, position: str) -> None:
        super().__init__("take a fresh export, and then follow from the position given here")
        self.position = position


class TooLarge(Problem):
    """A body above the limit."""

    word = "too-large"


class UnsupportedMediaType(Problem):
    """A body that is not application/json."""

    word = "unsupported-media-type"


class Quota(Problem):
    """The client has asked as much as it may, for now or for today."""

    word = "quota"

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(QUOTA_DETAIL, {"Retry-After": str(retry_seconds)})


class Unready(Problem):
    """No generation in service, or one too old to answer from. Never "no GP"."""

    word = "unready"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, {"Retry-After": str(RETRY_SECONDS)})


class AuditUnavailable(Problem):
    """The answer is about a person, and it cannot be recorded who has asked."""

    word = "audit-unavailable"

    def __init__(self) -> None:
        super().__init__(None, {"Retry-After": str(RETRY_SECONDS)})


class NotServedHere(Problem):
    """A question for which this node lacks the file."""

    word = "not-served-here"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, {"Retry-After": "3600"})


def problem_body(word: str, detail: str | None = None, position: str | None = None) -> bytes:
    """The JSON of a problem."""
    status, title = PROBLEMS[word]
    problem = shapes.Problem(type=URN + word, title=title, status=status, detail=detail, position=position)
    return _encoder.encode(problem)


def _response(
    word: str, detail: str | None = None, headers: dict[str, str] | None = None, position: str | None = None
) -> Response[bytes]:
    body = problem_body(word, detail, position)
    return Response(body, status_code=PROBLEMS[word][0], media_type=MEDIA_TYPE, headers=headers or {})


def _on_problem(_: Request[Any, Any, Any], error: Problem) -> Response[bytes]:
    return _response(error.word, error.detail, error.headers, error.position)


def _on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The framework's own refusals, without its texts: they may quote the request."""
    word = _WORD_OF_STATUS.get(error.status_code)
    if word is None:
        if request.scope[SCOPE_KEY].gone:  # type: ignore[literal-required]
            return _response("internal")  # to nobody: there is nothing wrong here
        return _unforeseen(error)
    allow = (error.headers or {}).get("allow")
    return _response(word, headers={"Allow": allow} if allow else None)


def _on_exception(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return _unforeseen(error)


def _unforeseen(error: Exception) -> Response[bytes]:
    tell(error)
    return _response("internal")


def tell(error: BaseException) -> None:
    """Log an unforeseen error by its kind and place alone: a message may hold what was asked for."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    _log.error("internal error", error=type(error).__name__, place=re.sub(r".*/(?=[^/]+/[^/]+$)", "", place))


HANDLERS: ExceptionHandlersMap = {
    Problem: _on_problem,
    HTTPException: _on_http_exception,
    Exception: _on_exception,
}
