"""The services and operations of the SOAP face, as data: what a description, a reader, an answer and the roles go by.

Names, parameters and results are those of the real registers' descriptions, in their order; GetGPPatientListAtTime is
the one that the current ones lack. Types are in register/flr_schema.py and register/ar_schema.py.
"""

from collections.abc import Mapping
from typing import NamedTuple

from register import ar_schema
from register.flr_schema import FLR, Member, Table, members_of
from register.flr_xml import FLR_WRITER, Writer

SOAP11, SOAP12 = "1.1", "1.2"
NAMESPACES = {SOAP11: "http://schemas.xmlsoap.org/soap/envelope/", SOAP12: "http://www.w3.org/2003/05/soap-envelope"}
ADDRESSING = "http://www.w3.org/2005/08/addressing"
ANONYMOUS, NONE = f"{ADDRESSING}/anonymous", f"{ADDRESSING}/none"
STREAM = "StreamBody"  # the type of a result that is octets, of any length
RESPONSE, RESULT, FAULT = "Response", "Result", "GenericFaultFault"


class Operation(NamedTuple):
    """One operation: its parameters in order, and what its answer holds. `faults`: it has GenericFault."""

    name: str
    parameters: tuple[Member, ...]
    result: Member
    faults: bool = True


class Service(NamedTuple):
    """One service: `port_type` and `name` are those of its description, `paths` are where it is -> version of SOAP."""

    name: str
    port_type: str
    namespace: str
    writer: Writer
    operations: Mapping[str, Operation]
    paths: Mapping[str, str]
    has_policies: bool = True  # that its description says how callers are known

    @property
    def table(self) -> Table:
        """Its types."""
        return self.writer.table

    def action(self, operation: str) -> str:
        """What a request's action is; those of an answer and a GenericFault have RESPONSE or FAULT behind it."""
        return f"{self.namespace}/{self.port_type}/{operation}"

    def operation_of(self, action: str | None) -> Operation | None:
        """The operation of an action; None where there is none."""
        beginning, _, name = (action or "").rpartition("/")
        return self.operations.get(name) if beginning == f"{self.namespace}/{self.port_type}" else None


def _operations(namespace: str, declared: str, *, without_faults: tuple[str, ...] = ()) -> dict[str, Operation]:
    """The operations of lines `name(parameters) result`, members as in the tables of types."""
    out = {}
    for line in filter(None, map(str.strip, declared.strip().split("\n"))):
        name, _, rest = line.partition("(")
        parameters, _, result = rest.partition(")")
        (member,) = members_of(namespace, f"{name}{RESULT}:{result.strip()}")
        out[name] = Operation(name, members_of(namespace, parameters), member, name not in without_faults)
    return out


_READ = """
    GetPatientGPDetails(patientNin:string?) PatientToGPContractAssociation?
    GetPatientsGPDetails(patientNins:ArrayOfstring?) ArrayOfPatientToGPContractAssociation?
    GetPatientsGPDetailsAtTime(patientNins:ArrayOfNinWithTimestamp?) ArrayOfPatientToGPContractAssociation?
    GetPatientGPHistory(patientNin:string? includePatientData:boolean) ArrayOfPatientToGPContractAssociation?
    GetGPContract(gpContractId:long) GPContract?
    GetGPContractsOnOffice(organizationNumber:int atTime:dateTime?) ArrayOfGPContract?
    GetGPPatientList(gpContractId:long) ArrayOfPatientToGPContractAssociation?
    GetGPWithAssociatedGPContracts(hprNumber:int atTime:dateTime?) GPDetails?
    ConfirmGP(patientNin:string? hprNumber:int atTime:dateTime?) boolean
    GetGPContractForNav(doctorNin:string? municipalityNr:string? doSubstituteSearch:boolean) GPContract?
    NavGetEncryptedPatientList(param:NavEncryptedPatientListParameters?) StreamBody
    NavGetEncryptedPatientListAlternate(DOCTOR) StreamBody
    GetGPContractIdsOperatingInPostalCode(postNr:string?) ArrayOflong?
    SearchForGP(searchParameters:GPSearchParameters?) PagedResultOfGPDetailsRE_Pj1Nec?
    QueryGPContracts(queryParameters:GPContractQueryParameters?) PagedResultOfGPContractRE_Pj1Nec?
    GetNavPatientLists(parameters:GetNavPatientListsParameters?) StreamBody
    GetPrimaryHealthCareTeam(id:long) PrimaryHealthCareTeam?
    GetGPPatientListAtTime(gpContractId:long atTime:dateTime) ArrayOfPatientToGPContractAssociation?
""".replace(
    "DOCTOR",
    "doctorNIN:string? municipalityId:string? encryptWithX509Certificate:base64Binary? month:dateTime"
    " doSubstituteSearch:boolean senderXml:string? receiverXml:string? listType:string?",
)
_PARTIES = """
    Ping() string?
    GetCommunicationPartyDetails(herId:int) CommunicationParty?
    GetOrganizationPersonDetails(herId:int) OrganizationPerson?
    GetOrganizationDetails(herId:int) Organization?
"""

READ = Service(
    "FlrReadOperationsService",
    "IFlrReadOperations",
    FLR,
    FLR_WRITER,
    _operations(FLR, _READ),
    {"/v2/flr/Basic": SOAP11, "/v2/flr": SOAP12},
)
EXPORT = Service(
    "FlrExportService",
    "IFlrExportOperations",
    FLR,
    FLR_WRITER,
    _operations(FLR, "ExportGPContracts(searchParameters:ContractsQueryParameters?) StreamBody"),
    {"/v2/flrexport": SOAP11},
    has_policies=False,
)
PARTIES = Service(
    "CommunicationParty",
    "ICommunicationPartyService",
    ar_schema.PARTY,
    Writer(ar_schema.TABLE),
    _operations(ar_schema.PARTY, _PARTIES, without_faults=("Ping",)),
    {"/v1/AR/Basic": SOAP11, "/v1/AR": SOAP12},
)
SERVICES = (READ, EXPORT, PARTIES)
# path -> the service that is there
AT = {path: service for service in SERVICES for path in service.paths}


def counted_as(path: str, operation: str) -> str:
    """The route under which the metrics count an operation."""
    return f"{path}#{operation}"


COUNTED = tuple(counted_as(path, operation) for path, service in AT.items() for operation in service.operations)
