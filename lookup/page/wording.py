"""Norwegian for people: times, phone numbers, addresses and national ids as they are written."""

import re
from datetime import datetime, timedelta

from lookup import shapes

MONTHS = "januar februar mars april mai juni juli august september oktober november desember".split()
PHONES = ("E_TLF", "E_CEN")
EMAIL = "E_EPO"
_MIDNIGHT = datetime.min.time()
_SPACES = re.compile(r"[\s\u00ad\u200b\u2060.-]+")


def day(time: datetime) -> str:
    """`26. november 2026`, whose day and month stay together."""
    return f"{time.day}.\N{NO-BREAK SPACE}{MONTHS[time.month - 1]} {time.year}"


def moment(time: datetime) -> str:
    """`26. november 2026 kl. 16.25`"""
    return f"{day(time)} kl. {time:%H.%M}"


def last_day(to: datetime) -> str:
    """The last day of a half-open period."""
    return day(to - timedelta(days=1) if to.time() == _MIDNIGHT else to)


def period(valid_from: datetime, to: datetime | None) -> str:
    """`fra 1. november 2026`, with `til og med ...` where it has an end."""
    return f"fra {day(valid_from)}" + ("" if to is None else f" til og med {last_day(to)}")


def name(person: shapes.Gp | shapes.Substitute) -> str:
    """First, middle and last name."""
    return " ".join(filter(None, (person.first_name, person.middle_name, person.last_name)))


def typed(text: str) -> str:
    """A national id as it was typed or pasted, without what people put between the digits."""
    return _SPACES.sub("", text)


def national_id(text: str) -> str:
    """`010190 12345`"""
    return f"{text[:6]} {text[6:]}" if re.fullmatch(r"[0-9]{11}", text) else text


def dialled(number: str) -> str:
    """A phone number as it is dialled: digits, with a plus in front where it has one."""
    digits = re.sub(r"[^0-9]", "", number)
    return f"+{digits}" if number.strip().startswith("+") else digits


def phone(number: str) -> str:
    """A Norwegian phone number in groups: 22 00 00 00, and a mobile or 800 number 412 34 567; others as they are."""
    digits = dialled(number).removeprefix("+47")
    if re.fullmatch(r"[489][0-9]{7}", digits):
        return f"{digits[:3]} {digits[3:5]} {digits[5:]}"
    if re.fullmatch(r"[2-7][0-9]{7}", digits):
        return " ".join(digits[place : place + 2] for place in range(0, 8, 2))
    return number.strip()


def phones(office: shapes.Office) -> list[str]:
    """The office's phone numbers, each once."""
    found = [one.address for kind in PHONES for one in office.electronic_addresses if one.type == kind]
    return list({dialled(number).removeprefix("+47"): number for number in reversed(found)}.values())[::-1]


def emails(office: shapes.Office) -> list[str]:
    """The office's e-mail addresses."""
    return [one.address for one in office.electronic_addresses if one.type == EMAIL]


def address(one: shapes.Address) -> str:
    """An address on one line."""
    postbox = one.postbox and (
        one.postbox if not one.postbox.strip().isdecimal() else f"Postboks {one.postbox.strip()}"
    )
    place = " ".join(filter(None, (one.postal_code, one.city)))
    abroad = one.country if one.country not in (None, "NO") else None
    return ", ".join(filter(None, (one.street_address, postbox, place, abroad)))
