"""A few persons who are always the same, put beside those of a population: one for each answer that the register gives.

They are those of the OpenAPI page (`lookup/rest/examples.py`, `lookup/fhir/examples.py`) and of docs/integrators, whose
examples so work against the demo: a person with a GP, who has had another number; one on a list without a GP, one on no
list, and one with a protected address; two doctors; an office with two lists. Nothing of them changes from day to day.
Numbers and ids are such as a population never gives. Everybody is invented.
"""

from datetime import datetime

from lookup.rest import examples
from register.codes import GP, LANGUAGE, STATUS_OPEN, SUBSTITUTE
from register.model import (
    CodeRef,
    Contract,
    Doctor,
    DoctorCycle,
    ElectronicAddress,
    Membership,
    NinChange,
    Office,
    Person,
    PhysicalAddress,
    Record,
)

_OSLO = "0301"
_SINCE, _GP_SINCE, _ON_LIST_SINCE = datetime(2019, 4, 1), datetime(2019, 5, 1), datetime(2020, 1, 1)
_UPDATED = datetime(2020, 1, 1, 9, 30)
_KARI_NIN, _PER_NIN = "15818599924", "10819299914"


def _office() -> Office:
    return Office(
        organization_number=examples.ORGANIZATION_NUMBER,
        her_id=examples.OFFICE_HER_ID,
        name="EKSEMPELGATA LEGEKONTOR AS",
        display_name="Eksempelgata legekontor",
        valid_from=_SINCE,
        municipality=_OSLO,
        physical_addresses=(_address("Eksempelgata 1"),),
        electronic_addresses=(ElectronicAddress(type="E_TLF", address="22000000"),),
        updated=_UPDATED,
    )


def _address(street: str) -> PhysicalAddress:
    return PhysicalAddress(
        type="RES", street_address=street, postal_code="0155", city="OSLO", municipality=_OSLO, country="NO"
    )


def _doctor(hpr_number: int, nin: str, first: str, last: str, sex: str) -> Doctor:
    return Doctor(
        hpr_number=hpr_number,
        nin=nin,
        first_name=first,
        last_name=last,
        sex=sex,
        languages=(CodeRef(oid=LANGUAGE, value="nb"),),
    )


def _contract(number: int, her_id: int | None, ceiling: int, free: int) -> Contract:
    return Contract(
        id=number,
        her_id=her_id,
        office_organization_number=examples.ORGANIZATION_NUMBER,
        municipality=_OSLO,
        status=STATUS_OPEN,
        max_patients=ceiling,
        places_available=free,
        agreement_date=_SINCE,
        valid_from=_GP_SINCE,
        updated=_UPDATED,
    )


def _cycle(number: int, contract: int, hpr_number: int, her_id: int, instead_of: int | None = None) -> DoctorCycle:
    is_gp = hpr_number == examples.HPR_NUMBER
    return DoctorCycle(
        id=number,
        contract_id=contract,
        hpr_number=hpr_number,
        her_id=her_id,
        substitute_for_hpr_number=instead_of,
        relationship=GP if is_gp else SUBSTITUTE,
        valid_from=_GP_SINCE if is_gp else _ON_LIST_SINCE,
        updated=_UPDATED,
    )


def _person(nin: str, first: str, last: str, protection: str | None = None) -> Person:
    return Person(
        nin=nin,
        first_name=first,
        last_name=last,
        protection=protection,  # type: ignore[arg-type]
        physical_addresses=() if protection else (_address("Eksempelgata 2"),),
    )


def _membership(number: int, nin: str, contract: int) -> Membership:
    return Membership(
        id=number, nin=nin, contract_id=contract, valid_from=_ON_LIST_SINCE, begin_code="BGVA", updated=_UPDATED
    )


def showcase() -> dict[str, list[Record]]:
    """Their records, by table; the codes in them are those of any population."""
    kari, per = examples.HPR_NUMBER, examples.SUBSTITUTE_HPR_NUMBER
    listed, vacant = examples.CONTRACT_ID, examples.VACANT_CONTRACT_ID
    return {
        "offices": [_office()],
        "doctors": [_doctor(kari, _KARI_NIN, "Kari", "Lie", "2"), _doctor(per, _PER_NIN, "Per", "Vik", "1")],
        "contracts": [_contract(listed, None, 1000, 12), _contract(vacant, examples.SERVICE_HER_ID, 800, 40)],
        "doctor_cycles": [
            _cycle(9000001, listed, kari, examples.HER_ID),
            _cycle(9000002, listed, per, examples.SUBSTITUTE_HER_ID, kari),
            _cycle(9000003, vacant, per, examples.SUBSTITUTE_HER_ID),
        ],
        "persons": [
            _person(examples.NIN, "Ola", "Dal"),
            _person(examples.VACANT_NIN, "Eva", "Moe"),
            _person(examples.NONE_NIN, "Jon", "Li"),
            _person(examples.WITHHELD_NIN, "Ida", "Ås", "strengt-fortrolig"),
            _person(_KARI_NIN, "Kari", "Lie"),
            _person(_PER_NIN, "Per", "Vik"),
        ],
        "nin_changes": [NinChange(old_nin=examples.OLD_NIN, new_nin=examples.NIN, changed=datetime(2021, 6, 1, 9))],
        "memberships": [
            _membership(9000000001, examples.NIN, listed),
            _membership(9000000002, examples.VACANT_NIN, vacant),
            _membership(9000000003, examples.WITHHELD_NIN, listed),
        ],
    }
