"""Series and segments for tests, and ways to harm them."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path

from lookup.audit.keys import Keys
from lookup.audit.opening import open_series
from lookup.audit.record import Record, decode_head
from lookup.audit.segment import records
from lookup.audit.series import Series

KEYS = Keys({1: bytes(range(32))}, [bytes(range(32, 64))])
OTHER_KEYS = Keys({1: bytes(range(1, 33))}, [bytes(range(33, 65))])
SMALL = 8192
# Where syncing costs nothing, and what has to be tried often can be.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
NOW = 1_760_000_000_000_000_000


def opened(*places: Path, slot: int = 0, size: int = SMALL, durable: bool = False) -> Series:
    return open_series(places, slot, KEYS, size, durable=durable)


def asked(series: Series, nin: int, *, client: str = "clinic", now_ns: int = NOW) -> bool:
    """Record that a client has asked about a person."""
    ledger = series.ledger
    return ledger.record(now_ns, ledger.who(b'{"client":"%s"}' % client.encode()), 0, 0, 7, b"event-1", [(nin, 0, 0)])


def fill(series: Series, numbers: range) -> None:
    """A record for each; the other thread's work in between, now and then."""
    for nin in numbers:
        assert asked(series, nin)
        if nin % 16 == 0:
            series.work()


def contents(path: Path) -> list[Record]:
    """The records of a segment up to its committed end."""
    data = path.read_bytes()
    head, end, _ = decode_head(data)
    return [found.record for found in records(data, end, head.first_sequence)]


def in_child(work: Callable[[], object]) -> int:
    """Do it in a process of its own; its exit status (negative: the signal that ended it)."""
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 -- whatever it was, the parent reads it from the status
            traceback.print_exc()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
