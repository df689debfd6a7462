"""What the OpenAPI page says of the FHIR routes: their forms, examples and outcomes, as their decorators' arguments."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIType, Operation, Reference, RequestBody, Schema

from lookup.fhir import capability, examples, parameters, shapes
from lookup.fhir.asking import FORM
from lookup.fhir.outcome import MEDIA_TYPE, issue
from lookup.fhir.parameters import Searched
from lookup.problems import PROBLEMS
from lookup.rest import admission

TAG = "FHIR R4"
_HEAD = ("method-not-allowed", "internal")
_FORM = ("invalid-request", "too-large", "unsupported-media-type", "unready")
_PERSON = ("invalid-nin", "forbidden", "audit-unavailable")
_NOT_ACCEPTABLE = 406


def _kept(resource: shapes.Resource) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(resource))


def _outcomes(words: tuple[str, ...]) -> dict[int, ResponseSpec]:
    """The answers that are an OperationOutcome, by status."""
    by_status: dict[int, dict[str, str]] = {_NOT_ACCEPTABLE: {"not-acceptable": "Answers are JSON"}}
    for word in words:
        status, title = PROBLEMS[word]
        by_status.setdefault(status, {})[word] = title
    return {
        status: ResponseSpec(
            data_container=shapes.OperationOutcome,
            generate_examples=False,
            description="; ".join(some.values()),
            media_type=MEDIA_TYPE,
            examples=[
                Example(summary=word, value=_kept(shapes.OperationOutcome(issue=[issue(word, title, None)])))
                for word, title in some.items()
            ],
        )
        for status, some in by_status.items()
    }


def _route(
    name: str, summary: str, words: tuple[str, ...], operation: type[Operation], **answers: shapes.Resource
) -> dict[str, Any]:
    ok = ResponseSpec(
        data_container=type(next(iter(answers.values()))),
        generate_examples=False,
        description="The answer",
        media_type=MEDIA_TYPE,
        examples=[Example(summary=one, value=_kept(resource)) for one, resource in answers.items()],
    )
    return {
        "operation_id": name,
        "tags": [TAG],
        "summary": summary,
        "responses": {200: ok, **_outcomes(tuple(dict.fromkeys((*words, *admission.problems(name), *_HEAD))))},
        "security": admission.security(name),
        "operation_class": admission.saying(operation, name),
    }


def _form(searched: Searched, **asked: str) -> type[Operation]:
    """An operation whose body is the form of a search, which the framework cannot see because it is read raw.

    `asked` are identifiers; the answer's example of the same name is what each finds.
    """
    fields: dict[str, Reference | Schema] = {
        name: Schema(type=OpenAPIType.STRING, description=f"system|value, of {' or '.join(one.systems)}")
        for one in searched.parameters
        for name in one.asked_by
    }
    schema = Schema(type=OpenAPIType.OBJECT, title=f"{searched.kind}Search", properties=fields)
    forms: dict[str, Example | Reference] = {
        name: Example(value={"identifier": value}) for name, value in asked.items()
    }
    body = RequestBody(content={FORM: OpenAPIMediaType(schema=schema, examples=forms)}, required=True)

    @dataclass
    class WithForm(Operation):
        def __post_init__(self) -> None:
            self.request_body = body

    return WithForm


METADATA = _route(
    "fhirMetadata",
    "What can be searched for",
    ("invalid-request",),
    Operation,
    capability=capability.statement(),
)
PATIENT = _route(
    "fhirPatient",
    "A resident and the GP, as FHIR",
    (*_FORM, *_PERSON),
    _form(parameters.PATIENT, **examples.PATIENT_ASKED),
    assigned=examples.ASSIGNED,
    vacant=examples.VACANT,
    none=examples.NONE,
    unknown=examples.UNKNOWN,
)
PRACTITIONER_ROLE = _route(
    "fhirPractitionerRole",
    "Doctors on lists, as FHIR",
    _FORM,
    _form(parameters.PRACTITIONER_ROLE, found=examples.ROLE_ASKED),
    found=examples.ROLES,
)
PRACTITIONER = _route(
    "fhirPractitioner",
    "A doctor, as FHIR",
    _FORM,
    _form(parameters.PRACTITIONER, found=examples.PRACTITIONER_ASKED),
    found=examples.PRACTITIONERS,
)
ORGANIZATION = _route(
    "fhirOrganization",
    "An office, as FHIR",
    _FORM,
    _form(parameters.ORGANIZATION, found=examples.ORGANIZATION_ASKED),
    found=examples.ORGANIZATIONS,
)
