"""Reading documents of the real register's interface, strictly and as they come, by its types (register/flr_schema.py).

What is handed out is plain, as register/flr_xml.py takes it; an element with parts knows where it stands. Elements of
chosen types are handed out as soon as they end and are not kept, so that a document of any size is read in little
memory. Refused, with the place: a document type and with it every entity, processing instructions, unknown elements and
attributes, an element twice, a value that is not of its type, and what is too deep, too long or too much to hold.
Members may stand in any order. What is told never holds content.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from xml.parsers import expat

import msgspec

from register.flr_schema import DAYS, INSTANCE, SIMPLE, TYPES, Member
from register.model import LocalTime

MAX_DEPTH = 64
MAX_TEXT = 1 << 17  # characters of one value
MAX_HELD = 1 << 24  # characters and parts of what is kept until it is handed out
MAX_TOKEN_BYTES = 1 << 20  # of a tag or comment: expat keeps one until it has all of it
PART_COST = 64  # what a value without text counts for
_NIL, _TYPE = f"{INSTANCE} nil", f"{INSTANCE} type"
_NAME = re.compile("[A-Za-z]{1,60}")
_INTEGER = re.compile("[+-]?[0-9]{1,19}")
_DOUBLE = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_DURATION = re.compile(
    r"P(?=.)(?:([0-9]{1,6})D)?(?:T(?=.)(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})(\.[0-9]{1,7})?S)?)?"
)
_SPACE = " \t\r\n"


class Refused(ValueError):
    """What is wrong with a document, without content, and where it stands: line and column, from 1."""

    def __init__(self, what: str, place: tuple[int, int]) -> None:
        super().__init__(what)
        self.what, self.place = what, place


class Element(dict[str, Any]):
    """An element with parts: member -> value. `place` is (line, column) of its beginning, from 1."""

    __slots__ = ("place",)

    def __init__(self, place: tuple[int, int]) -> None:
        super().__init__()
        self.place = place

    def __repr__(self) -> str:
        """No content: most elements are about a person."""
        return "<Element>"


class _Open:
    """An element that has not ended yet. `kind` is the name of its type, `item` the member that a list consists of."""

    __slots__ = ("held", "item", "kind", "member", "nil", "place", "value")

    def __init__(self, kind: str, member: str, place: tuple[int, int], held: int, *, nil: bool) -> None:
        self.kind, self.member, self.place, self.held, self.nil = kind, member, place, held, nil
        declared = TYPES.get(kind)
        self.item = declared and declared.item
        self.value: Any = None if declared is None else [] if self.item else Element(place)


class Reader:
    """Reads one document: `feed` its bytes, then `close`. Raises Refused, and what those it hands out to raise.

    `value` is that of the root behind its end, without what was handed out.
    """

    def __init__(
        self,
        root: str,
        streamed: Mapping[str, Callable[[Element], None]],
        skipped: Collection[tuple[str, str]] = (),
    ) -> None:
        """`streamed` is type -> who takes its elements; (type, member) pairs of `skipped` are passed over unread."""
        self._root, self._streamed, self._skipped = root, streamed, frozenset(skipped)
        self.value: Any = None
        self._stack: list[_Open] = []
        self._text: list[str] = []
        self._length = self._held = self._depth = self._skipping = self._fed = 0
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.ProcessingInstructionHandler = self._refuse_instruction
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def feed(self, data: bytes) -> None:
        """The next bytes of the document."""
        self._parse(data, last=False)
        self._fed += len(data)
        if self._fed - max(self._parser.CurrentByteIndex, 0) > MAX_TOKEN_BYTES + len(data):
            raise self._refused("a tag or comment that is too long")

    def close(self) -> None:
        """The document has ended."""
        self._parse(b"", last=True)

    def _parse(self, data: bytes, *, last: bool) -> None:
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            what = f"not well-formed XML: {expat.ErrorString(error.code)}"
            raise Refused(what, (error.lineno, error.offset + 1)) from None

    @property
    def _place(self) -> tuple[int, int]:
        return self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1

    def _refused(self, what: str) -> Refused:
        return Refused(what, self._place)

    def _refuse_doctype(self, *_: object) -> None:
        raise self._refused("a document type declaration: neither it nor entities are read")

    def _refuse_instruction(self, *_: object) -> None:
        raise self._refused("a processing instruction")

    # -- elements

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refused("elements that are nested too deep")
        if self._skipping:
            self._skipping += 1
            return
        member = self._member(name)
        if self._stack and (self._stack[-1].kind, member.name) in self._skipped:
            self._skipping = 1
            return
        nil = bool(attributes) and self._is_nil(member, attributes)
        self._stack.append(_Open(member.type, member.name, self._place, self._held, nil=nil))
        self._text, self._length = [], 0

    def _member(self, name: str) -> Member:
        """The member that an element with this name is, where it stands."""
        if not self._stack:
            root = TYPES[self._root]
            if name != f"{root.namespace} {self._root}":
                raise self._refused(f"the document is not {self._root} of the interface's namespace")
            return Member(self._root, self._root, False, False, root.namespace)
        parent = self._stack[-1]
        member = _MEMBERS.get(parent.kind, {}).get(name)
        if member is None:
            local = name.rpartition(" ")[2]
            known = _NAME.fullmatch(local) is not None
            raise self._refused(f"{parent.member} has no element {local}" if known else "an unknown element")
        if parent.nil:
            raise self._refused(f"{parent.member} is nil and has content")
        if parent.item is None and member.name in parent.value:
            raise self._refused(f"{member.name} stands twice")
        self._whitespace(parent)
        return member

    def _is_nil(self, member: Member, attributes: dict[str, str]) -> bool:
        nil = attributes.pop(_NIL, "false").strip(_SPACE)
        if attributes.pop(_TYPE, member.type).rpartition(":")[2] != member.type:
            raise self._refused(f"{member.name} is of another type than {member.type}")
        if attributes or nil not in ("true", "1", "false", "0"):
            raise self._refused(f"{member.name} has an attribute that is not read")
        if nil in ("false", "0"):
            return False
        if not member.nillable or member.many:
            raise self._refused(f"{member.name} may not be nil")
        return True

    def _characters(self, text: str) -> None:
        if self._skipping:
            return
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise self._refused("a text that is too long")
        self._text.append(text)

    def _whitespace(self, element: _Open) -> None:
        if any(text.strip(_SPACE) for text in self._text):
            raise self._refused(f"{element.member} has text between its elements")
        self._text, self._length = [], 0

    def _end(self, _: str) -> None:
        self._depth -= 1
        if self._skipping:
            self._skipping -= 1
            return
        element = self._stack.pop()
        if element.nil or element.value is not None:
            self._whitespace(element)
            value = None if element.nil else element.value
        else:
            value = self._simple(element)
        self._text, self._length = [], 0
        if not self._stack:
            self.value = value
            return
        parent = self._stack[-1]
        if parent.item is not None and element.kind in self._streamed:
            self._streamed[element.kind](element.value)
            self._held = element.held
            return
        self._held += PART_COST + (len(value) if isinstance(value, str) else 0)
        if self._held > MAX_HELD:
            raise self._refused("more than can be held of one record")
        if parent.item is not None:
            parent.value.append(value)
        else:
            parent.value[element.member] = value

    def _simple(self, element: _Open) -> Any:
        text = "".join(self._text)
        try:
            return _PARSERS[element.kind](text)
        except ValueError:
            raise Refused(f"{element.member} is not of type {element.kind}", element.place) from None


_MEMBERS = {
    name: {f"{member.namespace} {member.name}": member for member in declared.members}
    for name, declared in TYPES.items()
}


# -- values


def _integer(bits: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        text = text.strip(_SPACE)
        if not _INTEGER.fullmatch(text) or not -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1):
            raise ValueError
        return int(text)

    return parse


def _boolean(text: str) -> bool:
    text = text.strip(_SPACE)
    if text not in ("true", "1", "false", "0"):
        raise ValueError
    return text in ("true", "1")


def _date_time(text: str) -> datetime:
    """A time without a zone, rounded to the microsecond as in a feed."""
    text = text.strip(_SPACE)
    if "T" not in text or not text.isascii():
        raise ValueError
    try:
        return msgspec.convert(text, LocalTime)
    except msgspec.ValidationError:
        raise ValueError from None


def _double(text: str) -> float:
    text = text.strip(_SPACE)
    if not _DOUBLE.fullmatch(text) or math.isinf(float(text)):
        raise ValueError
    return float(text)


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip(_SPACE))
    if found is None:
        raise ValueError
    days, hours, minutes, seconds = (int(found[i] or 0) for i in range(1, 5))
    return timedelta(days, seconds + float(found[5] or 0), hours=hours, minutes=minutes)


def _day(text: str) -> str:
    if text.strip(_SPACE) not in DAYS:
        raise ValueError
    return text.strip(_SPACE)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "DayOfWeek": _day,
    "int": _integer(32),
    "long": _integer(64),
    "boolean": _boolean,
    "dateTime": _date_time,
    "double": _double,
    "duration": _duration,
}
assert set(_PARSERS) == set(SIMPLE)
