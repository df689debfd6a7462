"""The examples of the FHIR routes, made by the code that makes the answers. Everybody in them is invented."""

from typing import Any

import msgspec

from lookup import shapes
from lookup.fhir import bundles, resources, systems
from lookup.fhir.resources import OfContract
from lookup.fhir.shapes import AnyResource, Bundle
from lookup.rest import examples


def _of(contract: dict[str, Any]) -> OfContract:
    return OfContract(msgspec.convert(contract, shapes.OfficeContract), msgspec.convert(examples.OFFICE, shapes.Office))


_WITH_GP, _VACANT = _of(examples.OFFICE_CONTRACT), _of(examples.VACANT_CONTRACT)
_CYCLE = _WITH_GP.contract.doctor_cycles[0]

PATIENT_ASKED = {
    "assigned": f"{systems.FNR}|{examples.NIN}",
    "vacant": f"{systems.FNR}|{examples.VACANT_NIN}",
    "none": f"{systems.FNR}|{examples.NONE_NIN}",
    "unknown": f"{systems.FNR}|{examples.UNKNOWN_NIN}",
}
ROLE_ASKED = f"{systems.HER}|{_CYCLE.her_id}"
PRACTITIONER_ASKED = f"{systems.HPR}|{_CYCLE.hpr_number}"
ORGANIZATION_ASKED = f"{systems.ORGANIZATION}|{_WITH_GP.office.organization_number}"


def _found(kind: str, resource: AnyResource) -> Bundle:
    return bundles.bundle(kind, [resource], [], 0)


ASSIGNED = bundles.of_patient(int(examples.NIN), _WITH_GP, 0)
VACANT = bundles.of_patient(int(examples.VACANT_NIN), _VACANT, 0)
NONE = bundles.of_patient(int(examples.NONE_NIN), None, 0)
UNKNOWN = bundles.bundle("Patient", [], [], 0)
ROLES = bundles.of_roles([(_CYCLE, _WITH_GP.office)], 0)
PRACTITIONERS = _found("Practitioner", resources.practitioner(_CYCLE))
ORGANIZATIONS = _found("Organization", resources.organization(_WITH_GP.office))
