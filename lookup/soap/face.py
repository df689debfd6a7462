"""The SOAP face on HTTP: who asks, what is asked, the answer or the fault; and the descriptions, to anybody.

Who asks is settled from the head, before the body is read; whether they may, once the operation is known. Everything
that goes wrong is a fault of the address's version of SOAP (lookup/soap/faults.py).
"""

import inspect
from collections.abc import Mapping
from email.message import Message
from typing import Any

from litestar import get, post
from litestar.exceptions import MethodNotAllowedException
from litestar.response.base import ASGIResponse

from lookup.access.gate import BY_NAME
from lookup.exchange import Exchange, exchange_of
from lookup.problems import InvalidRequest, Problem, TooLarge, UnsupportedMediaType, tell
from lookup.rest.asking import AnyRequest
from lookup.rest.guard import admit, known
from lookup.soap import envelope, wsdl
from lookup.soap.call import Call, Streamed
from lookup.soap.faults import Fault, of_problem
from lookup.soap.operations import AT, SOAP12, Operation, Service, counted_as
from lookup.soap.reading import ENCODINGS, EnvelopeReader
from lookup.soap.registry import ANSWERS
from lookup.soap.stream import Stream

PATHS = list(AT)


class Asked:
    """One request: where it has come to, and what of it is known by now."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.path: str = exchange.scope["path_template"]
        self.service: Service = AT[self.path]
        self.version = self.service.paths[self.path]
        self.media, self.encoding, action = _content_type(_field(exchange, b"content-type"))
        if self.version != SOAP12:
            action = _field(exchange, b"soapaction").strip().strip('"') or None
        self.reader = EnvelopeReader(self.service, self.version, action)
        self.named = self.service.operation_of(action)

    async def answered(self) -> ASGIResponse:
        """The answer, whatever comes of it."""
        try:
            return await self._answer()
        except Problem as problem:
            return self._refused(of_problem(problem))
        except Fault as fault:
            return self._refused(fault)
        except Exception as error:  # noqa: BLE001 -- nothing of it may be told
            tell(error)
            return self._refused(of_problem(Problem()))

    async def _answer(self) -> ASGIResponse:
        exchange, gate = self.exchange, self.exchange.state.gate
        # Until the body is read, what is asked is what the head says; a refusal is recorded as that.
        named = self.named or next(iter(self.service.operations.values()))
        if gate is not None:
            exchange.ticket = await known(exchange, gate, BY_NAME[named.name])
        arguments = await self._read()
        operation = self.reader.operation
        assert operation is not None
        exchange.operation, exchange.route = operation.name, counted_as(self.path, operation.name)
        admit(exchange, BY_NAME[operation.name])
        value = ANSWERS[operation.name](Call(exchange, exchange.take(), arguments))
        if inspect.isawaitable(value):
            value = await value
        return await self._given(operation, value)

    async def _read(self) -> Mapping[str, Any]:
        exchange = self.exchange
        if self.media != envelope.MEDIA_TYPES[self.version] or self.encoding not in ("", *ENCODINGS):
            raise UnsupportedMediaType
        if _field(exchange, b"content-encoding") not in ("", "identity"):
            raise UnsupportedMediaType
        if exchange.scope["query_string"]:
            raise InvalidRequest
        body = await _body(exchange, exchange.state.settings.max_soap_body_bytes)
        return self.reader.read(body, self.encoding or None)

    async def _given(self, operation: Operation, value: Any) -> ASGIResponse:
        addressed = self.reader.addressed
        if isinstance(value, Streamed):
            stream = Stream(self.exchange, self.service, self.version, operation, addressed, value)
            return await stream.begin()
        return self._response(200, envelope.answer(self.service, self.version, operation, addressed, value), {})

    def _refused(self, fault: Fault) -> ASGIResponse:
        reader = self.reader
        if reader.operation is not None and not self.exchange.route:
            self.exchange.route = counted_as(self.path, reader.operation.name)
        body = envelope.fault(self.service, self.version, reader.operation, reader.addressed, fault)
        return self._response(fault.status, body, fault.headers)

    def _response(self, status: int, body: bytes, headers: Mapping[str, str]) -> ASGIResponse:
        content_type = envelope.MEDIA_TYPES[self.version] + envelope.CHARSET
        return ASGIResponse(body=body, status_code=status, headers={**headers, "Content-Type": content_type})


@post(PATHS, status_code=200, include_in_schema=False, operation_id="soap")
async def ask(request: AnyRequest) -> ASGIResponse:
    """An operation of the service that is at this address."""
    return await Asked(exchange_of(request.scope)).answered()


@get(PATHS, sync_to_thread=False, include_in_schema=False, operation_id="wsdl")
def describe(request: AnyRequest) -> ASGIResponse:
    """The description of the service that is at this address: `?wsdl` or `?singleWsdl`, in any case."""
    exchange = exchange_of(request.scope)
    if exchange.scope["query_string"].lower() not in (b"wsdl", b"singlewsdl"):
        raise MethodNotAllowedException(headers={"allow": "POST"})
    service = AT[exchange.scope["path_template"]]
    body = wsdl.description(service, _base_url(exchange))
    return ASGIResponse(body=body, headers={"Content-Type": "text/xml; charset=utf-8"})


def _base_url(exchange: Exchange) -> str:
    """How the caller reaches us: by one of our public URLs, by the name that it has called us by, or the first URL."""
    host = _field(exchange, b"host")
    public = exchange.state.settings.public_urls.split()
    for url in public:
        if url.partition("://")[2].partition("/")[0] == host:
            return url.rstrip("/")
    return public[0].rstrip("/") if public else f"{exchange.scope['scheme']}://{host}"


def _field(exchange: Exchange, name: bytes) -> str:
    """The field of this name, several of them with commas between, as everywhere; empty where there is none."""
    values = [value for one, value in exchange.scope["headers"] if one == name]
    return b",".join(values).decode("latin-1")


def _content_type(text: str) -> tuple[str, str, str | None]:
    """(media type, charset, action) of a Content-Type, in small letters but the last; empty where not given."""
    message = Message()
    message["content-type"] = text
    if sum(name.lower() == "charset" for name, _ in message.get_params(())) > 1:
        return "", "", None  # whom it is to be read by chooses which
    charset, action = message.get_param("charset"), message.get_param("action")
    return (
        message.get_content_type() if text else "",
        charset.lower() if isinstance(charset, str) else "",
        action if isinstance(action, str) else None,
    )


async def _body(exchange: Exchange, limit: int) -> bytes:
    """The request's body. Raises TooLarge above the limit, and a problem for nobody when the client goes away."""
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await exchange.receive()
        if message["type"] != "http.request":
            raise Problem
        pieces.append(message["body"])
        size, more = size + len(message["body"]), message["more_body"]
        if size > limit:
            raise TooLarge
    return b"".join(pieces)


ROUTES: list[Any] = [ask, describe]
