"""What answers an operation is given, and what it gives: an operation's answers are plain functions of a Call.

A function takes the generation from the call alone, records (`disclose`) what it tells of a person before it returns,
and raises GenericFault, Withheld or a problem of lookup/problems.py for what it does not answer. One that takes long is
async and gives others their turn (`lane`).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from lookup.exchange import Exchange
from lookup.flr_wire import Wording
from lookup.generation import Generation
from lookup.lane import Lane
from register.flr_xml import FLR_WRITER, Rendered, Writer
from register.model import Code

_wordings: WeakKeyDictionary[Generation, dict[Writer, Wording]] = WeakKeyDictionary()


class Streamed:
    """A result that is octets, given piece by piece; they leave as base64, as they come."""

    __slots__ = ("chunks",)

    def __init__(self, chunks: AsyncIterator[bytes] | Iterable[bytes]) -> None:
        self.chunks = chunks


class Call:
    """One operation asked for. `arguments` has every parameter: a plain value, or None where it was absent or nil."""

    def __init__(self, exchange: Exchange, generation: Generation, arguments: Mapping[str, Any]) -> None:
        self.exchange, self.generation, self.arguments = exchange, generation, arguments
        self.offices: dict[int, Rendered] = {}  # by organisation number, which one answer may show many times

    def __repr__(self) -> str:
        """No content: it is about a person."""
        return "<Call>"

    @property
    def now(self) -> int:
        """The time of the question: local microseconds."""
        return self.exchange.now

    @property
    def lane(self) -> Lane:
        """Where long answers take turns."""
        return self.exchange.state.lane

    @cached_property
    def word(self) -> Wording:
        """Code values as the interface shows them: made once for each generation."""
        return wording_of(self.generation)


Answer = Any  # what register/flr_xml.py takes for the result's type, a Derived of one that extends it, or Streamed
Answering = Callable[[Call], Answer | Awaitable[Answer]]


def wording_of(generation: Generation, writer: Writer = FLR_WRITER) -> Wording:
    """The code values of a generation with their texts, as the types of a writer's table have them."""
    made = _wordings.setdefault(generation, {})
    if writer not in made:
        codes = (msgspec.json.decode(line, type=Code) for line in generation.tables.lines("codes"))
        made[writer] = Wording(codes, writer.content)
    return made[writer]
