"""Resources of what is rare: offices with odd numbers and addresses, times of long ago, lists of every kind."""

from datetime import datetime
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.organization import Organization
from fhir.resources.R4B.practitionerrole import PractitionerRole

from lookup import shapes
from lookup.fhir import bundles, resources, systems
from lookup.fhir.resources import OfContract
from lookup.fhir.shapes import Bundle, Identifier
from lookup.rest import examples
from tests.fhir.searchset import searchset

OFFICE = msgspec.convert(examples.OFFICE, shapes.Office)
CONTRACT = msgspec.convert(examples.OFFICE_CONTRACT, shapes.OfficeContract)
CYCLE = CONTRACT.doctor_cycles[0]
PLACE = OFFICE.addresses[0]
changed: Any = msgspec.structs.replace


def numbers(identifiers: list[Identifier]) -> list[str]:
    return [one.value for one in identifiers]


def on(*relationships: str, her_id: int | None = 4657999) -> OfContract:
    """A list with a doctor of each relationship."""
    cycles = [
        changed(CYCLE, id=number, hpr_number=number, her_id=number, relationship=relationship)
        for number, relationship in enumerate(relationships, 1)
    ]
    return OfContract(changed(CONTRACT, her_id=her_id, doctor_cycles=cycles), OFFICE)


def taken_apart(bundle: Bundle) -> tuple[list[str], list[str]]:
    """(what each reference to a general practitioner shows, the names of organizations)"""
    found = searchset(msgspec.json.encode(bundle))
    references = found.matches[0]["generalPractitioner"]
    return [one["identifier"]["value"] for one in references], [
        one["name"] for one in found.included if one["resourceType"] == "Organization"
    ]


@pytest.mark.parametrize("number", [-7, -999999999, 974767881, 81234, 0])
def test_only_numbers_of_organisations_are_shown_as_such(number: int) -> None:
    assert numbers(systems.organization(number)) == []
    assert numbers(systems.organization(974767880)) == ["974767880"]


def test_an_office_without_any_number_is_its_name() -> None:
    office = changed(OFFICE, organization_number=-7, her_id=None, name="  Gamle kontor ")
    shown = resources.organization(office)
    assert (shown.identifier, shown.name) == ([], "Gamle kontor")
    Organization.model_validate_json(msgspec.json.encode(shown))
    reference = resources.to_office(office)
    assert (reference.identifier, reference.display) == (None, "Gamle kontor")
    assert resources.organization(changed(office, name=" ")).name == "-7"


def test_addresses_that_say_nothing_are_left_out() -> None:
    blank = changed(PLACE, street_address=" ", postbox="", postal_code=None, city=None)
    some = [
        blank,
        changed(blank, city="Bergen"),
        changed(blank, postal_code="5003"),
        changed(blank, type="PST", postbox="12"),
        changed(blank, type="PST", postbox="Pb. 12 Sentrum", municipality=None, country=None),
    ]
    shown = resources.organization(changed(OFFICE, addresses=some)).address
    assert msgspec.to_builtins(shown) == [
        {"type": "physical", "city": "Bergen", "district": "Oslo", "country": "NO"},
        {"type": "physical", "district": "Oslo", "postalCode": "5003", "country": "NO"},
        {"type": "postal", "line": ["Postboks 12"], "district": "Oslo", "country": "NO"},
        {"type": "postal", "line": ["Pb. 12 Sentrum"]},
    ]


def test_each_way_to_reach_an_office_has_its_kind() -> None:
    kinds = {"E_TLF": "phone", "E_CEN": "phone", "E_FAX": "fax", "E_EPO": "email", "E_URL": "url", "E_EDI": "other"}
    ways = [shapes.ElectronicAddress(type=kind, address=f" {kind} ") for kind in kinds]
    office = changed(OFFICE, electronic_addresses=[*ways, shapes.ElectronicAddress(type="E_TLF", address=" ")])
    telecom = resources.organization(office).telecom
    assert {one.value: one.system for one in telecom} == kinds
    assert len(telecom) == len(kinds)


def test_a_doctor_without_a_name_has_none() -> None:
    nobody = changed(CYCLE, first_name="", middle_name=" ", last_name="")
    assert resources.practitioner(nobody).name == []
    assert resources.called(nobody) is None
    shown = msgspec.json.encode(resources.role(nobody, OFFICE))
    PractitionerRole.model_validate_json(shown)
    assert "display" not in msgspec.json.decode(shown)["practitioner"]
    middle = changed(CYCLE, middle_name="Marie ")
    assert msgspec.to_builtins(resources.practitioner(middle).name) == [{"family": "Lie", "given": ["Kari", "Marie"]}]
    assert resources.called(middle) == "Kari Marie Lie"


@pytest.mark.parametrize(
    ("start", "to", "told"),
    [
        (datetime(2026, 7, 1), None, {"start": "2026-07-01T00:00:00+02:00"}),
        (datetime(1894, 12, 31), None, {"start": "1894-12-31"}),
        (datetime(1895, 1, 2), None, {"start": "1895-01-02T00:00:00+01:00"}),
        (
            datetime(1, 1, 1),
            datetime(2026, 3, 29, 12, 0, 0, 1),
            {"start": "0001-01-01", "end": "2026-03-29T12:00:00+02:00"},
        ),
    ],
)
def test_periods(start: datetime, to: datetime | None, told: dict[str, str]) -> None:
    cycle = changed(CYCLE, valid_from=start, to=to)
    assert msgspec.to_builtins(resources.period(start, to)) == told
    PractitionerRole.model_validate_json(msgspec.json.encode(resources.role(cycle, OFFICE)))


@pytest.mark.parametrize(
    ("there", "shown"),
    [
        (("LPFL",), ["1"]),
        (("LPFL", "LPFL", "LPDL", "LPVI"), ["1", "2", "3"]),
        (("LPDL", "LPDL"), ["4657999", "1", "2"]),
        (("LPVI",), ["4657999"]),
        ((), ["4657999"]),
    ],
)
def test_whose_list_it_is(there: tuple[str, ...], shown: list[str]) -> None:
    references, organizations = taken_apart(bundles.of_patient(1, on(*there), 0))
    assert references == shown
    service = ["Liste uten fastlege"] if "LPFL" not in there else []
    assert organizations == [*service, OFFICE.name]
    references, organizations = taken_apart(bundles.of_patient(1, on(*there, her_id=None), 0))
    assert references == [str(OFFICE.her_id) if one == "4657999" else one for one in shown]
    assert organizations == [OFFICE.name]


def test_what_matches_is_not_included_again() -> None:
    office = resources.organization(OFFICE)
    bundle = bundles.bundle("Organization", [office], [office], 0)
    assert (bundle.total, [entry.search.mode for entry in bundle.entry]) == (1, ["match"])


def test_no_shape_shows_what_it_holds() -> None:
    assert repr(resources.patient(1, [])) == "<PatientResource>"
