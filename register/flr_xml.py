"""Writing elements of the real register's interface, from the table of its types (register/flr_schema.py).

A value is plain: text, int, bool, float, datetime, timedelta, a list, a mapping from member to value, or None for nil.
Every member is written, in order: one that is not given as nil where it may be nil, else as what .NET takes for none.
Text that XML 1.0 cannot carry (control characters, lone surrogates) is written as U+FFFD. Reading is
register/flr_reader.py.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import quoteattr

from register.flr_schema import INSTANCE, PREFIXES, TYPES, Member, Type

NEVER = datetime(1, 1, 1)
_NONE: dict[str, Any] = {
    "boolean": False,
    "int": 0,
    "long": 0,
    "double": 0.0,
    "dateTime": NEVER,
    "duration": timedelta(),
    "string": "",
}
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Rendered(str):
    """The content of an element that has been written already; it may take the place of any value inside another."""

    __slots__ = ()

    def __repr__(self) -> str:
        """No content: most of it is about a person."""
        return "<Rendered>"


def escaped(text: str) -> str:
    """Text as an element's content, which reads as the same text."""
    return _SPECIAL.sub(lambda found: _ESCAPED.get(found[0], "\ufffd"), text)


def declarations() -> str:
    """The attributes that declare every prefix we write, for a root element."""
    return "".join(f" xmlns{prefix and ':'}{prefix}={quoteattr(namespace)}" for namespace, prefix in PREFIXES.items())


def content(kind: str, value: Any) -> str:
    """What stands inside an element of a type."""
    return _WRITERS[kind](value)


def _list_writer(item: Member) -> Callable[[Any], str]:
    name = _qualified(item)
    begin, end, kind = f"<{name}>", f"</{name}>", item.type

    def write(values: Any) -> str:
        if not values:
            return ""
        inner = _WRITERS[kind]
        return "".join([f"{begin}{value if value.__class__ is Rendered else inner(value)}{end}" for value in values])

    return write


def _members_writer(declared: Type) -> Callable[[Any], str]:
    parts = []
    for member in declared.members:
        name = _qualified(member)
        nil = f'<{name} {PREFIXES[INSTANCE]}:nil="true"/>'
        if not member.nillable:
            nil = f"<{name}>{_SIMPLE[member.type](_NONE[member.type])}</{name}>"
        parts.append((member.name, member.type, f"<{name}>", f"</{name}>", nil))

    def write(values: Any) -> str:
        out = []
        for name, kind, begin, end, nil in parts:
            value = values.get(name)
            if value is None:
                out.append(nil)
            else:
                inner = value if value.__class__ is Rendered else _WRITERS[kind](value)
                out.append(f"{begin}{inner}{end}")
        return "".join(out)

    return write


def _qualified(member: Member) -> str:
    prefix = PREFIXES[member.namespace]
    return f"{prefix}:{member.name}" if prefix else member.name


def _duration(value: timedelta) -> str:
    """Days, hours, minutes and seconds; what is longer than a day says so in days, as .NET does."""
    hours, seconds = divmod(value.seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    fraction = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    days = f"{value.days}D" if value.days else ""
    parts = ((hours, "H"), (minutes, "M"), (f"{seconds}{fraction}" if seconds or fraction else 0, "S"))
    time = "".join(f"{number}{unit}" for number, unit in parts if number)
    return f"P{days}T{time}" if time else f"P{days or 'T0S'}"


def _date_time(value: datetime) -> str:
    """As .NET writes a time without a zone: no more decimals of a second than there are."""
    text = value.isoformat()
    return text.rstrip("0") if "." in text else text


_SIMPLE: Mapping[str, Callable[[Any], str]] = {
    "string": escaped,
    "DayOfWeek": str,
    "int": str,
    "long": str,
    "boolean": lambda value: "true" if value else "false",
    "dateTime": _date_time,
    "double": repr,
    "duration": _duration,
}

_WRITERS: Mapping[str, Callable[[Any], str]] = {
    **_SIMPLE,
    **{
        name: _members_writer(declared) if declared.item is None else _list_writer(declared.item)
        for name, declared in TYPES.items()
    },
}
