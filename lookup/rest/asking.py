"""What a request asks, read strictly: bodies, times, numbers in paths. Raises the problems of lookup.problems.

Nothing that was asked for is repeated in a problem, but a member's name that cannot be a number.
"""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request
from msgspec import Meta

from lookup.answers import INVALID
from lookup.core import parse
from lookup.exchange import Exchange, exchange_of
from lookup.problems import InvalidNin, InvalidRequest, TooLarge, UnsupportedMediaType
from register.ids import Rule, is_national_id
from register.localtime import parse_at

AnyRequest = Request[Any, Any, Any]
MAX_BATCH = 1000
MAX_DIGITS = 18  # a number with more is nobody's; it fits the widest key
_CONTENT_TYPE = re.compile(r'application/json(?: *; *charset="?utf-8"?)?', re.IGNORECASE)
_NUMBER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,30}", re.ASCII)
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a question. Its repr shows no content."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class GpLookup(Question, frozen=True, kw_only=True):
    """POST /v1/gp-lookup."""

    nin: str
    at: str | None = None


class GpLookupBatch(Question, frozen=True, kw_only=True):
    """POST /v1/gp-lookup/batch."""

    nins: list[str]
    at: str | None = None


class GpConfirm(Question, frozen=True, kw_only=True):
    """POST /v1/gp-confirm."""

    nin: str
    hpr_number: Annotated[int, Meta(ge=1, le=999_999_999)]
    at: str | None = None


class GpHistory(Question, frozen=True, kw_only=True):
    """POST /v1/gp-history."""

    nin: str


Q = TypeVar("Q", bound=Question)
_DECODERS: dict[type[Question], msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (GpLookup, GpLookupBatch, GpConfirm, GpHistory)
}


def read_question(request: AnyRequest, body: bytes, kind: type[Q]) -> tuple[Exchange, Q]:
    """The exchange, and the body as a question of this kind."""
    exchange = exchange_of(request.scope)
    settings = exchange.state.settings
    limit = settings.max_batch_body_bytes if kind is GpLookupBatch else settings.max_body_bytes
    check_head(request, body, limit, _CONTENT_TYPE)
    try:
        question: Q = _DECODERS[kind].decode(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_told(str(error))) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidRequest("the body is not JSON") from None
    return exchange, question


def check_head(request: AnyRequest, body: bytes, limit: int, content_type: re.Pattern[str]) -> None:
    """See that a question in a body is one: its size, its media type, as it is, and no query beside it.

    Raises TooLarge, UnsupportedMediaType or InvalidRequest.
    """
    if len(body) > limit:
        raise TooLarge(f"the body may hold {limit} bytes")
    if not content_type.fullmatch(request.headers.get("content-type", "").strip()):
        raise UnsupportedMediaType
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("the body must not be compressed")
    if request.scope["query_string"]:
        raise InvalidRequest("this resource takes no query")


def _told(message: str) -> str:
    """What msgspec says of a body that is not of its shape. It quotes nothing but the names of unknown members."""
    unknown = _UNKNOWN_FIELD.fullmatch(message.split(" - at ")[0])
    if unknown is None:
        return message
    return f"unknown member {unknown[1]}" if _NAME.fullmatch(unknown[1]) else "an unknown member"


def read_nin(exchange: Exchange, text: str) -> int:
    """The national id. Counts one that is none, and raises InvalidNin."""
    nin = parse_nin(exchange, text)
    if nin < 0:
        exchange.state.counters.count_lookup(INVALID)
        raise InvalidNin
    return nin


def parse_nin(exchange: Exchange, text: str) -> int:
    """The national id, or below zero when the text is none."""
    nin: int = parse(text)
    if nin >= 0 and exchange.state.settings.strict_nin and not is_national_id(text, Rule.TODAY):
        return -1
    return nin


def read_at(exchange: Exchange, text: str | None) -> int:
    """The local time asked for in microseconds; now when none is given. Raises InvalidRequest."""
    if text is None:
        return exchange.now
    try:
        return parse_at(text)
    except ValueError:
        raise InvalidRequest("at is not a time of the form YYYY-MM-DDTHH:MM:SS[.ffffff][Z or offset]") from None


def read_query(request: AnyRequest, *names: str) -> dict[str, str]:
    """The query's parameters, each of `names` at most once. Raises InvalidRequest on any other."""
    given = list(request.query_params.multi_items())
    query = dict(given)
    if len(query) != len(given) or not query.keys() <= set(names):
        raise InvalidRequest(f"the query may hold {' and '.join(names)}, each once")
    return query


def read_number(text: str, lowest: int, highest: int) -> int | None:
    """A number in a path: plain digits, a minus before a historical office's. None outside the range: it is nobody's.

    Raises InvalidRequest.
    """
    if not _NUMBER.fullmatch(text):
        raise InvalidRequest("the number in the path is not one")
    number = int(text) if len(text) <= MAX_DIGITS else highest + 1
    return number if lowest <= number <= highest else None
