"""A good request of every operation, and what it is refused with, as tests of access ask them all."""

import json
from typing import Any

from lookup.access.roles import OPERATIONS
from lookup.soap.faults import PROBLEM_TEXTS
from lookup.soap.operations import AT, SOAP11
from tests.lookup import village
from tests.lookup.wires import Answer, form, request
from tests.soap.clients import MEDIA
from tests.soap.clients import request as envelope

PERSON = next(nin for nin in village.PERSONS if nin != village.PROTECTED)
BODIES: dict[str, Any] = {
    "gpLookup": {"nin": PERSON},
    "gpLookupBatch": {"nins": [PERSON]},
    "gpConfirm": {"nin": PERSON, "hprNumber": village.KARI},
    "gpHistory": {"nin": PERSON},
}
FORMS = {
    "fhirPatient": {"identifier": PERSON},
    "fhirPractitionerRole": {"identifier": "4000001"},
    "fhirPractitioner": {"identifier": str(village.KARI)},
    "fhirOrganization": {"identifier": "urn:oid:2.16.578.1.12.4.1.2|81234"},
}
PATHS = {
    "her": "/v1/her/4657988",
    "gp": f"/v1/gps/{village.KARI}",
    "contract": f"/v1/contracts/{village.SHARED}",
    "contractPatients": f"/v1/contracts/{village.SHARED}/patients",
    "officeContracts": "/v1/offices/999999999/contracts",
    "events": "/v1/events?after=0-0-0",
}
# SOAP operation -> its parameters, where it is not asked without
PARAMETERS = {
    "GetPatientGPDetails": f"<patientNin>{PERSON}</patientNin>",
    "GetPatientGPHistory": f"<patientNin>{PERSON}</patientNin>",
    "ConfirmGP": f"<patientNin>{PERSON}</patientNin><hprNumber>{village.KARI}</hprNumber>",
    "GetGPContract": f"<gpContractId>{village.SHARED}</gpContractId>",
    "GetGPPatientList": f"<gpContractId>{village.SHARED}</gpContractId>",
    "GetGPPatientListAtTime": f"<gpContractId>{village.SHARED}</gpContractId><atTime>2026-11-01T00:00:00</atTime>",
    "GetCommunicationPartyDetails": "<herId>4657988</herId>",
}


def asking(name: str, *fields: str) -> bytes:
    (operation,) = [one for one in OPERATIONS if one.name == name]
    service = AT.get(operation.path)
    if service is not None:
        body = envelope(service, name, SOAP11, PARAMETERS.get(name, ""))
        asked = request(operation.path, body, f'SOAPAction: "{service.action(name)}"', *fields)
        return asked.replace(b"Content-Type: application/json", f"Content-Type: {MEDIA[SOAP11]}".encode())
    if name in FORMS:
        return form(operation.path, FORMS[name], *fields)
    return request(PATHS.get(name, operation.path), BODIES.get(name), *fields)


def word_of(answer: Answer) -> str:
    """The word of a problem, of an OperationOutcome, or of a fault."""
    if answer.fields["content-type"].startswith("text/xml"):
        (word,) = [word for word, text in PROBLEM_TEXTS.items() if f">{text}<".encode() in answer.body]
        assert b"GenericFault" not in answer.body
        return word
    told = json.loads(answer.body)
    if "issue" in told:
        assert answer.fields["content-type"] == "application/fhir+json"
        return str(told["issue"][0]["details"]["coding"][0]["code"])
    return str(told["type"]).removeprefix("urn:flr:problem:")
