"""What incremental feeds have changed, told as events: the public ones of each feed, as they stand and in its order.

One event is added that the feed has not: when a person is protected no longer, their memberships are told again, since
who follows without the right to protected persons has not been told of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from loader.eventfile import NewBatch, Told, told_line
from loader.full_events import PUBLIC_EVENTS
from lookup._fast.key import parse
from lookup.key import NOT_AN_ID
from register.feed import Manifest

if TYPE_CHECKING:
    from loader.events import Change
    from loader.state import Entry


class Applied:
    """The events to be told of one feed, while it is applied: `before` and `after` each of its changes."""

    def __init__(self, entry: Callable[[int], Entry]) -> None:
        """`entry` gives what stands under a number, as the changes so far have left it."""
        self._entry = entry
        self._told: list[Told] = []
        self._protected: set[int] = set()

    def before(self, change: Change) -> None:
        """Note what a change is about to do away with."""
        self._protected = {nin for nin in _numbers(change) if self._entry(nin).protected}

    def after(self, change: Change) -> None:
        """Tell of a change that has been applied, or has been found at fault: then nothing of this is used."""
        numbers = _numbers(change)
        if change.event in PUBLIC_EVENTS:
            protected = bool(self._protected) or any(self._entry(nin).protected for nin in numbers)
            self._told.append(told_line(change.event, change.line, protected=protected))
        if self._protected:
            self._tell_again(numbers[-1])

    def _tell_again(self, nin: int) -> None:
        entry = self._entry(nin)
        if not entry.protected:
            for number in sorted(entry.memberships):
                self._told.append(told_line("PatientOnContractUpdated", entry.memberships[number].line))

    def batch(self, said: Manifest, serial: int) -> NewBatch:
        """The batch of the feed."""
        return NewBatch(serial, said.content_digest, said.as_of, len(self._told), self._told)


def _numbers(change: Change) -> list[int]:
    """The numbers a change is about, the one that it leads to last; none when one of them is no number."""
    record: Any = change.record
    texts: tuple[str, ...] = ()
    if change.table in ("persons", "memberships"):
        texts = (record.nin,)
    elif change.action == "change-nin":
        texts = (record.old_nin, record.new_nin)
    numbers = [parse(text) for text in texts]
    return [] if NOT_AN_ID in numbers else numbers
