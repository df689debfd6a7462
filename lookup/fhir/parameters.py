"""What can be searched for, and what comes with it: one table for the reader, the CapabilityStatement and OpenAPI."""

from typing import NamedTuple

from lookup.fhir import systems
from lookup.fhir.asking import Parameter


class Searched(NamedTuple):
    """A kind of resource that can be searched for: its parameters, what is always included, and what is told of it."""

    kind: str
    parameters: tuple[Parameter, ...]
    includes: tuple[str, ...]
    told: str

    @property
    def path(self) -> str:
        """Where it is searched for."""
        return f"/fhir/R4/{self.kind}/_search"


def _identifier(*of: str, named: bool = False) -> Parameter:
    return Parameter("identifier", "token", ("identifier",), of, named)


def _by_identifier(name: str, *of: str, named: bool = False) -> Parameter:
    """A reference, by the number of what it refers to."""
    return Parameter(name, "reference", (f"{name}:identifier", f"{name}.identifier"), of, named)


PATIENT = Searched(
    "Patient",
    (_identifier(*systems.NATIONAL_IDS),),
    (
        "Patient:general-practitioner",
        "PractitionerRole:practitioner",
        "PractitionerRole:organization",
    ),
    "A resident by national id, with the GP: the answer is the one that POST /v1/gp-lookup gives now.",
)
PRACTITIONER_ROLE = Searched(
    "PractitionerRole",
    (
        _identifier(systems.HER),
        _by_identifier("practitioner", systems.HPR),
        _by_identifier("organization", systems.ORGANIZATION, systems.HER, named=True),
    ),
    ("PractitionerRole:practitioner", "PractitionerRole:organization"),
    "The doctors that are on lists now, by HER-ID, doctor or office.",
)
PRACTITIONER = Searched("Practitioner", (_identifier(systems.HPR),), (), "A doctor by HPR number.")
ORGANIZATION = Searched(
    "Organization",
    (_identifier(systems.ORGANIZATION, systems.HER, named=True),),
    (),
    "An office by organisation number or HER-ID; the service of a list without a GP by HER-ID.",
)
ALL = (PATIENT, PRACTITIONER_ROLE, PRACTITIONER, ORGANIZATION)
