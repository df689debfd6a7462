"""The CapabilityStatement: what this face answers, made from the table of searches."""

from importlib.metadata import version
from typing import Any

from lookup.fhir.outcome import MEDIA_TYPE
from lookup.fhir.parameters import ALL, Searched
from lookup.fhir.resources import profile
from lookup.fhir.shapes import CapabilityStatement

WRITTEN = "2026-11-26"  # when what is said here was last changed
PUBLIC = "http://terminology.hl7.org/CodeSystem/restful-security-service"


def statement() -> CapabilityStatement:
    """The statement of this service."""
    return CapabilityStatement(
        status="active",
        date=WRITTEN,
        publisher="Fastlegeregisteret",
        kind="instance",
        software={"name": "Fastlegeregisteret", "version": version("fastlegeregisteret")},
        implementation={"description": "Which general practitioner a resident of Norway has, and how to reach that GP"},
        fhir_version="4.0.1",
        format=[MEDIA_TYPE, "json"],
        rest=[{"mode": "server", "documentation": _RULES, "security": _SECURITY, "resource": list(map(_kind, ALL))}],
    )


_RULES = (
    "Searches are by POST to _search, with the parameters in a form in the body. A search by GET is answered 405: "
    "numbers of persons never stand in a URL. One number is searched for at a time; there are no pages."
)
_SECURITY: dict[str, Any] = {
    "cors": False,
    "service": [{"coding": [{"system": PUBLIC, "code": code}]} for code in ("OAuth", "Basic", "Certificates")],
    "description": "HelseID access tokens (bearer or DPoP), a registered client's password, or its certificate.",
}


def _kind(searched: Searched) -> dict[str, Any]:
    parameters = [
        {"name": one.name, "type": one.kind, "documentation": f"Asked by {one.told}."} for one in searched.parameters
    ]
    includes = {"searchInclude": list(searched.includes)} if searched.includes else {}
    return {
        "type": searched.kind,
        "supportedProfile": profile(searched.kind).profile,
        "documentation": searched.told,
        "interaction": [{"code": "search-type", "documentation": "By POST to _search alone."}],
        **includes,
        "searchParam": parameters,
    }
