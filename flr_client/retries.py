"""When a question is asked again: only where it was not taken, or the register has asked to be asked again."""

import random
from dataclasses import dataclass

import httpx

from flr_client.reply import Lost, retry_after

BUSY = (429, 503)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, and how long.

    Asked again is what never came to the register (no connection), and 429 and 503 that say when (`Retry-After`). What
    may have been answered, and got lost, is for the caller to ask again: it stands in the audit, and counts.
    `attempts` is the first one too; a wait of more than `longest_seconds` is not waited for, but raised.
    """

    attempts: int = 3
    first_seconds: float = 0.1
    longest_seconds: float = 10.0

    def wait(self, attempt: int, outcome: httpx.Response | Lost) -> float | None:
        """Seconds to wait behind attempt number `attempt`, from 1, before another; None: there is to be none."""
        if attempt >= self.attempts:
            return None
        if isinstance(outcome, Lost):
            return None if outcome.sent else self._backoff(attempt) * random.uniform(0.5, 1)
        said = retry_after(outcome) if outcome.status_code in BUSY else None
        if said is None or said > self.longest_seconds:
            return None
        return said + random.uniform(0, self.first_seconds)  # not all at the same moment

    def _backoff(self, attempt: int) -> float:
        return float(min(self.longest_seconds, self.first_seconds * 2 ** (attempt - 1)))


NEVER = Retries(attempts=1)
