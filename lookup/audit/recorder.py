"""What a worker records by: the ledger of its series, who is who in it, and refusals that nobody can flood it with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from lookup.access.caller import Caller
from lookup.access.roles import OPERATIONS
from lookup.audit.keys import Keys
from lookup.audit.record import OUTCOME, PROTECTED
from lookup.audit.series import Unavailable
from lookup.audit.trail import Trail
from lookup.audit.who import text_of
from lookup.core import Ledger, Ticket
from lookup.settings import Settings

if TYPE_CHECKING:
    from lookup.exchange import Exchange

REFUSALS_A_SECOND = 10  # of those whom nobody knows; all of them are counted in the metrics
SECOND_NS = 10**9
_log = structlog.get_logger()
PLACES = {operation.name: place for place, operation in enumerate(OPERATIONS)}


class Recorder:
    """Made before the fork, with the audit's secrets; `begin` in each worker, then `beat` each second, and `stop`.

    `ledger` is another one when a series could be opened at last: whoever keeps it is told by `beat`.
    """

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._settings, self._keys = settings, keys
        self._slot = 0
        self._trail: Trail | None = None
        self._second, self._refusals = 0, 0
        self.ledger = Ledger(keys.newest, keys.version, lambda: False)  # which records nothing

    def begin(self, slot: int) -> None:
        """In a worker: go on with the series of its slot. Where none can be opened nothing is told of anybody."""
        self._slot = slot
        self.beat()

    def beat(self) -> bool:
        """Seal what is due, or try again to open a series; whether `ledger` is another one now."""
        if self._trail is not None:
            self._trail.tick()
            return False
        try:
            self._trail = Trail(self._settings, self._slot, self._keys)
        except Unavailable as error:
            _log.error("audit unavailable", why=str(error))
            return False
        self.ledger = self._trail.ledger
        return True

    def stop(self) -> None:
        """Seal and close."""
        if self._trail is not None:
            self._trail.stop()

    @property
    def available(self) -> bool:
        """Whether answers about persons can be recorded."""
        return self._trail is not None and self._trail.available

    @property
    def spooling(self) -> bool:
        """Whether they are recorded in the spool."""
        return self._trail is not None and self._trail.spooling

    def refused(self, now_ns: int, operation: int, outcome: str, ticket: Ticket | None, event: bytes) -> None:
        """Record a refusal, about nobody: what was asked has not been read. Of unknown callers only a few a second."""
        if ticket is None:
            if now_ns // SECOND_NS != self._second:
                self._second, self._refusals = now_ns // SECOND_NS, 0
            self._refusals += 1
            if self._refusals > REFUSALS_A_SECOND:
                return
        who = 0 if ticket is None else self.ledger.who(ticket.text)
        self.ledger.record(now_ns, who, operation, OUTCOME[outcome], 0, event, [])

    def describe(self, caller: Caller) -> bytes:
        """Who a caller is, as the ledger keeps it."""
        return text_of(caller, self._keys)

    def record(self, exchange: "Exchange", outcome: str, subjects: Sequence[tuple[int, str, bool]]) -> bool:
        """Record an answer about persons (number, outcome, protected). False: it is not there, so do not answer."""
        ticket, generation = exchange.ticket, exchange.generation
        return self.ledger.record(
            exchange.state.clock.epoch_ns(),
            0 if ticket is None else self.ledger.who(ticket.text),
            PLACES[exchange.operation],
            OUTCOME[outcome],
            0 if generation is None else generation.serial,
            exchange.event_id,
            [(nin, OUTCOME[came_of_it], PROTECTED if protected else 0) for nin, came_of_it, protected in subjects],
        )
