"""The roles, and the one table that says which of them each operation admits.

The code asks this table, the OpenAPI page and docs/security.md are made from it. Operations go by their name in the
OpenAPI page, or in the description of their SOAP service. Roles are those of the real register, and two that are
ours: FlrOperator opens what operators look at, FlrExport the public export of contracts and nothing else.
"""

from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What a client may do."""

    LOOKUP = "FlrLookup"
    READ = "FlrRead"
    EXTENDED = "FlrReadExtended"
    ALL_PATIENTS = "FlrReadAllPatients"
    EXPORT = "FlrExport"
    OPERATOR = "FlrOperator"
    ADMINISTRATOR = "Administrator"


class Operation(NamedTuple):
    """One row: an operation, where it is, whom it admits, and whether its answer tells of persons.

    `own_unit` admits further roles, to a client whose organisation is that of the contract's office.
    """

    name: str
    method: str
    path: str
    roles: frozenset[Role]
    personal: bool
    own_unit: frozenset[Role] = frozenset()


_READ = frozenset({Role.READ, Role.EXTENDED, Role.ALL_PATIENTS, Role.ADMINISTRATOR})
_LOOKUP = _READ | {Role.LOOKUP}
_ALL_PATIENTS = frozenset({Role.ALL_PATIENTS, Role.ADMINISTRATOR})
_EXTENDED = frozenset({Role.EXTENDED, Role.ADMINISTRATOR})
_EXPORT = _ALL_PATIENTS | {Role.EXPORT}
_OPERATOR = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})

_OWN_LISTS = frozenset({Role.READ})
_PARTIES = "/v1/AR/Basic"


def _soap(
    name: str,
    roles: frozenset[Role],
    *,
    personal: bool,
    own_unit: frozenset[Role] = frozenset(),
    path: str = "/v2/flr/Basic",
) -> Operation:
    return Operation(name, "POST", path, roles, personal=personal, own_unit=own_unit)


# In the order in which they were added: the audit keeps the place of an operation here, so rows are only appended.
OPERATIONS = (
    Operation("gpLookup", "POST", "/v1/gp-lookup", _LOOKUP, personal=True),
    Operation("gpLookupBatch", "POST", "/v1/gp-lookup/batch", _READ, personal=True),
    Operation("gpConfirm", "POST", "/v1/gp-confirm", _LOOKUP, personal=True),
    Operation("gpHistory", "POST", "/v1/gp-history", _READ, personal=True),
    Operation("her", "GET", "/v1/her/{herId}", _LOOKUP, personal=False),
    Operation("gp", "GET", "/v1/gps/{hprNumber}", _LOOKUP, personal=False),
    Operation("contract", "GET", "/v1/contracts/{id}", _LOOKUP, personal=False),
    Operation(
        "contractPatients",
        "GET",
        "/v1/contracts/{id}/patients",
        _ALL_PATIENTS,
        personal=True,
        own_unit=frozenset({Role.READ}),
    ),
    Operation("officeContracts", "GET", "/v1/offices/{organizationNumber}/contracts", _LOOKUP, personal=False),
    Operation("events", "GET", "/v1/events", _ALL_PATIENTS, personal=True),
    Operation("eventsLatest", "GET", "/v1/events/latest", _ALL_PATIENTS, personal=False),
    Operation("status", "GET", "/v1/status", _OPERATOR, personal=False),
    Operation("metrics", "GET", "/metrics", _OPERATOR, personal=False),
    # those of SOAP share their service's addresses, of which the table has the first
    _soap("GetPatientGPDetails", _LOOKUP, personal=True),
    _soap("GetPatientsGPDetails", _LOOKUP, personal=True),
    _soap("GetPatientsGPDetailsAtTime", _LOOKUP, personal=True),
    _soap("GetPatientGPHistory", _READ, personal=True),
    _soap("GetGPContract", _LOOKUP, personal=False),
    _soap("GetGPContractsOnOffice", _LOOKUP, personal=False),
    _soap("GetGPPatientList", _ALL_PATIENTS, personal=True, own_unit=_OWN_LISTS),
    _soap("GetGPWithAssociatedGPContracts", _READ, personal=False),
    _soap("ConfirmGP", _READ, personal=True),
    _soap("GetGPContractForNav", _READ, personal=True),
    _soap("NavGetEncryptedPatientList", _EXTENDED, personal=True),
    _soap("NavGetEncryptedPatientListAlternate", _EXTENDED, personal=True),
    _soap("GetGPContractIdsOperatingInPostalCode", _READ, personal=False),
    _soap("SearchForGP", _READ, personal=False),
    _soap("QueryGPContracts", _READ, personal=False),
    _soap("GetNavPatientLists", _ALL_PATIENTS, personal=True, own_unit=_OWN_LISTS),
    _soap("GetPrimaryHealthCareTeam", _READ, personal=False),
    _soap("GetGPPatientListAtTime", _ALL_PATIENTS, personal=True, own_unit=_OWN_LISTS),
    _soap("ExportGPContracts", _ALL_PATIENTS, personal=True, path="/v2/flrexport"),
    _soap("Ping", _LOOKUP, personal=False, path=_PARTIES),
    _soap("GetCommunicationPartyDetails", _LOOKUP, personal=False, path=_PARTIES),
    _soap("GetOrganizationPersonDetails", _LOOKUP, personal=False, path=_PARTIES),
    _soap("GetOrganizationDetails", _LOOKUP, personal=False, path=_PARTIES),
    Operation("contractsExport", "GET", "/v1/contracts", _EXPORT, personal=False),
    Operation("fhirPatient", "POST", "/fhir/R4/Patient/_search", _LOOKUP, personal=True),
    Operation("fhirPractitionerRole", "POST", "/fhir/R4/PractitionerRole/_search", _LOOKUP, personal=False),
    Operation("fhirPractitioner", "POST", "/fhir/R4/Practitioner/_search", _LOOKUP, personal=False),
    Operation("fhirOrganization", "POST", "/fhir/R4/Organization/_search", _LOOKUP, personal=False),
    Operation("ops", "GET", "/ops", _OPERATOR, personal=False),
    Operation("opsState", "GET", "/ops/state", _OPERATOR, personal=False),
    # what the web page asks for whoever has signed in
    Operation("pageLookup", "POST", "/oppslag", _LOOKUP, personal=True),
)
# Answered to anybody: whether the process lives and is ready, and what the calls are.
OPEN = ("livez", "readyz", "schema", "fhirMetadata")


def as_markdown() -> str:
    """The table for the documentation: what each role opens."""
    head = f"| operation | call | {' | '.join(Role)} |\n|---|---|{'---|' * len(Role)}\n"
    return head + "".join(
        f"| `{row.name}` | `{row.method} {row.path}` | {' | '.join(_mark(row, role) for role in Role)} |\n"
        for row in OPERATIONS
    )


def _mark(row: Operation, role: Role) -> str:
    return "yes" if role in row.roles else "own" if role in row.own_unit else ""
