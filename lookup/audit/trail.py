"""The audit as a worker has it: a ledger to record in before each answer, and what has to be done around it.

Opened after the fork, on the worker's own thread. That thread records, calls `tick` once a second, and `stop` in the
end; nothing of these waits for a disk, but where `audit_sync` is durable, and where a segment has to be made at once.
"""

import time
from pathlib import Path

import structlog

from lookup.access.caller import Caller
from lookup.audit.keys import Keys, ready_keys
from lookup.audit.opening import open_series
from lookup.audit.tending import Tending
from lookup.audit.who import text_of
from lookup.settings import Settings

log = structlog.get_logger()


def audit_keys(settings: Settings) -> Keys:
    """The keys that are set, made where there are none yet. For before the fork. Raises KeysUnfit, OSError."""
    keys, made = ready_keys(settings.audit_keys)
    if made:
        log.warning("audit-keys-made", path=str(settings.audit_keys), version=keys.version)
    return keys


def places(settings: Settings) -> list[Path]:
    """Where segments are: the audit's folder, and the spool's if there is one."""
    return [settings.audit_folder, *([settings.audit_spool_dir] if settings.audit_spool_dir else [])]


class Trail:
    """One worker's audit."""

    def __init__(self, settings: Settings, slot: int, keys: Keys) -> None:
        """Raises lookup.audit.series.Unavailable when no place takes a series: then try again, and answer 503."""
        self._keys = keys
        durable = settings.audit_sync == "durable"
        self._series = open_series(places(settings), slot, keys, settings.audit_segment_bytes, durable=durable)
        self._tending = Tending(self._series.work, settings.audit_sync_seconds)
        self._series.on_rotated = self._tending.wake
        self.ledger = self._series.ledger
        self._tending.start()

    def who(self, caller: Caller) -> int:
        """The number of a caller, for the ledger; it holds as long as `ledger.epoch` stays."""
        return self.ledger.who(text_of(caller, self._keys))

    @property
    def available(self) -> bool:
        """Whether answers about persons can be given."""
        return self._series.available

    @property
    def spooling(self) -> bool:
        """Whether records go to the spool."""
        return self._series.spooling

    @property
    def series(self) -> str:
        """The name of the series that is written."""
        return self._series.name

    def tick(self) -> None:
        """Seal what is to be sealed; try again where nothing can be recorded."""
        self._series.tick(time.time_ns())

    def stop(self) -> None:
        """Seal, close, and leave nothing half done."""
        self._tending.end()
        self._series.stop(time.time_ns())
