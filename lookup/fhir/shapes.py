"""The FHIR R4 resources and data types of this face, as types: the members that are ever given, and no others.

Members stand in the order of the FHIR specification, in its names. What has nothing to say is left out, as FHIR has
it: it knows neither null nor empty lists. Names that lookup/shapes.py has for other things end in `Resource` here.
"""

from typing import Any, Literal

import msgspec


class Element(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel", omit_defaults=True):
    """A part of a resource. Its repr shows no content: some are about a person."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Resource(Element, frozen=True, kw_only=True, tag_field="resourceType"):
    """A resource; its kind comes first."""


class Meta(Element, frozen=True, kw_only=True):
    """The profiles that a resource follows."""

    profile: list[str]


class Coding(Element, frozen=True, kw_only=True):
    """A value of a code system."""

    system: str
    code: str
    display: str | None = None


class CodeableConcept(Element, frozen=True, kw_only=True):
    """A concept by a code, by words, or both."""

    coding: list[Coding] = []
    text: str | None = None


class Identifier(Element, frozen=True, kw_only=True):
    """A number and the system it is of."""

    system: str
    value: str


class Period(Element, frozen=True, kw_only=True):
    """A period with both its ends inside it, as FHIR has it; no `end` is an open one."""

    start: str
    end: str | None = None


class Reference(Element, frozen=True, kw_only=True):
    """Another resource of the same Bundle: by its `urn:uuid`, and by a number that has a meaning outside it."""

    reference: str | None = None
    type: str
    identifier: Identifier | None = None
    display: str | None = None


class HumanName(Element, frozen=True, kw_only=True):
    """The name of a doctor."""

    family: str | None = None
    given: list[str] = []


class ContactPoint(Element, frozen=True, kw_only=True):
    """A telephone number, an e-mail address, ..."""

    system: Literal["phone", "fax", "email", "url", "other"]
    value: str


class PostalAddress(Element, frozen=True, kw_only=True):
    """An address of an office. `district` is the municipality's name, as in Norway's basic profile."""

    type: Literal["postal", "physical"]
    line: list[str] = []
    city: str | None = None
    district: str | None = None
    postal_code: str | None = None
    country: str | None = None


class PatientResource(Resource, frozen=True, kw_only=True, tag="Patient"):
    """A resident, by the newest number; who the GP is, and nothing else."""

    id: str
    meta: Meta
    identifier: list[Identifier]
    general_practitioner: list[Reference] = []


class PractitionerRoleResource(Resource, frozen=True, kw_only=True, tag="PractitionerRole"):
    """A doctor on a list for a period: a doctor cycle. The identifier is where messages go."""

    id: str
    meta: Meta
    identifier: list[Identifier] = []
    active: bool
    period: Period
    practitioner: Reference
    organization: Reference
    code: list[CodeableConcept]


class PractitionerResource(Resource, frozen=True, kw_only=True, tag="Practitioner"):
    """A doctor."""

    id: str
    meta: Meta
    identifier: list[Identifier]
    name: list[HumanName] = []


class OrganizationResource(Resource, frozen=True, kw_only=True, tag="Organization"):
    """An office; or the service of a list without a GP, as a part of its office."""

    id: str
    meta: Meta
    identifier: list[Identifier] = []
    name: str
    telecom: list[ContactPoint] = []
    address: list[PostalAddress] = []
    part_of: Reference | None = None


class Issue(Element, frozen=True, kw_only=True):
    """What is wrong. Never repeats what was asked for."""

    severity: Literal["error", "warning"]
    code: str
    details: CodeableConcept
    diagnostics: str | None = None


class OperationOutcome(Resource, frozen=True, kw_only=True, tag="OperationOutcome"):
    """Why there is no answer; or, among the entries of a Bundle, what of the question was not heeded."""

    issue: list[Issue]


class Search(Element, frozen=True, kw_only=True):
    """Why an entry is in the Bundle."""

    mode: Literal["match", "include", "outcome"]


AnyResource = (
    PatientResource | PractitionerRoleResource | PractitionerResource | OrganizationResource | OperationOutcome
)


class Entry(Element, frozen=True, kw_only=True):
    """A resource of a Bundle."""

    full_url: str | None = None
    resource: AnyResource
    search: Search


class Link(Element, frozen=True, kw_only=True):
    """A link of a Bundle."""

    relation: Literal["self"]
    url: str


class Bundle(Resource, frozen=True, kw_only=True, tag="Bundle"):
    """The answer to a search: `total` counts the matches, not what is included with them."""

    type: Literal["searchset"]
    total: int
    link: list[Link]
    entry: list[Entry] = []


class CapabilityStatement(Resource, frozen=True, kw_only=True, tag="CapabilityStatement"):
    """What this face answers. The parts of `rest` are written by lookup/fhir/capability.py."""

    status: Literal["active"]
    date: str
    publisher: str
    kind: Literal["instance"]
    software: dict[str, str]
    implementation: dict[str, str]
    fhir_version: Literal["4.0.1"]
    format: list[str]
    rest: list[dict[str, Any]]
