"""Which requests the compiled HTTP path answers itself: the table of its routes, and the reading of a request's head.

(Plain twin: the specification.) Canonical is what every strict HTTP/1.1 parser reads in the same way, octet for octet;
whatever else comes, well-formed or not, is for the ordinary server to judge. So a refusal here is never an error, and
the promise is one-sided: *what is accepted, a strict reference parser takes as exactly these octets, and means the
same.* No I/O, no state: `read_head` looks at what has arrived of one message.
"""

import re
from typing import Final, NamedTuple

MAX_HEAD_BYTES = 8192
MAX_FIELDS = 64
MAX_LENGTH_DIGITS = 7
MAX_NUMBER_DIGITS = 10

MORE: Final = "more"  # what has arrived is the beginning of what may become canonical
OTHER: Final = "other"  # for the ordinary server


class Route(NamedTuple):
    """One row of the table. `target` is exact, or ends where the digits of a number begin; `media` are the media
    types that a body may have, and none where there is no body. `name` says who answers, `template` what it is counted
    as, `operation` what it is in the table of roles. `soap`: the version, of a row whose body is an envelope.
    """

    name: str
    method: str
    target: str
    template: str
    operation: str
    numbered: bool = False
    media: tuple[str, ...] = ()
    soap: str = ""


def _soap(version: str, target: str, media: str) -> tuple[Route, ...]:
    """The rows of one address: which of them it is, the body says. A head is that of the first."""
    return tuple(
        Route(f"soap {name}", "POST", target, f"{target}#{operation}", operation, media=(media,), soap=version)
        for name, operation in (("details", "GetPatientGPDetails"), ("confirm", "ConfirmGP"))
    )


_JSON = ("application/json",)
ROUTES = (
    Route("lookup", "POST", "/v1/gp-lookup", "/v1/gp-lookup", "gpLookup", media=_JSON),
    Route("batch", "POST", "/v1/gp-lookup/batch", "/v1/gp-lookup/batch", "gpLookupBatch", media=_JSON),
    Route("confirm", "POST", "/v1/gp-confirm", "/v1/gp-confirm", "gpConfirm", media=_JSON),
    Route("her", "GET", "/v1/her/", "/v1/her/{herId}", "her", numbered=True),
    Route("contracts", "GET", "/v1/contracts", "/v1/contracts", "contractsExport"),
    *_soap("1.1", "/v2/flr/Basic", "text/xml"),
    *_soap("1.2", "/v2/flr", "application/soap+xml"),
)

# What a field of the head means here; all others mean nothing.
KINDS = tuple(range(1, 14))
HOST, LENGTH, TYPE, CONNECTION, TRACE, EVENT, CREDENTIAL, PROOF, CLIENT_CERT, SSL_CLIENT_CERT, ACTION, ONCE, FOREIGN = (
    KINDS
)
WHO = (CREDENTIAL, PROOF, CLIENT_CERT, SSL_CLIENT_CERT)
FIELDS: dict[bytes, int] = {
    b"host": HOST,
    b"content-length": LENGTH,
    b"content-type": TYPE,
    b"connection": CONNECTION,
    b"traceparent": TRACE,
    b"nhn-event-id": EVENT,
    # who asks: never twice. A certificate means something only from a proxy that is trusted.
    b"authorization": CREDENTIAL,
    b"dpop": PROOF,
    b"client-cert": CLIENT_CERT,
    b"x-ssl-client-cert": SSL_CLIENT_CERT,
    b"soapaction": ACTION,
    **dict.fromkeys((b"cookie", b"x-client-cert", b"forwarded"), ONCE),
    # another framing, another coding, another protocol, or an answer that depends on what the client has
    **dict.fromkeys(
        (
            *(b"transfer-encoding", b"content-encoding", b"te", b"trailer", b"expect", b"upgrade", b"http2-settings"),
            *(b"proxy-authorization", b"proxy-connection", b"keep-alive", b"content-range", b"range", b"if-range"),
            *(b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"),
        ),
        FOREIGN,
    ),
}


class Head(NamedTuple):
    """A canonical head: its route (a place in ROUTES), octets of head and body, the number in the target, or 0.

    `trace` and `event` are what is to be returned to the caller, empty where nothing is; then who asks, unread, None
    where the field is not there; `action` is what SOAP says in the head that is asked, of a row with an envelope.
    """

    route: int
    size: int
    length: int
    number: int
    trace: bytes
    event: bytes
    credential: bytes | None = None
    proof: bytes | None = None
    client_cert: bytes | None = None
    ssl_client_cert: bytes | None = None
    action: bytes = b""

    def __repr__(self) -> str:
        """No content."""
        return "<Head>"


_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\t -~]*[!-~])?)([ \t]*)")
_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]{1,255}")
_NUMBER = re.compile(rb"[1-9][0-9]*")
_LENGTH = re.compile(rb"0|[1-9][0-9]*")
_TRACE = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_EVENT = re.compile(rb"[!-~]{1,128}")
_VERSION = b" HTTP/1.1"
_CHARSET = rb'(?: *; *charset="?utf-8"?)?'
_SOAP_CHARSET = rb' *; *charset=(?:utf-8|"utf-8")'
_SOAP_ACTION = rb' *; *action="([!#-:<-\[\]-~]*)"'
_PARAMETERS = {
    "": _CHARSET,
    "1.1": rb"(?:%b)?" % _SOAP_CHARSET,
    "1.2": rb"(?:(?:%(c)b)?(?:%(a)b)?|%(a)b%(c)b)" % {b"c": _SOAP_CHARSET, b"a": _SOAP_ACTION},
}
_MEDIA = [
    re.compile(
        rb"(?:%b)%b" % (b"|".join(re.escape(m.encode()) for m in route.media), _PARAMETERS[route.soap]), re.IGNORECASE
    )
    for route in ROUTES
]


def read_head(data: bytes) -> Head | str:
    """The canonical head that `data` begins with, MORE or OTHER. `data` begins where a message begins."""
    line, ended, _ = data.partition(b"\r\n")
    first = _request_line(line, whole=bool(ended))
    if isinstance(first, str):
        return OTHER if len(data) > MAX_HEAD_BYTES else first
    route, number = first
    at, seen = len(line) + 2, _Seen(route)
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            bare = b"\n" in data[at:] or b"\r" in data[at:-1]
            return OTHER if bare or len(data) > MAX_HEAD_BYTES else MORE
        if end + 2 > MAX_HEAD_BYTES:
            return OTHER
        if end == at:
            return seen.head(at + 2, number)
        if not seen.take(data[at:end]):
            return OTHER
        at = end + 2


def _request_line(line: bytes, *, whole: bool) -> tuple[int, int] | str:
    """(place of the route, number in the target), MORE or OTHER."""
    may_become = False
    for place, route in enumerate(ROUTES):
        start = f"{route.method} {route.target}".encode()
        if not route.numbered:
            start += _VERSION
        if whole and line == start and not route.numbered:
            return place, 0
        if route.numbered and line.startswith(start):
            digits, version, rest = line[len(start) :].partition(_VERSION)
            if whole and _NUMBER.fullmatch(digits) and len(digits) <= MAX_NUMBER_DIGITS and version and not rest:
                return place, int(digits)
        may_become |= not whole and _may_become(line, start, numbered=route.numbered)
    return MORE if may_become else OTHER


def _may_become(line: bytes, start: bytes, *, numbered: bool) -> bool:
    """Whether a line that has not ended yet may still become that of a route."""
    line, cut = (line[:-1], True) if line.endswith(b"\r") else (line, False)
    if not numbered or len(line) < len(start):
        return line == start if cut else start.startswith(line)
    if not line.startswith(start):
        return False
    digits = re.match(rb"[0-9]*", line[len(start) :])[0]  # type: ignore[index]
    rest = line[len(start) + len(digits) :]
    well = len(digits) <= MAX_NUMBER_DIGITS and not digits.startswith(b"0")
    if cut:
        return well and bool(digits) and rest == _VERSION
    return well and (not rest or (bool(digits) and _VERSION.startswith(rest)))


class _Seen:
    """The fields of one head, so far. Only those that mean something are kept."""

    def __init__(self, route: int) -> None:
        self.route = route
        self.fields = 0
        self.values: dict[bytes, bytes] = {}
        self.who: dict[int, bytes] = {}
        self.action = b""

    def take(self, line: bytes) -> bool:
        """Take one more field; False when the head is not canonical."""
        field = _FIELD.fullmatch(line)
        self.fields += 1
        if field is None or self.fields > MAX_FIELDS:
            return False
        name, value, blanks = field[1].lower(), field[2], field[3]
        kind = FIELDS.get(name)
        if kind is None:
            return True
        # Blanks behind a value: parsers do not agree on whose they are.
        if kind == FOREIGN or name in self.values or blanks:
            return False
        self.values[name] = value
        if kind in WHO:
            self.who[kind] = value
            return True
        return self._fits(kind, value)

    def _fits(self, kind: int, value: bytes) -> bool:
        if kind == HOST:
            return _HOST.fullmatch(value) is not None
        if kind == LENGTH:
            return _LENGTH.fullmatch(value) is not None and len(value) <= MAX_LENGTH_DIGITS
        if kind == TYPE:
            media = _MEDIA[self.route].fullmatch(value) if ROUTES[self.route].media else None
            if media is not None and ROUTES[self.route].soap == "1.2":
                self.action = media[1] or media[2] or b""
            return media is not None
        if kind == ACTION and ROUTES[self.route].soap == "1.1":
            self.action = value
        return kind != CONNECTION or value.lower() == b"keep-alive"

    def head(self, size: int, number: int) -> Head | str:
        """The head, when it has all that its route wants and nothing that it must not have."""
        values, body = self.values, {b"content-length", b"content-type"}
        if b"host" not in values or values.keys() & body != (body if ROUTES[self.route].media else set()):
            return OTHER
        trace, event = values.get(b"traceparent", b""), values.get(b"nhn-event-id", b"")
        who = [self.who.get(one) for one in WHO]
        return Head(
            self.route,
            size,
            int(values.get(b"content-length", b"0")),
            number,
            trace if _TRACE.fullmatch(trace) else b"",
            event if _EVENT.fullmatch(event) else b"",
            who[0],
            who[1],
            who[2],
            who[3],
            self.action,
        )
