"""Everything that api.md section 4 keeps off the hot path: for each departure, how a request comes to have it.

A departure gets a canonical draft with room for more, and gives the octets of a request that must not be
accepted: it is for the ordinary server, which may well answer it.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from lookup.canonical import FIELDS, FOREIGN, MAX_FIELDS, MAX_HEAD_BYTES
from tests.wire.draft import ONCE, Draft, Field, cased, draft, fill

Make = Callable[[random.Random, Draft], bytes]


class Departure(NamedTuple):
    """One way not to be canonical. `body`: whether it is a departure of requests with a body, without, or of both."""

    name: str
    make: Make
    body: bool | None

    def of(self, chance: random.Random) -> bytes:
        """A request with this departure and no other."""
        while True:
            base = draft(chance, body=self.body)
            if len(base.fields) < MAX_FIELDS - 3 and len(base.octets()) - len(base.body) < MAX_HEAD_BYTES - 1000:
                return self.make(chance, base)


DEPARTURES: list[Departure] = []


def _is(name: str, make: Make, *, body: bool | None = None) -> None:
    DEPARTURES.append(Departure(name, make, body))


def _attribute(name: str, change: Callable[[str], str]) -> Make:
    def make(chance: random.Random, base: Draft) -> bytes:
        setattr(base, name, change(getattr(base, name)))
        return base.octets()

    return make


def _value(field: str, *values: str) -> Make:
    """Another value for a field; `{}` is the value that it had."""

    def make(chance: random.Random, base: Draft) -> bytes:
        one = base.fields[base.place(field)]
        one.value = chance.choice(values).format(one.value)
        return base.octets()

    return make


def _more(name: str, *values: str) -> Make:
    """A field more, and none of the same name beside it."""

    def make(chance: random.Random, base: Draft) -> bytes:
        base.fields = [one for one in base.fields if one.name.lower() != name.lower()]
        base.insert(chance, Field(cased(chance, name), chance.choice(values)))
        return base.octets()

    return make


def _twice(name: str, *values: str) -> Make:
    """A field that comes twice: as it was, or with one of these values, and again the same or another."""

    def make(chance: random.Random, base: Draft) -> bytes:
        have = [one for one in base.fields if one.name.lower() == name.lower()]
        if not have:
            have = [Field(name, chance.choice(values))]
            base.insert(chance, *have)
        base.insert(chance, Field(cased(chance, name), chance.choice([have[0].value, *values])))
        return base.octets()

    return make


def _without(field: str) -> Make:
    def make(chance: random.Random, base: Draft) -> bytes:
        del base.fields[base.place(field)]
        return base.octets()

    return make


def _line_of_head(change: Callable[[random.Random, str], str]) -> Make:
    """One line of the fields changed, any of them."""

    def make(chance: random.Random, base: Draft) -> bytes:
        lines = [base.line, *map(str, base.fields)]
        place = chance.randrange(1, len(lines))
        lines[place] = change(chance, lines[place])
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + base.body

    return make


def _octets(change: Callable[[random.Random, bytes], bytes]) -> Make:
    return lambda chance, base: change(chance, base.octets())


def _end_of_line(end: bytes) -> Make:
    """One of the head's lines ends in another way."""

    def make(chance: random.Random, base: Draft) -> bytes:
        head, _, body = base.octets().partition(b"\r\n\r\n")
        lines = (head + b"\r\n").split(b"\r\n")
        place = chance.randrange(len(lines))
        ended = [line + (end if i == place else b"\r\n") for i, line in enumerate(lines)]
        # A body that begins with LF would make the end of the head whole again.
        return b"".join(ended) + (b" " + body[1:] if body.startswith(b"\n") else body)

    return make


def _too_many_fields(chance: random.Random, base: Draft) -> bytes:
    while len(base.fields) <= MAX_FIELDS:
        base.insert(chance, Field("x", "y"))
    return base.octets()


def _too_long(chance: random.Random, base: Draft) -> bytes:
    fill(chance, base, MAX_HEAD_BYTES + chance.choice([1, 2, 3, 500]))
    return base.octets()


def _inside(text: str) -> Callable[[random.Random, str], str]:
    """A text put into the value of a line."""

    def change(chance: random.Random, line: str) -> str:
        place = chance.randint(line.index(":") + 1, len(line))
        return line[:place] + text + line[place:]

    return change


def _in_name(text: str) -> Callable[[random.Random, str], str]:
    """A text put into the name of a line, or behind it."""

    def change(chance: random.Random, line: str) -> str:
        place = chance.randint(0, line.index(":"))
        return line[:place] + text + line[place:]

    return change


_FULL_WIDTH = "\xef\xbc\x91"  # a digit one of another script, in UTF-8

# The request line.
_is("small letters in the method", _attribute("method", str.lower))
_is("another method", _attribute("method", lambda method: {"POST": "PUT", "GET": "HEAD"}[method]))
_is("a longer method", _attribute("method", lambda method: method + "S"))
_is("blanks before the method", _octets(lambda _, data: b" " + data))
_is("an empty line in front", _octets(lambda chance, data: chance.choice([b"\r\n", b"\n", b"\r\n\r\n"]) + data))
_is("two blanks behind the method", _attribute("method", lambda method: method + " "))
_is("two blanks behind the target", _attribute("target", lambda target: target + " "))
_is("a tab for a blank", _octets(lambda _, data: data.replace(b" ", b"\t", 1)))
_is("a blank behind the version", _attribute("version", lambda version: version + " "))
_is("HTTP/1.0", _attribute("version", lambda _: "HTTP/1.0"))
_is("HTTP/1.2", _attribute("version", lambda _: "HTTP/1.2"))
_is("HTTP/2.0", _attribute("version", lambda _: "HTTP/2.0"))
_is("HTTP/1.10", _attribute("version", lambda _: "HTTP/1.10"))
_is("small letters in the version", _attribute("version", str.lower))
_is("no version", _octets(lambda _, data: data.replace(b" HTTP/1.1", b"", 1)))
_is("an absolute target", _attribute("target", lambda target: "http://localhost" + target))
_is("a target of two slashes", _attribute("target", lambda target: "/" + target))
_is("a target that is only an asterisk", _attribute("target", lambda _: "*"))
_is("a query", _attribute("target", lambda target: target + "?at=2026-11-24T12:00:00"))
_is("an empty query", _attribute("target", lambda target: target + "?"))
_is("a fragment", _attribute("target", lambda target: target + "#x"))
_is("a slash at the end", _attribute("target", lambda target: target + "/"))
_is("dots in the target", _attribute("target", lambda target: target.replace("/v1", "/v1/.", 1)))
_is("an escape in the target", _attribute("target", lambda target: target.replace("v1", "%761", 1)))
_is("capitals in the target", _attribute("target", str.upper))
_is("an octet of no ASCII in the target", _attribute("target", lambda target: target + "\xe9"))
_is("NUL in the target", _attribute("target", lambda target: target + "\0"))
_is("a target in another script", _attribute("target", lambda target: target[:-1] + _FULL_WIDTH))
_is("no number", _attribute("target", lambda _: "/v1/her/"), body=False)
_is("a zero in front of a number", _attribute("target", lambda _: "/v1/her/04000001"), body=False)
_is("the number zero", _attribute("target", lambda _: "/v1/her/0"), body=False)
_is("a sign before a number", _attribute("target", lambda _: "/v1/her/+4000001"), body=False)
_is("a minus before a number", _attribute("target", lambda _: "/v1/her/-4000001"), body=False)
_is("a number of eleven digits", _attribute("target", lambda _: "/v1/her/12345678901"), body=False)
_is("a number of very many digits", _attribute("target", lambda _: "/v1/her/1" + "0" * 99), body=False)
_is("a letter behind a number", _attribute("target", lambda target: target + "x"), body=False)
_is("an underscore in a number", _attribute("target", lambda _: "/v1/her/1_0"), body=False)

# Host.
_is("no Host", _without("host"))
_is("two of Host", _twice("Host", "localhost", "other"))
_is("an empty Host", _value("host", ""))
_is("Host of more than 255 octets", _value("host", "a" * 256))
_is("a Host that is none", _value("host", "a b", "a/b", "u@h", "a,b", "h\xc3\xb8st", "a\tb", "h?", "h%41", "h;", "h@"))
_is("blanks behind Host", _value("host", "{} ", "{}\t"))

# The length of the body, and its framing.
_is("no Content-Length", _without("content-length"), body=True)
_is("two of Content-Length", _twice("Content-Length", "0", "1"), body=True)
_is("a list for Content-Length", _value("content-length", "{0}, {0}", "{0},{0}", "{},", ",{}", "{} 1"), body=True)
_is("a sign before Content-Length", _value("content-length", "+{}", "-{}", "-0", "+0"), body=True)
_is("another base in Content-Length", _value("content-length", "0x{}", "0o{}", "{}h"), body=True)
_is("a zero in front of Content-Length", _value("content-length", "0{}", "00", "000000{}"), body=True)
_is("an empty Content-Length", _value("content-length", ""), body=True)
_is("a Content-Length of eight digits", _value("content-length", "10000000", "99999999"), body=True)
_is("a huge Content-Length", _value("content-length", "18446744073709551616", "4294967296", "1" + "0" * 50), body=True)
_is("Content-Length in another script", _value("content-length", _FULL_WIDTH, "\xb2", "1" + _FULL_WIDTH), body=True)
_is("a fraction in Content-Length", _value("content-length", "{}.0", "{}e0", "1_0"), body=True)
_is("blanks behind Content-Length", _value("content-length", "{} ", "{}\t"), body=True)
_is("Content-Length without a body", _more("Content-Length", "0", "5"), body=False)
_is("Content-Type without a body", _more("Content-Type", "application/json"), body=False)
_is("Transfer-Encoding", _more("Transfer-Encoding", "chunked", "identity", "gzip, chunked", "Chunked", "", "xchunked"))

# What the body is.
_is("no Content-Type", _without("content-type"), body=True)
_is("two of Content-Type", _twice("Content-Type", "application/json", "text/plain"), body=True)
_is("another Content-Type", _value("content-type", "text/plain", "application/jso", "application/jsonp", ""), body=True)
_is("a Content-Type for SOAP", _value("content-type", "text/xml", "application/soap+xml; charset=utf-8"), body=True)
_is(
    "a charset that is not UTF-8",
    _value(
        "content-type",
        *(
            f"application/json{more}"
            for more in ("; charset=latin-1", "; charset=utf8", ";charset=utf-16", "; charset=")
        ),
        *(f"application/json{more}" for more in ("; charset = utf-8", ";\tcharset=utf-8", "; charset=utf-8;", ";")),
        *(
            f"application/json{more}"
            for more in ("; boundary=x", "; charset=utf-8; x=y", ", text/plain", " charset=utf-8")
        ),
    ),
    body=True,
)
_is("blanks behind Content-Type", _value("content-type", "{} ", "{}\t"), body=True)

# Connection, and fields that may come but once.
_is("Connection: close", _more("Connection", "close", "Close", "keep-alive, close", "close, keep-alive"))
_is("another Connection", _more("Connection", "upgrade", "te", "keep-alive, te", "keep-alive,", "", "keepalive", "x"))
_is("blanks behind Connection", _more("Connection", "keep-alive ", "keep-alive\t"))
_is("two of Connection", _twice("Connection", "keep-alive"))
_is("two of traceparent", _twice("traceparent", "x", ""))
_is("two of nhn-event-id", _twice("nhn-event-id", "x", ""))
for _name in ONCE:
    _is(f"two of {_name}", _twice(_name, "x", ""))
_is("blanks behind a field that may come once", _more("Authorization", "Basic x ", "Basic x\t"))

# Fields of another framing, coding, protocol, or of an answer that depends on what the client has.
for _name in sorted(name.decode() for name, kind in FIELDS.items() if kind == FOREIGN):
    _is(f"the field {_name}", _more(_name, "", "x", "100-continue", "gzip", "trailers", '"1-abc"', "h2c", "bytes=0-1"))

# The form of the head.
_is("a folded line", _line_of_head(lambda chance, line: line + chance.choice(["\r\n ", "\r\n\t"]) + "x"))
_is("a folded line that is empty", _line_of_head(lambda chance, line: line + chance.choice(["\r\n ", "\r\n\t"])))
_is("a blank before a name", _line_of_head(lambda chance, line: chance.choice(" \t") + line))
_is("a blank before a colon", _line_of_head(lambda chance, line: line.replace(":", chance.choice([" :", "\t:"]), 1)))
_is("no colon", _line_of_head(lambda _, line: line.replace(":", "")))
_is("no name", _line_of_head(lambda _, line: line[line.index(":") :]))
_is("a carriage return in a value", _line_of_head(lambda c, line: _inside("\r")(c, line).replace("\r\n", "\r") + "x"))
_is("a line feed in a value", _line_of_head(lambda c, line: _inside("\n")(c, line) + "x"))
_is("NUL in a value", _line_of_head(_inside("\0")))
_is("a control character in a value", _line_of_head(lambda c, line: _inside(c.choice("\x01\x08\x0b\x0c\x1f"))(c, line)))
_is("DEL in a value", _line_of_head(_inside("\x7f")))
_is("an octet of no ASCII in a value", _line_of_head(lambda c, line: _inside(c.choice("\x80\x85\xa0\xff"))(c, line)))
_is("a name of other characters", _line_of_head(lambda c, line: _in_name(c.choice('()<>@,;\\"/[]?={}'))(c, line)))
_is("NUL in a name", _line_of_head(_in_name("\0")))
_is("an octet of no ASCII in a name", _line_of_head(lambda c, line: _in_name(c.choice("\x80\xe9\xff"))(c, line)))
_is("a line that ends in LF", _end_of_line(b"\n"))
_is("a line that ends in CR", _end_of_line(b"\r"))
_is("a line that ends in CR CR LF", _end_of_line(b"\r\r\n"))
_is("a line that ends in LF CR", _end_of_line(b"\n\r"))
_is("65 fields", _too_many_fields)
_is("a head of more than 8192 octets", _too_long)
