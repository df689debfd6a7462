"""Norwegian as it is written: phone numbers, addresses, dates."""

from datetime import datetime

import pytest

from lookup import shapes
from lookup.page import wording


@pytest.mark.parametrize(
    ("number", "shown", "dialled"),
    [
        ("22000000", "22 00 00 00", "22000000"),
        ("+47 22 00 00 00", "22 00 00 00", "+4722000000"),
        ("41234567", "412 34 567", "41234567"),
        ("80012345", "800 12 345", "80012345"),
        ("02800", "02800", "02800"),
        ("+46 8 123 456", "+46 8 123 456", "+468123456"),
        ("22 00 00 00 / 22 00 00 01", "22 00 00 00 / 22 00 00 01", "2200000022000001"),
    ],
)
def test_phone_numbers(number: str, shown: str, dialled: str) -> None:
    assert (wording.phone(number), wording.dialled(number)) == (shown, dialled)


def address(**members: str | None) -> shapes.Address:
    usual = dict.fromkeys(("street_address", "postbox", "postal_code", "city", "country"))
    return shapes.Address(type="RES", municipality=None, **{**usual, **members})


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (address(street_address="Storgata 1", postal_code="0155", city="Oslo", country="NO"), "Storgata 1, 0155 Oslo"),
        (address(postbox="12", postal_code="0101", city="Oslo"), "Postboks 12, 0101 Oslo"),
        (address(postbox="Postboks 12"), "Postboks 12"),
        (address(street_address="Kungsgatan 1", city="Stockholm", country="SE"), "Kungsgatan 1, Stockholm, SE"),
        (address(), ""),
    ],
)
def test_addresses(one: shapes.Address, shown: str) -> None:
    assert wording.address(one) == shown


def test_an_office_has_each_number_once_the_direct_one_first() -> None:
    numbers = [("E_CEN", "23000000"), ("E_TLF", "22000000"), ("E_TLF", "+47 22000000"), ("E_EPO", "post@example.org")]
    office = shapes.Office(
        organization_number=1,
        her_id=None,
        name="x",
        addresses=[],
        electronic_addresses=[shapes.ElectronicAddress(type=kind, address=one) for kind, one in numbers],
    )
    assert wording.phones(office) == ["22000000", "23000000"]
    assert wording.emails(office) == ["post@example.org"]


def test_periods_are_told_by_their_last_day() -> None:
    first, end = datetime(2026, 11, 1), datetime(2026, 12, 1)
    assert wording.period(first, end).replace("\u00a0", " ") == "fra 1. november 2026 til og med 30. november 2026"
    assert wording.period(first, None).replace("\u00a0", " ") == "fra 1. november 2026"
    assert wording.last_day(datetime(2026, 12, 1, 12)).replace("\u00a0", " ") == "1. desember 2026"
    assert wording.moment(datetime(2026, 5, 7, 9, 5)).replace("\u00a0", " ") == "7. mai 2026 kl. 09.05"
