"""A walk through a document of a small part of XML, which every parser of XML reads in the same way. (Plain twin: the
specification.)

The part: ASCII without entities, comments, instructions and marked sections; every prefix bound; at most one attribute
of an element with a prefix; no long runs of blanks, for readers bound what they hold of those. What is not of it raises
Other. Elements are not held: whoever walks asks for what is next.
"""

import re
from typing import NamedTuple

MAX_DEPTH = 12  # elements
MAX_BINDINGS = 24
MAX_ATTRIBUTES = 8  # of an element
MAX_WORD_BYTES = 256
MAX_RUN_BYTES = 4096  # of blanks in a row, and of a word with the blanks around it

BEGIN, EMPTY, END = "begin", "empty", "end"
Name = tuple[bytes, bytes]  # (namespace, local name)
RESERVED = (b"http://www.w3.org/XML/1998/namespace", b"http://www.w3.org/2000/xmlns/")

_BLANKS = rb"[ \t\r\n]{0,%d}" % MAX_RUN_BYTES
_SOME = rb"[ \t\r\n]{1,%d}" % MAX_RUN_BYTES
_NAME = rb"[A-Za-z_][A-Za-z0-9_.-]*"
_GAP = re.compile(_BLANKS)
_TEXT = re.compile(rb"[\t\r\n -%'-;=?-~]*")  # no & < >
_VALUE = rb"(?:\"([ !#-%'-;=?-~]*)\"|'([ -%(-;=?-~]*)')"
_DECLARATION = re.compile(
    rb"<\?xml%(s)bversion%(b)b=%(b)b(?:\"1\.0\"|'1\.0')"
    rb"(?:%(s)bencoding%(b)b=%(b)b(?:\"[Uu][Tt][Ff]-8\"|'[Uu][Tt][Ff]-8'))?"
    rb"(?:%(s)bstandalone%(b)b=%(b)b(?:\"(?:yes|no)\"|'(?:yes|no)'))?%(b)b\?>" % {b"b": _BLANKS, b"s": _SOME}
)
_TAG = re.compile(rb"<(/?)((?:(%(n)b):)?(%(n)b))" % {b"n": _NAME})
_ATTRIBUTE = re.compile(
    rb"%(s)b((?:(%(n)b):)?(%(n)b))%(b)b=%(b)b%(v)b" % {b"b": _BLANKS, b"s": _SOME, b"n": _NAME, b"v": _VALUE}
)
_CLOSE = re.compile(rb"%b(/?)>" % _BLANKS)
_URI = re.compile(rb"[!-~]*")
WORD = re.compile(rb"[!-~]{1,%d}" % MAX_WORD_BYTES)


class Other(Exception):
    """Not of the part."""


class Tag(NamedTuple):
    """A tag: BEGIN, EMPTY or END, its name, and its attributes by name; of an END nothing but that."""

    kind: str
    name: Name
    attributes: dict[Name, bytes]


class Walk:
    """A place in a body, the elements that it is in, and what prefixes mean there."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0
        self._open: list[tuple[bytes, int]] = []  # as it is written, and how many bindings there were before it
        self._bound: list[tuple[bytes, bytes]] = []

    def declaration(self) -> None:
        """Pass over an XML declaration, where there is one."""
        if found := _DECLARATION.match(self.body):
            self.at = found.end()

    def blanks(self) -> None:
        """Pass over blanks: as many as may be, and the rest of them is no tag."""
        self.at = self._match(_GAP).end()

    def text(self) -> bytes:
        """The text up to the next octet that is none."""
        found = self._match(_TEXT)
        self.at = found.end()
        return found[0]

    def word(self) -> bytes:
        """The text of the element that was begun, without the blanks around it; up to its end."""
        text = self.text()
        found = WORD.fullmatch(text.strip(b" \t\r\n"))
        if found is None or len(text) > MAX_RUN_BYTES or self.tag().kind != END:
            raise Other
        return found[0]

    def next(self) -> Tag:
        """The next tag, behind blanks."""
        self.blanks()
        return self.tag()

    def begin(self, name: Name) -> None:
        """Into the element of this name, behind blanks."""
        tag = self.next()
        if tag.kind != BEGIN or tag.name != name:
            raise Other

    def end(self) -> None:
        """Out of the innermost element, behind blanks."""
        if self.next().kind != END:
            raise Other

    def skip(self) -> None:
        """Out of the innermost element, whatever is in it."""
        depth = len(self._open) - 1
        while len(self._open) > depth:
            self.text()
            self.tag()

    def tag(self) -> Tag:
        """The tag that stands here."""
        found = self._match(_TAG)
        self.at = found.end()
        if found[1]:
            return self._end_tag(found[2])
        before = len(self._bound)
        attributes = self._attributes()
        closed = self._match(_CLOSE)
        self.at = closed.end()
        if len(self._open) == MAX_DEPTH:
            raise Other
        tag = Tag(EMPTY if closed[1] else BEGIN, (self._namespace(found[3]), found[4]), self._resolved(attributes))
        if closed[1]:
            del self._bound[before:]
        else:
            self._open.append((found[2], before))
        return tag

    def _match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        found = pattern.match(self.body, self.at)
        if found is None:
            raise Other
        return found

    def _end_tag(self, written: bytes) -> Tag:
        closed = self._match(_CLOSE)
        self.at = closed.end()
        if closed[1] or not self._open or self._open[-1][0] != written:
            raise Other
        _, before = self._open.pop()
        del self._bound[before:]
        return Tag(END, (b"", b""), {})

    def _attributes(self) -> list[tuple[bytes | None, bytes, bytes]]:
        """(prefix, local name, value) of the attributes here; those that bind prefixes have done so."""
        rest, seen = [], set[bytes]()
        while found := _ATTRIBUTE.match(self.body, self.at):
            self.at = found.end()
            prefix, local, value = found[2], found[3], found[4] if found[4] is not None else found[5]
            if found[1] in seen or len(seen) == MAX_ATTRIBUTES:
                raise Other
            seen.add(found[1])
            if found[1] == b"xmlns" or prefix == b"xmlns":
                self._bind(local if prefix else b"", value)
            else:
                rest.append((prefix, local, value))
        return rest

    def _bind(self, prefix: bytes, uri: bytes) -> None:
        if not _URI.fullmatch(uri) or uri in RESERVED or prefix[:3].lower() == b"xml" or (prefix and not uri):
            raise Other
        if len(self._bound) == MAX_BINDINGS:
            raise Other
        self._bound.append((prefix, uri))

    def _namespace(self, prefix: bytes | None) -> bytes:
        """What an element's prefix means."""
        for bound, uri in reversed(self._bound):
            if bound == (prefix or b""):
                return uri
        if prefix:
            raise Other
        return b""

    def _resolved(self, attributes: list[tuple[bytes | None, bytes, bytes]]) -> dict[Name, bytes]:
        """The attributes by name. At most one with a prefix: then none can stand twice by two names."""
        if sum(prefix is not None for prefix, _, _ in attributes) > 1:
            raise Other
        return {(self._namespace(prefix) if prefix else b"", local): value for prefix, local, value in attributes}
