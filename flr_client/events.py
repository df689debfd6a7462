"""The change feed: a page of it, and where a follower stands between two pages.

`Following` decides; the clients ask and wait. Promises: a page is handed out once, the next one is asked for from its
`next` only when the caller has come back for it, and the position to keep is the one behind what has been handled. So
whoever keeps the position in one transaction with what a page changes skips nothing and does nothing twice.
"""

import random
from datetime import datetime
from typing import Any

from flr_client.errors import CannotSay, FlrError
from flr_client.places import Shape

MAX_LIMIT = 1000
LONGEST_SECONDS = 60.0


class Event(Shape, frozen=True, kw_only=True):
    """One event: `event` is one of thirteen names, `body` the record as it then is (docs/api.md)."""

    position: str
    event: str
    time: datetime
    body: dict[str, Any]


class Page(Shape, frozen=True, kw_only=True):
    """Some events in order. `withheld` counts those that are left out; `next` is the position behind them all."""

    events: tuple[Event, ...]
    next: str
    more: bool
    withheld: int


class Latest(Shape, frozen=True, kw_only=True):
    """The position of who has everything up to the generation of this serial."""

    position: str
    serial: int


class Following:
    """How a follower goes on: from where, and when to ask next."""

    def __init__(self, position: str, poll_seconds: float | None) -> None:
        """Ends where there is no more, unless `poll_seconds` says how long to wait for more."""
        self.position, self._poll = position, poll_seconds
        self._failures = 0

    def took(self, page: Page) -> float | None:
        """The caller has handled a page: after how many seconds to ask for the next one; None: not at all."""
        self.position, self._failures = page.next, 0
        return 0.0 if page.more else self._poll

    def failed(self, error: FlrError) -> float:
        """After how many seconds to ask again. Raises the error where that is of no use, or nobody wants to wait."""
        if self._poll is None or not isinstance(error, CannotSay):
            raise error
        self._failures += 1
        backoff = min(LONGEST_SECONDS, 2.0 ** min(self._failures, 6)) * random.uniform(0.5, 1)
        return max(backoff, error.retry_after or 0.0)
