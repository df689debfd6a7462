"""What a FHIR search asks, read strictly: the form in its body, its parameters, the numbers they name.

FHIR lets a server ignore what it does not know unless the client wants `handling=strict`; a modifier that it does not
know it must refuse. A search is narrowed by one number alone, so what is ignored never makes it tell more.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from litestar.datastructures import Headers

from lookup.exchange import Exchange, exchange_of
from lookup.fhir import systems
from lookup.fhir.outcome import not_acceptable, not_supported
from lookup.problems import InvalidNin, InvalidRequest
from lookup.rest.asking import AnyRequest, check_head, read_nin
from register.ids import kind

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 20
_CONTENT_TYPE = re.compile(rf'{FORM}(?: *; *charset="?utf-8"?)?', re.IGNORECASE)
_STRICT = re.compile(r"(?:^|[,;])\s*handling\s*=\s*\"?strict\"?\s*(?:$|[,;])", re.IGNORECASE)
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_ACCEPTED = ("application/fhir+json", "application/json", "application/*", "*/*", "text/json", "json")
INT32_MAX = 2**31 - 1


class Parameter(NamedTuple):
    """A search parameter: its FHIR type, the names it is asked by, and the systems its numbers may be of.

    The first system is meant where none is named; `named` is whether one must be.
    """

    name: str
    kind: str
    asked_by: tuple[str, ...]
    systems: tuple[str, ...]
    named: bool = False

    @property
    def told(self) -> str:
        """What the documentation says of it."""
        return f"{' or '.join(self.asked_by)}, with a number of {' or '.join(self.systems)}"


class Asked(NamedTuple):
    """The one number that is searched for, its parameter and its system; `ignored` parameters were not heeded."""

    parameter: str
    system: str
    value: str
    ignored: int

    def __repr__(self) -> str:
        """No content."""
        return "<Asked>"


def read_search(
    request: AnyRequest, body: bytes, parameters: tuple[Parameter, ...], includes: tuple[str, ...]
) -> tuple[Exchange, Asked]:
    """The exchange, and what is searched for. Raises problems and refusals."""
    exchange = exchange_of(request.scope)
    check_head(request, body, exchange.state.settings.max_body_bytes, _CONTENT_TYPE)
    check_accept(request.headers)
    fields = _fields(body)
    _check_form(fields)
    wanted = {name: parameter for parameter in parameters for name in parameter.asked_by}
    ignored = 0
    asked: list[tuple[Parameter, str]] = []
    for name, value in fields:
        if name in wanted:
            asked.append((wanted[name], value))
        elif name.partition(":")[0] in {name.partition(":")[0] for name in wanted}:
            raise not_supported("a search parameter has a form or modifier that is not supported")
        elif not (name == "_format" or (name.partition(":")[0] == "_include" and value in includes)):
            ignored += 1
    if ignored and _STRICT.search(request.headers.get("prefer", "")):
        raise not_supported("a parameter is not one of those that the CapabilityStatement names")
    if len(asked) != 1:
        raise InvalidRequest(f"the search takes one of {', '.join(wanted)}, once")
    system, value = _token(*asked[0])
    return exchange, Asked(asked[0][0].name, system, value, ignored)


def check_accept(headers: Headers) -> None:
    """Refuse a client that takes no JSON."""
    fields = headers.getall("accept", [])
    if fields and not any(_is_json(one) for field in fields for one in field.split(",")):
        raise not_acceptable()


def _is_json(wanted: str) -> bool:
    media_type, *parameters = (part.strip().lower() for part in wanted.split(";"))
    return media_type in _ACCEPTED and not any(re.fullmatch(r"q=0(\.0*)?", one) for one in parameters)


def _fields(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:  # of which UnicodeDecodeError is one
        raise InvalidRequest(f"the body is not a form of at most {MAX_FIELDS} fields") from None


def _check_form(fields: list[tuple[str, str]]) -> None:
    """Refuse one who asks, in the form, for another form of answer."""
    if any(name == "_format" and not _is_json(value.replace(" ", "+")) for name, value in fields):
        raise not_acceptable()


def _token(parameter: Parameter, text: str) -> tuple[str, str]:
    """(system, value) of what a parameter is given: `system|value`, or the value alone."""
    system, bar, value = text.rpartition("|")
    if "," in text:
        raise not_supported("a search takes one number at a time")
    if not value:
        raise not_supported("a search takes system|value")
    if not bar:
        if parameter.named:
            raise not_supported("a search takes system|value")
        return "", value
    if system not in parameter.systems:
        raise not_supported(f"{parameter.name} takes numbers of {' or '.join(parameter.systems)}")
    return system, value


def person(exchange: Exchange, asked: Asked) -> int:
    """The national id that is searched for. Raises InvalidNin, also where it is of another kind than was said."""
    nin = read_nin(exchange, asked.value)
    if asked.system and systems.OF_KIND[kind(asked.value)] != asked.system:
        raise InvalidNin("the number is not of the system that is named")
    return nin


def number(asked: Asked) -> int | None:
    """The number that is searched for; None where it is nobody's. Raises InvalidRequest when it is no number."""
    if not _NUMBER.fullmatch(asked.value):
        raise InvalidRequest("the number searched for is not one")
    found = int(asked.value)
    return found if found <= INT32_MAX else None
