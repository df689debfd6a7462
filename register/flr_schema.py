"""The types of the real register's interface, declared once, as data: those of its operations and of its export.

For each type its members in the order they stand in on the wire, each with its type, whether it may be nil, whether
it occurs many times, and the namespace of its element. Whoever writes or reads the interface (register/flr_xml.py,
lookup/soap) does so from this table; nothing here says what of it the register keeps (loader/flr_records.py).
Adresseregisteret has other types, some in the same namespaces: register/ar_schema.py. Operations are in
lookup/soap/operations.py.

Source: the interface description (WSDL) of the real register; tests hold this table against it, member by member.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

FLR = "http://schemas.nhn.no/reg/flr"
CORPORATE = "http://register.nhn.no/Corporate"
COMMON = "http://register.nhn.no/Common"
COMMON_EN = "http://schemas.nhn.no/reg/Common/en"
SYSTEM = "http://schemas.datacontract.org/2004/07/System"
ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
NAV = "http://schemas.datacontract.org/2004/07/NHN.DtoContracts.Flr.Data"
MESSAGE = "http://schemas.microsoft.com/Message"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

# namespace -> the prefix that we write; readers go by the namespace
PREFIXES = {FLR: "", CORPORATE: "b", COMMON: "c", COMMON_EN: "p", SYSTEM: "s", INSTANCE: "i", ARRAYS: "r", NAV: "n"}

# What an element without parts holds. DayOfWeek is text of seven values, StreamBody octets.
SIMPLE = (
    *("string", "int", "long", "boolean", "dateTime", "double", "duration", "base64Binary"),
    *("DayOfWeek", "StreamBody"),
)
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


class Member(NamedTuple):
    """One member of a type: an element that occurs at most once, or, `many`, any number of times."""

    name: str
    type: str
    nillable: bool
    many: bool
    namespace: str


class Type(NamedTuple):
    """A type with parts. One whose only member is `many` is a list, and its value is that of a list.

    `members` are all that it has; those of `base`, the type that it extends, come first.
    """

    name: str
    namespace: str
    members: tuple[Member, ...]
    base: str | None = None

    @property
    def item(self) -> Member | None:
        """The member that a list consists of; None for a type that is no list."""
        return self.members[0] if len(self.members) == 1 and self.members[0].many else None


class Enumeration(NamedTuple):
    """A simple type: text of some values; or, `is_list`, any of them with blanks between."""

    name: str
    namespace: str
    values: tuple[str, ...]
    is_list: bool = False


class Table(NamedTuple):
    """The types that belong together, by name; what of them is an enumeration; namespace -> the prefix we write."""

    types: Mapping[str, Type]
    enumerations: Mapping[str, Enumeration]
    prefixes: Mapping[str, str]


def members_of(namespace: str, declared: str) -> tuple[Member, ...]:
    """The members of `name:type` words; a `?` behind the type says nillable, a `*` many."""
    out = []
    for word in declared.split():
        name, kind = word.split(":")
        out.append(Member(name, kind.rstrip("?*"), "?" in kind, "*" in kind, namespace))
    return tuple(out)


_BUSINESS = """
    Children:ArrayOfBusiness? DisplayName:string? ElectronicAddresses:ArrayOfElectronicAddress?
    GeographicalCoordinates:LatitudeLongitude? IndustryCodes:ArrayOfCode? IsGovernmentCompany:boolean?
    LastChanged:dateTime Municipality:Code? Name:string? OpeningHours:OpeningHours? OrganizationNumber:int
    ParentOrganizationName:string? ParentOrganizationNumber:int? PhysicalAddresses:ArrayOfPhysicalAddress?
    Properties:ArrayOfCode? ResponsiblePerson:string? SectorCode:Code? UpdatedOn:dateTime Valid:Period?
"""
_DECLARED = {
    FLR: {
        "ArrayOfGPContract": "GPContract:GPContract?*",
        "GPContract": """
            AgreementDate:dateTime CoopMunicipalities:ArrayOfCode? DoctorCycles:ArrayOfGPOnContractAssociation?
            EndReason:Code? GPOffice:GPOffice? GPOfficeOrganizationNumber:int Id:long IsFixedSalary:boolean
            MaxPatients:int Municipality:Code? Name:string? OutOfOfficeOffices:ArrayOfOutOfOfficeLocation?
            ParticipatesOnCommonList:boolean PatientList:ArrayOfPatientToGPContractAssociation?
            PatientsOnWaitingList:int PlacesAvailable:int? PrimaryHealthCareTeamId:long? RequiresMembership:Code?
            Status:Code? UpdatedOn:dateTime Valid:Period?
        """,
        "ArrayOfGPOnContractAssociation": "GPOnContractAssociation:GPOnContractAssociation?*",
        "GPOnContractAssociation": """
            GP:Person? GPContract:GPContract? GPContractId:long HprNumber:int Id:long Relationship:Code?
            SubstituteForHprNumber:int? UpdatedOn:dateTime Valid:Period? WorkingOnDays:ArrayOfDayOfWeek?
            WorkingPercentage:int?
        """,
        "ArrayOfOutOfOfficeLocation": "OutOfOfficeLocation:OutOfOfficeLocation?*",
        "OutOfOfficeLocation": """
            Description:string? ElectronicAddresses:ArrayOfElectronicAddress? GPContractId:long Id:long
            PhysicalAddresses:ArrayOfPhysicalAddress? UpdatedOn:dateTime Valid:Period?
        """,
        "ArrayOfPatientToGPContractAssociation": "PatientToGPContractAssociation:PatientToGPContractAssociation?*",
        "PatientToGPContractAssociation": """
            BeginCode:Code? DoctorCycles:ArrayOfGPOnContractAssociation? EndCode:Code? GPContract:GPContract?
            GPContractId:long GPHerId:int? Id:long Patient:Person? PatientNIN:string? Period:Period?
            UpdatedOn:dateTime
        """,
        "Person": """
            DateOfBirth:dateTime? DateOfDeath:dateTime? FirstName:string? LastName:string? MiddleName:string?
            NIN:string? PhysicalAddresses:ArrayOfPhysicalAddress? Sex:Code? Status:ArrayOfStatus?
        """,
        "GPOffice": "District:Code? IsGroupOffice:boolean PrimaryHealthCareTeamId:long?",  # behind those of Business
        "NinWithTimestamp": "AtTime:dateTime NIN:string?",
        "ArrayOfNinWithTimestamp": "NinWithTimestamp:NinWithTimestamp?*",
        "GPDetails": "Contracts:ArrayOfGPOnContractAssociation? GP:Person? HprNumber:int Languages:ArrayOfCode?",
        "ArrayOfGPDetails": "GPDetails:GPDetails?*",
        "NavEncryptedPatientListParameters": """
            DoSubstituteSearch:boolean DoctorNIN:string? EncryptWithX509Certificate:base64Binary? ListType:string?
            Month:dateTime MunicipalityId:string? ReceiverXml:string? SenderXml:string?
        """,
        "GPSearchParameters": """
            FullText:string? HasGPOfficeInMunicipality:Code? Page:int PageSize:int
            SortResultsByDistanceTo:LatitudeLongitude
        """,
        "PagedResultOfGPDetailsRE_Pj1Nec": "Results:ArrayOfGPDetails? Total:int",
        "GPContractQueryParameters": """
            FullText:string? HasPrimaryHealthCareTeam:boolean? Municipality:Code? Page:int PageSize:int
            SortResultsByDistanceTo:LatitudeLongitude
        """,
        "PagedResultOfGPContractRE_Pj1Nec": "Results:ArrayOfGPContract? Total:int",
        "PrimaryHealthCareTeam": """
            Id:long OrganizationNumber:int PrimaryHealthCareContracts:ArrayOfPrimaryHealthCareContract?
            PrimaryHealthCareLeaderHprNumber:int PrimaryHealthCarePeople:ArrayOfPrimaryHealthCarePerson?
        """,
        "PrimaryHealthCareContract": "FlrId:long Id:long MembershipPeriod:Period?",
        "ArrayOfPrimaryHealthCareContract": "PrimaryHealthCareContract:PrimaryHealthCareContract?*",
        "PrimaryHealthCarePerson": """
            HprNumber:int Id:long IsSubstitute:boolean MembershipPeriod:Period? Role:Code? WorkingPercentage:int?
        """,
        "ArrayOfPrimaryHealthCarePerson": "PrimaryHealthCarePerson:PrimaryHealthCarePerson?*",
        "ContractsQueryParameters": "GetFullPersonInfo:boolean GetHistoricalData:boolean Municipalities:ArrayOfCode?",
    },
    CORPORATE: {"Business": _BUSINESS, "ArrayOfBusiness": "Business:Business?*"},
    COMMON: {
        "Code": "Active:boolean CodeText:string? CodeValue:string? OID:int SimpleType:string?",
        "ArrayOfCode": "Code:Code?*",
        "PhysicalAddress": """
            City:string? Country:Code? Description:string? Inherited:boolean LastChanged:dateTime Municipality:Code?
            PostalCode:int Postbox:string? StreetAddress:string? Type:Code?
        """,
        "ArrayOfPhysicalAddress": "PhysicalAddress:PhysicalAddress?*",
        "ElectronicAddress": """
            Address:string? Inherited:boolean LastChanged:dateTime Type:Code? TypeCodeValue:string?
        """,
        "ArrayOfElectronicAddress": "ElectronicAddress:ElectronicAddress?*",
        "Status": "Changed:dateTime Code:Code? Created:dateTime Id:int Period:Period?",
        "ArrayOfStatus": "Status:Status?*",
        "LatitudeLongitude": "Latitude:double Longitude:double",
        "OpeningHours": "FreeText:string? OpenAt:ArrayOfTimePeriod?",
        "TimePeriod": "From:duration To:duration",
        "ArrayOfTimePeriod": "TimePeriod:TimePeriod*",
        "GenericFault": "ErrorCode:string? Message:string?",
    },
    COMMON_EN: {"Period": "From:dateTime To:dateTime?"},
    SYSTEM: {"ArrayOfDayOfWeek": "DayOfWeek:DayOfWeek*"},
    ARRAYS: {"ArrayOfstring": "string:string?*", "ArrayOflong": "long:long*"},
    NAV: {
        "GetNavPatientListsParameters": "Contracts:ArrayOfContractWithMonth? FormatType:string?",
        "ArrayOfContractWithMonth": "ContractWithMonth:ContractWithMonth?*",
        "ContractWithMonth": "ContractId:long Month:dateTime",
    },
}


def declared_types(declared: Mapping[str, Mapping[str, str]], extended: Mapping[str, str]) -> dict[str, Type]:
    """The types of `namespace -> name -> members` by name; `extended` is type -> the one that it extends."""
    types = {
        name: Type(name, namespace, members_of(namespace, members))
        for namespace, some in declared.items()
        for name, members in some.items()
    }
    for name, base in extended.items():
        types[name] = types[name]._replace(members=types[base].members + types[name].members, base=base)
    return types


TYPES = declared_types(_DECLARED, {"GPOffice": "Business"})
ENUMERATIONS = {"DayOfWeek": Enumeration("DayOfWeek", SYSTEM, DAYS)}
TABLE = Table(TYPES, ENUMERATIONS, PREFIXES)


def reached(types: Mapping[str, Type], names: Iterable[str]) -> list[Type]:
    """The types that elements of these types consist of, those themselves included, in the table's order."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in types and name not in found:
            found.add(name)
            waiting += [member.type for member in types[name].members]
    return [declared for name, declared in types.items() if name in found]


# An entry of the export: what its root element is called, and is.
ENTRY = "ArrayOfGPContract"
