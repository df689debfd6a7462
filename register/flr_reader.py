"""Reading documents of the real register's interface, strictly and as they come, by its types (register/flr_schema.py).

What is handed out is plain, as register/flr_xml.py takes it; an element with parts knows where it stands. Elements of
chosen types are handed out as soon as they end and are not kept, so that a document of any size is read in little
memory. Refused, with the place: a document type and with it every entity, processing instructions, unknown elements and
attributes, an element twice, a value that is not of its type, and what is too deep, too long or too much to hold.
Members may stand in any order. What is told never holds content. Values are in register/flr_values.py.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from xml.parsers import expat

from register.flr_schema import INSTANCE, TABLE, TYPES, Member, Table
from register.flr_values import PARSERS, SPACE

MAX_DEPTH = 64
MAX_TEXT = 1 << 17  # characters of one value
MAX_HELD = 1 << 24  # characters and parts of what is kept until it is handed out
MAX_TOKEN_BYTES = 1 << 20  # of a tag or comment: expat keeps one until it has all of it
PART_COST = 64  # what a value without text counts for
_NIL, _TYPE = f"{INSTANCE} nil", f"{INSTANCE} type"
_NAME = re.compile("[A-Za-z]{1,60}")
NOTHING: Mapping[str, Any] = {}

Take = Callable[["Element"], None]


class Refused(ValueError):
    """What is wrong with a document, without content, and where it stands: line and column, from 1."""

    def __init__(self, what: str, place: tuple[int, int]) -> None:
        super().__init__(what)
        self.what, self.place = what, place


class Element(dict[str, Any]):
    """An element with parts: member -> value. `place` is (line, column) of its beginning, from 1."""

    __slots__ = ("place",)
    place: tuple[int, int]

    def __repr__(self) -> str:
        """No content: most elements are about a person."""
        return "<Element>"


class Kind:
    """What may stand in an element of a type, prepared: qualified name -> member, and what each member is.

    `is_list`: its value is a list of what its only member is; `take`: who takes its elements, where they are items.
    """

    __slots__ = ("is_list", "members", "take")

    def __init__(self, is_list: bool, take: Take | None) -> None:
        self.is_list, self.take = is_list, take
        self.members: dict[str, _Part] = {}


class _Part:
    """A member, prepared: how its text is read, or, where it has parts, its `kind`; `skipped`: it is passed over."""

    __slots__ = ("kind", "member", "name", "parse", "skipped")

    def __init__(
        self, member: Member, kind: Kind | None, parse: Callable[[str], Any] | None = None, *, skipped: bool
    ) -> None:
        self.member, self.name, self.kind, self.skipped = member, member.name, kind, skipped
        self.parse = parse


class _Open:
    """An element with parts that has not ended yet. `value` None: it is nil."""

    __slots__ = ("held", "kind", "part", "value")

    def __init__(self, part: _Part, kind: Kind, value: Any, held: int) -> None:
        self.part, self.kind, self.value, self.held = part, kind, value, held


class Elements:
    """What stands in a document from an element of a known type on, to its end: the parser's events become its value.

    Reads one element; whoever has the parser hands it the events from that element's beginning on. `ended` says that
    it is whole, and `value` what it holds, without what was handed out. Raises Refused, and what those it hands out to
    raise.
    """

    def __init__(self, parser: expat.XMLParserType, kinds: Mapping[str, "Kind"], root: str, namespace: str) -> None:
        """`kinds` are prepared once for each table of types (`prepared`); `root` is a type, and the element's name."""
        self._root = _Part(Member(root, root, False, False, namespace), kinds[root], skipped=False)
        self._root_name = f"{namespace} {root}"
        self.value: Any = None
        self.ended = False
        self._open: _Open | None = None  # the innermost element with parts
        self._outer: list[_Open | None] = []
        self._leaf: _Part | None = None  # the element without parts that we are in
        self._leaf_is_nil = False
        self._text: list[str] = []
        self._length = self._held = self._skipping = 0
        self._parser = parser

    def _refused(self, what: str) -> Refused:
        return refused(self._parser, what)

    # -- events: eighty elements for each membership, so these few functions are what a load of an export takes

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins: names are namespace, blank, local name."""
        if self._skipping:
            self._skip()
            return
        parent = self._open
        if parent is None:
            part = self._root
            if name != self._root_name:
                raise self._refused(f"the document is not {part.name} of the interface's namespace")
        elif self._leaf is not None:
            raise self._refused(_no_element(self._leaf, name))
        else:
            found = parent.kind.members.get(name)
            if found is None:
                raise self._refused(_no_element(parent.part, name))
            part = found
            if self._text:
                self._blank(parent.part)
            if parent.value is None:
                raise self._refused(f"{parent.part.name} is nil and has content")
            if not parent.kind.is_list and part.name in parent.value:
                raise self._refused(f"{part.name} stands twice")
            if part.skipped:
                self._skip()
                return
        nil = bool(attributes) and self._is_nil(part.member, attributes)
        kind = part.kind
        if kind is None:
            self._leaf, self._leaf_is_nil = part, nil
            return
        value: Any = None
        if not nil:
            value = [] if kind.is_list else Element()
            if not kind.is_list:
                value.place = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        self._outer.append(parent)
        self._open = _Open(part, kind, value, self._held)
        if len(self._outer) > MAX_DEPTH:
            raise self._refused("elements that are nested too deep")

    def end(self, _: str) -> None:
        """An element ends."""
        if self._skipping:
            self._skipping -= 1
            return
        leaf = self._leaf
        if leaf is not None:
            self._end_leaf(leaf)
            return
        ended = self._open
        assert ended is not None
        if self._text:
            self._blank(ended.part)
        parent = self._open = self._outer.pop()
        if parent is None:
            self.value, self.ended = ended.value, True
        elif ended.kind.take is not None and parent.kind.is_list:
            ended.kind.take(ended.value)
            self._held = ended.held
        else:
            self._keep(parent, ended.part.name, ended.value, 0)

    def _end_leaf(self, leaf: _Part) -> None:
        self._leaf = None
        text = "".join(self._text)
        if text:
            self._text.clear()
            self._length = 0
        parent = self._open
        assert parent is not None
        if self._leaf_is_nil:
            if text:
                raise self._refused(f"{leaf.name} is nil and has content")
            value = None
        else:
            assert leaf.parse is not None
            try:
                value = leaf.parse(text)
            except ValueError:
                raise self._refused(f"{leaf.name} is not of type {leaf.member.type}") from None
        self._keep(parent, leaf.name, value, len(text))

    def _keep(self, parent: _Open, name: str, value: Any, size: int) -> None:
        self._held += PART_COST + size
        if self._held > MAX_HELD:
            raise self._refused("more than can be held of one record")
        if parent.kind.is_list:
            parent.value.append(value)
        else:
            parent.value[name] = value

    def characters(self, text: str) -> None:
        """Text."""
        if self._skipping:
            return
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise self._refused("a text that is too long")
        self._text.append(text)

    def _skip(self) -> None:
        self._skipping += 1
        if len(self._outer) + self._skipping > MAX_DEPTH:
            raise self._refused("elements that are nested too deep")

    def _blank(self, part: _Part) -> None:
        if any(text.strip(SPACE) for text in self._text):
            raise self._refused(f"{part.name} has text between its elements")
        self._text.clear()
        self._length = 0

    def _is_nil(self, member: Member, attributes: dict[str, str]) -> bool:
        nil = attributes.pop(_NIL, "false").strip(SPACE)
        if attributes.pop(_TYPE, member.type).rpartition(":")[2] != member.type:
            raise self._refused(f"{member.name} is of another type than {member.type}")
        if attributes or nil not in ("true", "1", "false", "0"):
            raise self._refused(f"{member.name} has an attribute that is not read")
        if nil in ("false", "0"):
            return False
        if not member.nillable or member.many:
            raise self._refused(f"{member.name} may not be nil")
        return True


class Reader(Elements):
    """Reads one document: `feed` its bytes, then `close`. Raises Refused, and what those it hands out to raise.

    `value` is that of the root behind its end, without what was handed out.
    """

    def __init__(self, root: str, streamed: Mapping[str, Take], skipped: Collection[tuple[str, str]] = ()) -> None:
        """`streamed` is type -> who takes its elements; (type, member) pairs of `skipped` are passed over unread."""
        parser = strict_parser()
        super().__init__(parser, prepared(TABLE, streamed, frozenset(skipped)), root, TYPES[root].namespace)
        self._fed = 0
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters

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
        parse(self._parser, data, last=last)


def strict_parser(encoding: str | None = None) -> expat.XMLParserType:
    """A parser that refuses a document type, and with it every entity, and processing instructions."""
    parser = expat.ParserCreate(encoding, namespace_separator=" ")
    parser.buffer_text = True

    def refuse_doctype(*_: object) -> None:
        raise refused(parser, "a document type declaration: neither it nor entities are read")

    def refuse_instruction(*_: object) -> None:
        raise refused(parser, "a processing instruction")

    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.ProcessingInstructionHandler = refuse_instruction
    return parser


def parse(parser: expat.XMLParserType, data: bytes, *, last: bool) -> None:
    """Parse on. Raises Refused where it is no XML, and what the handlers raise."""
    try:
        parser.Parse(data, last)
    except expat.ExpatError as error:
        what = f"not well-formed XML: {expat.ErrorString(error.code)}"
        raise Refused(what, (error.lineno, error.offset + 1)) from None


def refused(parser: expat.XMLParserType, what: str) -> Refused:
    """That, at the place where the parser is."""
    return Refused(what, (parser.CurrentLineNumber, parser.CurrentColumnNumber + 1))


def prepared(
    table: Table,
    streamed: Mapping[str, Take] = NOTHING,
    skipped: frozenset[tuple[str, str]] = frozenset(),
    parsers: Mapping[str, Callable[[str], Any]] = PARSERS,
) -> dict[str, Kind]:
    """What may stand in elements of each type of a table; `parsers` read what has no parts."""
    kinds = {name: Kind(declared.item is not None, streamed.get(name)) for name, declared in table.types.items()}
    for name, declared in table.types.items():
        kinds[name].members = {
            f"{member.namespace} {member.name}": _Part(
                member,
                kinds.get(member.type),
                parsers.get(member.type),
                skipped=(name, member.name) in skipped,
            )
            for member in declared.members
        }
    return kinds


def _no_element(parent: _Part, name: str) -> str:
    local = name.rpartition(" ")[2]
    return f"{parent.name} has no element {local}" if _NAME.fullmatch(local) else "an unknown element"
