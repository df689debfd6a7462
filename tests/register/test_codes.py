"""The code systems: what the sources give stands, and the table is well formed."""

from collections import Counter

import pytest

from register import codes
from register.codes import SYSTEMS, closed_values

NUMBERS = {3101, 3301, 3303, 3401, 3402, 3403, 5510, 5511} | {7750, 7751, 7753, 7754, 7755}
NUMBERS |= {8116, 9040, 9043, 9044, 9051, 9060}


def test_every_system_of_the_interface_is_there() -> None:
    assert set(SYSTEMS) == NUMBERS
    assert all(oid == system.oid for oid, system in SYSTEMS.items())


@pytest.mark.parametrize(
    ("oid", "values"),
    [
        (codes.RELATIONSHIP, {"LPFL", "LPDL", "LPVI"}),
        (codes.CONTRACT_STATUS, {"FAAA"}),
        (codes.END_REASON, {"OHID"}),
        (codes.ADDRESS_TYPE, {"RES", "PST", "RES_FLO"}),
        (codes.ADDRESS_COMPONENT, {"E_TLF", "E_EDI", "E_EPO", "E_FAX", "E_URL", "E_CEN"}),
    ],
)
def test_values_that_a_source_gives_are_no_placeholders(oid: int, values: set[str]) -> None:
    assert {value.value for value in SYSTEMS[oid].values if not value.placeholder} == values


def test_the_misspelt_name_on_the_wire_is_kept() -> None:
    assert SYSTEMS[codes.ADDRESS_COMPONENT].simple_type == "type_adressekomponeneter"


def test_large_systems_come_with_the_feed() -> None:
    assert {oid for oid, system in SYSTEMS.items() if system.open} == {
        3402, 3403, 3303, 3301, 9043, 9060, 5510, 5511, 9040,
    }  # fmt: skip


def test_a_value_stands_once_and_has_a_text() -> None:
    for system in SYSTEMS.values():
        assert max(Counter(value.value for value in system.values).values(), default=1) == 1
        assert all(value.value and value.text for value in system.values)


def test_closed_values_are_those_of_the_table() -> None:
    values = closed_values()
    assert values[codes.RELATIONSHIP, codes.GP] == "Fastlege"
    assert len(values) == sum(len(system.values) for system in SYSTEMS.values())
    assert {oid for oid, _ in values} == {oid for oid, system in SYSTEMS.items() if not system.open}


@pytest.mark.parametrize("oid", [codes.BEGIN_REASON, codes.END_REASON])
def test_reasons_fit_a_membership(oid: int) -> None:
    """The index keeps them as ordinals in one byte, 0 for null."""
    assert len(SYSTEMS[oid].values) < 256
