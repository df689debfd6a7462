"""Writing elements of the real registers' interfaces, from a table of their types (flr_schema.py, ar_schema.py).

A value is plain: text, int, bool, float, datetime, timedelta, a list, a mapping from member to value, or None for nil.
Every member is written, in order: one that is not given as nil where it may be nil, else as what .NET takes for none.
Text that XML 1.0 cannot carry (control characters, lone surrogates) is written as U+FFFD. Reading is
register/flr_reader.py.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from register.flr_schema import ENTRY, FLR, INSTANCE, PREFIXES, TABLE, Member, Table, Type, reached

NEVER = datetime(1, 1, 1)
_NONE: dict[str, Any] = {
    "boolean": False,
    "int": 0,
    "long": 0,
    "double": 0.0,
    "dateTime": NEVER,
    "duration": timedelta(),
    "string": "",
    "CommunicationPartyType": "None",
    "CitizenIdType": "Invalid",
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


class Derived(NamedTuple):
    """A value of a type that extends the declared one: the element says so (`i:type`)."""

    type: str
    value: Any

    def __repr__(self) -> str:
        """No content: it may be about a person."""
        return f"<Derived {self.type}>"


class Writer:
    """Writes elements by one table of types."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._write: dict[str, Callable[[Any], str]] = {
            **_SIMPLE,
            **dict.fromkeys(table.enumerations, str),
        }
        for name, declared in table.types.items():
            item = declared.item
            self._write[name] = self._members_writer(declared) if item is None else self._list_writer(item)

    def content(self, kind: str, value: Any) -> str:
        """What stands inside an element of a type."""
        return self._write[kind](value)

    def declarations(self, kind: str) -> str:
        """The attributes that declare the prefixes we write in an element of a type, but the empty one."""
        some = reached(self.table.types, [kind])
        used = {INSTANCE} | {member.namespace for declared in some for member in declared.members}
        prefixes = self.table.prefixes.items()
        return "".join(f" xmlns:{prefix}={quoteattr(name)}" for name, prefix in prefixes if prefix and name in used)

    def _list_writer(self, item: Member) -> Callable[[Any], str]:
        name, kind, writers = self._qualified(item), item.type, self._write
        begin, end, nil = f"<{name}>", f"</{name}>", f'<{name} {PREFIXES[INSTANCE]}:nil="true"/>'

        def write(values: Any) -> str:
            if not values:
                return ""
            inner = writers[kind]
            return "".join(
                [
                    nil if value is None else f"{begin}{value if value.__class__ is Rendered else inner(value)}{end}"
                    for value in values
                ]
            )

        return write

    def _members_writer(self, declared: Type) -> Callable[[Any], str]:
        writers = self._write
        parts = []
        for member in declared.members:
            name = self._qualified(member)
            nil = f'<{name} {PREFIXES[INSTANCE]}:nil="true"/>'
            if not member.nillable:
                # One with parts that may not be nil is left out, as .NET does; it only ever stands in questions.
                none = _NONE.get(member.type)
                nil = "" if none is None else f"<{name}>{writers[member.type](none)}</{name}>"
            parts.append((member.name, member.type, f"<{name}>", f"</{name}>", nil))

        def write(values: Any) -> str:
            out = []
            for name, kind, begin, end, nil in parts:
                value = values.get(name)
                if value is None:
                    out.append(nil)
                else:
                    inner = value if value.__class__ is Rendered else writers[kind](value)
                    out.append(f"{begin}{inner}{end}")
            return "".join(out)

        return write

    def _qualified(self, member: Member) -> str:
        prefix = self.table.prefixes[member.namespace]
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
    """As .NET writes a time, with its offset where it has one: no more decimals of a second than there are."""
    text = value.replace(tzinfo=None).isoformat()
    text = text.rstrip("0") if "." in text else text
    return text if value.tzinfo is None else text + value.isoformat()[-len("+01:00") :]


_SIMPLE: Mapping[str, Callable[[Any], str]] = {
    "string": escaped,
    "DayOfWeek": str,
    "int": str,
    "long": str,
    "boolean": lambda value: "true" if value else "false",
    "dateTime": _date_time,
    "double": repr,
    "duration": _duration,
    "base64Binary": lambda value: b64encode(value).decode("ascii"),
    "StreamBody": lambda value: b64encode(value).decode("ascii"),
}


FLR_WRITER = Writer(TABLE)
content = FLR_WRITER.content


def declarations() -> str:
    """The attributes that declare every prefix we write, for the root element of an entry of the export."""
    return f" xmlns={quoteattr(FLR)}{FLR_WRITER.declarations(ENTRY)}"
