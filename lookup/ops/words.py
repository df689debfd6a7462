"""Numbers and times as the operations page says them, in English and Norwegian time."""

from datetime import datetime

from register.localtime import OSLO


def clock(text: str) -> str:
    """A moment as Norwegian clocks show it."""
    return datetime.fromisoformat(text).astimezone(OSLO).strftime("%Y-%m-%d %H:%M:%S")


def moment(at: float) -> str:
    """The time of day of a moment in seconds since 1970."""
    return datetime.fromtimestamp(at, OSLO).strftime("%H:%M")


def span(seconds: float) -> str:
    """A time in the two units that matter."""
    if seconds < 0:
        return f"minus {span(-seconds)}"
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole} s" if minutes else f"{whole} s"


def few(value: float | None) -> str:
    """A number in two or three digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def size(octets: int) -> str:
    """Octets, as disks are sold."""
    return f"{octets / 1e9:,.1f} GB" if octets >= 1e9 else f"{octets / 1e6:,.1f} MB"
