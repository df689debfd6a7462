"""The log of credentials that were not taken: a line a second at most for each client, and never what was shown."""

import math

import structlog

from lookup.access.caller import Refused

UNKNOWN = "unknown"
INTERVAL_SECONDS = 1.0

_log = structlog.get_logger()


class Failures:
    """What a worker logs of refusals. Names are of registered clients alone; all others are one, "unknown"."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def tell(self, refused: Refused, kind: str, now: float) -> None:
        """Log a refusal at `now`, in seconds, unless one of the same client was logged within the last second.

        The next line that is logged of the client counts those that were not, as `untold`.
        """
        client = refused.client or UNKNOWN
        if 0 <= now - self._last.get(client, -math.inf) < INTERVAL_SECONDS:
            self._untold[client] = self._untold.get(client, 0) + 1
            return
        self._last[client] = now
        untold = self._untold.pop(client, 0)
        _log.warning("credential refused", client=client, kind=kind, why=refused.why, untold=untold)
