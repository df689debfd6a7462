"""Values of the real register's interface out of their text: what an element without parts holds, by its type.

Promises that text which is not of the type raises ValueError, without content. Blanks around a value mean nothing but
in text. The other direction is register/flr_xml.py.
"""

import math
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from register.flr_schema import DAYS, SIMPLE
from register.model import LocalTime

SPACE = " \t\r\n"
_INTEGER = re.compile("[+-]?[0-9]{1,19}")
_DOUBLE = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_DURATION = re.compile(
    r"P(?=.)(?:([0-9]{1,6})D)?(?:T(?=.)(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})(\.[0-9]{1,7})?S)?)?"
)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _integer(bits: int) -> Callable[[str], int]:
    least, above = -(1 << bits - 1), 1 << bits - 1

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            text = text.strip(SPACE)
            if not _INTEGER.fullmatch(text):
                raise ValueError
        number = int(text)
        if not least <= number < above:
            raise ValueError
        return number

    return parse


def _boolean(text: str) -> bool:
    found = _BOOLEANS.get(text)
    if found is None:
        found = _BOOLEANS.get(text.strip(SPACE))
        if found is None:
            raise ValueError
    return found


def _date_time(text: str) -> datetime:
    """A time without a zone, rounded to the microsecond as in a feed."""
    text = text.strip(SPACE)
    if text[10:11] != "T":
        raise ValueError
    try:
        return msgspec.convert(text, LocalTime)
    except msgspec.ValidationError:
        raise ValueError from None


def _double(text: str) -> float:
    text = text.strip(SPACE)
    if not _DOUBLE.fullmatch(text) or math.isinf(float(text)):
        raise ValueError
    return float(text)


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip(SPACE))
    if found is None:
        raise ValueError
    days, hours, minutes, seconds = (int(found[i] or 0) for i in range(1, 5))
    return timedelta(days, seconds + float(found[5] or 0), hours=hours, minutes=minutes)


def _day(text: str) -> str:
    day = text.strip(SPACE)
    if day not in DAYS:
        raise ValueError
    return day


def _octets(text: str) -> bytes:
    return b64decode(text.translate(dict.fromkeys(map(ord, SPACE))), validate=True)


PARSERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "DayOfWeek": _day,
    "int": _integer(32),
    "long": _integer(64),
    "boolean": _boolean,
    "dateTime": _date_time,
    "double": _double,
    "duration": _duration,
    "base64Binary": _octets,
    "StreamBody": _octets,
}
assert set(PARSERS) == set(SIMPLE)
