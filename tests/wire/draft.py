"""Canonical requests by grammar: every freedom that api.md section 4 leaves, taken at random.

A draft keeps a request in its parts, so that one thing about it can be made wrong (departures.py) before it is written
out as octets. Numbers of persons are digits of no meaning.
"""

import json
import random
from dataclasses import dataclass, field

from lookup.canonical import MAX_FIELDS, MAX_HEAD_BYTES, ROUTES
from tests.lookup.village import PERSONS, UNKNOWN
from tests.soap.writers import CONFIRM, DETAILS, WRITERS

TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
JSON_TEXT = PRINTABLE.replace('"', "").replace("\\", "")
HOSTS = ["localhost", "127.0.0.1:8080", "[::1]:8080", "flr.example.no", "FLR.Example.NO:443", "a", "a_b-c." + "d" * 240]
MEDIA = [
    "application/json",
    "Application/JSON",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    'application/json  ;  Charset="utf-8"',
]
KNOWN = [*PERSONS, UNKNOWN]
TIMES = ["2026-11-24T12:00:00", "2026-03-29T02:30:00.5", "1999-12-31T23:59:59.999999", "2024-02-30T00:00:00", "", "now"]
ONCE = ["Authorization", "DPoP", "Client-Cert", "Cookie", "X-Client-Cert", "Forwarded"]
# Fields that mean nothing here, some of them because their names are nearly those of fields that do.
MEANINGLESS = [
    "Accept",
    "User-Agent",
    "Accept-Encoding",
    "X",
    "x-forwarded-for",
    "Hosts",
    "Content-Lengt",
    "Content_Length",
]
MEANINGLESS += ["Content-Length-", "Transfer-Encodin", "Connections", "Via", "Origin", "!#$%&'*+-.^_`|~", "Date", "Hos"]


@dataclass
class Field:
    """A field of a head: `before` and `after` are the blanks around its value."""

    name: str
    value: str
    before: str = " "
    after: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.before}{self.value}{self.after}"


@dataclass
class Draft:
    """A request in its parts. `number` is what stands in the target, 0 if nothing does; `question` what is asked."""

    route: int
    method: str
    target: str
    fields: list[Field]
    body: bytes = b""
    number: int = 0
    question: dict[str, object] = field(default_factory=dict)
    version: str = "HTTP/1.1"

    @property
    def line(self) -> str:
        return f"{self.method} {self.target} {self.version}"

    def octets(self) -> bytes:
        return "\r\n".join([self.line, *map(str, self.fields), "", ""]).encode("latin-1") + self.body

    def place(self, name: str) -> int:
        """Where the field of this name stands."""
        return next(i for i, field in enumerate(self.fields) if field.name.lower() == name)

    def insert(self, chance: random.Random, *fields: Field) -> None:
        """Put in fields, each at any place."""
        for new in fields:
            self.fields.insert(chance.randint(0, len(self.fields)), new)


def draft(chance: random.Random, *, body: bool | None = None) -> Draft:
    """Any canonical request but an envelope; with `body` one that has a body, or has none."""
    some = [i for i, row in enumerate(ROUTES) if not row.soap and (body is None or bool(row.media) is body)]
    route = chance.choice(some)
    row = ROUTES[route]
    number = (
        chance.choice([1, 4_000_000 + chance.randint(0, 30), chance.randint(1, 9_999_999_999)]) if row.numbered else 0
    )
    new = Draft(route, row.method, row.target + (str(number) if number else ""), [], number=number)
    new.insert(chance, Field("Host", chance.choice(HOSTS)))
    if row.media:
        new.question = question(chance, row.name)
        new.body = written(chance, new.question)
        new.insert(chance, Field("Content-Length", str(len(new.body))), Field("Content-Type", chance.choice(MEDIA)))
    decorate(chance, new)
    return new


def envelope(chance: random.Random) -> Draft:
    """Any canonical request over SOAP, as the stacks of consumers write it; its head is that of its address."""
    route = chance.choice(range(len(ROUTES)))
    while not ROUTES[route].soap or ROUTES[route].target == ROUTES[route - 1].target:
        route = chance.choice(range(len(ROUTES)))
    row = ROUTES[route]
    text = chance.choice(WRITERS)(row.soap, nin(chance, "0123456789"))
    new = Draft(route, row.method, row.target, [], body=text.encode())
    media = row.media[0] + chance.choice(["", "; charset=utf-8", ';charset="UTF-8"'])
    asked = CONFIRM if "ConfirmGP" in text else DETAILS
    if row.soap == "1.2":
        media += chance.choice(["", f'; action="{asked}"', ';action=""'])
    elif chance.random() < 0.7:
        new.insert(chance, Field("SOAPAction", chance.choice(['""', f'"{asked}"', asked])))
    new.insert(chance, Field("Host", chance.choice(HOSTS)))
    new.insert(chance, Field("Content-Length", str(len(new.body))), Field("Content-Type", media))
    decorate(chance, new)
    return new


def decorate(chance: random.Random, new: Draft) -> None:
    """The fields that a canonical request may have, in any case, with any blanks; at times as many as there may be."""
    if chance.random() < 0.3:
        new.insert(chance, Field("Connection", "keep-alive"))
    if chance.random() < 0.3:
        new.insert(chance, Field("traceparent", trace(chance)))
    if chance.random() < 0.3:
        new.insert(chance, Field("nhn-event-id", text(chance, PRINTABLE[1:], chance.choice([0, 1, 8, 128, 129]))))
    new.insert(chance, *(Field(name, value(chance)) for name in ONCE if chance.random() < 0.1))
    many = 64 if chance.random() < 0.02 else 3
    for _ in range(chance.randint(0, max(0, min(many, MAX_FIELDS - len(new.fields))))):
        name = (
            chance.choice(MEANINGLESS) if chance.random() < 0.7 else "x-" + text(chance, TOKEN, chance.randint(0, 20))
        )
        new.insert(chance, Field(name, value(chance), after=blanks(chance)))
    for one in new.fields:
        one.name = cased(chance, one.name)
        one.before = blanks(chance) if chance.random() < 0.3 else " "
        if one.name.lower() == "connection":
            one.value = cased(chance, one.value)
    if chance.random() < 0.02 and len(new.fields) < MAX_FIELDS:
        fill(chance, new, MAX_HEAD_BYTES)


def fill(chance: random.Random, new: Draft, size: int) -> None:
    """One more field, so that the head has exactly this many octets."""
    new.fields.append(Field("x-fill", ""))
    new.fields[-1].value = text(chance, PRINTABLE[1:], size - (len(new.octets()) - len(new.body)))


def question(chance: random.Random, name: str) -> dict[str, object]:
    """What a body of this route may ask."""
    asked: dict[str, object] = {}
    if name == "batch":
        many = 1000 if chance.random() < 0.01 else chance.choice([0, 1, 2, 5, 30])
        asked["nins"] = [nin(chance) for _ in range(many)]
    else:
        asked["nin"] = nin(chance)
    if name == "confirm":
        asked["hprNumber"] = chance.choice([1, 9, 999_999_999, chance.randint(1, 999_999_999)])
    if chance.random() < 0.4:
        asked["at"] = chance.choice([*TIMES, None, text(chance, JSON_TEXT, 5)])
    return asked


def written(chance: random.Random, asked: dict[str, object]) -> bytes:
    """JSON, with the members in any order and blanks anywhere."""

    def gap() -> str:
        return chance.choice(["", "", " ", "\n", "\t", "\r\n  "])

    def one(what: object) -> str:
        if not isinstance(what, list):
            return json.dumps(what)
        return f"[{gap()}{','.join(f'{gap()}{one(x)}{gap()}' for x in what)}]"

    members = list(asked.items())
    chance.shuffle(members)
    text = ",".join(f'{gap()}"{name}"{gap()}:{gap()}{one(what)}{gap()}' for name, what in members)
    return f"{gap()}{{{text}}}{gap()}".encode()


def nin(chance: random.Random, letters: str = JSON_TEXT) -> str:
    """Mostly a number of the village, or eleven digits of no meaning; or `letters`."""
    if chance.random() < 0.7:
        return chance.choice(KNOWN)
    if chance.random() < 0.8:
        return text(chance, "0123456789", 11)
    return text(chance, letters, chance.randint(letters != JSON_TEXT, 14))


def trace(chance: random.Random) -> str:
    """A trace to be returned, or one that is none."""
    parts = [text(chance, "0123456789abcdef", size) for size in (2, 32, 16, 2)]
    return chance.choice(["-".join(parts)] * 3 + ["-".join(parts).upper(), "-".join(parts)[1:], ""])


def value(chance: random.Random) -> str:
    """Any value of a field, without blanks at its ends."""
    return text(chance, PRINTABLE + "\t", chance.choice([0, 1, 3, 20])).strip(" \t")


def text(chance: random.Random, letters: str, size: int) -> str:
    return "".join(chance.choices(letters, k=size))


def blanks(chance: random.Random) -> str:
    return chance.choice(["", "", " ", "\t", " \t  "])


def cased(chance: random.Random, name: str) -> str:
    """The same name in another case."""
    return chance.choice([name, name.lower(), name.upper(), "".join(chance.choice([c, c.swapcase()]) for c in name)])
