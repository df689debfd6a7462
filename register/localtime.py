"""Norwegian wall-clock time as microseconds since 1970-01-01T00:00:00, zone-free.

Periods and points in time of the register are compared as wall-clock time. The open end of a period is FOREVER.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

FOREVER = 2**63 - 1
OSLO = ZoneInfo("Europe/Oslo")
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_AT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)


def to_micros(time: datetime | None) -> int:
    """Microseconds of a wall-clock time; FOREVER for None."""
    return FOREVER if time is None else (time - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime | None:
    """The wall-clock time of microseconds; None for FOREVER."""
    return None if micros == FOREVER else _EPOCH + timedelta(microseconds=micros)


def format_micros(micros: int) -> str | None:
    """`YYYY-MM-DDTHH:MM:SS[.ffffff]`, as in the feed; None for FOREVER."""
    time = from_micros(micros)
    return None if time is None else time.isoformat()


def parse_at(text: str) -> int:
    """The microseconds of a point in time asked for. Raises ValueError when it is not one.

    With an offset or Z it is converted to Norwegian time. Without, it is wall-clock time; an hour that does not exist
    is read as after the jump. (An hour that occurs twice has one wall-clock time, hence one answer.)
    """
    if not _AT.fullmatch(text):
        raise ValueError("not a time of the form YYYY-MM-DDTHH:MM:SS[.ffffff][Z or offset]")
    time = datetime.fromisoformat(text)
    try:
        aware = time.replace(tzinfo=OSLO, fold=0) if time.tzinfo is None else time
        local = aware.astimezone(UTC).astimezone(OSLO).replace(tzinfo=None)
    except OverflowError:
        raise ValueError("a time out of range") from None
    return to_micros(local)


def local_micros(epoch_seconds: float) -> int:
    """The wall-clock microseconds of a moment given in seconds since 1970-01-01T00:00:00Z."""
    return to_micros(datetime.fromtimestamp(epoch_seconds, OSLO).replace(tzinfo=None))
