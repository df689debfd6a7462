"""The routes of the FHIR face. National ids come in bodies alone."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import RawBody
from litestar.response.base import ASGIResponse

from lookup.answers import UNKNOWN, WITHHELD
from lookup.fhir import asking, bundles, finding, page, parameters
from lookup.fhir.asking import Asked, read_search
from lookup.fhir.capability import statement
from lookup.fhir.outcome import MEDIA_TYPE
from lookup.fhir.parameters import Searched
from lookup.fhir.shapes import Bundle, Resource
from lookup.generation import Generation
from lookup.problems import Forbidden, InvalidRequest
from lookup.resident import reply
from lookup.rest.asking import AnyRequest

_encoder = msgspec.json.Encoder()


def _answer(resource: Resource) -> ASGIResponse:
    return ASGIResponse(body=_encoder.encode(resource), media_type=MEDIA_TYPE)


@get("/fhir/R4/metadata", sync_to_thread=False, **page.METADATA)
def metadata(request: AnyRequest) -> ASGIResponse:
    """What can be searched for, and by what."""
    asking.check_accept(request.headers)
    if request.scope["query_string"]:
        raise InvalidRequest("this resource takes no query")
    return _answer(statement())


@post(parameters.PATIENT.path, status_code=200, sync_to_thread=False, **page.PATIENT)
def patient(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """A resident and the GP, now."""
    searched = parameters.PATIENT
    exchange, asked = read_search(request, body, searched.parameters, searched.includes)
    nin = asking.person(exchange, asked)
    generation, at = exchange.take(), exchange.now
    found = reply(generation, nin, at, exchange.withhold)
    if found is None:
        answer = bundles.bundle(searched.kind, [], [], asked.ignored)
        exchange.disclose(nin, UNKNOWN, protected=False)
        return _answer(answer)
    if found.status == WITHHELD:
        exchange.disclose(nin, WITHHELD, protected=True)
        raise Forbidden
    answer = bundles.of_patient(found.nin, finding.list_of(generation, found, at), asked.ignored)
    exchange.disclose(nin, found.status, protected=found.protected)
    return _answer(answer)


def _asked(request: AnyRequest, body: bytes, searched: Searched) -> tuple[Generation, int, Asked, int | None]:
    """(generation, now, what is asked, the number that is searched for)"""
    exchange, asked = read_search(request, body, searched.parameters, searched.includes)
    number = asking.number(asked)
    return exchange.take(), exchange.now, asked, number


@post(parameters.PRACTITIONER_ROLE.path, status_code=200, sync_to_thread=False, **page.PRACTITIONER_ROLE)
def practitioner_role(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """The doctors on lists now that have a HER-ID, are one doctor, or are at one office."""
    generation, at, asked, number = _asked(request, body, parameters.PRACTITIONER_ROLE)
    found = finding.roles(generation.tables, asked.parameter, asked.system, number, at)
    return _answer(bundles.of_roles(found, asked.ignored))


@post(parameters.PRACTITIONER.path, status_code=200, sync_to_thread=False, **page.PRACTITIONER)
def practitioner(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """A doctor."""
    generation, at, asked, number = _asked(request, body, parameters.PRACTITIONER)
    return _answer(_matching(parameters.PRACTITIONER, asked, finding.practitioners(generation.tables, number, at)))


@post(parameters.ORGANIZATION.path, status_code=200, sync_to_thread=False, **page.ORGANIZATION)
def organization(request: AnyRequest, body: RawBody) -> ASGIResponse:
    """An office, or the service of a list without a GP."""
    generation, at, asked, number = _asked(request, body, parameters.ORGANIZATION)
    found = finding.organizations(generation.tables, asked.system, number, at)
    return _answer(_matching(parameters.ORGANIZATION, asked, found))


def _matching(searched: Searched, asked: Asked, found: list[Any]) -> Bundle:
    return bundles.bundle(searched.kind, found, [], asked.ignored)


ROUTES: list[Any] = [metadata, patient, practitioner_role, practitioner, organization]
