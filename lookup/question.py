"""The bodies that the compiled HTTP path reads itself. (Plain twin: the specification.)

Canonical is JSON with the members of the route, each once, in any order, blanks anywhere, and strings of printable
ASCII without escapes: there a strict JSON parser and this one cannot differ. Any other body, right or wrong, is None:
for the ordinary server to judge. Whether a string is a national id is not asked here. Times: `read_at`.
"""

import re
from typing import NamedTuple

from lookup.canonical import ROUTES
from register.localtime import parse_at

MAX_NUMBERS = 1000
# The members that a body may have, by the name of the route; all but `at` are wanted.
MEMBERS = {
    "lookup": ("nin", "at"),
    "batch": ("nins", "at"),
    "confirm": ("nin", "hprNumber", "at"),
}
# Years in which the compiled twin knows what Norwegian time is: summer begins on the last Sunday of March, at 02:00.
FIRST_YEAR, LAST_YEAR = 1982, 2100


class Question(NamedTuple):
    """What a body asks: texts that should be national ids, the text of a time or None, and an HPR number or 0."""

    nins: tuple[bytes, ...]
    at: bytes | None
    hpr_number: int

    def __repr__(self) -> str:
        """No content."""
        return "<Question>"


_BLANKS = r"[ \t\n\r]*"
_TEXT = r'"([ !#-\[\]-~]*)"'
_NAME = re.compile(rf'{_BLANKS}"(nin|nins|at|hprNumber)"{_BLANKS}:{_BLANKS}'.encode())
_STRING = re.compile(_TEXT.encode())
_STRINGS = re.compile(rf"\[{_BLANKS}(?:{_TEXT}{_BLANKS}(?:,{_BLANKS}{_TEXT}{_BLANKS})*)?\]".encode())
_NULL = re.compile(b"null")
_NUMBER = re.compile(rb"[1-9][0-9]{0,8}(?![0-9.eE+-])")
_BEGIN = re.compile(rf"{_BLANKS}\{{".encode())
_AFTER = re.compile(rf"{_BLANKS}([,}}])".encode())
_END = re.compile(rf"{_BLANKS}\Z".encode())
_LOCAL = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?")


def read_question(route: int, body: bytes) -> Question | None:
    """The question of a canonical body on the route with this place in ROUTES, or None."""
    members = MEMBERS.get(ROUTES[route].name, ())
    begin = _BEGIN.match(body)
    if begin is None:
        return None
    at, values = begin.end(), dict[str, object]()
    while True:
        name = _NAME.match(body, at)
        if name is None or (key := name[1].decode()) not in members or key in values:
            return None
        value = _value(key, body, name.end())
        if value is None:
            return None
        values[key], at = value
        after = _AFTER.match(body, at)
        if after is None:
            return None
        at = after.end()
        if after[1] == b"}":
            break
    if not _END.match(body, at) or values.keys() | {"at"} != set(members):
        return None
    nins = values.get("nins", (values.get("nin"),))
    return Question(nins, values.get("at"), values.get("hprNumber", 0))  # type: ignore[arg-type]


def _value(key: str, body: bytes, at: int) -> tuple[object, int] | None:
    """(a member's value, where it ends), or None."""
    if key == "at" and (null := _NULL.match(body, at)):
        return None, null.end()
    found = {"nins": _STRINGS, "hprNumber": _NUMBER}.get(key, _STRING).match(body, at)
    if found is None:
        return None
    if key == "hprNumber":
        return int(found[0]), found.end()
    if key == "nins":
        texts = tuple(text[1] for text in _STRING.finditer(found[0]))
        return None if len(texts) > MAX_NUMBERS else (texts, found.end())
    return found[1], found.end()


def read_at(text: bytes) -> int | None:
    """The local time that a text means, in microseconds, or None when it takes the calendar to say, or is no time.

    Only times without an offset, in years with the summer time of today, and not in the hour of a spring night that may
    not exist.
    """
    if not _LOCAL.fullmatch(text):
        return None
    year, month, day, hour = (int(text[a:b]) for a, b in ((0, 4), (5, 7), (8, 10), (11, 13)))
    if not FIRST_YEAR <= year <= LAST_YEAR or (month == 3 and day >= 25 and hour == 2):
        return None
    try:
        return parse_at(text.decode())
    except ValueError:
        return None
